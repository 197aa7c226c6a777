package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

const auditFailures = "usersync_audit_failures_total"

var auditUnavailable = verdict{http.StatusServiceUnavailable, "audit_unavailable"}

// An audit log that takes nothing stops every write before it happens, the first one
// too, and no read.
func TestAudit_DeviceThatIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		keycloaktest.Announce("LEFT OUT: the audit log on /dev/full, which this system does not have.")
		t.Skip(err)
	}
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "devfull", CheapHash: true, SMTPPort: newSink(t).Port()})
	addRealmUser(t, realm, teller("target"))
	ledger := ledgerOf(t, realm)
	environment := environmentFor(realm, realm.URL)
	environment["AUDIT_LOG"] = "/dev/full"
	p := startProgram(t, nil, environment)
	admin := bearer(administrator(t, realm))

	for range 2 {
		for _, a := range writeAttempts() {
			a = a.on("target", "newcomer")
			assertVerdict(t, auditUnavailable, a, a.sendWith(t, p, admin))
		}
		read := attempts()[4].on("target", "")
		assertVerdict(t, granted, read, read.sendWith(t, p, admin))
		assertVerdict(t, unauthenticated, read, read.sendWith(t, p))
	}
	ledger.unchanged(t, 0)
	failures, err := strconv.Atoi(metric(t, p, auditFailures))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, failures, 2*(len(writeAttempts())+2))
	assert.Equal(t, strconv.Itoa(2*len(writeAttempts())), metric(t, p, `usersync_refusals_total{enforced="true",reason="audit_unavailable"}`))
	assert.Contains(t, p.log(), `"msg":"an audit event could not be recorded"`)
}

// mountSmallDisk mounts a file system of a few megabytes for the test. It takes root on
// Linux.
func mountSmallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := fmt.Errorf("not on %s", runtime.GOOS)
	if runtime.GOOS == "linux" {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m")
	}
	if err != nil {
		keycloaktest.Announce(fmt.Sprintf("LEFT OUT: the audit log on a disk that runs full. It takes the right to mount one: %v", err))
		t.Skip("cannot mount a small file system: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill takes all the room that is left in dir and returns the file that has it.
func fill(t *testing.T, dir string) (name string) {
	t.Helper()
	name = filepath.Join(dir, "filler")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return name
}

// A disk that runs full under the audit log lets every write through that it still has
// room to record, which strangers cannot use up, then none; reading goes on all the time; and when there is room again
// writes are back without a restart.
func TestAudit_DiskThatRunsFull(t *testing.T) {
	dir := mountSmallDisk(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "full", CheapHash: true, SMTPPort: newSink(t).Port()})
	addRealmUser(t, realm, teller("target"))
	ledger := ledgerOf(t, realm)
	environment := environmentFor(realm, realm.URL)
	environment["AUDIT_LOG"] = filepath.Join(dir, "audit.log")
	p := startProgram(t, nil, environment)
	admin := bearer(administrator(t, realm))
	read, enable := attempts()[4].on("target", ""), attempts()[2].on("target", "")

	written := 0
	tryWrite := func() reply {
		t.Helper()
		answer := enable.sendWith(t, p, admin, fmt.Sprintf("X-Request-Id: write-%d", written))
		if answer.status == http.StatusOK {
			written++
		} else {
			assertVerdict(t, auditUnavailable, enable, answer)
		}
		return answer
	}
	require.Equal(t, http.StatusOK, tryWrite().status)
	filler := fill(t, dir)
	for range 15 {
		knock(t, p, 50, http.StatusUnauthorized)
	}
	require.Equal(t, http.StatusOK, tryWrite().status, "strangers have used the room up")
	// What was set aside for the log is used up by people who are known.
	for round := 0; tryWrite().status == http.StatusOK; round++ {
		require.Less(t, round, 100, "the disk does not run full")
		knock(t, p, 50, http.StatusNotFound, admin)
	}
	require.Greater(t, written, 1, "what was set aside is used")
	require.Len(t, ledger.writes(t), written)

	before := len(ledger.writes(t))
	for range 2 {
		for _, a := range writeAttempts() {
			a = a.on("target", "newcomer")
			assertVerdict(t, auditUnavailable, a, a.sendWith(t, p, admin))
		}
		assertVerdict(t, granted, read, read.sendWith(t, p, admin))
		// To the last byte: now events are lost, and only those of attempts that wrote nothing.
		eventually(t, func() bool {
			lost := metric(t, p, auditFailures)
			knock(t, p, 50, http.StatusNotFound, admin)
			return len(strings.Split(p.log(), `"msg":"an audit event could not be recorded"`)) > 1 && metric(t, p, auditFailures) != lost
		}, 30*time.Second, time.Millisecond)
	}
	ledger.unchanged(t, before)

	require.NoError(t, os.Remove(filler))
	eventually(t, func() bool { return tryWrite().status == http.StatusOK }, 10*time.Second, 50*time.Millisecond)
	assertVerdict(t, granted, read, read.sendWith(t, p, admin))
	require.Len(t, ledger.writes(t), written)

	data, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	require.NoError(t, err)
	recorded, torn := make(map[string]int), 0
	for line := range strings.Lines(string(data)) {
		var event auditEvent
		if json.Unmarshal([]byte(line), &event) != nil {
			torn++
			continue
		}
		if event.Action == "set_status" && event.Outcome == "allowed" {
			recorded[event.RequestID]++
		}
	}
	assert.LessOrEqual(t, torn, 1, "at most the line that the end of the disk has cut")
	for i := range written {
		assert.Equal(t, 1, recorded[fmt.Sprintf("write-%d", i)], "events of the write %d", i)
	}
	t.Logf("%d writes, %d bytes of audit log, %d torn lines, %s failures", written, len(data), torn, metric(t, p, auditFailures))
}

// knock makes attempts on nobody, with long names and addresses.
func knock(t *testing.T, p *program, times, status int, header ...string) {
	t.Helper()
	header = append(header, "X-Forwarded-For: "+strings.Repeat("192.0.2.7, ", 24), "X-Request-Id: "+strings.Repeat("r", 128))
	var knocking sync.WaitGroup
	for range times {
		knocking.Go(func() {
			answer, err := trySend(t.Context(), http.MethodGet, p.URL+"/users/"+strings.Repeat("n", 255)+"/keycloak-status", "", header...)
			if assert.NoError(t, err) {
				assert.Equal(t, status, answer.status)
			}
		})
	}
	knocking.Wait()
}

// A hundred connections without a token leave a few lines a second and hold no write up,
// and how many they were is on record to the last one.
func TestAudit_StrangersAreCountedAndHoldNothingUp(t *testing.T) {
	const connections, each = 100, 60
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "strangers", CheapHash: true})
	addRealmUser(t, realm, teller("target"))
	p := serveRealm(t, realm, realm.URL)
	enable := writeAttempts()[2].on("target", "")
	median := func(times int) time.Duration {
		took := make([]time.Duration, times)
		for i := range took {
			start := time.Now()
			assertVerdict(t, granted, enable, enable.sendWith(t, p, bearer(p.token)))
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		return took[times/2]
	}
	quiet, start := median(20), time.Now()
	var strangers sync.WaitGroup
	strangers.Go(func() {
		for range each {
			knock(t, p, connections, http.StatusUnauthorized)
		}
	})
	loud := median(20)
	strangers.Wait()
	took := time.Since(start)
	assert.Equal(t, strconv.Itoa(connections*each), metric(t, p, `usersync_refusals_total{enforced="true",reason="unauthenticated"}`))
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.exitCode(t))

	whole, writes := 0, 0
	events, counted := auditLines(t, p)
	for _, event := range events {
		switch event.Action + " " + event.Reason {
		case "get_status unauthenticated":
			whole++
		case "set_status ":
			writes++
		}
	}
	assert.Equal(t, connections*each, whole+counted)
	assert.LessOrEqual(t, whole, 10*(int(took.Seconds())+2))
	assert.Equal(t, 40, writes)
	t.Logf("median of a write: %s alone, %s among %d strangers, of whom %d were told and %d counted", quiet, loud, connections, whole, counted)
}
