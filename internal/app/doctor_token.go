package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

const tokenSubject = "access token"

// judge says what becomes of a caller who shows the token, and why.
func (d Doctor) judge(ctx context.Context, token string) (found []domain.Finding, facts []TokenFact) {
	content, issuers, err := d.Tokens.Inspect(ctx, token)
	if err != nil {
		return []domain.Finding{refusedToken("token-malformed", "It is no access token: "+reasonOf(err)+".", "Take the text of access_token alone, three parts with two dots.")}, nil
	}
	add := func(ok bool, name, has, wanted, id, problem, remedy string) {
		facts = append(facts, TokenFact{Name: name, Has: cmp.Or(has, "none"), Wanted: wanted, OK: ok})
		if !ok {
			found = append(found, refusedToken(id, problem, remedy))
		}
	}
	now, owner := d.Now(), quoted(content.Username)
	add(content.Type == "Bearer", "type", content.Type, "Bearer", "token-type",
		"It is a token of the type "+quoted(content.Type)+", not an access token.", "Take access_token from the answer of the token endpoint, not id_token or refresh_token.")
	add(len(issuers) == 0 || slices.Contains(issuers, content.Issuer), "issuer", content.Issuer, anyOf(issuers), "token-issuer",
		"Its issuer is "+quoted(content.Issuer)+", which does not count.", fmt.Sprintf("Set AUTH_ISSUERS to %s if that is the address by which callers sign in; else fetch the token from the configured realm.", quoted(content.Issuer)))
	add(isAmong(d.Clients, content.Client), "client (azp)", content.Client, anyOf(d.Clients), "token-client",
		"It was obtained by the client "+quoted(content.Client)+", which AUTH_CLIENTS does not name.", fmt.Sprintf("Add %s to AUTH_CLIENTS if callers log in by it.", quoted(content.Client)))
	add(isAmong(d.Audience, content.Audience...), "audience (aud)", strings.Join(content.Audience, ", "), anyOf(d.Audience), "token-audience",
		"It is meant for none of AUTH_AUDIENCE.", fmt.Sprintf("Let the client %s put one of them into the audience (an audience mapper), or correct AUTH_AUDIENCE.", quoted(content.Client)))
	add(!content.Bound, "bound to a key", yesOrNo(content.Bound), "no", "token-bound",
		"It is bound to a certificate or key, which cannot be checked here.", fmt.Sprintf("Switch certificate-bound and DPoP-bound tokens off for the client %s.", quoted(content.Client)))
	add(content.Expires.After(now) && !content.NotBefore.After(now.Add(time.Minute)), "valid",
		clock(content.IssuedAt)+" to "+clock(content.Expires), "now: "+clock(now), "token-times",
		"It is not valid now.", "Fetch a new one. If it is new, compare the clocks.")
	explained := len(found) > 0

	service := d.service()
	admit := func(action domain.Action) error {
		return service.Admit(ctx, service.Begin(action, Request{}), Caller{Token: token})
	}
	_, err = d.Tokens.Verify(ctx, token)
	add(err == nil || explained, "signature", goodOr(err), "by a key of the realm", "token-signature",
		"It is not accepted: "+reasonOf(err)+".", "Fetch it from the realm that the service is configured for.")
	if err != nil {
		return found, facts
	}
	for _, may := range []struct {
		name, variable string
		action         domain.Action
		wanted         []string
	}{
		{"may read", "AUTH_READ_ROLES", domain.ActionGetStatus, d.Access.ReadRoles},
		{"may change", "AUTH_WRITE_ROLES", domain.ActionSetStatus, d.Access.WriteRoles},
	} {
		err := admit(may.action)
		lacks := !domain.Actor{Roles: content.Roles}.HasAnyRole(may.wanted)
		id, remedy := "token-not-confirmed", "See what the provider says of the token: is its owner still enabled and signed in, are role mappers part of introspection, is this service in its audience?"
		if lacks {
			id, remedy = "token-roles", fmt.Sprintf("Give %s one of these roles (console: Users > %s > Role mapping), or correct %s; then fetch a new token.", owner, content.Username, may.variable)
		}
		add(err == nil, may.name, strings.Join(content.Roles, ", "), anyOf(may.wanted), id, fmt.Sprintf("Its owner %s not: %s.", may.name, reasonOf(err)), remedy)
	}
	return found, facts
}

func refusedToken(id, problem, remedy string) domain.Finding {
	return domain.Finding{ID: id, Severity: domain.Fault, Subject: tokenSubject, Problem: problem,
		Breaks: "Whoever shows it is refused with 401 or 403.", Remedy: domain.Remedy{Step: remedy}}
}

// isAmong reports whether one of the names is wanted. Where none are wanted, any will do.
func isAmong(wanted []string, names ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(wanted, name) })
}

// anyOf is what is wanted, as a text.
func anyOf(names []string) string {
	return cmp.Or(strings.Join(names, " or "), "any")
}

func quoted(name string) string { return "'" + name + "'" }

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func goodOr(err error) string {
	if err == nil {
		return "good"
	}
	return "not accepted"
}

// reasonOf is why something failed, without the kind where there is more to say.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	failure := domain.AsError(err)
	if failure.Err != nil {
		return failure.Err.Error()
	}
	return cmp.Or(strings.TrimSuffix(failure.Message, "."), failure.Kind.Error())
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format(time.RFC3339)
}
