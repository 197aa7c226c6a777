package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Whose request it is. The gateways let through almost anything, so only a token that
// can be verified counts, and it must be the right one of several.

// tokens is a verifier. A token is the username of its owner, who holds the role admin
// unless the name begins with "clerk". Those that begin with "bad" are not valid.
type tokens struct {
	err error // for all of them
}

func (v tokens) Verify(_ context.Context, token string) (domain.Actor, error) {
	switch {
	case v.err != nil:
		return domain.Actor{}, v.err
	case token == "":
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("no token")}
	case strings.HasPrefix(token, "bad"):
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated, Err: fmt.Errorf("access token: %w", domain.TokenFault("expired"))}
	case token == "misdirected":
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated, Err: errors.Join(domain.SetupFault("wrong issuer"), domain.TokenFault("wrong issuer"))}
	case strings.HasPrefix(token, "clerk"):
		return domain.Actor{Subject: token, Username: token, Roles: []string{"teller"}}, nil
	}
	return domain.Actor{Subject: "id-of-" + token, Username: token, Roles: []string{"admin"}}, nil
}

// enforcing checks callers.
func enforcing(with *settings) {
	with.app.Access = app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin"}}
	with.app.Verifier = tokens{}
}

// sendWith is send with further headers.
func (a *api) sendWith(method, target, body string, header http.Header) reply {
	a.t.Helper()
	request := httptest.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", jsonType)
	}
	for name, values := range header {
		if name == "Host" {
			request.Host = values[0]
			continue
		}
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return a.do(request)
}

// sendAsActor is send with a token.
func (a *api) sendAsActor(token, method, target, body string) reply {
	a.t.Helper()
	return a.sendWith(method, target, body, http.Header{"Authorization": {"Bearer " + token}})
}

// protectedRoutes are the routes for administrators, each with a request that is done
// in a new realm.
func protectedRoutes() []struct{ method, target, body string } {
	routes := []struct{ method, target, body string }{{http.MethodPost, "/sync/user", employee}}
	for _, route := range userRoutes {
		route.target = fmt.Sprintf(route.target, "anna")
		routes = append(routes, route)
	}
	return routes
}

func TestCallers_TheFirstHeaderWithATokenDecides(t *testing.T) {
	const authorization, authRequest, forwarded = "Authorization", "X-Auth-Request-Access-Token", "X-Forwarded-Access-Token"
	for name, test := range map[string]struct {
		header http.Header
		owner  string // empty: nobody
	}{
		"bearer":                            {http.Header{authorization: {"Bearer one"}}, "one"},
		"the other gateway's header":        {http.Header{authRequest: {"two"}}, "two"},
		"oauth2-proxy's forwarded header":   {http.Header{forwarded: {"three"}}, "three"},
		"all of them":                       {http.Header{authorization: {"Bearer one"}, authRequest: {"two"}, forwarded: {"three"}}, "one"},
		"the two of the gateways":           {http.Header{authRequest: {"two"}, forwarded: {"three"}}, "two"},
		"first and last":                    {http.Header{authorization: {"Bearer one"}, forwarded: {"three"}}, "one"},
		"small letters":                     {http.Header{authorization: {"bearer one"}}, "one"},
		"capital letters":                   {http.Header{authorization: {"BEARER one"}}, "one"},
		"mixed letters":                     {http.Header{authorization: {"bEARer one"}}, "one"},
		"more blanks":                       {http.Header{authorization: {" Bearer   one  "}}, "one"},
		"blanks around":                     {http.Header{authRequest: {" two "}}, "two"},
		"empty bearer":                      {http.Header{authorization: {"Bearer "}}, ""},
		"bearer alone":                      {http.Header{authorization: {"Bearer"}}, ""},
		"empty bearer, then the next":       {http.Header{authorization: {"Bearer "}, authRequest: {"two"}}, "two"},
		"bearer of blanks, then the next":   {http.Header{authorization: {"Bearer   "}, forwarded: {"three"}}, "three"},
		"bearer alone, then the next":       {http.Header{authorization: {"Bearer"}, authRequest: {"two"}}, "two"},
		"empty, then the next":              {http.Header{authorization: {""}, authRequest: {""}, forwarded: {"three"}}, "three"},
		"blank, then the next":              {http.Header{authRequest: {" "}, forwarded: {"three"}}, "three"},
		"several, the first":                {http.Header{authorization: {"Bearer one", "Bearer four"}}, "one"},
		"several, the first that is one":    {http.Header{authorization: {"Basic dDp0", "Bearer ", "Bearer one"}, authRequest: {"two"}}, "one"},
		"several of the other header":       {http.Header{authRequest: {"", "two", "five"}}, "two"},
		"basic":                             {http.Header{authorization: {"Basic b25lOm9uZQ=="}}, ""},
		"basic, then the next":              {http.Header{authorization: {"Basic b25lOm9uZQ=="}, authRequest: {"two"}}, "two"},
		"no scheme":                         {http.Header{authorization: {"one"}}, ""},
		"another scheme":                    {http.Header{authorization: {"DPoP one"}}, ""},
		"a scheme that begins like it":      {http.Header{authorization: {"BearerX one"}}, ""},
		"no blank between":                  {http.Header{authorization: {"Bearerone"}}, ""},
		"a tab between":                     {http.Header{authorization: {"Bearer\tone"}}, ""},
		"scheme in the gateway's header":    {http.Header{authRequest: {"Bearer bad"}}, "Bearer bad"}, // as it is: no token
		"two words":                         {http.Header{authorization: {"Bearer one two"}}, "one two"},
		"a bad one before a good one":       {http.Header{authorization: {"Bearer bad"}, authRequest: {"two"}}, ""},
		"a bad one of a gateway before one": {http.Header{authRequest: {"bad"}, forwarded: {"three"}}, ""},
		"none":                              {http.Header{}, ""},
	} {
		a := newAPI(t, newRealm(t), enforcing)
		answer := a.sendWith(http.MethodGet, "/users/anna/keycloak-status", "", test.header)
		event := a.audit.only(t)
		assert.Equal(t, test.owner, event.Actor.Name(), name)
		if test.owner == "" {
			answer.failed(http.StatusUnauthorized, "unauthenticated", "You are not signed in any more. Please sign in again.", name)
		} else {
			assert.Equal(t, http.StatusOK, answer.status, name)
		}
	}
}

// Each of these arrives as the client wrote it, through one gateway or the other.
func TestCallers_NoOtherHeaderSaysWhoAsks(t *testing.T) {
	for _, route := range protectedRoutes() {
		provider := newRealm(t)
		a := newAPI(t, provider, enforcing)
		answer := a.sendWith(route.method, route.target+"?access_token=one&token=one", route.body, http.Header{
			"X-Auth-Request-User": {"asha"}, "X-Auth-Request-Email": {"asha@bank.example"}, "X-Auth-Request-Groups": {"admin", "role:admin"},
			"X-Auth-Request-Roles": {"admin"}, "X-Auth-Request-Preferred-Username": {"asha"}, "X-Auth-Request-Redirect": {"/"},
			"X-Auth-Request-Token": {"one"}, "X-Auth-Request-Id-Token": {"one"},
			"X-Forwarded-User": {"asha"}, "X-Forwarded-Email": {"asha@bank.example"}, "X-Forwarded-Groups": {"admin"},
			"X-Forwarded-Preferred-Username": {"asha"}, "X-Forwarded-Token": {"one"}, "X-Forwarded-Authorization": {"Bearer one"}, "X-Forwarded-Uri": {"/assets/x.js"},
			"Proxy-Authorization": {"Bearer one"}, "X-Authorization": {"Bearer one"}, "X-Access-Token": {"one"}, "Access-Token": {"one"},
			"X-Remote-User": {"asha"}, "Remote-User": {"asha"}, "X-User": {"asha"}, "X-Roles": {"admin"},
			"Cookie": {"_oauth2_proxy=one; access_token=one; KEYCLOAK_IDENTITY=one"},
		})
		answer.failed(http.StatusUnauthorized, "unauthenticated", "You are not signed in any more. Please sign in again.", route.target)
		untouched(t, provider)
		assert.Zero(t, a.audit.only(t).Actor, route.target)
	}
}

func TestCallers_GetInWithARightAndATokenOnly(t *testing.T) {
	for _, before := range []string{"", prefix} {
		for _, route := range protectedRoutes() {
			provider := newRealm(t)
			a := newAPI(t, provider, enforcing)

			for token, challenge := range map[string]string{"": "Bearer", "bad": `Bearer error="invalid_token", error_description="expired"`} {
				answer := a.sendAsActor(token, route.method, before+route.target, route.body)
				answer.failed(http.StatusUnauthorized, "unauthenticated", "You are not signed in any more. Please sign in again.", route.target)
				assert.Equal(t, "error", answer.object()["status"], route.target)
				assert.Equal(t, []string{challenge}, answer.header.Values("WWW-Authenticate"), route.target)
			}
			answer := a.sendAsActor("clerk", route.method, before+route.target, route.body)
			answer.failed(http.StatusForbidden, "forbidden", "You do not have the right to do this.", route.target)
			assert.Equal(t, "error", answer.object()["status"], route.target)
			assert.Equal(t, []string{`Bearer error="insufficient_scope", error_description="its owner has none of the roles that this takes"`}, answer.header.Values("WWW-Authenticate"), route.target)
			untouched(t, provider)
			assert.Empty(t, provider.Mails())

			answer = a.sendAsActor("asha", route.method, before+route.target, route.body)
			assert.Less(t, answer.status, 300, "%s: %s", route.target, answer.body)
		}
	}
}

// The operators look at warnings: whoever has a token of the realm must not fill the log with
// them.
func TestCallers_RefusedForTheSetUpAreAFewWarnings(t *testing.T) {
	a := newAPI(t, newRealm(t), enforcing)
	for range 50 {
		assert.Equal(t, http.StatusUnauthorized, a.sendAsActor("misdirected", http.MethodGet, "/users/anna/keycloak-status", "").status)
	}
	assert.Equal(t, http.StatusUnauthorized, a.sendAsActor("bad", http.MethodGet, "/users/anna/keycloak-status", "").status)
	warnings := strings.Count(a.log.String(), `"level":"WARN"`)
	assert.GreaterOrEqual(t, warnings, 10)
	assert.Less(t, warnings, 30, "some a second")
	assert.Equal(t, 51, strings.Count(a.log.String(), `"msg":"request"`))
}

// Nobody who may not act learns what is wrong with the request, or who exists.
func TestCallers_AreLookedAtBeforeTheRequest(t *testing.T) {
	a := newAPI(t, newRealm(t), enforcing)
	for _, route := range []struct{ method, target, body string }{
		{http.MethodPost, "/sync/user", "{"}, {http.MethodPost, "/sync/user", "{}"}, {http.MethodPost, "/sync/user", strings.Repeat("x", 2<<20)},
		{http.MethodPut, "/users/anna/status", ""}, {http.MethodPut, "/users/nobody/status", "[]"}, {http.MethodPut, "/users/service-account-x/status", "{}"},
		{http.MethodPost, "/users/nobody/reset-password", ""}, {http.MethodPost, "/users/%ff/force-password-change", ""},
		{http.MethodPut, "/users/anna", "["}, {http.MethodPut, "/users/nobody", "{}"}, {http.MethodPost, "/users/nobody/logout", ""},
		{http.MethodGet, "/users/anna/keycloak-status?detail=some", ""},
		{http.MethodGet, "/users/nobody/keycloak-status", ""}, {http.MethodGet, "/users//keycloak-status", ""},
	} {
		assert.Equal(t, http.StatusUnauthorized, a.sendAsActor("bad", route.method, route.target, route.body).status, route.target)
		assert.Equal(t, http.StatusForbidden, a.sendAsActor("clerk", route.method, route.target, route.body).status, route.target)
	}
}

// While the keys are not known the answer is neither 401, which would sign everybody
// out, nor open.
func TestCallers_AreToldToComeBackWhileTheKeysAreNotKnown(t *testing.T) {
	for _, route := range protectedRoutes() {
		provider := newRealm(t)
		a := newAPI(t, provider, enforcing, func(with *settings) {
			with.app.Verifier = tokens{err: &domain.Error{Kind: domain.Unavailable, Err: errors.New("no keys yet")}}
		})
		for _, token := range []string{"asha", "bad", ""} {
			answer := a.sendAsActor(token, route.method, route.target, route.body)
			answer.failed(http.StatusServiceUnavailable, "provider_unavailable", "The login system cannot be reached. Please try again later.", route.target)
			assert.NotEmpty(t, answer.header.Get("Retry-After"))
			assert.Empty(t, answer.header.Get("WWW-Authenticate"))
		}
		untouched(t, provider)
	}
}

// Probes and scrapers have no token, and an unknown path is no secret.
func TestCallers_PublicRoutesNeedNoTokenAndLeaveNoEvent(t *testing.T) {
	a := newAPI(t, unreachable, enforcing, func(with *settings) { with.app.Verifier = nil }) // A look at the caller would be a panic.
	for _, before := range []string{"", prefix} {
		for _, target := range []string{"/health", "/livez", "/readyz", "/openapi.json"} {
			assert.Equal(t, http.StatusOK, a.send(http.MethodGet, before+target, "").status, target)
			assert.Equal(t, http.StatusOK, a.sendAsActor("bad", http.MethodGet, before+target, "").status, target)
			assert.Equal(t, http.StatusMethodNotAllowed, a.send(http.MethodPost, before+target, "").status, target)
		}
		for _, target := range []string{"/", "/users", "/users/anna/", "/users/anna/keycloak-status/", "/sync/user/x.js", "/sync/user;x.js"} {
			assert.Equal(t, http.StatusNotFound, a.send(http.MethodPost, before+target, employee).status, target)
		}
		for _, route := range protectedRoutes() {
			assert.Equal(t, http.StatusMethodNotAllowed, a.send(http.MethodDelete, before+route.target, "").status, route.target)
		}
	}
	assert.Empty(t, a.audit.all())
}

// The document's routes that ask for a token are exactly those that do.
func TestCallers_TheDocumentNamesTheRoutesThatNeedAToken(t *testing.T) {
	a := newAPI(t, newRealm(t), enforcing)
	protected := 0
	for path, item := range a.document.spec.Paths.Map() {
		for method := range item.Operations() {
			request := httptest.NewRequestWithContext(t.Context(), method, targetOf(path), http.NoBody)
			if a.document.isProtected(request) {
				protected++
				assert.Equal(t, http.StatusUnauthorized, a.do(request).status, path)
			} else {
				assert.Equal(t, http.StatusOK, a.do(request).status, path)
			}
		}
	}
	require.Equal(t, 7, protected)
}
