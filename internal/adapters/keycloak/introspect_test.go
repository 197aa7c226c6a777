package keycloak_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// callerToken looks like an access token of an administrator.
const callerToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl"

func TestTokenActive_TellsWhatKeycloakSays(t *testing.T) {
	s := newStub(t) // its secret has %, +, blank, &, = and an umlaut
	s.active[callerToken] = true
	p := s.provider(t)
	owner, active, err := p.TokenActive(t.Context(), callerToken)
	require.NoError(t, err)
	assert.True(t, active)
	assert.Equal(t, domain.Actor{Subject: "4711", Username: "asha", Roles: []string{"admin", "offline_access", "account:view-profile", "web:writer", "web:x"}}, owner)

	s.change(func() { s.active[callerToken] = false }) // as when its owner was disabled
	for _, token := range []string{callerToken, "", "another", "a&b=c d%"} {
		owner, active, err = p.TokenActive(t.Context(), token)
		require.NoError(t, err, token)
		assert.False(t, active, token)
		assert.Zero(t, owner, token)
	}
}

// The mappers of a client decide what is in an answer.
func TestTokenActive_MayTellLittleOfTheOwner(t *testing.T) {
	for text, want := range map[string]domain.Actor{
		`{"active":true}`: {},
		`{"active":true,"sub":"7","username":"Asha"}`:                                     {Subject: "7", Username: "Asha"},
		`{"active":true,"username":"asha","preferred_username":"E4711"}`:                  {Username: "E4711"},
		`{"active":true,"realm_access":{},"resource_access":{"web":{"roles":null}}}`:      {},
		`{"active":true,"realm_access":null,"resource_access":{"web":{"roles":["x y"]}}}`: {Roles: []string{"web:x y"}},
	} {
		s := newStub(t)
		s.answers(introspectRoute, 1, saying(http.StatusOK, "application/json", text))
		owner, active, err := s.provider(t).TokenActive(t.Context(), callerToken)
		require.NoError(t, err, text)
		assert.True(t, active)
		assert.Equal(t, want, owner, text)
	}
}

// It is asked for every write, so it costs one call, and it must work without a login.
func TestTokenActive_TakesOneCall(t *testing.T) {
	s := newStub(t)
	s.answers("POST token", always, saying(http.StatusServiceUnavailable, "text/html", ""))
	_, _, err := s.provider(t).TokenActive(t.Context(), callerToken)
	require.NoError(t, err)
	assert.Equal(t, []string{introspectRoute}, s.taken())
}

func TestTokenActive_SendsTheTokenAsItIs(t *testing.T) {
	s := newStub(t)
	const token = "a+b&c=%41 é"
	var form url.Values
	s.answers(introspectRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.URL.RawQuery, "addresses are logged by gateways")
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		answer(w, http.StatusOK, `{"active":true}`)
	})
	_, _, err := s.provider(t).TokenActive(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, token, form.Get("token"))
}

func TestTokenActive_AnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
	}{
		"missing":       {saying(200, "application/json", `{"exp":1795520885,"typ":"Bearer"}`), domain.BadAnswer},
		"null":          {saying(200, "application/json", `{"active":null}`), domain.BadAnswer},
		"a text":        {saying(200, "application/json", `{"active":"true"}`), domain.BadAnswer},
		"a number":      {saying(200, "application/json", `{"active":1}`), domain.BadAnswer},
		"roles a text":  {saying(200, "application/json", `{"active":true,"realm_access":{"roles":"admin"}}`), domain.BadAnswer},
		"a list":        {saying(200, "application/json", `[{"active":true}]`), domain.BadAnswer},
		"a page":        {saying(200, "text/html", `<h1>{"active":true}</h1>`), domain.BadAnswer},
		"201":           {saying(201, "application/json", `{"active":true}`), domain.BadAnswer},
		"204":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, domain.BadAnswer},
		"a redirect":    {redirect(http.StatusFound), domain.BadAnswer},
		"wrong path":    {saying(404, "text/html", ""), domain.BadAnswer},
		"wrong secret":  {saying(401, "application/json", `{"error":"invalid_request","error_description":"Authentication failed."}`), domain.Internal},
		"public client": {saying(403, "application/json", `{"error":"invalid_request","error_description":"Client not allowed."}`), domain.Internal},
		"no realm":      {saying(404, "application/json", `{"error":"Realm does not exist"}`), domain.Internal},
		"starting":      {saying(503, "text/html", ""), domain.Unavailable},
		"closed":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, domain.Unavailable},
		"no answer":     {hang, domain.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.answers(introspectRoute, always, c.with)
			owner, active, err := s.provider(t, impatientFor(c.kind)).TokenActive(t.Context(), callerToken)
			assertOnlyKind(t, c.kind, err)
			assert.False(t, active)
			assert.Zero(t, owner)
			assert.NotContains(t, chain(err), callerToken)
			want := []string{introspectRoute}
			if c.kind == domain.Unavailable {
				want = slices.Repeat(want, 1+keycloak.Retries)
			}
			assert.Equal(t, want, s.taken(), "nobody else is asked")
		})
	}
}

// Since 26.6 a client may insist on one of the two ways to show its secret.
func TestTokenActive_ShowsTheSecretAsTheClientWantsIt(t *testing.T) {
	s := newStub(t)
	s.active[callerToken] = true
	p := s.provider(t)
	for _, inForm := range []bool{true, false} {
		s.change(func() { s.inForm = inForm })
		for calls := range 2 {
			_, active, err := p.TokenActive(t.Context(), callerToken)
			require.NoError(t, err)
			assert.True(t, active)
			assert.Len(t, s.taken(), 2-calls, "once it is known, each is one call")
		}
	}
}

// Introspection says no for two reasons; the admin API tells them apart.
func TestTokenHonoured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with     http.HandlerFunc
		honoured bool
		kind     domain.Kind // empty: none
	}{
		"dead":            {saying(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`), false, ""},
		"without rights":  {saying(403, "application/json", `{"error":"HTTP 403 Forbidden"}`), true, ""},
		"with rights":     {saying(200, "application/json", `{"realm":"bank"}`), true, ""},
		"no answer of it": {saying(404, "text/html", ""), false, domain.BadAnswer},
		"starting":        {saying(503, "text/html", ""), false, domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.answers("GET realm", always, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "Bearer "+callerToken, r.Header.Get("Authorization"))
				c.with(w, r)
			})
			honoured, err := s.provider(t).TokenHonoured(t.Context(), callerToken)
			assert.Equal(t, c.honoured, honoured)
			if c.kind == "" {
				require.NoError(t, err)
			} else {
				assertOnlyKind(t, c.kind, err)
			}
			assert.NotContains(t, s.taken(), "POST token", "it is the caller's token that is asked about")
		})
	}
}

func TestTokenActive_WithAWrongSecretIsOurFault(t *testing.T) {
	s := newStub(t)
	p := s.provider(t, func(config *keycloak.Config) { config.ClientSecret = secretOf("wrong") })
	_, _, err := p.TokenActive(t.Context(), callerToken)
	assertOnlyKind(t, domain.Internal, err)
}
