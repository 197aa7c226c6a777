//go:build chaos

package e2e

import (
	"strings"
	"testing"
)

// Further attacks, and how it is without one.
func TestChaos_AttacksTakeNothingAwayFromDisable(t *testing.T) {
	b := newBesieged(t)
	b.endure(t, map[string]attack{
		"none":                             {},
		"idle connections to the probes":   {connections: 300, descriptors: 256, management: true},
		"headers as large as may be":       {connections: 1500, first: readHead(b.stranger, 28<<10) + "\r\n\r\n"},
		"large headers that do not end":    {connections: 1500, first: readHead(b.stranger, 28<<10), drip: "x"},
		"slow bodies that nobody asks for": {connections: 2000, first: "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n", drip: " "},
		"answers that are not read":        {connections: 2000, first: strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 64), drip: "\r\n"},
	})
}
