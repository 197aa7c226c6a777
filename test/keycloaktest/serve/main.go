// Command serve runs the Keycloak that the tests would start, for several runs of them. It prints the variables by
// which they find it, and stops it at SIGTERM or SIGINT.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"user-sync-service/test/keycloaktest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server, err := keycloaktest.Start(ctx)
	if err != nil {
		stop()
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // What is deferred is done.
	}
	fmt.Println(server.Variables())
	<-ctx.Done()
	server.Stop(false)
}
