package keycloak

import (
	"encoding/json"
	"fmt"
	"slices"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// userProfile looks what the realm keeps of the attributes that the service writes, who else
// may write them, and what the realm asks for that the service does not send.
func (e *examination) userProfile() {
	if e.unread(e.read.profile.err, "the user profile", manageUsers) {
		return
	}
	profile := &userProfile{e.read.profile.value}
	var unkept, open []string
	for _, name := range ownAttributes() {
		switch {
		case !profile.keeps(name):
			unkept = append(unkept, name)
		case !profile.guards(name):
			open = append(open, name)
		}
	}
	e.unkept(profile, unkept)
	e.open(profile, open)
	e.unsent(profile)
}

// ownAttributes are those that the service writes, its mark included.
func ownAttributes() []string {
	var names []string
	for _, name := range domain.AllAttributes() {
		names = append(names, string(name))
	}
	return append(names, managedBy)
}

const profileSubject = "user profile"

// unkept tells of attributes that the realm drops. The command goes by the present profile.
func (e *examination) unkept(profile *userProfile, names []string) {
	if len(names) == 0 {
		return
	}
	severity, breaks := domain.Warning, "What Fineract needs to know is not in access tokens; each creation says so."
	if slices.Contains(names, managedBy) {
		breaks += " Without the mark 'managed_by' no existing user is repaired."
		if e.needs.MarksDecide {
			severity, breaks = domain.Fault, "Users whom the service has made are not known as its own, so each second sync of one is a 409 username_conflict."
		}
	}
	var changes []word
	for _, name := range names {
		if i := slices.IndexFunc(profile.Attributes, func(declared adminapi.Declaration) bool { return declared.Name == name }); i >= 0 {
			changes = append(changes, "-s", quote(fmt.Sprintf(`attributes[%d].permissions={"view":["admin"],"edit":["admin"]}`, i)))
			continue
		}
		declaration, _ := json.Marshal(map[string]any{
			"name": name, "multivalued": false, "annotations": map[string]any{}, "validations": map[string]any{},
			"permissions": map[string]any{"view": []string{"admin"}, "edit": []string{"admin"}},
		}) // It has no part that cannot be written.
		changes = append(changes, "-s", quote("attributes+="+string(declaration)))
	}
	e.add(severity, "attributes-not-kept", profileSubject, fmt.Sprintf("The realm does not keep the attributes %s.", listed(names)), breaks, e.changeProfile(changes))
}

// open tells of attributes that users may write themselves.
func (e *examination) open(profile *userProfile, names []string) {
	if len(names) == 0 {
		return
	}
	var changes []word
	policy := false
	for _, name := range names {
		i := slices.IndexFunc(profile.Attributes, func(declared adminapi.Declaration) bool { return declared.Name == name })
		if i < 0 || profile.Attributes[i].Selector != nil {
			policy = policy || profile.UnmanagedPolicy == "ENABLED"
		}
		if i >= 0 && len(profile.Attributes[i].Permissions.Edit) > 1 {
			changes = append(changes, "-s", quote(fmt.Sprintf(`attributes[%d].permissions.edit=["admin"]`, i)))
		}
	}
	if policy {
		changes = append(changes, "-s", "unmanagedAttributePolicy=ADMIN_EDIT")
	}
	e.add(domain.Fault, "attributes-open", profileSubject, fmt.Sprintf("Users may write %s themselves.", listed(names)),
		"A user can claim another office, or to be one of the service's; so no user counts as its own.", e.changeProfile(changes))
}

// unsent tells of attributes that the realm asks for and that the service does not send.
func (e *examination) unsent(profile *userProfile) {
	for i, declared := range profile.Attributes {
		sent := slices.Contains([]string{"username", "email", "firstName", "lastName"}, declared.Name) || slices.Contains(ownAttributes(), declared.Name)
		if sent || declared.Required == nil || len(declared.Required.Scopes) > 0 {
			continue
		}
		severity, problem, breaks := domain.Warning, "Users must have %s, which the service does not send.", "Each new user is asked for it at the first sign-in."
		if roles := declared.Required.Roles; len(roles) == 0 || slices.Contains(roles, "admin") {
			severity, problem, breaks = domain.Fault, "Administrators must give each user %s, which the service does not send.", "Nobody can be created: 400 invalid_field. Who has none cannot be disabled."
		}
		e.add(severity, "field-required", profileSubject, fmt.Sprintf(problem, quoted(declared.Name)), breaks,
			e.changeProfile([]word{"-d", quote(fmt.Sprintf("attributes[%d].required", i))}))
	}
}

func (e *examination) changeProfile(changes []word) domain.Remedy {
	return run(e.kcadm("update", append([]word{"users/profile"}, changes...)...))
}
