// Command user-sync-service keeps the users of an identity provider in step with the
// employees of a bank's Fineract. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitFailure       = 1
	exitConfiguration = 2 // or a command line that is not understood
)

// exitCode ends the program with a code of its own, when all is said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// commands are the subcommands and their options.
type commands struct {
	Serve       struct{}      `cmd:"" default:"1" help:"Serve on Keycloak (the default)."`
	Demo        demoOptions   `cmd:"" help:"Serve on made-up users in memory, on 127.0.0.1 only."`
	Doctor      doctorOptions `cmd:"" help:"Look whether all is set up, change nothing; exit 0 fine, 1 warnings, 2 faults."`
	Healthcheck struct{}      `cmd:"" help:"Ask the running service whether it lives; exit 0 or 1."`
	RoleMap     struct{}      `cmd:"" help:"Print the role map in force, as a file that can be changed."`
	Version     struct{}      `cmd:"" help:"Print the version."`
}

func main() {
	// When nobody reads standard output any more, changes are refused for want of an
	// audit log; the program does not die of it.
	signal.Ignore(syscall.SIGPIPE)
	tuneCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one has its default effect: it ends the
	// program at once.
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	if verdict, ok := errors.AsType[exitCode](err); ok {
		os.Exit(int(verdict))
	}
	fmt.Fprintln(os.Stderr, "user-sync-service:", err)
	_, misconfigured := errors.AsType[configError](err)
	_, misused := errors.AsType[usageError](err)
	if misconfigured || misused {
		os.Exit(exitConfiguration)
	}
	os.Exit(exitFailure)
}

// run is the program: it returns when ctx has ended and all requests are answered, or
// with the reason why it cannot go on.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var options commands
	parser, err := kong.New(&options,
		kong.Name("user-sync-service"),
		kong.Description("Keeps the users of Keycloak in step with the employees of Fineract."),
		kong.Writers(stdout, stderr),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return usageError{err}
	}
	switch command.Command() {
	case "demo":
		return demo(ctx, options.Demo, stdout, stderr)
	case "doctor":
		return doctor(ctx, options.Doctor, stdout)
	case "healthcheck":
		return healthcheck(ctx)
	case "role-map":
		return printRoleMap(stdout)
	case "version":
		fmt.Fprintln(stdout, version())
		return nil
	}
	return serveKeycloak(ctx, stdout)
}
