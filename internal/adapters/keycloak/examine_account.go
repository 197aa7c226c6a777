package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// The rights to administer the realm that the service needs; the last one from Keycloak 26.7
// on.
const (
	manageUsers = "manage-users"
	viewRealm   = "view-realm"
	viewClients = "view-clients"
)

// logIn logs the service in.
func (e *examination) logIn(ctx context.Context) bool {
	token, err := e.api.OwnToken(ctx)
	if err == nil {
		e.token, e.rights = token, token.RolesOf(e.administrationClient)
		return true
	}
	client := "client " + quoted(e.ClientID)
	here, needed := e.clientAt(e.ClientID), e.grantCommand(manageUsers, viewRealm)
	switch {
	case errors.Is(err, adminapi.RealmDisabled):
		e.disabledRealm()
	case errors.Is(err, adminapi.ClientUnknown):
		create := e.kcadm("create", "clients", "-s", set("clientId", e.ClientID), "-s", "serviceAccountsEnabled=true", "-s", "standardFlowEnabled=false", "-s", e.ownSecret())
		enable := e.kcadm("update", here, "-s", "enabled=true")
		e.add(domain.Fault, "client-unknown", client, "The realm has no such client, or the client is switched off; Keycloak does not tell which.", nothingWorks,
			domain.Remedy{Command: create + " && " + needed + " || " + enable})
	case errors.Is(err, adminapi.ClientPublic):
		e.add(domain.Fault, "client-public", client, "The client is public (\"Client authentication\" is off), so it has no service account.", nothingWorks,
			run(e.kcadm("update", here, "-s", "publicClient=false", "-s", "serviceAccountsEnabled=true", "-s", e.ownSecret()), needed))
	case errors.Is(err, adminapi.NoServiceAccount):
		e.add(domain.Fault, "service-account-off", client, "The client has no service account (\"Service accounts roles\" is off).", nothingWorks,
			run(e.kcadm("update", here, "-s", "serviceAccountsEnabled=true"), needed))
	case errors.Is(err, adminapi.SecretRefused):
		e.add(domain.Fault, domain.SecretRefused, client, "Keycloak refuses the client's secret.", nothingWorks,
			run(e.kcadm("update", here, "-s", e.ownSecret())))
	case errors.Is(err, adminapi.AccountDisabled):
		e.add(domain.Fault, "service-account-disabled", "user "+quoted(e.account()), "The client's service account is switched off.", nothingWorks,
			run(e.kcadm("update", "users/"+e.idOf("users?exact=true", "username", e.account()), "-s", "enabled=true")))
	case adminapi.Away(err):
		e.add(domain.Fault, "no-answer", "server "+quoted(e.URL), "Keycloak does not answer the log-in: "+err.Error()+".", nothingWorks,
			step("See whether Keycloak is busy or starting, and look at its own log."))
	default:
		e.add(domain.Fault, "log-in-refused", client, "Keycloak refuses the log-in: "+err.Error()+".", nothingWorks,
			step("Look at Keycloak's own log, which has the reason."))
	}
	return false
}

// clocks compares Keycloak's clock with ours, by the token that it has just issued.
func (e *examination) clocks() {
	const bearable = 10 * time.Second
	ahead := time.Unix(e.token.IssuedAt, 0).Sub(e.Now().Truncate(time.Second))
	if e.token.IssuedAt == 0 || ahead.Abs() <= bearable {
		return
	}
	severity, where := domain.Warning, "behind"
	if ahead > 0 {
		where = "ahead of"
	}
	if lifetime := e.token.Expires - e.token.IssuedAt; -ahead >= time.Duration(lifetime)*time.Second {
		severity = domain.Fault // Tokens have expired when they come.
	}
	e.add(severity, "clocks", "clock", fmt.Sprintf("Keycloak's clock is %s %s this machine's.", ahead.Abs(), where),
		"Callers' tokens count too long, or are a 401 too early.", step("Let both machines get the time by NTP: timedatectl set-ntp true"))
}

// ownRights looks which rights the service has, and which it should not have.
func (e *examination) ownRights() {
	client := "client " + quoted(e.ClientID)
	if len(e.token.ResourceAccess) == 0 && e.token.RealmAccess == nil && !e.lightweight() {
		e.add(domain.Fault, "no-full-scope", client,
			"The client's token carries no role at all: \"Full scope allowed\" is off, or its service account has no role.",
			"Keycloak refuses everything that the service asks for with 403.",
			run(e.kcadm("update", e.clientAt(e.ClientID), "-s", "fullScopeAllowed=true"), e.grantCommand(manageUsers, viewRealm)))
		return
	}
	breaks := map[string]string{
		manageUsers: "Nobody can be created, changed or disabled.",
		viewRealm:   "Nobody can be created: roles, groups and the password policy cannot be read.",
	}
	for _, right := range []string{manageUsers, viewRealm} {
		if !e.hasRight(right) {
			e.add(domain.Fault, "right-missing", "right "+quoted(right),
				fmt.Sprintf("The service account lacks the role %s of the client %s.", quoted(right), quoted(e.administrationClient)), breaks[right], e.grant(right))
		}
	}
	e.rightsBeyond()
	if !e.hasRight(viewRealm) || !e.hasRight(manageUsers, "view-users") {
		return // What follows cannot be read.
	}
	if e.client = e.read.client.value; !e.unread(e.read.client.err, "the service account's own roles", manageUsers) && e.client == blind {
		e.rightsHidden()
	}
}

// lightweight reports whether the service has rights although its token does not tell of
// them, as lightweight access tokens do, and notes which.
func (e *examination) lightweight() bool {
	for _, role := range e.read.own.value[e.administrationClient].Roles {
		e.rights = append(e.rights, string(role.Name))
	}
	return len(e.rights) > 0
}

// rightsHidden tells that Keycloak does not show who administers the realm.
func (e *examination) rightsHidden() {
	severity, breaks := domain.Fault, "No existing user can be changed, not even disabled: 503 rights_hidden."
	if len(e.needs.Guard.ProtectedUsers)+len(e.needs.Guard.ProtectedGroups) > 0 {
		severity, breaks = domain.Warning, "Administrators whom PROTECTED_USERS and PROTECTED_GROUPS forget can be changed; groups and roles that hold others cannot be given."
	}
	const problem = "Keycloak does not show the service who administers the realm"
	if e.hasRight(viewClients) {
		e.add(severity, "rights-indirect", "user "+quoted(e.account()), problem+": the service account does not have its rights directly.", breaks,
			e.grant(manageUsers, viewRealm, viewClients))
		return
	}
	e.add(severity, "view-clients-missing", "right "+quoted(viewClients), problem+": from 26.7 on that takes the right view-clients, given directly.", breaks,
		e.grant(manageUsers, viewRealm, viewClients))
}

// rightsBeyond looks for rights that the service does not need.
func (e *examination) rightsBeyond() {
	needless := func(right string) bool {
		return !slices.Contains([]string{manageUsers, viewRealm, viewClients, "view-users", "query-users", "query-groups", "query-clients", "query-realms"}, right)
	}
	beyond := slices.DeleteFunc(slices.Clone(e.rights), func(right string) bool { return !needless(right) })
	if len(beyond) == 0 {
		return
	}
	slices.Sort(beyond)
	remedy := step(fmt.Sprintf("Console: Clients > %s > Service account roles. A group or another role brings them; take that away.", e.ClientID))
	direct := []word{"--uusername", quote(e.account()), "--cclientid", quote(e.administrationClient)}
	for _, role := range e.read.own.value[e.administrationClient].Roles {
		if needless(string(role.Name)) {
			direct = append(direct, "--rolename", quote(role.Name))
		}
	}
	if len(direct) > 4 {
		needed := []string{manageUsers, viewRealm}
		if e.hasRight(viewClients) {
			needed = append(needed, viewClients)
		}
		remedy = run(e.grantCommand(needed...), e.kcadm("remove-roles", direct...))
	}
	if slices.Contains(beyond, "realm-admin") {
		beyond = []string{"realm-admin"} // It brings the others.
	}
	e.add(domain.Warning, "rights-beyond-need", "user "+quoted(e.account()), fmt.Sprintf("The service account also has %s, which it does not need.", listed(beyond)),
		"Whoever gets the client's secret can do more than manage users, as far as to take the realm over.", remedy)
}
