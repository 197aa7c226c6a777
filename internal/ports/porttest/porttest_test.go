package porttest_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brokenProvider has one fault and the clauses that the fault breaks.
type brokenProvider struct {
	name   string
	fault  func(f *faulty)
	breaks []string
}

func brokenProviders() []brokenProvider {
	return slices.Concat(
		brokenReads(),
		brokenRights(),
		brokenDetails(),
		brokenCreates(),
		brokenAttributes(),
		brokenActions(),
		brokenRefusals(),
		brokenAssigns(),
		brokenUnassigns(),
		brokenUpdates(),
		brokenMarks(),
		brokenWrites(),
		brokenTwoAtOnce(),
		brokenMails(),
		brokenManners(),
		brokenOwnership(),
	)
}

// A suite is worth what it finds: each broken provider fails by the clauses that its
// fault is about, and by no other.
func TestRun_FindsEveryBrokenProvider(t *testing.T) {
	for _, broken := range brokenProviders() {
		t.Run(broken.name, func(t *testing.T) {
			assert.ElementsMatch(t, broken.breaks, brokenBy(t, broken.fault))
		})
	}
}

// brokenBy returns the clauses that a provider with the fault breaks.
func brokenBy(t *testing.T, fault func(*faulty)) (failed []string) {
	t.Helper()
	for _, clause := range porttest.Clauses() {
		// In a bubble a faulty provider can sleep until all callers are in the same spot,
		// so that even races are lost every time.
		synctest.Test(t, func(t *testing.T) {
			if check(t, clause, newSubject(t, fault)).failed() {
				failed = append(failed, clause.Name)
			}
		})
	}
	return failed
}

// Of two edits that meet one may be incomplete, which is no fault if sending it again
// helps.
func TestRun_AcceptsAnIncompleteEdit(t *testing.T) {
	assert.Empty(t, brokenBy(t, func(f *faulty) {
		var busy sync.Map // by user: true while one is edited
		f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
			if _, other := busy.LoadOrStore(id, true); other {
				return nil, &domain.Error{Kind: domain.Partial}
			}
			defer busy.Delete(id)
			time.Sleep(time.Millisecond)
			return f.Provider.UpdateUser(ctx, id, change)
		}
	}))
}

// A clause that no provider breaks might check nothing.
func TestRun_HasNoClauseThatNoBrokenProviderBreaks(t *testing.T) {
	var broken, all []string
	for _, provider := range brokenProviders() {
		broken = append(broken, provider.breaks...)
	}
	for _, clause := range porttest.Clauses() {
		all = append(all, clause.Name)
	}
	for _, name := range all {
		assert.Contains(t, broken, name, "no broken provider breaks the clause")
	}
	for _, name := range broken {
		assert.Contains(t, all, name, "there is no such clause")
	}
}

func TestClauses_HaveDistinctNamesAndReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, clause := range porttest.Clauses() {
		assert.Regexp(t, `^[A-Z]\w+/[A-Z]\w+$`, clause.Name)
		assert.False(t, seen[clause.Name], "the name %s is used twice", clause.Name)
		assert.Regexp(t, `^[A-Z].+\.$`, clause.Why, "%s says why in a sentence", clause.Name)
		seen[clause.Name] = true
	}
}

func TestRun_AcceptsASoundProvider(t *testing.T) {
	porttest.Run(t, func(t *testing.T) porttest.Subject {
		t.Helper()
		return newSubject(t, nil)
	})
}

// Optional hooks may be left out, but a clause that needs one must say so and not pass.
// Realms keep all attributes or none, and what cannot be checked differs.
func TestRun_SkipsWhatNeedsAMissingHook(t *testing.T) {
	always := []string{
		"FindUser/FindsUsersFromBeforeAddressesWereUsernames",
		"FindUser/KnowsTheUsersItHasCreated",
		"Privileges/NamesRightsToAdminister",
		"RightsOf/NamesRightsToAdminister",
		"PasswordPolicy/IsCurrentAfterARefusedPassword",
		"Details/TellsThatAUserIsLocked",
		"Details/ContainsRealmRolesOnly",
		"Details/NamesTheSecondFactors",
		"CreateUser/MakesThePasswordTemporary",
		"CreateUser/NamesTheRefusedField",
		"CreateUser/LeavesNothingBehindForARefusedField",
		"CreateUser/NamesTheRefusedAttribute",
		"CreateUser/LeavesOutActionsThatAreSwitchedOff",
		"UpdateUser/LeavesSignInsAlone",
		"UpdateUser/LeavesALock",
		"UpdateUser/NamesTheRefusedField",
		"UpdateUser/NamesTheRefusedAttribute",
		"UpdateUser/NamesARefusedFieldThatStays",
		"UpdateUser/CorrectsARefusedField",
		"SetEnabled/KeepsADisabledUserOut",
		"SetEnabled/LiftsALock",
		"SetEnabled/NamesARefusedFieldOfTheUser",
		"EndSessions/EndsEverySession",
		"EndSessions/EndsTheSessionsOfADisabledUser",
		"EndSessions/SparesOtherUsers",
		"EndSessions/LetsTheUserSignInAgain",
		"SetRequiredActions/NamesARefusedFieldOfTheUser",
		"SendActionsMail/LeadsThroughTheActions",
		"EveryMethod/ReturnsReadOnlyUser",
	}
	for name, test := range map[string]struct {
		unkept  []domain.Attribute
		skipped []string
	}{
		"a realm that keeps every attribute": {nil, []string{
			"CreateUser/NamesAttributesThatTheRealmDoesNotKeep",
			"UpdateUser/NamesAttributesThatTheRealmDoesNotKeep",
		}},
		"a realm that keeps none": {domain.AllAttributes(), []string{
			"FindUser/ReturnsTheAttributes",
			"CreateUser/KeepsTheAttributes",
			"UpdateUser/TakesAttributesAway",
			"UpdateUser/LeavesOneOfTwoValues",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			realm := newRealm()
			realm.LacksAttributes = test.unkept
			var skipped []string
			for _, clause := range porttest.Clauses() {
				outcome := check(t, clause, bare(newSubjectOn(t, realm, nil)))
				assert.False(t, outcome.failed(), "%s: %s", clause.Name, outcome)
				if outcome.skipped {
					skipped = append(skipped, clause.Name)
				}
			}
			assert.ElementsMatch(t, slices.Concat(always, test.skipped), skipped)
		})
	}
}

// bare returns the subject without anything optional.
func bare(s porttest.Subject) porttest.Subject {
	s.RefusedUsername, s.RefusedName, s.DisabledAction = "", "", ""
	s.RefusedAttribute, s.RefusedValue = "", ""
	s.AdministratorRole, s.KeepsMarks = "", false
	s.MailedActions, s.SignIn, s.Lock, s.HoldInDirectory, s.AddSecondFactor, s.RequireLength, s.NameByAddress = nil, nil, nil, nil, nil, nil, nil
	return s
}

// newRealm returns the realm of the suite's own tests.
func newRealm() memory.Realm {
	return memory.Realm{
		Roles:          []domain.RealmRole{"teller", otherRole, "auditor", "chief", "watcher", "everybody"},
		Groups:         []domain.Group{"tellers", "head", "head/board"},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"chief": {"auditor"}, "watcher": {"view-users"}},
		Carries:        map[domain.Group][]domain.RealmRole{"tellers": {"teller"}, "head": {"auditor"}},
		Administration: []domain.RealmRole{"view-users"},
		Default:        domain.Assignment{Role: "everybody"},
		Policy:         domain.PasswordPolicy{MinLength: 20, MinLower: 1, MinUpper: 1, MinDigits: 2, MinSpecial: 1},

		LacksActions:      []domain.RequiredAction{lackedAction, disabledAction},
		LacksAttributes:   []domain.Attribute{domain.EmployeeID, domain.MobileNumber},
		AttributePatterns: map[domain.Attribute]*regexp.Regexp{domain.FineractUserID: regexp.MustCompile(`^[0-9]{1,19}$`)},
	}
}

// newSubject returns a memory provider with the fault; nil for none.
func newSubject(t *testing.T, fault func(*faulty)) porttest.Subject {
	t.Helper()
	return newSubjectOn(t, newRealm(), fault)
}

func newSubjectOn(t *testing.T, realm memory.Realm, fault func(*faulty)) porttest.Subject {
	t.Helper()
	p, policy := memory.New(realm), realm.Policy
	f := &faulty{Provider: p}
	if fault != nil {
		fault(f)
	}
	return porttest.Subject{
		Provider:          f,
		Role:              "teller",
		Group:             "tellers",
		MissingRole:       "astronaut",
		MissingGroup:      "astronauts",
		CarriedRole:       "auditor",
		CompositeRole:     "chief",
		CarryingGroup:     "head/board",
		AdministratorRole: "watcher",
		LackedAction:      lackedAction,
		DisabledAction:    disabledAction,
		UnkeptAttributes:  realm.LacksAttributes,
		RefusedAttribute:  domain.FineractUserID,
		RefusedValue:      "42nd",
		KeepsMarks:        true,
		RefusedUsername:   "q7",
		RefusedName:       "<b>",
		AddUser:           p.AddUser,
		DeleteUser:        p.DeleteUser,
		Mails:             p.Mails,
		MailedActions:     func(address string) []domain.RequiredAction { return lastActions(p, address) },
		FailMails:         func() error { p.FailMails(true); return nil },
		SignIn: func(username, password string) (porttest.Outcome, func() bool) {
			return signIn(t, p, username, password)
		},
		Lock:            p.Lock,
		HoldInDirectory: p.HoldInDirectory,
		AddSecondFactor: func(id domain.UserID) (string, error) { return "otp", p.AddSecondFactor(id, "otp") },
		RequireLength: func(characters int) error {
			policy.MinLength = characters
			p.SetPolicy(policy)
			return nil
		},
		NameByAddress: func() error { p.NameByAddress(); return nil },
	}
}

// otherRole is a role that faulty providers use instead of the right one.
const otherRole domain.RealmRole = "bystander"

// lastActions returns what the last mail to the address is about.
func lastActions(p *memory.Provider, address string) []domain.RequiredAction {
	for _, mail := range slices.Backward(p.ActionsMails()) {
		if mail.To == address {
			return mail.Actions
		}
	}
	return nil
}

func signIn(t *testing.T, p *memory.Provider, username, password string) (porttest.Outcome, func() bool) {
	t.Helper()
	session, err := p.SignIn(username, password)
	switch {
	case errors.Is(err, memory.NotSetUp):
		return porttest.NotSetUp, nil
	case errors.Is(err, memory.WrongPassword), errors.Is(err, memory.Disabled):
		return porttest.Refused, nil
	}
	require.NoError(t, err)
	return porttest.SignedIn, func() bool { return p.SessionActive(session) }
}

// check runs one clause and returns what became of it. A clause ends its goroutine when
// it gives up, so it gets one of its own.
func check(t *testing.T, clause porttest.Clause, subject porttest.Subject) *recorder {
	t.Helper()
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		clause.Check(r, subject)
	}()
	<-done
	return r
}

// recorder is a porttest.T that remembers.
type recorder struct {
	ctx     context.Context
	skipped bool

	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Skipf(string, ...any) {
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) failed() bool { return len(r.failures) > 0 }

func (r *recorder) String() string { return strings.Join(r.failures, "\n") }
