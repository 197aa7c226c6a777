package keycloak

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// UpdateUser reads the user and writes what differs.
func (p *Provider) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) (unstored []domain.Attribute, err error) {
	began := time.Now()
	var user adminapi.User
	var settings *realmSettings
	var profile *userProfile
	readUser := func(ctx context.Context) (adminapi.User, error) { return p.api.User(ctx, id) }
	if err := together(ctx, into(&user, readUser), into(&settings, p.settings.Get), into(&profile, p.profile.Get)); err != nil {
		return nil, err
	}
	if err := settings.checkEmail(user.Email, change); err != nil {
		return nil, err
	}
	if change.Email != nil && change.Email.Matches(user.Email) {
		change.Unverified = false // It is no new address.
	}
	send, unstored := lackingOf(user, change, profile)
	if send == nil {
		send = mending(user)
	}
	if send == nil {
		return unstored, nil
	}
	stored := withoutBlanks(change)
	err = p.settle(ctx, id, began, send, func(user adminapi.User) (*gocloak.User, error) {
		if send, _ := lackingOf(user, stored, profile); send == nil {
			return nil, nil
		}
		// Another write has undone it, or the realm does not keep it (any more).
		p.profile.Forget(profile)
		if profile, err = p.profile.Get(ctx); err != nil {
			return nil, err
		}
		send, unstored = lackingOf(user, stored, profile)
		return send, nil
	})
	if errors.Is(err, domain.InvalidField) {
		p.profile.Forget(profile) // It may be an old one.
	}
	if err != nil {
		return nil, err
	}
	return unstored, nil
}

// lackingOf returns what to send, nil if there is no difference, and what the realm does not
// keep, which is not sent. Keycloak leaves members that are not sent as they are; but
// attributes replace all others, so they are sent whole.
func lackingOf(user adminapi.User, change domain.UserChange, profile *userProfile) (send *gocloak.User, unstored []domain.Attribute) {
	send = &gocloak.User{
		FirstName: unlessHeld(change.FirstName, user.FirstName),
		LastName:  unlessHeld(change.LastName, user.LastName),
	}
	if change.Email != nil && !change.Email.Matches(user.Email) {
		send.Email = new(change.Email.String())
	}
	attributes, unstored := withChanges(user.Attributes, change.Attributes, profile)
	for name, field := range map[domain.Attribute]**string{domain.EmailAddress: &send.Email, domain.FirstName: &send.FirstName, domain.LastName: &send.LastName} {
		if *field != nil && !profile.keepsField(name) {
			*field, unstored = nil, append(unstored, name)
		}
	}
	slices.Sort(unstored)
	if change.Email != nil && change.Unverified && user.EmailVerified && !slices.Contains(unstored, domain.EmailAddress) {
		send.EmailVerified = new(false)
	}
	if !maps.EqualFunc(attributes, user.Attributes, slices.Equal) {
		*send = withAttributes(*send, user, attributes)
	}
	if *send == (gocloak.User{}) {
		return nil, unstored
	}
	return send, unstored
}

// unlessHeld returns the name to send, or nil when the user has it.
func unlessHeld(wanted *string, present string) *string {
	if wanted == nil || *wanted == present {
		return nil
	}
	return wanted
}

// withoutBlanks returns what Keycloak stores of a change that its rules allow: a blank name
// or value is none.
func withoutBlanks(change domain.UserChange) domain.UserChange {
	for _, name := range []**string{&change.FirstName, &change.LastName} {
		if *name != nil && strings.TrimSpace(**name) == "" {
			*name = new("")
		}
	}
	change.Attributes = maps.Clone(change.Attributes)
	for name, value := range change.Attributes {
		if strings.TrimSpace(value) == "" {
			change.Attributes[name] = ""
		}
	}
	return change
}

// withAttributes adds the attributes to what is sent about the user. Keycloak takes those
// away that are not among them, but for what we may not see or write, and the address and
// the names as well: so all of these go along. Nothing else does: a user whom Keycloak has
// locked reads as disabled before 26.4, and would be for good.
func withAttributes(send gocloak.User, user adminapi.User, attributes map[string][]string) gocloak.User {
	attributes = maps.Clone(attributes)
	unlessEmpty := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	send.Attributes = &attributes
	send.Username = &user.Username // Realms that let usernames be changed ask for it.
	send.Email = cmp.Or(send.Email, unlessEmpty(user.Email))
	send.FirstName = cmp.Or(send.FirstName, unlessEmpty(user.FirstName))
	send.LastName = cmp.Or(send.LastName, unlessEmpty(user.LastName))
	return send
}
