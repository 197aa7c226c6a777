package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"user-sync-service/internal/domain"
)

// call makes one call with an access token. When Keycloak no longer accepts the token it
// has done nothing, so the call is made once more with a new one.
func (c *Client) call(ctx context.Context, op operation, send func(ctx context.Context, token string) error) error {
	return c.tokens.Use(ctx, badLogin, func(token string) error {
		return c.do(ctx, op, func(ctx context.Context) error { return send(ctx, token) })
	})
}

// onUser makes one call about the user with this id.
func (c *Client) onUser(ctx context.Context, op operation, id domain.UserID, send func(ctx context.Context, token, userID string) error) error {
	userID, ok := pathSegment(string(id))
	if !ok {
		return notSent(op, domain.NotFound, "no id")
	}
	return c.call(ctx, op, func(ctx context.Context, token string) error { return send(ctx, token, userID) })
}

// read reads what the realm has at the path, whose segments are not escaped yet. It goes
// past gocloak's own types, so that the answer is decoded once, and only what is looked at.
func read[T any](ctx context.Context, c *Client, op operation, query url.Values, path ...string) (T, error) {
	var result T
	address := c.admin
	for _, name := range path {
		segment, ok := pathSegment(name)
		if !ok {
			failure := notSent(op, domain.NotFound, "no name")
			if failure.Reason = Missing; op == opGetRole {
				failure.err.Kind = domain.UnknownRole
			}
			return result, failure
		}
		address += "/" + segment
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	err := c.call(ctx, op, func(ctx context.Context, token string) error {
		_, err := c.gocloak.GetRequestWithBearerAuth(ctx, token).SetDoNotParseResponse(true).Get(address)
		if x := exchangeOf(ctx); err == nil && x.status < http.StatusMultipleChoices {
			err = json.Unmarshal(x.body, &result)
		}
		return err
	})
	return result, err
}

// list is read for a list whose entries must be whole.
func list[T interface{ isWhole() bool }](ctx context.Context, c *Client, op operation, query url.Values, path ...string) ([]T, error) {
	entries, err := read[[]T](ctx, c, op, query, path...)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.isWhole() {
			return nil, badAnswer(op, "an entry without an id or a name")
		}
	}
	return entries, nil
}

// badAnswer is the error of an answer that lacks something.
func badAnswer(op operation, why string) *Error {
	return &Error{Outcome: Unknown, Code: "200", err: &domain.Error{Kind: domain.BadAnswer, Err: errors.New(string(op) + ": " + why)}}
}

// pathSegment escapes text for one segment of a URL's path. It reports false for text
// that would name something else there, whatever the escaping.
func pathSegment(text string) (string, bool) {
	if text == "" || text == "." || text == ".." {
		return "", false
	}
	return url.PathEscape(text), true
}
