package keycloak

import (
	"regexp"
	"strings"

	"user-sync-service/internal/domain"
)

// step is a remedy by hand.
func step(text string) domain.Remedy { return domain.Remedy{Step: text} }

// run is a remedy by commands, each of which needs the one before to succeed.
func run(commands ...string) domain.Remedy {
	return domain.Remedy{Command: strings.Join(commands, " && ")}
}

// word is a word of a shell as it stands there: quoted, or with something in it that the
// shell replaces.
type word string

// quote returns text as one word that a shell does not read anything into.
func quote[T ~string](text T) word {
	if plainWord.MatchString(string(text)) {
		return word(text)
	}
	return word("'" + strings.ReplaceAll(string(text), "'", `'\''`) + "'")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`)

// kcadm is a command of Keycloak's command line for administrators, about this realm.
func (e *examination) kcadm(verb word, rest ...word) string {
	all := []string{"kcadm.sh", string(verb)}
	if verb != "add-roles" && verb != "remove-roles" {
		all, rest = append(all, string(rest[0])), rest[1:] // What it is about goes first.
	}
	all = append(all, "-r", string(quote(e.Realm)))
	for _, w := range rest {
		all = append(all, string(w))
	}
	return strings.Join(all, " ")
}

// updateRealm is a command that sets members of the realm itself.
func (e *examination) updateRealm(settings ...word) string {
	words := []string{"kcadm.sh update", string(quote("realms/" + e.Realm))}
	for _, setting := range settings {
		words = append(words, "-s", string(setting))
	}
	return strings.Join(words, " ")
}

// set is "member=text" for kcadm's option -s. It reads some texts as JSON, so those are
// written as JSON.
func set[T ~string](member string, text T) word {
	value := string(text)
	if value == "" || strings.ContainsAny(value[:1], `"'{[0123456789-tfn`) {
		value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return quote(member + "=" + value)
}

// idOf is the id of the first entry of a list, which the shell asks Keycloak for.
func (e *examination) idOf(list, key, value string) word {
	return word("$(" + e.kcadm("get", quote(list), "-q", quote(key+"="+value), "--fields", "id", "--format", "csv", "--noquotes") + ")")
}

// client is where the admin API has the client with this name.
func (e *examination) clientAt(name string) word {
	return "clients/" + e.idOf("clients", "clientId", name)
}

// account is the username of the service's own account.
func (e *examination) account() string { return "service-account-" + strings.ToLower(e.ClientID) }

// grantCommand gives the service's account rights to administer the realm.
func (e *examination) grantCommand(rights ...string) string {
	words := []word{"--uusername", quote(e.account()), "--cclientid", quote(e.administrationClient)}
	for _, right := range rights {
		words = append(words, "--rolename", quote(right))
	}
	return e.kcadm("add-roles", words...)
}

func (e *examination) grant(rights ...string) domain.Remedy { return run(e.grantCommand(rights...)) }

// ownSecret is the client's secret, as the shell has it.
func (e *examination) ownSecret() word { return word("secret=" + e.needs.OwnSecret) }
