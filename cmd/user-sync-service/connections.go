package main

import (
	"net"
	"net/http"
	"sync"
	"syscall"

	"golang.org/x/net/netutil"
)

// spareDescriptors are for what is no connection of a caller or to Keycloak: listeners,
// files, the management listener's connections.
const spareDescriptors = 64

// leastConnections of callers are let in however few descriptors there are.
const leastConnections = 16

// connectionLimit returns how many connections of callers the process has descriptors for,
// at most the wanted number. Others is how many it may have beside them.
func connectionLimit(wanted, others int) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > uint64(wanted+others+spareDescriptors) { //nolint:gosec // Both are small and positive.
		return wanted
	}
	return max(int(limit.Cur)-others-spareDescriptors, leastConnections) //nolint:gosec // It is small here.
}

// crowd bounds the connections of a server. When all are taken, the one goes that has
// waited longest for its next request, so that whoever has one gets in.
type crowd struct {
	most int

	mu      sync.Mutex
	all     map[net.Conn]bool
	waiting map[net.Conn]uint64 // for a request; since when, in steps of turn
	turn    uint64
}

// limit makes the server keep to the number of connections on the listener that it returns.
func limit(server *http.Server, listener net.Listener, most int) net.Listener {
	c := &crowd{most: most, all: map[net.Conn]bool{}, waiting: map[net.Conn]uint64{}}
	server.ConnState = c.changed
	return netutil.LimitListener(listener, most)
}

// changed follows the states of the server's connections.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, conn)
	switch state {
	case http.StateNew, http.StateIdle:
		c.turn++
		c.all[conn], c.waiting[conn] = true, c.turn
		if len(c.all) >= c.most {
			c.leaveOldest(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.all, conn)
	case http.StateActive:
	}
}

// leaveOldest closes the connection that has waited longest, but not the one that has
// just come. The caller holds mu.
func (c *crowd) leaveOldest(latest net.Conn) {
	var oldest net.Conn
	for conn, since := range c.waiting {
		if conn != latest && (oldest == nil || since < c.waiting[oldest]) {
			oldest = conn
		}
	}
	if oldest != nil {
		delete(c.waiting, oldest)
		_ = oldest.Close() // The server notices, and tells by StateClosed.
	}
}
