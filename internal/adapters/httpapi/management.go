package httpapi

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-chi/chi/v5"
)

// NewManagement returns the handler of the operators' own listener: metrics, probes, and
// with Profiles those of the running program, none of which the gateway should reach. Its
// requests are logged but not counted, and have no spans.
func NewManagement(config Config) http.Handler {
	config.Observe = func(string, string, int, time.Duration) {}
	a := &api{Config: config, mux: chi.NewMux()}
	a.mux.Use(identify, impatient, a.record, a.recoverPanic)
	a.mux.NotFound(a.notFound)
	a.mux.MethodNotAllowed(a.methodNotAllowed)
	a.operate("")
	if a.Profiles {
		a.mux.Get("/debug/pprof/cmdline", pprof.Cmdline)
		a.mux.Get("/debug/pprof/profile", pprof.Profile)
		a.mux.Get("/debug/pprof/symbol", pprof.Symbol)
		a.mux.Post("/debug/pprof/symbol", pprof.Symbol)
		a.mux.Get("/debug/pprof/trace", pprof.Trace)
		a.mux.Get("/debug/pprof/*", pprof.Index)
	}
	return a.mux
}

// operate adds the routes that only operators need. Metrics are not below the prefix,
// where gateways pass on whatever strangers ask for.
func (a *api) operate(prefix string) {
	a.mux.Get(prefix+"/livez", a.livez)
	a.mux.Get(prefix+"/readyz", a.readyz)
	if prefix == "" {
		a.mux.Get("/metrics", a.Metrics.ServeHTTP)
	}
}
