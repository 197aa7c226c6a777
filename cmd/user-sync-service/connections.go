package main

import (
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// spareDescriptors are for what is no connection of a caller or to Keycloak: listeners,
// files, the management listener's connections.
const spareDescriptors = 64

// managementConnections are few: they must not use up the descriptors either.
const managementConnections = spareDescriptors / 2

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

// newcomerTime is for a connection to send a request, however many others want its place.
// A machine that is busy needs some of it to read one that has been sent.
const newcomerTime = 500 * time.Millisecond

// crowd bounds the connections of a server. When all are taken, the one goes that has
// waited longest for its next request, so that whoever has one gets in.
type crowd struct {
	most int

	mu      sync.Mutex
	all     map[net.Conn]bool
	waiting map[net.Conn]time.Time // for a request; since when
	later   *time.Timer            // looks again; nil: there is no need to
}

// limit makes the server keep to the number of connections on the listener that it returns.
func limit(server *http.Server, listener net.Listener, most int) net.Listener {
	c := &crowd{most: most, all: map[net.Conn]bool{}, waiting: map[net.Conn]time.Time{}}
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
		c.all[conn], c.waiting[conn] = true, time.Now()
		c.makeRoom()
	case http.StateClosed, http.StateHijacked:
		delete(c.all, conn)
	case http.StateActive:
	}
}

// makeRoom closes the connection that has waited longest, now or once it has had its time,
// if all are taken then. The caller holds mu.
func (c *crowd) makeRoom() {
	if len(c.all) < c.most || c.later != nil || len(c.waiting) == 0 {
		return
	}
	var oldest net.Conn
	for conn, since := range c.waiting {
		if oldest == nil || since.Before(c.waiting[oldest]) {
			oldest = conn
		}
	}
	if left := newcomerTime - time.Since(c.waiting[oldest]); left > 0 {
		c.later = time.AfterFunc(left, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.later = nil
			c.makeRoom()
		})
		return
	}
	delete(c.waiting, oldest)
	_ = oldest.Close() // The server notices, and tells by StateClosed.
}
