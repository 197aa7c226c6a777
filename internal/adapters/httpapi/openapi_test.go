package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The document is what the web app's developers read; a route that is missing there
// does not exist for them, and one that exists only there is a broken promise.

const prefix = "/api/user-sync"

// routesOf returns what the router serves, as "METHOD path".
func routesOf(t *testing.T, handler http.Handler) (bare, prefixed []string) {
	t.Helper()
	router, ok := handler.(chi.Routes)
	require.True(t, ok, "the handler is no chi router")
	require.NoError(t, chi.Walk(router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			prefixed = append(prefixed, method+" "+rest)
		} else {
			bare = append(bare, method+" "+path)
		}
		return nil
	}))
	require.NotEmpty(t, bare)
	return bare, prefixed
}

func TestOpenAPI_NamesExactlyTheRoutes(t *testing.T) {
	a := newAPI(t, newRealm(t))
	var documented []string
	for path, item := range a.document.spec.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}

	bare, prefixed := routesOf(t, a.handler)

	assert.ElementsMatch(t, bare, documented)
	assert.ElementsMatch(t, bare, append(prefixed, "GET /metrics"), "every other route is served below the prefix as well")
}

func TestOpenAPI_IsServedAsItIsInTheSource(t *testing.T) {
	a := newAPI(t, newRealm(t))

	answer := a.send(http.MethodGet, "/openapi.json", "")

	assert.Equal(t, http.StatusOK, answer.status)
	served, err := loadDocument(t.Context(), []byte(answer.body))
	require.NoError(t, err, "the document is not valid")
	assert.Equal(t, "3.1.0", served.spec.OpenAPI)
	assert.Equal(t, "User Sync Service", served.spec.Info.Title)
	assert.Equal(t, "1", served.spec.Info.Version)
	require.Len(t, served.spec.Servers, 1)
	assert.Equal(t, ".", served.spec.Servers[0].URL, "the service is where the document is, whatever a gateway strips")
}

// The web app relies on this: answers may grow, so its schemas must let them.
func TestOpenAPI_LetsAnswersGrowButNamesWhatIsAlwaysThere(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for name, schema := range a.document.spec.Components.Schemas {
		if !schema.Value.Type.Is("object") {
			continue
		}
		assert.Nil(t, schema.Value.AdditionalProperties.Has, name)
		assert.True(t, len(schema.Value.Required) > 0 || schema.Value.MinProps > 0, name)
		assert.NotEmpty(t, schema.Value.Description, name)
		for _, required := range schema.Value.Required {
			assert.Contains(t, slices.Collect(maps.Keys(schema.Value.Properties)), required, name)
		}
	}
}

func TestOpenAPI_ShowsAnExampleOfEveryBody(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for path, item := range a.document.spec.Paths.Map() {
		for method, operation := range item.Operations() {
			if body := operation.RequestBody; body != nil {
				assert.NotEmpty(t, body.Value.Content[jsonType].Examples, "%s %s", method, path)
			}
			for status, response := range operation.Responses.Map() {
				require.Len(t, response.Value.Content, 1, "%s %s %s", method, path, status)
				for _, media := range response.Value.Content {
					assert.NotEmpty(t, media.Examples, "%s %s %s", method, path, status)
				}
				assert.Contains(t, response.Value.Headers, "X-Request-Id", "%s %s %s", method, path, status)
			}
		}
	}
}

// Without this a checker that takes everything would make every other test pass.
func TestOpenAPICheck_RefusesWhatIsNotPromised(t *testing.T) {
	a := newAPI(t, newRealm(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "/users/a%2Fb/status", http.NoBody)
	require.NoError(t, err)
	header := http.Header{"Content-Type": {jsonType}, "X-Request-Id": {"r1"}, "Cache-Control": {"no-store"}}
	body := `{"status":"success","message":"m","username":"a/b","enabled":true,"more":1}`
	require.NoError(t, a.document.check(request, http.StatusOK, header, []byte(body)))

	changed := func(name, value string) http.Header {
		other := header.Clone()
		other.Set(name, value)
		return other
	}
	notFound := `{"status":"error","code":"user_not_found","message":"m","request_id":"r1"}`
	require.NoError(t, a.document.check(request, http.StatusNotFound, header, []byte(notFound)))
	for name, err := range map[string]error{
		"another status":       a.document.check(request, http.StatusTeapot, header, []byte(body)),
		"a missing member":     a.document.check(request, http.StatusOK, header, []byte(`{"status":"success","message":"m"}`)),
		"a wrong type":         a.document.check(request, http.StatusOK, header, []byte(strings.Replace(body, "true", `"true"`, 1))),
		"another code":         a.document.check(request, http.StatusNotFound, header, []byte(strings.Replace(notFound, "user_not_found", "no_email", 1))),
		"another media type":   a.document.check(request, http.StatusOK, changed("Content-Type", "text/html"), []byte(body)),
		"a cacheable answer":   a.document.check(request, http.StatusOK, changed("Cache-Control", "public"), []byte(body)),
		"no request id":        a.document.check(request, http.StatusOK, http.Header{"Content-Type": {jsonType}, "Cache-Control": {"no-store"}}, []byte(body)),
		"503 and no retry":     a.document.check(request, http.StatusServiceUnavailable, header, []byte(strings.Replace(notFound, "user_not_found", "provider_unavailable", 1))),
		"no JSON":              a.document.check(request, http.StatusOK, header, []byte("ok")),
		"an empty answer":      a.document.check(request, http.StatusOK, header, nil),
		"a trailing second {}": a.document.check(request, http.StatusOK, header, []byte(body+"{}")),
	} {
		assert.Error(t, err, name)
	}
}
