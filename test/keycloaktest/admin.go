package keycloaktest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// An APIError is an answer of Keycloak that is not a success.
type APIError struct {
	Method, Path string
	Status       int
	Body         string
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Body)
}

// Call sends a request to the realm's part of the admin API, for what has no method of its own. The path begins
// with a slash (or is empty: the realm itself), in and out are JSON values or nil. The error is an *APIError
// when Keycloak refused.
func (r *Realm) Call(ctx context.Context, method, path string, in, out any) error {
	_, err := r.call(ctx, method, path, in, out)
	return err
}

// User returns the representation of the user with exactly this username, letter case aside, and whether there
// is one.
func (r *Realm) User(ctx context.Context, username string) (map[string]any, bool, error) {
	users, err := r.usersBy(ctx, "username", username)
	if len(users) == 0 || err != nil {
		return nil, false, err
	}
	var user map[string]any // The list's entries are not the whole representation.
	err = r.Call(ctx, http.MethodGet, fmt.Sprint("/users/", users[0]["id"]), nil, &user)
	return user, err == nil, err
}

// CreateUser makes a user from a representation and returns the new id.
func (r *Realm) CreateUser(ctx context.Context, rep map[string]any) (string, error) {
	return r.create(ctx, "/users", rep)
}

// UpdateUser changes the fields that are in the representation. Attributes are replaced as a whole.
func (r *Realm) UpdateUser(ctx context.Context, id string, rep map[string]any) error {
	return r.Call(ctx, http.MethodPut, "/users/"+id, rep, nil)
}

// DeleteUser removes a user.
func (r *Realm) DeleteUser(ctx context.Context, id string) error {
	return r.Call(ctx, http.MethodDelete, "/users/"+id, nil, nil)
}

// CountUsers returns how many users the realm has. Service accounts are not counted.
func (r *Realm) CountUsers(ctx context.Context) (int, error) {
	var n int
	err := r.Call(ctx, http.MethodGet, "/users/count", nil, &n)
	return n, err
}

// CountByUsername returns how many users have this username, letter case aside.
func (r *Realm) CountByUsername(ctx context.Context, username string) (int, error) {
	users, err := r.usersBy(ctx, "username", username)
	return len(users), err
}

// CountByEmail returns how many users have this e-mail address, letter case aside.
func (r *Realm) CountByEmail(ctx context.Context, email string) (int, error) {
	users, err := r.usersBy(ctx, "email", email)
	return len(users), err
}

// RealmRoles returns the realm roles that were given to the user directly, sorted.
func (r *Realm) RealmRoles(ctx context.Context, id string) ([]string, error) {
	return r.names(ctx, "/users/"+id+"/role-mappings/realm")
}

// EffectiveRealmRoles returns all realm roles that the user has, also through groups and composite roles, sorted.
func (r *Realm) EffectiveRealmRoles(ctx context.Context, id string) ([]string, error) {
	return r.names(ctx, "/users/"+id+"/role-mappings/realm/composite")
}

// Groups returns the names of the user's groups, sorted.
func (r *Realm) Groups(ctx context.Context, id string) ([]string, error) {
	return r.names(ctx, "/users/"+id+"/groups")
}

// Sessions returns how many sessions the user has.
func (r *Realm) Sessions(ctx context.Context, id string) (int, error) {
	var sessions []any
	err := r.Call(ctx, http.MethodGet, "/users/"+id+"/sessions", nil, &sessions)
	return len(sessions), err
}

// SetPassword gives the user a password, which must satisfy the realm's policy. A temporary one must be changed
// at the next log-in.
func (r *Realm) SetPassword(ctx context.Context, id, password string, temporary bool) error {
	return r.Call(ctx, http.MethodPut, "/users/"+id+"/reset-password",
		map[string]any{"type": "password", "value": password, "temporary": temporary}, nil)
}

// GrantRealmRole gives the user a realm role directly.
func (r *Realm) GrantRealmRole(ctx context.Context, id, role string) error {
	return r.grant(ctx, "/users/"+id, role)
}

// CreateRole makes a realm role.
func (r *Realm) CreateRole(ctx context.Context, name string) error {
	return r.Call(ctx, http.MethodPost, "/roles", map[string]any{"name": name}, nil)
}

// DeleteRole removes a realm role, also from all users and groups.
func (r *Realm) DeleteRole(ctx context.Context, name string) error {
	return r.Call(ctx, http.MethodDelete, "/roles/"+url.PathEscape(name), nil, nil)
}

// CreateGroup makes a top-level group that carries the given realm roles.
func (r *Realm) CreateGroup(ctx context.Context, name string, realmRoles ...string) error {
	id, err := r.create(ctx, "/groups", map[string]any{"name": name})
	for _, role := range realmRoles {
		if err == nil {
			err = r.grant(ctx, "/groups/"+id, role)
		}
	}
	return err
}

// DeleteGroup removes a top-level group; its members stay.
func (r *Realm) DeleteGroup(ctx context.Context, name string) error {
	var group struct{ ID string }
	if err := r.Call(ctx, http.MethodGet, "/group-by-path/"+url.PathEscape(name), nil, &group); err != nil {
		return err
	}
	return r.Call(ctx, http.MethodDelete, "/groups/"+group.ID, nil, nil)
}

// UpdateRealm changes the realm's settings that are in the representation, for example passwordPolicy.
func (r *Realm) UpdateRealm(ctx context.Context, rep map[string]any) error {
	return r.Call(ctx, http.MethodPut, "", rep, nil)
}

// UpdateClient changes the fields of a client that are in the representation, for example enabled or secret.
func (r *Realm) UpdateClient(ctx context.Context, clientID string, rep map[string]any) error {
	var found []map[string]any
	err := r.Call(ctx, http.MethodGet, "/clients?clientId="+url.QueryEscape(clientID), nil, &found)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d clients named %q", len(found), clientID)
	}
	client := found[0]
	maps.Copy(client, rep)
	return r.Call(ctx, http.MethodPut, fmt.Sprint("/clients/", client["id"]), client, nil)
}

// RevokeServiceTokens makes every token that the service's client has obtained so far invalid. New ones are good.
// It takes up to a second, because Keycloak compares whole seconds.
func (r *Realm) RevokeServiceTokens(ctx context.Context) error {
	next := time.Now().Truncate(time.Second).Add(time.Second)
	select {
	case <-time.After(time.Until(next)):
	case <-ctx.Done():
		return ctx.Err()
	}
	return r.UpdateClient(ctx, r.ClientID, map[string]any{"notBefore": next.Unix()})
}

// An AdminEvent is one change that was made through the admin API, by whomever.
type AdminEvent struct {
	Time           int64  // milliseconds since 1970
	OperationType  string // CREATE, UPDATE, DELETE or ACTION
	ResourceType   string // USER, REALM_ROLE_MAPPING, ...
	ResourcePath   string // users/<id>, ...
	Representation string // the JSON that was sent
	AuthDetails    struct {
		UserID string // who did it; the service's account is a user of this realm, this package's is not
	}
}

// AdminEvents returns the changes made to the realm since it exists, the oldest first.
func (r *Realm) AdminEvents(ctx context.Context) ([]AdminEvent, error) {
	var events []AdminEvent
	err := r.Call(ctx, http.MethodGet, "/admin-events?direction=asc&max=100000", nil, &events)
	if !r.server.AtLeast(26, 4) {
		slices.Reverse(events) // It ignores the direction.
	}
	slices.SortStableFunc(events, func(a, b AdminEvent) int { return cmp.Compare(a.Time, b.Time) })
	return events, err
}

// A Grant is Keycloak's answer to an attempt to log in or to refresh. Error and Description are set when Status
// is not 200.
type Grant struct {
	Status       int
	Error        string `json:"error"`
	Description  string `json:"error_description"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// ActorPassword is the password of every user that NewActor makes.
const ActorPassword = "Str0ng&Permanent1"

// NewActor makes a user with realm roles, for example an administrator, and logs the user in.
func (r *Realm) NewActor(ctx context.Context, username string, realmRoles ...string) (Grant, error) {
	id, err := r.CreateUser(ctx, map[string]any{
		"username": username, "email": username + "@bank.example", "firstName": "An", "lastName": "Actor",
		"enabled": true, "emailVerified": true,
		"credentials": []any{map[string]any{"type": "password", "value": ActorPassword}},
	})
	for _, role := range realmRoles {
		if err == nil {
			err = r.GrantRealmRole(ctx, id, role)
		}
	}
	if err != nil {
		return Grant{}, err
	}
	grant, err := r.Login(ctx, username, ActorPassword)
	if err == nil && grant.Status != http.StatusOK {
		err = fmt.Errorf("log in as %s: %d %s", username, grant.Status, grant.Description)
	}
	return grant, err
}

// Login tries a username and a password. A refusal by Keycloak is a Grant, not an error.
func (r *Realm) Login(ctx context.Context, username, password string) (Grant, error) {
	return r.server.grant(ctx, r.Name, url.Values{"client_id": {LoginClientID}, "grant_type": {"password"},
		"username": {username}, "password": {password}})
}

// Refresh tries a refresh token that Login returned. A refusal by Keycloak is a Grant, not an error.
func (r *Realm) Refresh(ctx context.Context, refreshToken string) (Grant, error) {
	return r.server.grant(ctx, r.Name, url.Values{"client_id": {LoginClientID}, "grant_type": {"refresh_token"},
		"refresh_token": {refreshToken}})
}

// usersBy returns the users whose field has the value, letter case aside. The answer is compared again here,
// because Keycloak takes an empty value for no condition at all.
func (r *Realm) usersBy(ctx context.Context, field, value string) ([]map[string]any, error) {
	query := url.Values{field: {value}, "exact": {"true"}, "max": {"1000"}}
	var users []map[string]any
	err := r.Call(ctx, http.MethodGet, "/users?"+query.Encode(), nil, &users)
	return slices.DeleteFunc(users, func(u map[string]any) bool {
		got, _ := u[field].(string)
		return !strings.EqualFold(got, value)
	}), err
}

// names returns the sorted names of what a path lists.
func (r *Realm) names(ctx context.Context, path string) ([]string, error) {
	var items []struct{ Name string }
	if err := r.Call(ctx, http.MethodGet, path, nil, &items); err != nil {
		return nil, err
	}
	names := []string{}
	for _, item := range items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return names, nil
}

// grant gives a realm role to what lies at the path: a user or a group.
func (r *Realm) grant(ctx context.Context, path, role string) error {
	var rep map[string]any
	if err := r.Call(ctx, http.MethodGet, "/roles/"+url.PathEscape(role), nil, &rep); err != nil {
		return err
	}
	return r.Call(ctx, http.MethodPost, path+"/role-mappings/realm", []any{rep}, nil)
}

// create posts a representation and returns the id of what came of it.
func (r *Realm) create(ctx context.Context, collection string, rep map[string]any) (string, error) {
	header, err := r.call(ctx, http.MethodPost, collection, rep, nil)
	if err != nil {
		return "", err
	}
	return path.Base(header.Get("Location")), nil
}

func (r *Realm) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	return r.server.call(ctx, method, "/admin/realms/"+r.Name+path, in, out)
}

// call sends one request to the admin API as the bootstrap administrator and decodes the answer.
func (s *Server) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	token, err := s.bearer(ctx)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	status, header, answer, err := s.send(req)
	if err != nil {
		return nil, err
	}
	if status < 200 || status > 299 {
		return nil, &APIError{Method: method, Path: path, Status: status, Body: string(answer)}
	}
	if out == nil {
		return header, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return header, nil
}

// bearer returns a token of the bootstrap administrator that is good for a while. There is one log-in at a time.
func (s *Server) bearer(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.expires) {
		return s.token, nil
	}
	g, err := s.grant(ctx, "master", url.Values{"client_id": {"admin-cli"}, "grant_type": {"password"},
		"username": {s.admin}, "password": {s.password}})
	if err != nil {
		return "", err
	}
	if g.Status != http.StatusOK {
		return "", fmt.Errorf("log-in of the administrator: %d %s %s", g.Status, g.Error, g.Description)
	}
	// Keycloak gives these tokens a minute; half of it leaves room for a slow request.
	s.token, s.expires = g.AccessToken, time.Now().Add(30*time.Second)
	return s.token, nil
}

// grant posts a form to the token endpoint of a realm.
func (s *Server) grant(ctx context.Context, realm string, form url.Values) (Grant, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		s.URL+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Grant{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, body, err := s.send(req)
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Status: status}
	if err := json.Unmarshal(body, &g); err != nil {
		return Grant{}, fmt.Errorf("token endpoint: %d %s", status, tail(body))
	}
	return g, nil
}

// send sends a request and reads the whole answer.
func (s *Server) send(req *http.Request) (status int, header http.Header, body []byte, err error) {
	res, err := s.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}
