package porttest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func disclosureClauses() []Clause {
	return []Clause{
		{
			Name:  "EveryMethod/KeepsPasswordsOutOfErrors",
			Why:   "Errors are logged, and their messages are shown.",
			Check: everyMethodKeepsPasswordsOutOfErrors,
		},
		{
			Name:  "EveryMethod/KeepsPasswordsOutOfResults",
			Why:   "Results are logged by whoever looks for a fault.",
			Check: everyMethodKeepsPasswordsOutOfResults,
		},
		{
			Name:  "EveryMethod/KeepsPeopleOutOfErrors",
			Why:   "Logs are read by people who have no business with the bank's employees.",
			Check: everyMethodKeepsPeopleOutOfErrors,
		},
	}
}

// failure is an error, and what its text must not contain.
type failure struct {
	name     string
	err      error
	password string
	people   []string
}

func everyMethodKeepsPasswordsOutOfErrors(t T, s Subject) {
	for _, f := range s.createFailures(t) {
		says := shown(f.err)
		assert.NotContains(t, says, f.password, "the error for %s", f.name)
	}
}

func everyMethodKeepsPeopleOutOfErrors(t T, s Subject) {
	for _, f := range append(s.createFailures(t), s.otherFailures(t)...) {
		says := strings.ToLower(logged(f.err))
		for _, person := range f.people {
			assert.NotContains(t, says, person, "the error for %s", f.name)
		}
	}
}

func everyMethodKeepsPasswordsOutOfResults(t T, s Subject) {
	name := uniqueName()
	user := s.newUser(t, name)
	user.Assignment.Group = s.MissingGroup
	created := s.create(t, user)
	policy, err := s.Provider.PasswordPolicy(t.Context())
	require.NoError(t, err)
	results := []any{
		created, s.find(t, name), s.memberships(t, created.ID), policy,
		s.groups(t, created.ID), s.privileges(t, created.ID, s.Role), s.rightsOf(t, user.Assignment),
		s.details(t, created.ID), s.updateUser(t, created.ID, domain.UserChange{Attributes: valuesOf(domain.AllAttributes()...)}),
	}
	for _, result := range results {
		assert.NotContains(t, fmt.Sprintf("%+v", result), user.Password.Reveal(), "a %T", result)
	}
}

// createFailures makes CreateUser fail in every way that needs no broken provider.
func (s Subject) createFailures(t T) []failure {
	t.Helper()
	existing := s.newUser(t, uniqueName())
	s.create(t, existing)

	var failures []failure
	try := func(ctx context.Context, name string, flaw func(*domain.NewUser)) {
		user := s.newUser(t, uniqueName())
		user.Email = parseEmail(t, emailOf(uniqueName()))
		flaw(&user)
		_, err := s.Provider.CreateUser(ctx, user) // That it fails is another clause's matter.
		failures = append(failures, failure{
			name:     name,
			err:      err,
			password: user.Password.Reveal(),
			people:   []string{user.Username.String(), user.Email.String()},
		})
	}
	ctx := t.Context()
	try(ctx, "a taken username", func(user *domain.NewUser) { user.Username = existing.Username })
	try(ctx, "a taken e-mail address", func(user *domain.NewUser) { user.Email = existing.Email })
	try(ctx, "an unknown role", func(user *domain.NewUser) { user.Assignment.Role = s.MissingRole })
	try(ctx, "a short password", func(user *domain.NewUser) { user.Password = domain.NewSecret("zQ9!") })
	if s.RefusedUsername != "" {
		username := parseNewUsername(t, s.RefusedUsername)
		try(ctx, "a refused username", func(user *domain.NewUser) { user.Username = username })
		// Two characters may well occur in the text by chance.
		refused := &failures[len(failures)-1]
		refused.people = refused.people[1:]
	}
	if s.RefusedName != "" {
		try(ctx, "a refused first name", func(user *domain.NewUser) { user.FirstName = s.RefusedName })
	}
	if s.RefusedAttribute != "" {
		refused := domain.Attributes{s.RefusedAttribute: s.RefusedValue}
		try(ctx, "a refused attribute", func(user *domain.NewUser) { user.Attributes = refused })
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	try(ended, "an ended context", func(*domain.NewUser) {})
	return failures
}

// otherFailures makes the methods fail that know a person.
func (s Subject) otherFailures(t T) []failure {
	t.Helper()
	missing, assigned := uniqueName(), uniqueName()
	_, notFound := s.Provider.FindUser(t.Context(), parseUsername(t, missing))

	withoutEmail, disabled, misfit := userWithoutEmail(), plainUser(uniqueName()), plainUser(uniqueName())
	disabled.Enabled = false
	_, unknownRole := s.Provider.Assign(t.Context(), s.add(t, plainUser(assigned)), domain.Assignment{Role: s.MissingRole, Group: s.Group})
	failures := []failure{
		{name: "an unknown role to assign", err: unknownRole, people: []string{assigned}},
		{name: "a missing user", err: notFound, people: []string{missing}},
		{name: "a mail to nowhere", err: s.sendActionsMail(t, s.add(t, withoutEmail)), people: []string{withoutEmail.Username}},
		{name: "a mail to a disabled user", err: s.sendActionsMail(t, s.add(t, disabled)), people: []string{disabled.Username}},
	}
	if s.RefusedName != "" {
		misfit.FirstName = s.RefusedName
		err := s.Provider.SetEnabled(t.Context(), s.add(t, misfit), false)
		failures = append(failures, failure{name: "a user against the rules", err: err, people: []string{misfit.Username}})
	}
	failures = append(failures, s.updateFailures(t)...)
	failures = append(failures, s.lateFailures(t)...)
	receiver := plainUser(uniqueName())
	id := s.add(t, receiver)
	require.NoError(t, s.FailMails(), "the hook FailMails failed")
	return append(failures, failure{name: "a failed mail", err: s.sendActionsMail(t, id), people: []string{receiver.Username}})
}

// updateFailures makes UpdateUser fail.
func (s Subject) updateFailures(t T) []failure {
	t.Helper()
	holder, user := plainUser(uniqueName()), plainUser(uniqueName())
	s.add(t, holder)
	id := s.add(t, user)
	people := []string{user.Username, holder.Username}
	var failures []failure
	try := func(name string, change domain.UserChange) {
		_, err := s.Provider.UpdateUser(t.Context(), id, change)
		failures = append(failures, failure{name: name, err: err, people: people})
	}
	try("another user's address", domain.UserChange{Email: new(parseEmail(t, holder.Email))})
	if s.RefusedName != "" {
		try("a first name to refuse", domain.UserChange{FirstName: &s.RefusedName})
	}
	if s.RefusedAttribute != "" {
		try("an attribute to refuse", domain.UserChange{Attributes: domain.Attributes{s.RefusedAttribute: s.RefusedValue}})
	}
	return failures
}

// lateFailures are those of working on a user when the context has ended.
func (s Subject) lateFailures(t T) []failure {
	t.Helper()
	user := plainUser(uniqueName())
	id := s.add(t, user)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, groups := s.Provider.Groups(ended, id)
	_, privileges := s.Provider.Privileges(ended, id, []domain.RealmRole{s.Role})
	_, details := s.Provider.Details(ended, id)
	_, assigned := s.Provider.Assign(ended, id, domain.Assignment{Role: s.CarriedRole})
	_, updated := s.Provider.UpdateUser(ended, id, domain.UserChange{LastName: new("Jones")})
	people := []string{user.Username, user.Email}
	return []failure{
		{name: "details that are read too late", err: details, people: people},
		{name: "rights that are taken too late", err: s.Provider.Unassign(ended, id, domain.Assignment{Role: s.Role}), people: people},
		{name: "a change that comes too late", err: updated, people: people},
		{name: "groups that are read too late", err: groups, people: people},
		{name: "privileges that are read too late", err: privileges, people: people},
		{name: "an assignment that comes too late", err: assigned, people: people},
	}
}

// logged returns all that printing err or any error in its chain shows.
func logged(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v\n%+v\n", err, err)
	// Not errors.As, which would look further down: the chain is walked here.
	if joined, ok := any(err).(interface{ Unwrap() []error }); ok {
		for _, cause := range joined.Unwrap() {
			text += logged(cause)
		}
	}
	return text + logged(errors.Unwrap(err))
}

// shown returns all that is logged of err or told to a client.
func shown(err error) string {
	e := domain.AsError(err)
	return logged(err) + fmt.Sprintf("%s\n%v\n", e.Message, e.Fields)
}
