// Command load puts a running service under load, and a Keycloak under the same calls
// without the service, to show what the service adds. It starts nothing by itself.
//
//	go run . -h
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Work        string        `enum:"status,create,exists,enable,health" default:"status" help:"What to ask for: ${enum}."`
	Service     []string      `default:"http://127.0.0.1:5000" help:"Base URL of the service; the requests go to several replicas in turn."`
	Token       string        `env:"LOAD_TOKEN" help:"Access token of an administrator, if the service checks callers."`
	User        string        `default:"load-user" help:"Username that status, exists and enable are about, a Cashier in the role teller and the group tellers; for exists, with the e-mail address USER@bank.example."`
	Concurrency []int         `default:"8" help:"Requests under way at once; several values are measured one after the other."`
	Count       int           `help:"Requests of each run; 0: as many as fit into the duration."`
	Duration    time.Duration `default:"10s" help:"Length of each run, unless there is a count."`
	Rate        float64       `help:"Open loop: so many requests are begun each second, however long the answers take; those that find all places taken count as errors. 0: closed loop, each answer is followed by the next request."`
	Pairs       int           `default:"5" help:"With --direct: pairs of runs, service and direct in turn."`

	Direct       bool   `help:"Make the very same Keycloak calls without the service too, interleaved, and tell the ratio of each pair."`
	Keycloak     string `help:"Base URL of Keycloak, for --direct."`
	Realm        string `help:"Realm, for --direct."`
	ClientID     string `default:"user-sync-service" help:"The service's client, for --direct."`
	ClientSecret string `env:"LOAD_CLIENT_SECRET" help:"Its secret, for --direct."`
	Introspect   bool   `default:"true" negatable:"" help:"Writes also ask whether the token is active, as the service does with AUTH_INTROSPECTION=writes."`

	JSON string `help:"File for the figures as JSON, - for standard output." placeholder:"FILE"`
	Plot string `help:"File for a plot (PNG) of latency against concurrency." placeholder:"FILE"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var o options
	parser, err := kong.New(&o, kong.Name("load"), kong.Description("Measures the service, and the same Keycloak calls without it."))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	sides, err := o.sides(ctx)
	if err != nil {
		return err
	}
	report, err := o.measure(ctx, sides, progressTo(stdout, o.JSON))
	if err != nil {
		return err
	}
	if o.JSON != "" {
		if err := writeJSON(o.JSON, stdout, report); err != nil {
			return err
		}
	}
	if o.Plot != "" {
		return plotLatency(report, o.Plot)
	}
	return nil
}

// progressTo keeps standard output for the JSON where that goes there.
func progressTo(stdout io.Writer, file string) io.Writer {
	if file == "-" {
		return os.Stderr
	}
	return stdout
}

func writeJSON(file string, stdout io.Writer, report report) error {
	encoded, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	encoded = append(encoded, '\n')
	if file == "-" {
		_, err = stdout.Write(encoded)
		return err
	}
	return os.WriteFile(file, encoded, 0o600)
}

// sides returns what is measured: the service, and Keycloak itself if that is wanted.
func (o options) sides(ctx context.Context) ([]side, error) {
	service := newService(o)
	sides := []side{{"service", service.works()[o.Work], service.keycloakCalls}}
	if !o.Direct {
		return sides, nil
	}
	if o.Keycloak == "" || o.Realm == "" || o.ClientSecret == "" {
		return nil, errors.New("--direct needs --keycloak, --realm and --client-secret (or LOAD_CLIENT_SECRET)")
	}
	if o.Work == "health" {
		return nil, errors.New("health makes no Keycloak calls: there is nothing to make directly")
	}
	direct := newDirect(o)
	if err := direct.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare the direct calls: %w", err)
	}
	return append(sides, side{"direct", direct.works()[o.Work], direct.calls}), nil
}
