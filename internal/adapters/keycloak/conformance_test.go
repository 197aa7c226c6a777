package keycloak_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/porttest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Parallel tests here are those that wait most of the time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// The adapter keeps the contract of the port through the real gocloak client. The same
// suite runs on a real Keycloak in test/e2e.
func TestConformance(t *testing.T) {
	porttest.Run(t, func(t *testing.T) porttest.Subject {
		t.Helper()
		s := newStub(t)
		s.change(func() { s.profile = profileWithout(domain.EmployeeID, domain.MobileNumber) })
		provider := s.provider(t)
		return porttest.Subject{
			Provider: provider,
			Role:     "teller", Group: "tellers", MissingRole: "no-such-role", MissingGroup: "no-such-group",
			LackedAction: "no-such-action", DisabledAction: "TERMS_AND_CONDITIONS",
			UnkeptAttributes: []domain.Attribute{domain.EmployeeID, domain.MobileNumber},
			RefusedAttribute: domain.FineractUserID, RefusedValue: "42nd",
			KeepsMarks:  true,
			CarriedRole: "auditor", CompositeRole: "chief", CarryingGroup: "head/board", AdministratorRole: "operator",
			RefusedUsername: "ab", RefusedName: "<b>",

			AddUser: func(user domain.User, password string, in ...domain.Assignment) (domain.UserID, error) {
				planted := stubUser{
					Username: strings.ToLower(user.Username), Email: strings.ToLower(user.Email), FirstName: user.FirstName, LastName: user.LastName,
					Enabled: user.Enabled, EmailVerified: user.EmailVerified, password: password,
				}
				for _, action := range user.RequiredActions {
					planted.RequiredActions = append(planted.RequiredActions, string(action))
				}
				for name, value := range user.Attributes {
					if planted.Attributes == nil {
						planted.Attributes = map[string][]string{}
					}
					planted.Attributes[string(name)] = []string{value}
				}
				for _, assignment := range in {
					planted.roles = append(planted.roles, string(assignment.Role))
					if assignment.Group != "" {
						planted.groups = append(planted.groups, string(assignment.Group))
					}
				}
				return domain.UserID(s.plant(planted)), nil
			},
			DeleteUser: func(id domain.UserID) error {
				s.change(func() { delete(s.users, string(id)) })
				return nil
			},
			Mails: func() (mails []string) {
				s.change(func() { mails = slices.Clone(s.mails) })
				return mails
			},
			FailMails: func() error {
				s.change(func() { s.noMails = true })
				return nil
			},
			SignIn: s.signIn,
			Lock: func(username string) error {
				s.change(func() {
					for _, user := range s.users {
						user.locked = user.locked || user.Username == username
					}
				})
				return nil
			},
			RequireLength: func(characters int) error {
				s.change(func() { s.policy, s.hasPolicy = lengthPolicy(characters), characters })
				return nil
			},
			NameByAddress: func() error {
				s.change(func() { s.byEmail = true })
				return provider.Check(t.Context())
			},
		}
	})
}

// profileWithout returns a user profile with what this program gives its users, but for
// some attributes. As Keycloak shows it, and only for administrators; those whose names
// end in "_id" are numbers.
func profileWithout(except ...domain.Attribute) string {
	names := []string{"managed_by"}
	for _, name := range domain.AllAttributes() {
		if !slices.Contains(except, name) {
			names = append(names, string(name))
		}
	}
	attributes := `{"name":"username"}`
	for _, name := range names {
		validations := `{}`
		if strings.HasSuffix(name, "_id") {
			validations = `{"pattern":{"pattern":"^[0-9]{1,19}$","error-message":"wrong format"}}`
		}
		attributes += fmt.Sprintf(`,{"name":%q,"permissions":{"view":["admin"],"edit":["admin"]},"validations":%s,"annotations":{},"multivalued":false}`, name, validations)
	}
	return `{"attributes":[` + attributes + `],"groups":[]}`
}
