package keycloak

import (
	"context"
	"slices"
	"time"
)

// userProfile is what the realm says of the attributes that its users have.
type userProfile struct {
	Attributes []struct {
		Name        string `json:"name"`
		Permissions struct {
			Edit []string `json:"edit"`
		} `json:"permissions"`
	} `json:"attributes"`
	UnmanagedPolicy string `json:"unmanagedAttributePolicy"`
}

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

func (p *Provider) loadProfile(ctx context.Context, _ string) (*userProfile, time.Duration, error) {
	profile, err := p.readProfile(ctx)
	return profile, settingsLifetime, err
}

func (p *Provider) readProfile(ctx context.Context) (*userProfile, error) {
	profile := new(userProfile)
	err := p.call(ctx, opGetUserProfile, func(ctx context.Context, token string) error {
		return p.getJSON(ctx, token, profile, "users", "profile")
	})
	if err != nil {
		return nil, err
	}
	return profile, nil
}
