package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openAPI holds answers against the document that the service itself serves.
type openAPI struct {
	router routers.Router
}

func openAPIOf(t *testing.T, url string) openAPI {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData([]byte(send(t, http.MethodGet, url+"/openapi.json", "").body))
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	document.Servers = nil // The paths are compared, wherever the service listens.
	router, err := gorillamux.NewRouter(document)
	require.NoError(t, err)
	return openAPI{router}
}

// check fails the test when the document does not describe the answer. Answers about
// addresses or methods that are not there are in no document.
func (o openAPI) check(t *testing.T, method, path string, answer reply) {
	t.Helper()
	assert.Equal(t, "application/json", answer.header.Get("Content-Type"))
	if strings.Contains(answer.body, `"code":"not_found"`) || answer.status == http.StatusMethodNotAllowed {
		return
	}
	path = strings.TrimPrefix(path, "/api/user-sync")
	path = strings.ReplaceAll(path, "//", "/-/") // The document's router takes no empty name.
	request, err := http.NewRequestWithContext(t.Context(), method, "http://service.example"+path, http.NoBody)
	require.NoError(t, err)
	route, parameters, err := o.router.FindRoute(request)
	if !assert.NoError(t, err, "the document lacks %s %s", method, path) {
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route},
		Status:                 answer.status,
		Header:                 answer.header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes([]byte(answer.body))
	assert.NoError(t, openapi3filter.ValidateResponse(t.Context(), input), "%s %s: %s", method, path, answer.body)
}
