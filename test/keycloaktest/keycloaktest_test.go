package keycloaktest

import (
	"archive/zip"
	"context"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Only what needs no Keycloak is tested here: one server per `go test ./...` is enough, and the tests that have
// it notice when the rest of this package is wrong.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSink_KeepsWhatItReceives(t *testing.T) {
	sink, err := NewSink()
	require.NoError(t, err)
	defer sink.Close()
	data := "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n" +
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"Click http://host/reset?key=3Dabc=\r\ndef now\r\n" +
		"--b\r\nContent-Type: text/html\r\n\r\n<a href='http://other/'>\r\n--b--\r\n"
	require.NoError(t, send(sink, "ann@bank.example", data))
	require.NoError(t, send(sink, "bob@bank.example", "Subject: other\r\n\r\nno link\r\n"))

	mail, err := sink.WaitMail(t.Context(), "Ann@Bank.example")
	require.NoError(t, err)
	assert.Equal(t, "from@bank.example", mail.From)
	assert.Equal(t, []string{"ann@bank.example"}, mail.To)
	assert.Equal(t, "Grüße", mail.Subject())
	assert.Equal(t, "http://host/reset?key=abcdef", mail.Link())
	assert.Len(t, sink.Mails(), 2)
	assert.Empty(t, sink.MailsTo("bob@bank.example")[0].Link())
}

func TestSink_RefusesRecipientsOnDemand(t *testing.T) {
	sink, err := NewSink()
	require.NoError(t, err)
	defer sink.Close()

	sink.Reject(true)
	assert.ErrorContains(t, send(sink, "ann@bank.example", "\r\n"), "550")
	assert.Empty(t, sink.Mails())
	sink.Reject(false)
	assert.NoError(t, send(sink, "ann@bank.example", "\r\n"))
}

func TestSink_WaitMailEndsWithTheContext(t *testing.T) {
	sink, err := NewSink()
	require.NoError(t, err)
	defer sink.Close()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sink.WaitMail(ctx, "ann@bank.example")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestUnzip_KeepsExecutablesAndStaysInItsFolder(t *testing.T) {
	archive := zipOf(t, "keycloak/bin/kc.sh", "keycloak/lib/a.jar")
	dir := t.TempDir()
	require.NoError(t, unzip(archive, dir))
	assert.Equal(t, os.FileMode(0o100), mode(t, dir, "keycloak/bin/kc.sh")&0o100)
	assert.Equal(t, os.FileMode(0), mode(t, dir, "keycloak/lib/a.jar")&0o111)

	dir = filepath.Join(t.TempDir(), "inner")
	_ = unzip(zipOf(t, "../evil.sh"), dir)
	assert.NoFileExists(t, filepath.Join(dir, "..", "evil.sh"))
}

func TestPolicy_AddsTheCheapHashToAnyPolicy(t *testing.T) {
	assert.Equal(t, ProductionPolicy, RealmOptions{}.policy())
	assert.Equal(t, ProductionPolicy+" and hashIterations(1)", RealmOptions{CheapHash: true}.policy())
	assert.Equal(t, "length(8) and hashIterations(1)",
		RealmOptions{PasswordPolicy: "length(8)", CheapHash: true}.policy())
}

func TestRepresentation_SetsMailOnlyWhenThereIsASink(t *testing.T) {
	rep := (&Realm{Name: "x", ClientID: "user-sync-service", server: &Server{}}).representation(RealmOptions{SMTPPort: 25})
	assert.Equal(t, ProductionPolicy, rep["passwordPolicy"])
	assert.Equal(t, "25", rep["smtpServer"].(map[string]any)["port"])
	assert.NotContains(t, (&Realm{server: &Server{}}).representation(RealmOptions{}), "smtpServer")
}

// A server must not outlive its tests, whatever its kc.sh has started.
func TestProcess_EndsWithEverythingItStarted(t *testing.T) {
	beat := filepath.Join(t.TempDir(), "beat")
	dist := fakeDistribution(t, fmt.Sprintf("(while :; do echo >>%q; sleep 0.02; done) & sleep 600", beat))
	p, err := startProcess(dist, "java", "admin", "secret")
	require.NoError(t, err)
	defer func() { _ = os.Remove(p.log) }()
	require.Eventually(t, func() bool { return size(beat) > 0 }, 10*time.Second, 10*time.Millisecond)

	p.end()
	assert.NoDirExists(t, p.home)
	after := size(beat)
	time.Sleep(200 * time.Millisecond)
	assert.Equal(t, after, size(beat), "the grandchild is still running")
}

func TestProcess_NoticesThatTheServerEnded(t *testing.T) {
	p, err := startProcess(fakeDistribution(t, "echo no luck; exit 3"), "java", "admin", "secret")
	require.NoError(t, err)
	defer func() { _ = os.Remove(p.log) }()
	defer p.end()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Error("the end went unnoticed")
	}
	assert.Equal(t, "no luck\n", string(p.output()))
}

func TestAddPasswordBlacklist_NeedsAServerOfItsOwn(t *testing.T) {
	s := &Server{process: &process{home: t.TempDir()}}
	require.NoError(t, s.AddPasswordBlacklist("list.txt", "secret", "password"))
	data, err := os.ReadFile(filepath.Join(s.process.home, "data", "password-blacklists", "list.txt"))
	require.NoError(t, err)
	assert.Equal(t, "secret\npassword\n", string(data))

	assert.ErrorIs(t, (&Server{}).AddPasswordBlacklist("list.txt", "secret"), ErrUnavailable)
}

func send(s *Sink, to, data string) error {
	return smtp.SendMail(fmt.Sprintf("127.0.0.1:%d", s.Port()), nil, "from@bank.example", []string{to}, []byte(data))
}

// fakeDistribution is a Keycloak whose kc.sh is the given script.
func fakeDistribution(t *testing.T, script string) distribution {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"bin/kc.sh": script, "lib/quarkus-run.jar": "", "lib/quarkus/x": ""} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return distribution{dir: dir, augmented: filepath.Join(dir, "none")}
}

func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "a.zip"))
	require.NoError(t, err)
	w := zip.NewWriter(f)
	for _, name := range names {
		header := &zip.FileHeader{Name: name}
		header.SetMode(0o644)
		if filepath.Ext(name) == ".sh" {
			header.SetMode(0o755)
		}
		_, err := w.CreateHeader(header)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	return f.Name()
}

func mode(t *testing.T, dir, name string) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	require.NoError(t, err)
	return info.Mode()
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
