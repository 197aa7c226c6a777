package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// reply is what a handler of a protected route has to say; with an error it may be
// empty.
type reply struct {
	status int
	body   any
	// errorStatus is the member "status" of an error's body where it is not "error".
	errorStatus string
}

// useCase is a protected route's own part: it decodes, parses and calls. It writes
// nothing, because the answer has to wait until the attempt is on record.
type useCase func(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error)

// protected serves a route for administrators: each request is an attempt, which is
// admitted or not, handled, put on record, and answered. The first two end with the
// request's time; what is on record and answered afterwards does not depend on it.
func (a *api) protected(action domain.Action, handle useCase) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), a.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		attempt := a.begin(r, action)
		said, err := a.perform(w, r, attempt, handle)
		// A provider that was too slow for the request is not away. Those below cannot tell: to
		// them the request's deadline and a caller who has gone are both the end of a context.
		if errors.Is(err, domain.Unavailable) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			failure := *domain.AsError(err)
			failure.Kind = domain.Timeout
			err = &failure
		}
		err = a.Service.Finish(ctx, attempt, err)
		hurry(w, r)
		switch {
		case errors.Is(err, http.ErrAbortHandler):
			panic(http.ErrAbortHandler) // On record now, and passed on as it came.
		case err == nil:
			writeJSON(w, said.status, said.body)
		default:
			writeErrorStatus(w, r, cmp.Or(said.errorStatus, "error"), err)
		}
	}
}

// begin starts the attempt with what is known before the provider is asked.
func (a *api) begin(r *http.Request, action domain.Action) *app.Attempt {
	user, _ := targetOf(r) // An attempt on a name that cannot be is on record too.
	return a.Service.Begin(action, app.Request{
		ID:            requestOf(r).id,
		TraceID:       traceID(r),
		ClientAddress: clientAddress(r),
		ForwardedFor:  strings.Join(r.Header.Values("X-Forwarded-For"), ", "),
		Username:      user.given,
	})
}

// perform takes the attempt as far as it gets. A panic is its failure, so that it is
// put on record like any other.
func (a *api) perform(w http.ResponseWriter, r *http.Request, attempt *app.Attempt, handle useCase) (said reply, err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			said, err = reply{}, &domain.Error{Kind: domain.Internal, Err: http.ErrAbortHandler}
		default:
			said, err = reply{}, a.panicError(r, cause)
		}
	}()
	// A gateway turns the browser's cookies into a token, so a token alone does not show that
	// the administrator meant the request.
	crossSite := a.CrossOrigin.Check(r)
	if crossSite != nil {
		crossSite = fmt.Errorf("its Origin is %s, its Host %s, see TRUSTED_ORIGINS", domain.Quoted(r.Header.Values("Origin")...), domain.Quoted(r.Host))
	}
	err = a.Service.Admit(r.Context(), attempt, app.Caller{Token: accessToken(r.Header), CrossSite: crossSite})
	if err != nil {
		return reply{}, err
	}
	return handle(w, r, attempt)
}

// accessToken returns the token of the first header that holds one. The gateways set
// one of the three; no other header of theirs can be trusted.
func accessToken(header http.Header) string {
	for _, value := range header.Values("Authorization") {
		// RFC 9110, section 11.1: the scheme's letter case does not count.
		scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			return token
		}
	}
	for _, name := range []string{"X-Auth-Request-Access-Token", "X-Forwarded-Access-Token"} {
		for _, value := range header.Values(name) {
			if token := strings.TrimSpace(value); token != "" {
				return token
			}
		}
	}
	return ""
}

// clientAddress returns the address that the connection comes from.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
