package e2e

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is one request that the program sent to Keycloak, and its answer.
type call struct {
	Method, Path  string
	Authorization string
	Traceparent   string
	Body, Answer  string
}

// gateway stands between the program and Keycloak. It notes every call and can stand in
// for a Keycloak in trouble.
type gateway struct {
	URL string

	mu    sync.Mutex
	calls []call
	fault http.HandlerFunc
}

// newGateway starts a gateway to the Keycloak at target.
func newGateway(t *testing.T, target string) *gateway {
	t.Helper()
	proxy := proxyTo(t, target)
	g := &gateway{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.serve(w, r, proxy)
	}))
	g.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return g
}

// proxyTo returns a handler that passes requests on to the server at target.
func proxyTo(t *testing.T, target string) http.HandlerFunc {
	t.Helper()
	destination, err := url.Parse(target)
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		// The Host header stays: Keycloak issues tokens for the name it is called by.
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(destination); r.Out.Host = r.In.Host },
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // A caller who goes away is what some tests are about.
	}
	return proxy.ServeHTTP
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request, keycloak http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	handler := g.fault
	g.mu.Unlock()
	answer := &answerTee{ResponseWriter: w}
	if handler != nil {
		handler(answer, r)
	} else {
		keycloak.ServeHTTP(answer, r)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call{
		Method: r.Method, Path: r.URL.EscapedPath(), Authorization: r.Header.Get("Authorization"),
		Traceparent: r.Header.Get("Traceparent"), Body: string(body), Answer: answer.body.String(),
	})
}

// answerTee keeps a copy of what is answered.
type answerTee struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (a *answerTee) Write(p []byte) (int, error) {
	a.body.Write(p)
	return a.ResponseWriter.Write(p)
}

func (a *answerTee) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// breakWith lets handler answer instead of Keycloak; nil mends it again.
func (g *gateway) breakWith(handler http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = handler
}

// taken returns the calls since the last time.
func (g *gateway) taken() []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls = nil
	return calls
}

// requestCalls returns the calls since the last time as "METHOD path" with ids left
// out, but for those that no request causes: the background check of the realm.
func (g *gateway) requestCalls() []string {
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	var calls []string
	for _, c := range g.taken() {
		_, path, _ := strings.Cut(strings.TrimPrefix(c.Path, "/admin"), "/realms/")
		_, path, inRealm := strings.Cut(path, "/")
		if inRealm {
			calls = append(calls, c.Method+" "+ids.ReplaceAllString(path, "{id}"))
		}
	}
	return calls
}

// hang never answers before the caller gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(time.Minute):
	}
	panic(http.ErrAbortHandler)
}

// answerDropped passes the call on and closes the connection instead of answering.
func answerDropped(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		keycloak(httptest.NewRecorder(), detached(r))
		panic(http.ErrAbortHandler)
	}
}

// detached is a request that does not end with its caller.
func detached(r *http.Request) *http.Request {
	return r.WithContext(context.WithoutCancel(r.Context()))
}
