package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// work does one piece of work; each has a number of its own.
type work func(ctx context.Context, number int) error

// side is one way to have the work done.
type side struct {
	name string
	work work
	// calls returns how many calls to Keycloak were made so far; it fails where nobody
	// counts them.
	calls func(ctx context.Context) (int, error)
}

// service asks the service for everything.
type service struct {
	options
	client *http.Client
	names  string // how the usernames of this run begin
	asked  atomic.Int64
}

func newService(o options) *service {
	return &service{options: o, client: newClient(), names: newNames()}
}

// newNames returns a beginning for usernames that no other run has.
func newNames() string { return "load-" + strings.ToLower(rand.Text()[:8]) + "-" }

// newClient makes a client that keeps as many connections as there are requests at once.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 1024, 1024
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func (s *service) works() map[string]work {
	return map[string]work{
		"status": func(ctx context.Context, _ int) error {
			return s.send(ctx, http.MethodGet, "/users/"+s.User+"/keycloak-status", "", http.StatusOK)
		},
		"create": func(ctx context.Context, number int) error {
			return s.sync(ctx, fmt.Sprintf("%s%06d", s.names, number), http.StatusCreated)
		},
		"exists": func(ctx context.Context, _ int) error { return s.sync(ctx, s.User, http.StatusOK) },
		"enable": func(ctx context.Context, _ int) error {
			return s.send(ctx, http.MethodPut, "/users/"+s.User+"/status", `{"enabled":true}`, http.StatusOK)
		},
		"health": func(ctx context.Context, _ int) error {
			return s.send(ctx, http.MethodGet, "/health", "", http.StatusOK)
		},
	}
}

func (s *service) sync(ctx context.Context, name string, want int) error {
	body := fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":"Cashier","firstName":"Lo","lastName":"Ad"}`, name, name)
	return s.send(ctx, http.MethodPost, "/sync/user", body, want)
}

// send asks the replicas in turn.
func (s *service) send(ctx context.Context, method, path, body string, want int) error {
	replica := s.Service[int(s.asked.Add(1))%len(s.Service)]
	request, err := http.NewRequestWithContext(ctx, method, replica+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return exchange(s.client, request, want)
}

// exchange sends the request and reads the whole answer, so that the connection is used
// again.
func exchange(client *http.Client, request *http.Request, want int) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// keycloakCalls adds up what the replicas have counted of their calls.
func (s *service) keycloakCalls(ctx context.Context) (int, error) {
	total := 0
	for _, replica := range s.Service {
		counted, err := s.countedBy(ctx, replica)
		if err != nil {
			return 0, err
		}
		total += counted
	}
	return total, nil
}

func (s *service) countedBy(ctx context.Context, replica string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, replica+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	total, found := 0.0, false
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "usersync_keycloak_requests_total{") {
			continue
		}
		_, value, _ := strings.Cut(lines.Text(), "} ")
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		total, found = total+count, true
	}
	if !found {
		return 0, errors.New("the service does not count its calls to Keycloak, or /metrics is elsewhere")
	}
	return int(total), nil
}
