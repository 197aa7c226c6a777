package keycloak

import (
	"context"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// userProfile is what the realm says of the attributes that its users have.
type userProfile struct{ adminapi.UserProfile }

// keeps reports whether users keep an attribute that we write, and show it. Under the
// policy ADMIN_VIEW only Keycloak before 26.7 stores what an administrator writes, and
// does not let anybody take it away again, so that one counts as no.
func (u *userProfile) keeps(name string) bool {
	for _, declared := range u.Attributes {
		if declared.Name == name {
			return slices.Contains(declared.Permissions.Edit, "admin")
		}
	}
	return u.UnmanagedPolicy == "ENABLED" || u.UnmanagedPolicy == "ADMIN_EDIT"
}

// keepsField is keeps for an address or a name: one that is not declared is not shown, even
// where Keycloak stores it. The address is everybody's to write where nobody is named.
func (u *userProfile) keepsField(name domain.Attribute) bool {
	for _, declared := range u.Attributes {
		if declared.Name == string(name) {
			may := declared.Permissions
			return slices.Contains(may.Edit, "admin") || name == domain.EmailAddress && len(may.View)+len(may.Edit) == 0
		}
	}
	return name == domain.EmailAddress // Keycloak lets no realm do without.
}

// declares reports whether the realm's users have the attribute at all.
func (u *userProfile) declares(name string) bool {
	return slices.ContainsFunc(u.Attributes, func(declared adminapi.Declaration) bool { return declared.Name == name })
}

// guards reports whether administrators alone can write an attribute that users keep, so
// that it may be taken for a proof. A declaration with a selector holds for some requests
// only: in the others Keycloak treats the attribute as one that is not declared.
func (u *userProfile) guards(name string) bool {
	for _, declared := range u.Attributes {
		if declared.Name == name {
			bySome := func(role string) bool { return role != "admin" }
			return u.keeps(name) && !slices.ContainsFunc(declared.Permissions.Edit, bySome) &&
				(declared.Selector == nil || u.UnmanagedPolicy != "ENABLED")
		}
	}
	return u.UnmanagedPolicy == "ADMIN_EDIT"
}

// asksFor returns what a sign-in asks a new user for: what the realm requires of its users,
// this one is not given, and users can give; with scopes, only sign-ins with one of them.
func (u *userProfile) asksFor(user domain.NewUser) (lacked []domain.Attribute) {
	given := map[string]string{
		"username": user.Username.String(), string(domain.EmailAddress): user.Email.String(),
		string(domain.FirstName): user.FirstName, string(domain.LastName): user.LastName, managedBy: managedByUs,
	}
	for name, value := range user.Attributes {
		given[string(name)] = value
	}
	for _, declared := range u.Attributes {
		required := declared.Required
		if required == nil || !slices.Contains(declared.Permissions.Edit, "user") {
			continue
		}
		ofUsers := slices.Contains(required.Roles, "user") || len(required.Scopes) > 0 || len(required.Roles) == 0
		if ofUsers && strings.TrimSpace(given[declared.Name]) == "" {
			lacked = append(lacked, domain.Attribute(declared.Name))
		}
	}
	slices.Sort(lacked)
	return lacked
}

func (p *Provider) loadProfile(ctx context.Context) (*userProfile, time.Duration, error) {
	profile, err := p.api.UserProfile(ctx)
	return &userProfile{profile}, settingsLifetime, err
}
