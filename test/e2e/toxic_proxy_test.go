//go:build chaos

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// toxic is one of toxiproxy's disturbances of a connection.
type toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`   // upstream: what goes to Keycloak; downstream: what comes back
	Toxicity   float32        `json:"toxicity"` // the share of the connections that are disturbed
	Attributes map[string]any `json:"attributes"`
}

// toxicProxy carries the connections between the program and Keycloak, and disturbs
// them on demand.
type toxicProxy struct {
	URL string

	address string
	server  *toxiproxy.ApiServer

	mu       sync.Mutex
	upstream string
	current  *toxiproxy.Proxy // nil: connections are refused
}

// newToxicProxy starts a proxy to the server at target.
func newToxicProxy(t *testing.T, target string) *toxicProxy {
	t.Helper()
	p := &toxicProxy{
		address:  reservePort(t),
		server:   toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
		upstream: strings.TrimPrefix(target, "http://"),
	}
	p.URL = "http://" + p.address
	require.NoError(t, p.carry())
	t.Cleanup(p.refuse)
	return p
}

// carry lets connections through, disturbed by toxics; those that were open are closed.
//
// Each time it takes a new toxiproxy.Proxy: changing the toxics of open connections can
// wait for ever in toxiproxy 2.5.0 while a connection is being closed.
func (p *toxicProxy) carry(toxics ...toxic) error {
	p.refuse()
	p.mu.Lock()
	defer p.mu.Unlock()
	proxy := toxiproxy.NewProxy(p.server, "keycloak", p.address, p.upstream)
	for i, t := range toxics {
		data, err := json.Marshal(struct {
			toxic
			Name string `json:"name"`
		}{t, fmt.Sprint(t.Type, i)})
		if err != nil {
			return err
		}
		if _, err := proxy.Toxics.AddToxicJson(bytes.NewReader(data)); err != nil {
			return err
		}
	}
	if err := proxy.Start(); err != nil {
		return err
	}
	p.current = proxy
	return nil
}

// refuse closes all connections and refuses new ones.
func (p *toxicProxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.Stop()
		p.current = nil
	}
}

// reservePort returns an address on which nobody listens, and keeps it for the test:
// while the proxy refuses connections, no other process is given its port.
func reservePort(t *testing.T) (address string) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	// With it, a listener on the same port is possible beside a socket that does not listen.
	require.NoError(t, syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := syscall.Getsockname(socket)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*syscall.SockaddrInet4).Port))
}
