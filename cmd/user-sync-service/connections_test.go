package main

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever holds connections and asks for nothing keeps nobody out.
func TestLimit_LeavesTheConnectionThatHasWaitedLongest(t *testing.T) {
	const most = 4
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	busy, answer := make(chan struct{}), make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(busy)
			<-answer
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(limit(server, listener, most)) }()
	t.Cleanup(func() {
		assert.NoError(t, server.Close())
		<-served
	})
	get := func(path string) error {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		require.NoError(t, err)
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}

	slow := make(chan error, 1)
	go func() { slow <- get("/slow") }()
	<-busy
	var idle []net.Conn
	for range 2 * most {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		idle = append(idle, conn)
	}
	for range 2 {
		require.NoError(t, get("/"), "idle connections keep a request out")
	}
	require.NoError(t, idle[0].SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = idle[0].Read(make([]byte, 1))
	require.Error(t, err, "the oldest one is still open")
	close(answer)
	require.NoError(t, <-slow, "a connection with a request under way was closed")
}

func TestConnectionLimit_StaysBelowTheDescriptors(t *testing.T) {
	assert.Equal(t, 10, connectionLimit(10, 20))
	assert.Less(t, connectionLimit(1<<30, 20), 1<<30)
	assert.Equal(t, leastConnections, connectionLimit(1<<30, 1<<30))
}
