package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

var _ ports.RealmExaminer = (*Provider)(nil)

// examination is one look at the realm. What a step has learnt, later ones use.
type examination struct {
	*Provider
	needs domain.RealmNeeds
	found []domain.Finding
	// hidden is what could not be read, by the right that it takes.
	hidden map[string][]string
	late   []string // what could not be read in time

	issuer string            // the realm's name for itself
	token  adminapi.OwnToken // the service's own
	rights []string          // to administer the realm, by the token
	// client is the id of the administration client, or blind.
	client string
	realm  adminapi.Realm
	roles  map[domain.RealmRole]adminapi.Role
	read   readings
	// escalating are roles of the role map that bring privileged ones.
	escalating map[domain.RealmRole][]domain.RealmRole
}

// Examine looks at one thing after the other: the way to Keycloak, the log-in, the rights,
// and what is in the realm.
func (p *Provider) Examine(ctx context.Context, needs domain.RealmNeeds) []domain.Finding {
	e := &examination{Provider: p, needs: needs, hidden: make(map[string][]string), client: blind,
		roles: make(map[domain.RealmRole]adminapi.Role), escalating: make(map[domain.RealmRole][]domain.RealmRole)}
	if e.reach(ctx) {
		e.issuers(ctx)
		if e.logIn(ctx) {
			e.clocks()
			e.readAll(ctx)
			e.ownRights()
			e.introspection(ctx)
			e.content(ctx)
		}
	}
	e.tellHidden()
	e.tellLate()
	return e.found
}

// content looks at what is in the realm.
func (e *examination) content(ctx context.Context) {
	if !e.hasRight(viewRealm) {
		e.hide(viewRealm, "the realm's settings, roles, groups and required actions")
		return
	}
	if e.unread(e.read.realm.err, "the realm's settings", viewRealm) {
		return
	}
	e.realm = e.read.realm.value
	e.passwords()
	e.addresses()
	e.mails(ctx)
	e.requiredActions(ctx)
	e.userProfile()
	if e.unread(e.read.roles.err, "the realm's roles", viewRealm) {
		return
	}
	for _, role := range e.read.roles.value {
		e.roles[role.Name] = role
	}
	e.mapped(ctx)
	e.defaultRights(ctx)
	e.callerRoles(ctx)
	e.guarded(ctx)
}

// add notes a finding.
func (e *examination) add(severity domain.Severity, id, subject, problem, breaks string, remedy domain.Remedy) {
	e.found = append(e.found, domain.Finding{ID: id, Severity: severity, Subject: subject, Problem: problem, Breaks: breaks, Remedy: remedy})
}

// unread notes what could not be read, if it could not. Right is what it takes.
func (e *examination) unread(err error, what, right string) bool {
	failure, _ := errors.AsType[*adminapi.Error](err)
	switch {
	case err == nil:
		return false
	case failure != nil && failure.Code == "403", errors.Is(err, adminapi.Hidden):
		e.hide(right, what)
	case adminapi.Away(err):
		e.late = append(e.late, what)
	default:
		e.add(domain.CannotTell, "not-readable", what, "It could not be read: "+err.Error()+".", "What is wrong there does not show.",
			step("Run the doctor again. If it stays so, look at Keycloak's own log."))
	}
	return true
}

// hide notes that it takes a right to look at something.
func (e *examination) hide(right, what string) {
	if !slices.Contains(e.hidden[right], what) {
		e.hidden[right] = append(e.hidden[right], what)
	}
}

// tellHidden makes one finding for each right that is lacking to look.
func (e *examination) tellHidden() {
	for _, right := range []string{viewRealm, manageUsers, viewClients} {
		if what := e.hidden[right]; len(what) > 0 {
			e.add(domain.CannotTell, "not-shown", strings.Join(what, ", "),
				fmt.Sprintf("That cannot be told without the right %s.", right), "What is wrong there does not show.", e.grant(right))
		}
	}
}

// tellLate makes one finding of what there was no time for.
func (e *examination) tellLate() {
	if len(e.late) > 0 {
		e.add(domain.CannotTell, "no-time", strings.Join(e.late, ", "), "Keycloak was too slow to look at everything.", "What is wrong there does not show.",
			step("Run the doctor again. If it stays so, see what keeps Keycloak busy."))
	}
}

// hasRight reports whether the service's token carries one of the rights.
func (e *examination) hasRight(rights ...string) bool {
	return slices.ContainsFunc(rights, func(right string) bool { return slices.Contains(e.rights, right) })
}

// quoted puts a name between quotation marks, for a sentence.
func quoted[T ~string](name T) string { return "'" + string(name) + "'" }

// listed puts names into a sentence.
func listed[T ~string](names []T) string {
	all := make([]string, 0, len(names))
	for _, name := range names {
		all = append(all, quoted(name))
	}
	return strings.Join(all, ", ")
}
