package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// direct makes the calls that the service makes of Keycloak, in the same order and side
// by side where the service does, with nothing around them.
type direct struct {
	options
	client *http.Client
	names  string
	made   atomic.Int64
	base   string // of the realm's admin API

	token string // of the service's client
	// What the service keeps between requests.
	userID, role, administration string
}

func newDirect(o options) *direct {
	return &direct{options: o, client: newClient(), names: newNames(), base: o.Keycloak + "/admin/realms/" + url.PathEscape(o.Realm)}
}

func (d *direct) calls(context.Context) (int, error) { return int(d.made.Load()), nil }

// prepare logs in and reads what the service keeps.
func (d *direct) prepare(ctx context.Context) error {
	var login struct {
		Token string `json:"access_token"`
	}
	if err := d.asClient(ctx, "/token", "grant_type=client_credentials", &login); err != nil {
		return err
	}
	d.token = login.Token
	var role json.RawMessage
	if err := d.call(ctx, http.MethodGet, "/roles/teller", "", http.StatusOK, &role); err != nil {
		return err
	}
	d.role = "[" + string(role) + "]"
	if d.Work == "create" {
		return nil
	}
	var users []struct{ ID string }
	if err := d.call(ctx, http.MethodGet, d.lookUp(), "", http.StatusOK, &users); err != nil {
		return err
	}
	if len(users) != 1 {
		return fmt.Errorf("there is no user %q", d.User)
	}
	d.userID = users[0].ID
	// The service account holds roles of the administration client, which names its id.
	var own []struct{ ID string }
	if err := d.call(ctx, http.MethodGet, "/users?exact=true&username=service-account-"+url.QueryEscape(d.ClientID), "", http.StatusOK, &own); err != nil || len(own) != 1 {
		return errors.Join(err, errors.New("the service account's user cannot be found"))
	}
	var mappings struct {
		ClientMappings map[string]struct{ ID string }
	}
	if err := d.call(ctx, http.MethodGet, "/users/"+own[0].ID+"/role-mappings", "", http.StatusOK, &mappings); err != nil {
		return err
	}
	d.administration = mappings.ClientMappings["realm-management"].ID
	return nil
}

func (d *direct) lookUp() string { return "/users?exact=true&username=" + url.QueryEscape(d.User) }

func (d *direct) works() map[string]work {
	return map[string]work{"status": d.status, "create": d.create, "exists": d.exists, "enable": d.enable}
}

func (d *direct) status(ctx context.Context, _ int) error {
	if err := d.call(ctx, http.MethodGet, d.lookUp(), "", http.StatusOK, nil); err != nil {
		return err
	}
	return d.readAll(ctx, "/role-mappings/realm", "/groups")
}

// readAll reads several things of the user side by side.
func (d *direct) readAll(ctx context.Context, paths ...string) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, path := range paths {
		all.Go(func() error { return d.call(ctx, http.MethodGet, "/users/"+d.userID+path, "", http.StatusOK, nil) })
	}
	return all.Wait()
}

func (d *direct) enable(ctx context.Context, _ int) error {
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error { return d.introspect(bothCtx) })
	both.Go(func() error {
		if err := d.call(bothCtx, http.MethodGet, d.lookUp(), "", http.StatusOK, nil); err != nil {
			return err
		}
		return d.call(bothCtx, http.MethodGet, "/users/"+d.userID+"/role-mappings/clients/"+d.administration+"/composite", "", http.StatusOK, nil)
	})
	if err := both.Wait(); err != nil {
		return err
	}
	if err := d.call(ctx, http.MethodPut, "/users/"+d.userID, `{"enabled":true}`, http.StatusNoContent, nil); err != nil {
		return err
	}
	return d.call(ctx, http.MethodGet, "/users/"+d.userID, "", http.StatusOK, nil)
}

func (d *direct) create(ctx context.Context, number int) error {
	if err := d.introspect(ctx); err != nil {
		return err
	}
	location, err := d.post(ctx, fmt.Sprintf("%s%06d", d.names, number), http.StatusCreated)
	if err != nil {
		return err
	}
	id := location[strings.LastIndexByte(location, '/')+1:]
	return d.call(ctx, http.MethodPost, "/users/"+id+"/role-mappings/realm", d.role, http.StatusNoContent, nil)
}

func (d *direct) exists(ctx context.Context, _ int) error {
	if err := d.introspect(ctx); err != nil {
		return err
	}
	if _, err := d.post(ctx, d.User, http.StatusConflict); err != nil {
		return err
	}
	if err := d.call(ctx, http.MethodGet, d.lookUp(), "", http.StatusOK, nil); err != nil {
		return err
	}
	return d.readAll(ctx, "/groups", "/role-mappings/realm/composite", "/role-mappings/clients/"+d.administration+"/composite")
}

// post creates a user as the service does and returns the address of the new one.
func (d *direct) post(ctx context.Context, name string, want int) (location string, err error) {
	body := fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","firstName":"Lo","lastName":"Ad","enabled":true,"emailVerified":true,
		"groups":["/tellers"],"requiredActions":["UPDATE_PASSWORD","VERIFY_EMAIL","webauthn-register"],
		"attributes":{"managed_by":["user-sync-service"],"fineract_role":["Cashier"]},
		"credentials":[{"type":"password","value":"aB3$aB3$%s","temporary":true}]}`, name, name, rand.Text())
	request, err := d.request(ctx, http.MethodPost, "/users", body)
	if err != nil {
		return "", err
	}
	d.made.Add(1)
	response, err := d.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	if response.StatusCode != want {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	return response.Header.Get("Location"), nil
}

func (d *direct) introspect(ctx context.Context) error {
	if !d.Introspect || d.Token == "" {
		return nil
	}
	return d.asClient(ctx, "/token/introspect", url.Values{"token": {d.Token}, "token_type_hint": {"requesting_party_token"}}.Encode(), nil)
}

// asClient posts a form with the client's id and secret (RFC 6749, section 2.3.1).
func (d *direct) asClient(ctx context.Context, path, form string, into any) error {
	address := d.Keycloak + "/realms/" + url.PathEscape(d.Realm) + "/protocol/openid-connect" + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form))
	if err != nil {
		return err
	}
	request.SetBasicAuth(url.QueryEscape(d.ClientID), url.QueryEscape(d.ClientSecret))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.do(request, http.StatusOK, into)
}

func (d *direct) request(ctx context.Context, method, path, body string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+d.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

func (d *direct) call(ctx context.Context, method, path, body string, want int, into any) error {
	request, err := d.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	return d.do(request, want, into)
}

func (d *direct) do(request *http.Request, want int, into any) error {
	d.made.Add(1)
	if into == nil {
		return exchange(d.client, request, want)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
