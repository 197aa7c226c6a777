package adminapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// base is where Keycloak is. Since version 17 it has no "/auth" before its paths, unless it
// is told to, but many addresses of it still end so. Which one is meant is asked of Keycloak,
// and stays open until it answers.
type base struct {
	given   string // the configured URL
	bare    string // without "/auth"; empty: it does not end so, and there is nothing to ask
	realm   string // escaped for a path
	name    string // of the realm
	next    http.RoundTripper
	timeout time.Duration // of one question
	log     *slog.Logger
	// settled is what counts; nil: open.
	settled atomic.Pointer[string]
}

func newBase(config Config, realm string) *base {
	given, err := url.JoinPath(config.URL)
	if err != nil {
		given = config.URL // It fails with each call.
	}
	given = strings.TrimRight(given, "/")
	b := &base{given: given, realm: realm, name: config.Realm, next: config.Transport, timeout: config.CallTimeout, log: config.Log}
	if bare, ok := strings.CutSuffix(given, "/auth"); ok && !strings.HasSuffix(bare, "/") { // Not a host of that name.
		b.bare = bare
	}
	return b
}

// address returns the base URL that counts. As long as that is open, it is the given one.
func (b *base) address(ctx context.Context) string {
	if settled := b.settled.Load(); settled != nil {
		return *settled
	}
	if b.bare == "" {
		return b.given
	}
	switch b.ask(ctx, b.given) {
	case keycloak:
		b.settle(b.given, "Keycloak answers below the /auth of KEYCLOAK_URL, which counts")
		return b.given
	case another:
		if b.ask(ctx, b.bare) == keycloak {
			b.settle(b.bare, "Keycloak does not answer below the /auth of KEYCLOAK_URL, but without it, which counts")
			return b.bare
		}
	case unclear:
	}
	return b.given
}

// askAgain corrects what was settled against the given URL: that it was not Keycloak's may
// have been the word of a gateway.
func (b *base) askAgain(ctx context.Context) {
	if settled := b.settled.Load(); settled != nil && *settled != b.given && b.ask(ctx, b.given) == keycloak {
		b.settle(b.given, "Keycloak answers below the /auth of KEYCLOAK_URL again, which counts")
	}
}

func (b *base) settle(address, message string) {
	if before := b.settled.Swap(&address); before == nil || *before != address {
		b.log.Info(message, "url", address)
	}
}

// The answers to who is at an address.
type who int

const (
	unclear  who = iota // no answer, or one that may soon be another
	another             // something that is no Keycloak
	keycloak            // Keycloak itself
)

// ask asks at the address for the realm, in public.
func (b *base) ask(ctx context.Context, address string) who {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/realms/"+b.realm, nil)
	if err != nil {
		return unclear
	}
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return unclear
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return unclear
	}
	var said struct {
		Realm  string `json:"realm"`
		Tokens string `json:"token-service"`
		Error  string `json:"error"`
	}
	// What is no JSON is not Keycloak's.
	_ = json.Unmarshal(body, &said)
	switch status := response.StatusCode; {
	case status == http.StatusOK && strings.EqualFold(said.Realm, b.name) && said.Tokens != "",
		status == http.StatusNotFound && said.Error == "Realm does not exist":
		return keycloak
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return unclear
	}
	return another
}

// moved returns the request as it is for the base URL that counts.
func (b *base) moved(req *http.Request) *http.Request {
	address := b.address(req.Context())
	at, err := url.Parse(address + strings.TrimPrefix(req.URL.String(), b.given))
	if address == b.given || err != nil {
		return req
	}
	req = req.Clone(req.Context())
	req.URL = at
	return req
}
