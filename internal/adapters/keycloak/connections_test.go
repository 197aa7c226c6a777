package keycloak_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// wire carries connections to a stub. Those that are open may go dead: then they carry
// nothing any more, and neither end learns of it.
type wire struct {
	address string

	mu   sync.Mutex
	dead chan struct{} // closed when the connections that were opened meanwhile go dead
	all  []net.Conn
}

func newWire(t *testing.T, s *stub) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{address: listener.Addr().String(), dead: make(chan struct{})}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				_ = near.Close()
				continue
			}
			w.mu.Lock()
			dead := w.dead
			w.all = append(w.all, near, far)
			w.mu.Unlock()
			carrying.Go(func() { carry(near, far, dead) })
			carrying.Go(func() { carry(far, near, dead) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.mu.Lock()
		for _, conn := range w.all {
			_ = conn.Close()
		}
		w.mu.Unlock()
		carrying.Wait()
	})
	return w
}

func carry(to, from net.Conn, dead <-chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-dead:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		_, _ = to.Write(buffer[:n])
	}
}

func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.dead)
	w.dead = make(chan struct{})
}

// A machine that goes away does not say so on the connections that are open. One call
// finds it out, not one for each of them.
func TestConnections_ThatAreDeadAreLeft(t *testing.T) {
	t.Parallel()
	const open = 10
	s := newStub(t)
	s.plant(present())
	wire := newWire(t, s)
	p := s.provider(t, impatient, func(config *keycloak.Config) { config.URL = "http://" + wire.address })
	require.NoError(t, p.Check(t.Context()))

	// So many at once need as many connections, which stay open afterwards.
	var here, all sync.WaitGroup
	here.Add(open)
	s.answers("GET users", open, func(w http.ResponseWriter, r *http.Request) {
		here.Done()
		here.Wait()
		s.asUsual(s.find)(w, r)
	})
	for range open {
		all.Go(func() { assert.NoError(t, findPresent(t, p)) })
	}
	all.Wait()
	wire.kill()
	require.ErrorIs(t, findPresent(t, p), domain.Timeout)
	require.NoError(t, findPresent(t, p))
}
