//go:build chaos

package e2e

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mischief is what a gateway does to some of the calls to Keycloak.
type mischief struct {
	*gateway
	keycloak http.HandlerFunc

	logIns   atomic.Int64 // calls of the token endpoint
	underWay atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
	share  float32 // of the calls that are disturbed
	fault  func(keycloak http.HandlerFunc) http.HandlerFunc
}

// newMischief starts a gateway to the Keycloak at target that passes on everything
// until it is told otherwise.
func newMischief(t *testing.T, target string, seed uint64) *mischief {
	t.Helper()
	m := &mischief{gateway: newGateway(t, target), keycloak: proxyTo(t, target), random: rand.New(rand.NewPCG(seed, 1))}
	m.breakWith(m.serve)
	return m
}

// disturb applies a fault to a share of the calls; nil ends it.
func (m *mischief) disturb(share float32, fault func(keycloak http.HandlerFunc) http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share, m.fault = share, fault
}

func (m *mischief) serve(w http.ResponseWriter, r *http.Request) {
	m.underWay.Add(1)
	defer m.underWay.Add(-1)
	if strings.HasSuffix(r.URL.Path, "/token") {
		m.logIns.Add(1)
	}
	m.mu.Lock()
	handler := m.keycloak
	if m.fault != nil && m.random.Float32() < m.share {
		handler = m.fault(m.keycloak)
	}
	m.mu.Unlock()
	handler(w, r)
}

// settle waits until Keycloak has answered every call.
func (m *mischief) settle(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return m.underWay.Load() == 0 }, time.Minute, 10*time.Millisecond, "calls are still under way")
}

// The faults of a gateway.

// dropped closes the connection instead of passing the call on.
func dropped(http.HandlerFunc) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
}

// answerLost passes the call on and never answers.
func answerLost(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		keycloak(httptest.NewRecorder(), detached(r))
		hang(w, r)
	}
}

// late passes the call on only when the caller has given up.
func late(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			keycloak(httptest.NewRecorder(), detached(r))
			panic(http.ErrAbortHandler)
		}()
		hang(w, r)
	}
}

// refusedWith answers with a status instead of passing the call on, and with header lines
// "Name: value".
func refusedWith(code int, header ...string) func(http.HandlerFunc) http.HandlerFunc {
	return func(http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, line := range header {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			http.Error(w, "not now", code)
		}
	}
}

// answerReplaced passes the call on and answers something else.
func answerReplaced(code int, contentType, body string) func(http.HandlerFunc) http.HandlerFunc {
	return func(keycloak http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			keycloak(httptest.NewRecorder(), detached(r))
			status(code, contentType, body)(w, r)
		}
	}
}

// cutShort leaves out the second half of each answer's body.
func cutShort(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		keycloak(answer, r)
		copyHeader(w, answer)
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	}
}

// slowBody sends the status at once and the body at a byte a second.
func slowBody(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		keycloak(answer, r)
		copyHeader(w, answer)
		w.WriteHeader(answer.Code)
		for _, b := range answer.Body.Bytes() {
			_, _ = w.Write([]byte{b})
			_ = http.NewResponseController(w).Flush() // The caller may have gone.
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
	}
}

func copyHeader(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
}
