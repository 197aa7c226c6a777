package keycloak

import (
	"context"
	"slices"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
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

// declares reports whether the realm's users have the member at all.
func (u *userProfile) declares(name string) bool {
	return slices.ContainsFunc(u.Attributes, func(declared adminapi.Declaration) bool { return declared.Name == name })
}

func (p *Provider) loadProfile(ctx context.Context) (*userProfile, time.Duration, error) {
	profile, err := p.api.UserProfile(ctx)
	return &userProfile{profile}, settingsLifetime, err
}
