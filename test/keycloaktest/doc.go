// Package keycloaktest gives the tests a real Keycloak and the means to look inside it.
//
// Start finds or starts a server, NewRealm makes a realm on it that resembles production, the methods of Realm
// read and change that realm, and Sink receives the mails that Keycloak sends. The admin client speaks plain
// HTTP and shares no code with the service's own Keycloak adapter, because it judges what that adapter did.
//
// Only tests may import this package. It needs a Unix system: servers are ended by process group.
package keycloaktest

import (
	"fmt"
	"os"
)

// Required reports whether tests must fail, instead of skip, when there is no Keycloak (KEYCLOAK_TEST=required).
func Required() bool { return os.Getenv("KEYCLOAK_TEST") == "required" }

// Announce says loudly what was left out. `go test ./...` hides the output of passing packages, so the message
// also goes straight to the terminal when there is one.
func Announce(msg string) {
	line := fmt.Sprintf("\n*** keycloaktest: %s\n\n", msg)
	_, _ = fmt.Fprint(os.Stderr, line)
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return // The terminal has the message already.
	}
	tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer func() { _ = tty.Close() }()
	_, _ = fmt.Fprint(tty, line)
}
