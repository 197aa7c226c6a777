// Package httpapi serves the use cases over HTTP, as the admin web app expects them: it
// decodes, parses, calls one use case, and encodes. It is the only package that knows
// the HTTP contract and chi. Every answer but /metrics and the page /docs is JSON, errors
// and panics too.
package httpapi

import (
	"cmp"
	_ "embed"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// pathPrefix is where the web app calls the service; most gateways strip it, one does
// not. So each route but /metrics is served with and without it.
const pathPrefix = "/api/user-sync"

//go:embed openapi.json
var openAPIDocument []byte

// Config is what New needs. All members are required.
type Config struct {
	Service *app.Service
	// RequestTimeout bounds the work on a request about users, which is answered 504 then.
	RequestTimeout time.Duration
	// CrossOrigin recognises what browsers send on behalf of other sites.
	CrossOrigin *http.CrossOriginProtection
	// Health returns nil, or why the identity provider is not usable. It must not wait.
	Health func() error
	// Ready reports whether the service takes requests: started and not draining.
	Ready func() bool
	// Realm is named in the answer of /health.
	Realm string
	Log   *slog.Logger
	// Metrics serves /metrics.
	Metrics http.Handler
	// Observe is told of each request that is no probe: endpoint is the route's
	// pattern, or "other".
	Observe func(method, endpoint string, status int, duration time.Duration)
	// SeparateManagement tells that metrics and probes have a listener of their own, see
	// [NewManagement].
	SeparateManagement bool
	// Profiles serves /debug/pprof on that listener.
	Profiles bool
	// Docs serves the page that shows the OpenAPI document.
	Docs bool
	// Traces takes a span for each request.
	Traces trace.TracerProvider
}

type api struct {
	Config
	mux *chi.Mux
	// warnings are few even if many are refused: a stranger must not fill the log.
	warnings *rate.Limiter
}

// warningsPerSecond is how many refusals that point to the set-up are logged as warnings.
const warningsPerSecond = 10

// New returns the handler of all routes.
func New(config Config) http.Handler {
	a := &api{Config: config, mux: chi.NewMux(), warnings: rate.NewLimiter(warningsPerSecond, warningsPerSecond)}
	a.mux.Use(identify, impatient, a.trace, a.record, a.recoverPanic)
	a.mux.NotFound(a.notFound)
	a.mux.MethodNotAllowed(a.methodNotAllowed)
	for _, prefix := range []string{"", pathPrefix} {
		a.mux.Post(prefix+"/sync/user", a.protected(domain.ActionSyncUser, a.syncUser))
		a.mux.Post(prefix+"/users/{username}/reset-password", onUser(a, domain.ActionResetPassword, ignoreBody, a.resetPassword))
		a.mux.Put(prefix+"/users/{username}/status", onUser(a, domain.ActionSetStatus, readEnabled, a.setStatus))
		a.mux.Post(prefix+"/users/{username}/force-password-change", onUser(a, domain.ActionForcePasswordChange, ignoreBody, a.forcePasswordChange))
		a.mux.Put(prefix+"/users/{username}", onUser(a, domain.ActionUpdateUser, readUpdateUser, a.updateUser))
		a.mux.Post(prefix+"/users/{username}/logout", onUser(a, domain.ActionEndSessions, ignoreBody, a.endSessions))
		a.mux.Get(prefix+"/users/{username}/keycloak-status", onUser(a, domain.ActionGetStatus, readDetail, a.getStatus))

		a.mux.Get(prefix+"/health", a.health)
		a.mux.Get(prefix+"/openapi.json", a.openAPI)
		if a.Docs {
			a.document(prefix)
		}
		if !a.SeparateManagement {
			a.operate(prefix)
		}
	}
	return a.mux
}

// endpoint returns the pattern of the route that served r, without the prefix, or
// "other" when no route fits. The page's files count as the page.
func endpoint(r *http.Request) string {
	pattern := chi.RouteContext(r.Context()).RoutePattern()
	if pattern == "" || strings.HasSuffix(pattern, "*") {
		return "other"
	}
	route := strings.TrimPrefix(pattern, pathPrefix)
	if strings.HasPrefix(route, pageRoute+"/") {
		return pageRoute
	}
	return route
}

// openAPI handles "GET /openapi.json".
func (a *api) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument) // The client has gone; nothing is left to do.
}

// notFound answers requests that no route fits.
func (a *api) notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, noRoute)
}

// methodNotAllowed answers requests for a route with another method. It says which
// methods the route has (RFC 9110, section 15.5.6).
func (a *api) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	path := cmp.Or(r.URL.RawPath, r.URL.Path)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		if a.mux.Match(chi.NewRouteContext(), method, path) {
			w.Header().Add("Allow", method)
		}
	}
	if w.Header().Get("Allow") == "" {
		// chi comes here with any method it does not know, before it looks at the path.
		a.notFound(w, r)
		return
	}
	writeError(w, r, wrongMethod)
}
