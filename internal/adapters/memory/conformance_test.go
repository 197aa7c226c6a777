package memory_test

import (
	"errors"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/porttest"
)

func TestProvider_KeepsTheContract(t *testing.T) {
	porttest.Run(t, newSubject)
}

func newSubject(t *testing.T) porttest.Subject {
	t.Helper()
	policy := domain.PasswordPolicy{MinLength: 12, MinLower: 1, MinUpper: 1, MinDigits: 2, MinSpecial: 1, NotUsername: true}
	p := memory.New(memory.Realm{
		Roles:          []domain.RealmRole{"teller", "auditor", "chief", "watcher", "everybody"},
		Groups:         []domain.Group{"tellers", "head", "head/board"},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"chief": {"auditor"}, "everybody": {"self-service"}, "watcher": {"view-users"}},
		Carries:        map[domain.Group][]domain.RealmRole{"tellers": {"teller"}, "head": {"auditor"}},
		Administration: []domain.RealmRole{"view-users"},
		Default:        domain.Assignment{Role: "everybody"},
		Policy:         policy,

		LacksActions:      []domain.RequiredAction{"no-such-action", "TERMS_AND_CONDITIONS"},
		LacksAttributes:   []domain.Attribute{domain.EmployeeID, domain.MobileNumber},
		AttributePatterns: map[domain.Attribute]*regexp.Regexp{domain.FineractUserID: regexp.MustCompile(`^[0-9]{1,19}$`)},
	})
	return porttest.Subject{
		Provider:          p,
		Role:              "teller",
		Group:             "tellers",
		MissingRole:       "astronaut",
		MissingGroup:      "astronauts",
		CarriedRole:       "auditor",
		CompositeRole:     "chief",
		CarryingGroup:     "head/board",
		AdministratorRole: "watcher",
		LackedAction:      "no-such-action",
		DisabledAction:    "TERMS_AND_CONDITIONS",
		UnkeptAttributes:  []domain.Attribute{domain.EmployeeID, domain.MobileNumber},
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
