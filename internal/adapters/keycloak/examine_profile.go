package keycloak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
	var filters []string
	var appended []word
	for _, name := range names {
		if profile.declares(name) {
			filters = append(filters, fmt.Sprintf(`(.attributes[] | select(.name == %q) | .permissions) = {view: ["admin"], edit: ["admin"]}`, name))
			continue
		}
		declaration, _ := json.Marshal(map[string]any{
			"name": name, "multivalued": false, "annotations": map[string]any{}, "validations": map[string]any{},
			"permissions": map[string]any{"view": []string{"admin"}, "edit": []string{"admin"}},
		}) // It has no part that cannot be written.
		appended = append(appended, "-s", quote("attributes+="+string(declaration)))
	}
	var commands []string
	if len(filters) > 0 {
		commands = append(commands, e.changeProfile(filters...))
	}
	if len(appended) > 0 {
		commands = append(commands, e.kcadm("update", append([]word{"users/profile"}, appended...)...))
	}
	e.add(severity, "attributes-not-kept", profileSubject, fmt.Sprintf("The realm does not keep the attributes %s.", listed(names)), breaks, run(commands...))
}

// open tells of attributes that users may write themselves.
func (e *examination) open(profile *userProfile, names []string) {
	if len(names) == 0 {
		return
	}
	filters := []string{}
	for _, name := range names {
		if profile.declares(name) {
			filters = append(filters, fmt.Sprintf(`(.attributes[] | select(.name == %q) | .permissions.edit) = ["admin"]`, name))
		}
	}
	if profile.UnmanagedPolicy == "ENABLED" { // It holds for what is not declared, or only for some requests.
		filters = append(filters, `.unmanagedAttributePolicy = "ADMIN_EDIT"`)
	}
	e.add(domain.Fault, "attributes-open", profileSubject, fmt.Sprintf("Users may write %s themselves.", listed(names)),
		"A user can claim another office, or to be one of the service's; so no user counts as its own.", run(e.changeProfile(filters...)))
}

// unsent tells of attributes that the realm asks for and that the service does not send.
func (e *examination) unsent(profile *userProfile) {
	for _, declared := range profile.Attributes {
		sent := slices.Contains([]string{"username", "email", "firstName", "lastName"}, declared.Name) || slices.Contains(ownAttributes(), declared.Name)
		if sent || declared.Required == nil || len(declared.Required.Scopes) > 0 {
			continue
		}
		severity, problem, breaks := domain.Warning, "Users must have %s, which the service does not send.", "Each new user is asked for it at the first sign-in."
		if roles := declared.Required.Roles; len(roles) == 0 || slices.Contains(roles, "admin") {
			severity, problem, breaks = domain.Fault, "Administrators must give each user %s, which the service does not send.", "Nobody can be created: 400 invalid_field. Who has none cannot be disabled."
		}
		e.add(severity, "field-required", profileSubject, fmt.Sprintf(problem, quoted(declared.Name)), breaks,
			run(e.changeProfile(fmt.Sprintf(`del(.attributes[] | select(.name == %s) | .required)`, jsonText(declared.Name)))))
	}
}

// changeProfile is a command that changes members of the profile, which kcadm.sh cannot do
// within a list: jq does.
func (e *examination) changeProfile(filters ...string) string {
	return e.kcadm("get", "users/profile") + " | jq " + string(quote(strings.Join(filters, " | "))) + " | " + e.kcadm("update", "users/profile", "-f", "-")
}

// jsonText is the text as jq and JSON write it.
func jsonText(text string) string {
	written, _ := json.Marshal(text) // A text can always be written.
	return string(written)
}
