package porttest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// attempt is one call of a method, and the check that it has done nothing.
type attempt struct {
	call   func(ctx context.Context) error
	verify func() // nil for a method that only reads
}

func contextClauses() []Clause {
	var clauses []Clause
	for _, method := range []struct {
		name    string
		prepare func(t T, s Subject) attempt
	}{
		{"FindUser", attemptFindUser},
		{"Memberships", attemptMemberships},
		{"Groups", attemptGroups},
		{"Privileges", attemptPrivileges},
		{"RightsOf", attemptRightsOf},
		{"DefaultRights", attemptDefaultRights},
		{"PasswordPolicy", attemptPasswordPolicy},
		{"ActionAvailable", attemptActionAvailable},
		{"Details", attemptDetails},
		{"CreateUser", attemptCreateUser},
		{"Assign", attemptAssign},
		{"Unassign", attemptUnassign},
		{"UpdateUser", attemptUpdateUser},
		{"SetEnabled", attemptSetEnabled},
		{"EndSessions", attemptEndSessions},
		{"SetRequiredActions", attemptSetRequiredActions},
		{"SendActionsMail", attemptSendActionsMail},
		{"Check", attemptCheck},
	} {
		clauses = append(clauses, Clause{
			Name:  method.name + "/ObeysAnEndedContext",
			Why:   "Work for a caller who has gone is wasted, and what it did nobody will be told.",
			Check: func(t T, s Subject) { obeysAnEndedContext(t, method.prepare(t, s)) },
		})
	}
	return clauses
}

func obeysAnEndedContext(t T, a attempt) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()

	assertKind(t, domain.Unavailable, a.call(cancelled), "the context is cancelled")
	assertKind(t, domain.Unavailable, a.call(expired), "the context's deadline is over")
	if a.verify != nil {
		a.verify()
	}
}

func attemptFindUser(t T, s Subject) attempt {
	name := uniqueName()
	s.add(t, plainUser(name))
	username := parseUsername(t, name)
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.FindUser(ctx, username)
		return err
	}}
}

func attemptMemberships(t T, s Subject) attempt {
	id := s.add(t, plainUser(uniqueName()))
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.Memberships(ctx, id)
		return err
	}}
}

func attemptGroups(t T, s Subject) attempt {
	id := s.add(t, plainUser(uniqueName()))
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.Groups(ctx, id)
		return err
	}}
}

func attemptPrivileges(t T, s Subject) attempt {
	id := s.add(t, plainUser(uniqueName()))
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.Privileges(ctx, id, []domain.RealmRole{s.Role})
		return err
	}}
}

func attemptDefaultRights(_ T, s Subject) attempt {
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.DefaultRights(ctx)
		return err
	}}
}

func attemptRightsOf(_ T, s Subject) attempt {
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.RightsOf(ctx, domain.Assignment{Role: s.Role, Group: s.Group})
		return err
	}}
}

func attemptPasswordPolicy(_ T, s Subject) attempt {
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.PasswordPolicy(ctx)
		return err
	}}
}

func attemptActionAvailable(_ T, s Subject) attempt {
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.ActionAvailable(ctx, domain.UpdatePassword)
		return err
	}}
}

func attemptDetails(t T, s Subject) attempt {
	id := s.add(t, plainUser(uniqueName()))
	return attempt{call: func(ctx context.Context) error {
		_, err := s.Provider.Details(ctx, id)
		return err
	}}
}

func attemptCheck(_ T, s Subject) attempt {
	return attempt{call: s.Provider.Check}
}

func attemptCreateUser(t T, s Subject) attempt {
	name := uniqueName()
	user := s.newUser(t, name)
	return attempt{
		call: func(ctx context.Context) error {
			_, err := s.Provider.CreateUser(ctx, user)
			return err
		},
		verify: func() { s.assertAbsent(t, name) },
	}
}

func attemptAssign(t T, s Subject) attempt {
	name := uniqueName()
	id := s.addBare(t, plainUser(name), "")
	before := s.state(t, name)
	return attempt{
		call: func(ctx context.Context) error {
			_, err := s.Provider.Assign(ctx, id, domain.Assignment{Role: s.Role, Group: s.Group})
			return err
		},
		verify: func() { assert.Equal(t, before, s.state(t, name), "nothing was given") },
	}
}

func attemptUnassign(t T, s Subject) attempt {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	before := s.state(t, name)
	return attempt{
		call: func(ctx context.Context) error {
			return s.Provider.Unassign(ctx, id, domain.Assignment{Role: s.Role, Group: s.Group})
		},
		verify: func() { assert.Equal(t, before, s.state(t, name), "nothing was taken") },
	}
}

func attemptUpdateUser(t T, s Subject) attempt {
	name := uniqueName()
	id := s.add(t, s.busyUser(name))
	before := s.state(t, name)
	change := s.everything(t)
	return attempt{
		call: func(ctx context.Context) error {
			_, err := s.Provider.UpdateUser(ctx, id, change)
			return err
		},
		verify: func() { assert.Equal(t, before, s.state(t, name), "nothing was changed") },
	}
}

func attemptSetEnabled(t T, s Subject) attempt {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	return attempt{
		call:   func(ctx context.Context) error { return s.Provider.SetEnabled(ctx, id, false) },
		verify: func() { assert.True(t, s.find(t, name).Enabled, "the user is still enabled") },
	}
}

func attemptEndSessions(t T, s Subject) attempt {
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	var verify func()
	if s.SignIn != nil {
		alive := s.openSession(t, name, password)
		verify = func() { assert.True(t, alive(), "the session goes on") }
	}
	return attempt{
		call:   func(ctx context.Context) error { return s.Provider.EndSessions(ctx, id) },
		verify: verify,
	}
}

func attemptSetRequiredActions(t T, s Subject) attempt {
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	return attempt{
		call:   func(ctx context.Context) error { return s.Provider.SetRequiredActions(ctx, id, nil) },
		verify: func() { assert.ElementsMatch(t, user.RequiredActions, s.find(t, user.Username).RequiredActions) },
	}
}

func attemptSendActionsMail(t T, s Subject) attempt {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	return attempt{
		call: func(ctx context.Context) error {
			return s.Provider.SendActionsMail(ctx, id, []domain.RequiredAction{domain.UpdatePassword}, linkLifespan)
		},
		verify: func() { assert.Zero(t, s.mailsTo(name), "no mail goes out") },
	}
}
