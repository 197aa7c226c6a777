package keycloak

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// passwords makes a password by the realm's policy, as a creation does.
func (e *examination) passwords() {
	const console = "Console: Authentication > Policies > Password policy."
	policy := e.parsePasswordPolicy(e.realm.PasswordPolicy)
	e.unreadRules.Range(func(rule, _ any) bool {
		e.add(domain.Warning, "password-rule-unread", "password policy", fmt.Sprintf("The service cannot read the rule %s and makes passwords without regard to it.", quoted(fmt.Sprint(rule))),
			"Keycloak may refuse them: 500 password_refused.", step(console+" Take the rule out, or see in the service's log whether passwords are refused."))
		return true
	})
	username, _ := domain.ParseUsername("doctor.example")
	email, _ := domain.ParseEmail("doctor@bank.example")
	_, err := domain.GeneratePassword(rand.Reader, policy, username, email)
	if err == nil {
		return
	}
	remedy := step(console + " Change the rule that no password can meet.")
	const roomy = "maxLength(64)"
	if mended := maxLengthRule.ReplaceAllString(e.realm.PasswordPolicy, roomy); mended != e.realm.PasswordPolicy {
		if _, still := domain.GeneratePassword(rand.Reader, e.parsePasswordPolicy(mended), username, email); still == nil {
			remedy = run(e.updateRealm(set("passwordPolicy", mended)))
		}
	}
	e.add(domain.Fault, "password-policy", "password policy", cmp.Or(domain.AsError(err).Message, "No password can be made: "+err.Error()+"."),
		"Nobody can be created with a temporary password: 500 unsatisfiable_password_policy.", remedy)
}

var maxLengthRule = regexp.MustCompile(`maxLength\([^)]*\)`)

// addresses looks at what the realm does with e-mail addresses, and who may make accounts.
func (e *examination) addresses() {
	subject := "realm " + quoted(e.Realm)
	if e.realm.EmailAsUsername {
		e.add(domain.Warning, "email-as-username", subject, "The realm uses e-mail addresses as usernames.",
			"A creation with another username than the address is a 400, and addresses cannot be changed.", run(e.updateRealm("registrationEmailAsUsername=false")))
	}
	if e.realm.SharedEmails {
		e.add(domain.Warning, "duplicate-emails", subject, "Several users may have the same e-mail address.",
			"A mail or an address does not tell one employee from another, and a taken address is no conflict.", run(e.updateRealm("duplicateEmailsAllowed=false")))
	}
	if e.realm.SelfRegistration && len(e.needs.Guard.ProtectedGroups) == 0 {
		e.add(domain.Warning, "self-registration", subject, "Anybody can register in the realm, and PROTECTED_GROUPS names no group.",
			"The service's callers can change the accounts of all who registered.", run(e.updateRealm("registrationAllowed=false")))
	}
}

// mails looks whether the realm can send mails.
func (e *examination) mails(ctx context.Context) {
	const console = "Console: Realm settings > Email."
	host, from := strings.TrimSpace(e.realm.SMTP["host"]), strings.TrimSpace(e.realm.SMTP["from"])
	severity, breaks := domain.Warning, "Reset mails are a 502 email_delivery_failed."
	if e.needs.MailsPasswords {
		severity, breaks = domain.Fault, "New employees get no password, and reset mails are a 502 email_delivery_failed."
	}
	switch {
	case host == "":
		e.add(severity, "smtp-missing", "mail server", "The realm has no mail server.", breaks, step(console+" Enter the bank's mail server and a sender's address, and test the connection."))
		return
	case from == "":
		e.add(severity, "smtp-missing", "mail server", "The realm has no sender's address for its mails.", breaks, step(console+" Enter the sender's address (From)."))
	}
	port := e.realm.SMTP["port"]
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		port = "25"
		if e.realm.SMTP["ssl"] == "true" {
			port = "465"
		}
	}
	err := adminapi.Dial(ctx, host, port)
	if err == nil || !strings.Contains(host, ".") && adminapi.IsNoSuchHost(err) {
		return // A short name is for those in Keycloak's own network.
	}
	e.add(domain.CannotTell, "smtp-no-answer", "mail server", fmt.Sprintf("Nothing answers this machine at port %s of %s; Keycloak's may be another network.", port, quoted(host)),
		breaks, step(console+" Test the connection from there: Keycloak itself sends the mails."))
}

// requiredActions looks whether the realm has those that new users are to be given, and the
// one that makes users change their passwords.
func (e *examination) requiredActions(ctx context.Context) {
	registered := e.read.actions.value
	if e.unread(e.read.actions.err, "required actions", viewRealm) {
		return
	}
	wanted := slices.Clone(e.needs.RequiredActions)
	if !slices.Contains(wanted, domain.UpdatePassword) {
		wanted = append(wanted, domain.UpdatePassword)
	}
	for _, action := range wanted {
		severity, breaks := domain.Warning, "New users are not asked for it, and each creation says so."
		if action == domain.UpdatePassword {
			severity, breaks = domain.Fault, "Temporary passwords stay good, and a password change cannot be forced."
		}
		subject := "required action " + quoted(action)
		i := slices.IndexFunc(registered, func(known adminapi.RequiredAction) bool { return known.Alias == action })
		switch {
		case i < 0:
			e.add(severity, "required-action-missing", subject, "The realm does not know this required action.", breaks, e.register(ctx, action))
		case !*registered[i].Enabled:
			e.add(severity, "required-action-off", subject, "The realm has switched this required action off.", breaks,
				run(e.kcadm("update", quote("authentication/required-actions/"+string(action)), "-s", "enabled=true")))
		}
	}
}

// register is how to make the realm know a required action.
func (e *examination) register(ctx context.Context, action domain.RequiredAction) domain.Remedy {
	known, err := e.api.UnregisteredActions(ctx)
	if name, ok := known[action]; err == nil && ok {
		return run(e.kcadm("create", "authentication/register-required-action", "-s", set("providerId", string(action)), "-s", set("name", name)))
	}
	return step(fmt.Sprintf("Correct REQUIRED_ACTIONS: this Keycloak has no %s. Names are exact, as in: kcadm.sh get authentication/required-actions -r %s --fields alias", quoted(action), quote(e.Realm)))
}
