package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

var _ ports.RealmExaminer = (*Provider)(nil)

// Examine implements [ports.RealmExaminer]. There is no way to this realm that could be
// wrong, no log-in and nothing hidden.
func (p *Provider) Examine(ctx context.Context, needs domain.RealmNeeds) (found []domain.Finding) {
	if err := ended(ctx); err != nil {
		return []domain.Finding{{ID: "not-readable", Severity: domain.CannotTell, Subject: "realm", Problem: "There was no time to look.", Breaks: "What is wrong does not show.", Remedy: domain.Remedy{Step: "Run the doctor again."}}}
	}
	add := func(id, subject, problem, breaks string) {
		finding := domain.Finding{ID: id, Severity: domain.Fault, Subject: subject, Problem: problem, Breaks: breaks, Remedy: domain.Remedy{Step: "Make the realm in memory otherwise."}}
		if !slices.Contains(found, finding) {
			found = append(found, finding)
		}
	}
	username, _ := domain.ParseUsername("doctor.example")
	email, _ := domain.ParseEmail("doctor@bank.example")
	policy, _ := p.PasswordPolicy(ctx) // The context has not ended.
	if _, err := domain.GeneratePassword(rand.Reader, policy, username, email); err != nil {
		add("password-policy", "password policy", "No password meets it.", "Nobody can be created with a temporary password.")
	}
	for _, action := range append(slices.Clone(needs.RequiredActions), domain.UpdatePassword) {
		if slices.Contains(p.realm.LacksActions, action) {
			add("required-action-missing", fmt.Sprintf("required action '%s'", action), "The realm does not know it.", "New users are not asked for it.")
		}
	}
	if len(p.realm.LacksAttributes) > 0 {
		add("attributes-not-kept", "user profile", fmt.Sprintf("The realm does not keep %q.", p.realm.LacksAttributes), "Each creation says so.")
	}
	for _, assignment := range needs.Assignments {
		rights, err := p.RightsOf(ctx, assignment)
		switch {
		case err != nil:
			add("role-missing", fmt.Sprintf("realm role '%s'", assignment.Role), "The realm lacks it.", "A creation that gives it is a 400 unknown_role.")
		case len(needs.Guard.Escalation(assignment, rights)) > 0:
			add("group-escalates", fmt.Sprintf("group '%s'", assignment.Group), "It brings privileged roles.", "A creation that gives it is a 403 privilege_escalation.")
		}
		if assignment.Group != "" && !slices.Contains(p.realm.Groups, assignment.Group) {
			add("group-missing", fmt.Sprintf("group '%s'", assignment.Group), "The realm lacks it.", "Creations leave it out.")
		}
	}
	if rights := p.rights(p.realm.Default); len(needs.Guard.Escalation(domain.Assignment{}, rights)) > 0 {
		add("default-role-escalates", "default role", "It brings privileged roles.", "Every creation is a 403 privilege_escalation.")
	}
	return found
}
