package domain_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// The identity provider itself protects nobody, so what passes here is done.

// guard is the default guard of a realm that names users and groups of its own.
func guard() domain.Guard {
	guard := domain.DefaultGuard()
	guard.ProtectedUsers = []string{"kim", "Break.Glass", "İpek"}
	guard.ProtectedGroups = []domain.Group{"head-office", "branches/north"}
	return guard
}

func TestGuard_ProtectsServiceAccountsAndNamedUsers(t *testing.T) {
	for _, name := range []string{
		"service-account-user-sync-service", "service-account-", "SERVICE-ACCOUNT-x", "Service-Account-X",
		"\u017fervice-account-x", // the long s, which folds to an s
		"kim", "KIM", "Kim",
		"\u212aim", // the Kelvin sign, which the identity provider lowers to a k
		"break.glass", "BREAK.GLASS",
		"i\u0307pek", // as Keycloak keeps it
	} {
		require.ErrorIs(t, guard().CheckName(name), domain.ProtectedUser, "%q", name)
	}
}

func TestGuard_LetsNamesPassThatOnlyLookProtected(t *testing.T) {
	for _, name := range []string{
		"", "anna", "service", "service-account", "service_account-x", "service account-x", "serviceaccount-x",
		"my-service-account-x", "x.service-account-", " service-account-x", "kimberly", "akim", "break-glass", "break.glass.2",
		"s\u00e9rvice-account-x", strings.Repeat("\u212a", 20),
	} {
		require.NoError(t, guard().CheckName(name), "%q", name)
	}
	require.NoError(t, domain.Guard{}.CheckName("kim"))
	require.ErrorIs(t, domain.Guard{}.CheckName("service-account-x"), domain.ProtectedUser, "no configuration opens service accounts")
}

func TestGuard_ProtectsMembersOfAGroupAndOfThoseBelowIt(t *testing.T) {
	for _, group := range []domain.Group{"head-office", "head-office/it", "head-office/it/night", "branches/north", "branches/north/harare"} {
		require.ErrorIs(t, guard().CheckGroups([]domain.Group{"tellers", group}), domain.ProtectedUser, group)
	}
	require.NoError(t, guard().CheckGroups([]domain.Group{
		"head-office-2", "head-office-2/it", "head", "my/head-office", "branches", "branches/northern", "branches/south", "north", "Head-Office",
	}))
	require.NoError(t, guard().CheckGroups(nil))
	require.NoError(t, domain.Guard{}.CheckGroups([]domain.Group{"head-office"}))
}

func TestGuard_GrantsWhatHoldsNoPrivilegedRole(t *testing.T) {
	assignment := domain.Assignment{Role: "teller", Group: "tellers"}
	require.NoError(t, guard().CheckGrant(assignment, domain.Rights{}))
	require.NoError(t, guard().CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{"teller", "staff", "administrator", "admin-readonly", "Super", "web-app:admin"}}))
}

func TestGuard_GrantsNoPrivilegedRoleThatTheMappingDoesNotName(t *testing.T) {
	assignment := domain.Assignment{Role: "teller", Group: "tellers", Privileged: []domain.RealmRole{"auditor"}}
	for name, rights := range map[string]domain.Rights{
		"admin":          {Roles: []domain.RealmRole{"teller", "admin"}},
		"ADMIN":          {Roles: []domain.RealmRole{"teller", "ADMIN"}},
		"Super User":     {Roles: []domain.RealmRole{"teller", "Super User"}},
		"super user":     {Roles: []domain.RealmRole{"super user", "teller"}},
		"realm-admin":    {Roles: []domain.RealmRole{"teller", "realm-admin"}},
		"manage-users":   {Administration: []domain.RealmRole{"manage-users"}, Roles: []domain.RealmRole{"teller"}},
		"view-users":     {Roles: []domain.RealmRole{"teller", "view-users"}, Administration: []domain.RealmRole{"view-users"}},
		"branch-bundle":  {Roles: []domain.RealmRole{"teller"}, Unseen: []domain.RealmRole{"branch-bundle"}},
		"branch-bundle2": {Roles: []domain.RealmRole{"teller", "branch-bundle2"}, Unseen: []domain.RealmRole{"branch-bundle2"}},
	} {
		err := guard().CheckGrant(assignment, rights)
		require.ErrorIs(t, err, domain.PrivilegeEscalation, name)
		message := domain.AsError(err).Message
		assert.Contains(t, message, "'"+name+"'", "the administrator learns which role it is")
		assert.LessOrEqual(t, utf8.RuneCountInString(message), 90, name)
		assert.Contains(t, domain.AsError(err).Err.Error(), name, "so does the log")
	}
}

func TestGuard_SaysThatTheRealmGivesAPrivilegedRole(t *testing.T) {
	rights := domain.Rights{Roles: []domain.RealmRole{"everybody", "admin"}}
	err := guard().CheckDefaults(domain.Assignment{Role: "teller"}, rights)
	require.ErrorIs(t, err, domain.PrivilegeEscalation)
	assert.Equal(t, "Nothing was changed: the realm gives the role 'admin' to every new user.", domain.AsError(err).Message)
	require.NoError(t, guard().CheckDefaults(domain.Assignment{Role: "admin", Privileged: []domain.RealmRole{"admin"}}, rights))
	require.NoError(t, guard().CheckDefaults(domain.Assignment{Role: "teller"}, domain.Rights{Roles: []domain.RealmRole{"everybody", "offline_access"}}))
}

func TestGuard_ProtectsWhoMayBeAnAdministratorUnlessNamesSayWhoIs(t *testing.T) {
	hidden, held := domain.Privileges{Hidden: true}, domain.Privileges{Roles: []domain.RealmRole{"realm-admin"}, Hidden: true}
	require.NoError(t, domain.Guard{}.CheckPrivileges(domain.Privileges{}))
	require.ErrorIs(t, domain.DefaultGuard().CheckPrivileges(hidden), domain.RightsHidden)
	for _, names := range []domain.Guard{{ProtectedUsers: []string{"kim"}}, {ProtectedGroups: []domain.Group{"board"}}} {
		require.NoError(t, names.CheckPrivileges(hidden))
		require.ErrorIs(t, names.CheckPrivileges(held), domain.ProtectedUser)
	}
}

// The assigned role is one of the rights too: a mapping that gives "admin" without
// saying so is a slip of whoever wrote it.
func TestGuard_TheMappingMustNameThePrivilegedRoleItAssigns(t *testing.T) {
	assignment := domain.Assignment{Role: "admin"}
	rights := domain.Rights{Roles: []domain.RealmRole{"admin"}}
	require.ErrorIs(t, guard().CheckGrant(assignment, rights), domain.PrivilegeEscalation)
	assignment.Privileged = []domain.RealmRole{"admin"}
	require.NoError(t, guard().CheckGrant(assignment, rights))
}

func TestGuard_GrantsWhatTheMappingNamesExactly(t *testing.T) {
	assignment := domain.Assignment{Role: "admin", Group: "head-office", Privileged: []domain.RealmRole{"admin", "Super User", "manage-users", "bundle"}}
	require.NoError(t, guard().CheckGrant(assignment, domain.Rights{
		Roles:          []domain.RealmRole{"admin", "Super User", "staff", "bundle"},
		Administration: []domain.RealmRole{"manage-users"},
		Unseen:         []domain.RealmRole{"bundle"},
	}))
	// Another spelling is another role at the identity provider.
	for name, rights := range map[string]domain.Rights{
		"Admin":        {Roles: []domain.RealmRole{"admin", "Admin"}},
		"Super user":   {Roles: []domain.RealmRole{"Super User", "Super user"}},
		"realm-admin":  {Roles: []domain.RealmRole{"admin", "realm-admin"}},
		"manage-realm": {Roles: []domain.RealmRole{"admin"}, Administration: []domain.RealmRole{"manage-users", "manage-realm"}},
		"Bundle":       {Roles: []domain.RealmRole{"admin"}, Unseen: []domain.RealmRole{"bundle", "Bundle"}},
	} {
		require.ErrorIs(t, guard().CheckGrant(assignment, rights), domain.PrivilegeEscalation, name)
	}
}

// The rights to administer the identity provider and what nobody can see are privileged
// whatever the configuration says.
func TestGuard_WithoutNamesStillKeepsTheKeys(t *testing.T) {
	assignment := domain.Assignment{Role: "teller"}
	require.NoError(t, domain.Guard{}.CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{"admin"}}))
	require.ErrorIs(t, domain.Guard{}.CheckGrant(assignment, domain.Rights{Administration: []domain.RealmRole{"manage-users"}}), domain.PrivilegeEscalation)
	require.ErrorIs(t, domain.Guard{}.CheckGrant(assignment, domain.Rights{Unseen: []domain.RealmRole{"teller"}}), domain.PrivilegeEscalation)
}

func TestDefaultGuard(t *testing.T) {
	assert.Equal(t, domain.Guard{
		ProtectedRoles:  []domain.RealmRole{"realm-admin"},
		PrivilegedRoles: []domain.RealmRole{"admin", "Super User", "realm-admin"},
	}, domain.DefaultGuard())
}

func TestAction_OnlyReadingStatusWritesNothing(t *testing.T) {
	for action, writes := range map[domain.Action]bool{
		domain.ActionSyncUser: true, domain.ActionResetPassword: true, domain.ActionSetStatus: true, domain.ActionForcePasswordChange: true,
		domain.ActionGetStatus: false,
	} {
		assert.Equal(t, writes, action.Writes(), action)
	}
}
