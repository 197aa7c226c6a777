package keycloak_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/adapters/keycloak"
)

func TestBaseURL_IsOfNoQuestionWithoutTheEnding(t *testing.T) {
	for given, want := range map[string]string{
		"http://auth": "http://auth", "http://auth/": "http://auth", "http://kc.invalid/kc/": "http://kc.invalid/kc", "http://kc.invalid/oauth": "http://kc.invalid/oauth",
	} {
		p := newStub(t).provider(t, func(config *keycloak.Config) { config.URL, config.Transport = given, noTransport{} })
		assert.Equal(t, want, p.BaseURL(t.Context()))
	}
}

// noTransport is a transport that must not be used.
type noTransport struct{}

func (noTransport) RoundTrip(r *http.Request) (*http.Response, error) { panic(r.URL.String()) }

// What answers decides which base URL counts: Keycloak itself, not something before it.
func TestBaseURL(t *testing.T) {
	const (
		itself   = `{"realm":"bank","token-service":"http://kc/realms/bank/protocol/openid-connect"}`
		other    = `{"realm":"shop","token-service":"http://kc/realms/shop/protocol/openid-connect"}`
		no       = `{"error":"Realm does not exist"}`
		noSuch   = `{"error":"Unable to find matching target resource method"}`
		found    = http.StatusOK
		notFound = http.StatusNotFound
	)
	for name, test := range map[string]struct {
		status    int // below /auth
		body      string
		bare      int // without
		bareBody  string
		want      string
		remembers bool
	}{
		"below":                     {found, itself, notFound, "<h1>", "/auth", true},
		"below and not":             {found, itself, found, itself, "/auth", true},
		"below, without the realm":  {notFound, no, found, itself, "/auth", true},
		"not below":                 {notFound, noSuch, found, itself, "", true},
		"not below, says a page":    {notFound, "<h1>", found, itself, "", true},
		"not below, another realm":  {found, other, found, itself, "", true},
		"below, away":               {502, "<h1>", found, itself, "/auth", false},
		"below, too much asked":     {429, no, found, itself, "/auth", false},
		"nowhere":                   {notFound, "<h1>", notFound, "<h1>", "/auth", false},
		"nowhere, a page for all":   {found, "<h1>", found, "<h1>", "/auth", false},
		"nowhere, JSON for all":     {found, "{}", found, `{"realm":"bank"}`, "/auth", false},
		"not below, away elsewhere": {notFound, noSuch, 503, "", "/auth", false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			var moved atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				switch {
				case !strings.HasSuffix(r.URL.Path, "/realms/bank"):
					saying(http.StatusServiceUnavailable, "text/html", "")(w, r)
				case moved.Load():
					saying(found, "application/json", itself)(w, r)
				case strings.HasPrefix(r.URL.Path, "/sso/auth/"):
					saying(test.status, "application/json", test.body)(w, r)
				default:
					saying(test.bare, "application/json", test.bareBody)(w, r)
				}
			}))
			defer server.Close()
			p := newStub(t).provider(t, func(config *keycloak.Config) { config.URL, config.Realm = server.URL+"/sso/auth", "bank" })
			for range 2 {
				assert.Equal(t, server.URL+"/sso"+test.want, p.BaseURL(t.Context()))
			}
			before := asked.Load()
			p.BaseURL(t.Context())
			assert.Equal(t, test.remembers, asked.Load() == before, "open until Keycloak answers")
			moved.Store(true) // Only a gateway said that it is not there.
			_ = p.Check(t.Context())
			assert.Equal(t, server.URL+"/sso/auth", p.BaseURL(t.Context()))
		})
	}
}
