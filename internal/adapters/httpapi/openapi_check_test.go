package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// document holds answers against an OpenAPI document of the service.
type document struct {
	spec     *openapi3.T
	patterns map[string]*regexp.Regexp // by path, with and without the prefix where both are served
}

func loadDocument(ctx context.Context, data []byte) (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, err
	}
	d := &document{spec: spec, patterns: map[string]*regexp.Regexp{}}
	parameter, trailing := regexp.MustCompile(`\\{[a-z]+\\}`), regexp.MustCompile(`\\{[a-z]+\\}$`)
	for path, item := range spec.Paths.Map() {
		// At the end of a path a router does not take nothing for a segment.
		pattern := trailing.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
		pattern = parameter.ReplaceAllString(pattern, "[^/]*")
		if len(item.Servers) == 0 { // Else it is served at one place alone.
			pattern = "(/api/user-sync)?" + pattern
		}
		d.patterns[path] = regexp.MustCompile("^" + pattern + "$")
	}
	return d, spec.Validate(ctx)
}

// check returns an error when the document does not promise this answer: its status,
// its headers, its body. An unknown path or method has a promise too.
func (d *document) check(request *http.Request, status int, header http.Header, body []byte) error {
	route := d.route(request)
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 status,
		Header:                 header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(request.Context(), input.SetBodyBytes(body)); err != nil {
		return fmt.Errorf("%s %s answered %d, which the document does not promise: %w\n%s", request.Method, route.Path, status, err, body)
	}
	// The decoder of kin-openapi stops at the end of the first JSON value.
	if header.Get("Content-Type") == "application/json" && request.Method != http.MethodHead && !json.Valid(body) {
		return fmt.Errorf("%s %s answered %d with a body that is not JSON: %s", request.Method, route.Path, status, body)
	}
	return nil
}

// isProtected reports whether the document asks for an access token.
func (d *document) isProtected(request *http.Request) bool {
	security := d.route(request).Operation.Security
	return security != nil && len(*security) > 0
}

// route finds the operation by itself, because the routers of kin-openapi decode paths
// before they match them.
func (d *document) route(request *http.Request) *routers.Route {
	received := request.URL.RawPath // EscapedPath would decode what it would have written otherwise.
	if received == "" {
		received = request.URL.EscapedPath()
	}
	for path, item := range d.spec.Paths.Map() {
		if !d.patterns[path].MatchString(received) {
			continue
		}
		operation := item.Operations()[request.Method]
		if operation == nil {
			operation = d.always(http.StatusMethodNotAllowed, "MethodNotAllowed")
		}
		return &routers.Route{Spec: d.spec, Path: path, PathItem: item, Method: request.Method, Operation: operation}
	}
	return &routers.Route{Spec: d.spec, Path: "(no route)", Operation: d.always(http.StatusNotFound, "NoSuchAddress")}
}

// always is an operation with one of the document's shared answers and no other.
func (d *document) always(status int, name string) *openapi3.Operation {
	return &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithStatus(status, d.spec.Components.Responses[name]))}
}
