package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A gateway turns the browser's cookies into a token, so a page of another site could
// act as the administrator who looks at it.

// trusting is a service that knows the web app's own origin.
func trusting(t *testing.T) func(*settings) {
	t.Helper()
	protection := http.NewCrossOriginProtection()
	require.NoError(t, protection.AddTrustedOrigin("https://admin.bank.example:8443"))
	return func(with *settings) { with.crossOrigin = protection }
}

func TestCrossSite_WritesAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		header  http.Header
		refused bool
	}{
		"no browser":                             {http.Header{}, false},
		"same origin":                            {http.Header{"Sec-Fetch-Site": {"same-origin"}}, false},
		"typed by the user":                      {http.Header{"Sec-Fetch-Site": {"none"}}, false},
		"same origin behind a gateway":           {http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://elsewhere.bank.example"}}, false},
		"another site":                           {http.Header{"Sec-Fetch-Site": {"cross-site"}}, true},
		"another site, its origin":               {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, true},
		"another site, our host":                 {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"http://sync.bank.example"}}, true},
		"a neighbour of the same site":           {http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://wiki.bank.example"}}, true},
		"a value of the future":                  {http.Header{"Sec-Fetch-Site": {"who-knows"}}, true},
		"a neighbour that is the web app":        {http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://admin.bank.example:8443"}}, false},
		"another site that is the web app":       {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://admin.bank.example:8443"}}, false},
		"an old browser, our host":               {http.Header{"Origin": {"http://sync.bank.example"}}, false},
		"an old browser, our host over https":    {http.Header{"Origin": {"https://sync.bank.example"}}, false},
		"an old browser, another origin":         {http.Header{"Origin": {"https://evil.example"}}, true},
		"an old browser, our host and a port":    {http.Header{"Origin": {"http://sync.bank.example:8080"}}, true}, // compose's Host has none
		"an old browser, our host as a part":     {http.Header{"Origin": {"http://sync.bank.example.evil.example"}}, true},
		"an old browser, no origin to speak of":  {http.Header{"Origin": {"null"}}, true},
		"an old browser, the web app":            {http.Header{"Origin": {"https://admin.bank.example:8443"}}, false},
		"an old browser, the web app's host":     {http.Header{"Origin": {"https://admin.bank.example"}}, true},
		"an old browser, the web app over http":  {http.Header{"Origin": {"http://admin.bank.example:8443"}}, true},
		"a page's form cannot choose its header": {http.Header{"Sec-Fetch-Site": {"cross-site"}, "X-Requested-With": {"XMLHttpRequest"}}, true},
	} {
		for _, route := range protectedRoutes() {
			provider := newRealm(t)
			a := newAPI(t, provider, enforcing, trusting(t))
			test.header["Host"] = []string{"sync.bank.example"}
			test.header["Authorization"] = []string{"Bearer asha"}

			answer := a.sendWith(route.method, route.target, route.body, test.header)

			if !test.refused || route.method == http.MethodGet {
				assert.Less(t, answer.status, 300, "%s %s: %s", name, route.target, answer.body)
				continue
			}
			answer.failed(http.StatusForbidden, "forbidden", "This request came from another web site.", "%s %s", name, route.target)
			untouched(t, provider)
			assert.Empty(t, provider.Mails())
			event := a.audit.only(t)
			assert.Equal(t, domain.Forbidden, event.Reason)
			assert.Equal(t, "asha", event.Actor.Name(), "whose browser it was")
			assert.Empty(t, answer.header.Values("WWW-Authenticate"), "no other token would do")
			assert.Contains(t, a.log.String(), "sync.bank.example", "the log names Origin and Host")
		}
	}
}

// Where Host and Origin differ, nothing works until the origin is named.
func TestCrossSite_TrustsNoOriginByItself(t *testing.T) {
	a := newAPI(t, newRealm(t), enforcing)
	answer := a.sendWith(http.MethodPost, "/sync/user", employee, http.Header{
		"Authorization": {"Bearer asha"}, "Host": {"sync.bank.example"}, "Origin": {"https://admin.bank.example:8443"},
	})
	answer.failed(http.StatusForbidden, "forbidden", "This request came from another web site.")
}
