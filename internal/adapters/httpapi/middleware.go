package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"user-sync-service/internal/domain"
)

// request is what the middlewares and writeError tell each other about one request.
type request struct {
	id      string
	failure *domain.Error // nil: answered without an error
	unread  bool          // the body, or a part of it
}

type requestKey struct{}

func requestOf(r *http.Request) *request { return r.Context().Value(requestKey{}).(*request) }

// identify gives the request its id: the caller's X-Request-Id if that is fit for logs
// and headers, else a new one. The answer carries it in any case.
func identify(next http.Handler) http.Handler {
	sane := regexp.MustCompile(`^[A-Za-z0-9._~:+/=-]{1,128}$`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !sane.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, &request{id: id})))
	})
}

// record writes one log line per request and counts it. Paths are not logged, since
// they name users; the route's pattern is.
func (a *api) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		answered := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(answered, r)

		duration, route, request := time.Since(start), endpoint(r), requestOf(r)
		describe(r, route, answered.Status())
		if !isProbe(route) {
			a.Observe(knownMethod(r.Method), route, answered.Status(), duration)
		}
		attributes := []slog.Attr{
			slog.String("method", knownMethod(r.Method)),
			slog.String("route", route),
			slog.Int("status", answered.Status()),
			slog.Duration("duration", duration),
			slog.String("request_id", request.id),
		}
		if id := traceID(r); id != "" {
			attributes = append(attributes, slog.String("trace_id", id))
		}
		if failure := request.failure; failure != nil {
			attributes = append(attributes, slog.String("code", failure.Kind.Error()))
			if failure.Err != nil {
				attributes = append(attributes, slog.String("error", failure.Err.Error()))
			}
		}
		level := logLevel(route, answered.Status())
		if level == slog.LevelInfo && pointsToSetup(request.failure) && a.warnings.Allow() {
			level = slog.LevelWarn
		}
		a.Log.LogAttrs(r.Context(), level, "request", attributes...)
	})
}

// recoverPanic answers a panic as an internal error and keeps the stack for the log.
func (a *api) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler: // the standard library's way to end a connection
				panic(cause)
			default:
				writeError(w, r, a.panicError(r, cause))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// panicError keeps the stack for the log and returns the failure that the panic is. Its
// value is told where it is a text or an error; others could hold anything.
func (a *api) panicError(r *http.Request, cause any) error {
	a.Log.ErrorContext(r.Context(), "panic", "stack", string(debug.Stack()), "request_id", requestOf(r).id)
	switch cause.(type) {
	case string, error:
	default:
		cause = fmt.Sprintf("a value of type %T", cause)
	}
	return &domain.Error{Kind: domain.Internal, Err: fmt.Errorf("panic: %v", cause)}
}

// logLevel follows the status: 5xx is ours to look at, an absent provider less so.
func logLevel(route string, status int) slog.Level {
	switch {
	case isProbe(route):
		return slog.LevelDebug
	case status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// pointsToSetup reports whether the operators should look at why the request was refused.
func pointsToSetup(failure *domain.Error) bool {
	if failure == nil {
		return false
	}
	_, ok := errors.AsType[domain.SetupFault](failure)
	return ok
}

// isProbe reports whether machines ask for the route every few seconds.
func isProbe(route string) bool {
	return slices.Contains([]string{"/health", "/livez", "/readyz", "/metrics"}, route)
}

// knownMethod keeps invented methods out of logs and metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
