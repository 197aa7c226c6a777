package keycloak

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// pathSegment escapes text for one segment of a URL's path. It reports false for text
// that would name something else there, whatever the escaping.
func pathSegment(text string) (string, bool) {
	if text == "" || text == "." || text == ".." {
		return "", false
	}
	return url.PathEscape(text), true
}

// getJSON reads what gocloak has no call for, or not the whole of it. The path below the
// realm is escaped already.
func (p *Provider) getJSON(ctx context.Context, token string, into any, path ...string) error {
	address, err := url.JoinPath(p.baseURL, append([]string{"admin", "realms", p.realm}, path...)...)
	if err != nil {
		return err
	}
	answer, err := p.client.GetRequestWithBearerAuth(ctx, token).SetResult(into).Get(address)
	if err == nil && answer.StatusCode() != http.StatusOK {
		err = errors.New(answer.Status())
	}
	return err
}
