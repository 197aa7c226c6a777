package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// target is the user in the path.
type target struct {
	given string // as the caller wrote the name, unescaped
	name  domain.Username
}

// targetOf returns the user in the path. A name that no user can have is a user that is
// not found.
func targetOf(r *http.Request) (target, error) {
	given := chi.URLParam(r, "username")
	if r.URL.RawPath != "" {
		// chi matched the escaped path, so the parameter is still escaped. The server
		// has checked the escapes when it parsed the path.
		var err error
		if given, err = url.PathUnescape(given); err != nil {
			return target{given: given}, domain.NotFound
		}
	}
	name, err := domain.ParseUsername(given)
	if err != nil {
		err = &domain.Error{Kind: domain.NotFound, Err: err}
	}
	return target{given, name}, err
}

// doneBody is the JSON of what was done to a user. The members that may be absent are
// those of single routes.
type doneBody struct {
	Status          string   `json:"status"`
	Message         string   `json:"message"`
	Username        string   `json:"username"`
	Email           string   `json:"email,omitempty"`
	Enabled         *bool    `json:"enabled,omitempty"`
	SessionsRevoked bool     `json:"sessions_revoked,omitempty"`
	Warnings        []string `json:"warnings,omitempty"`
}

func (t target) done(message string) doneBody {
	return doneBody{Status: "success", Message: message, Username: t.given}
}

// onUser serves a route about the user in the path. What else the request says is looked
// at first, by read; the use case returns the body of its answer.
func onUser[In any](
	a *api, action domain.Action,
	read func(w http.ResponseWriter, r *http.Request, user target) (In, error),
	do func(ctx context.Context, attempt *app.Attempt, user target, in In) (body any, err error),
) http.HandlerFunc {
	return a.protected(action, func(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
		user, targetErr := targetOf(r)
		in, err := read(w, r, user)
		if err != nil {
			return reply{}, err
		}
		said := reply{status: http.StatusOK}
		if err = targetErr; err == nil {
			said.body, err = do(r.Context(), attempt, user, in)
		}
		if errors.Is(err, domain.NotFound) {
			failure := *domain.AsError(err)
			failure.Message = "User " + user.given + " not found"
			if action == domain.ActionGetStatus { // The contract has other words there.
				failure.Message += " in Keycloak"
				said.errorStatus = "not_found"
			}
			err = &failure
		}
		return said, err
	})
}

// ignoreBody reads nothing.
func ignoreBody(http.ResponseWriter, *http.Request, target) (nothing struct{}, err error) {
	return nothing, nil
}
