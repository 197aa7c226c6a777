package keycloak_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// The stub's realm and the client it accepts. The secret has what a client must encode.
const (
	stubRealm  = "bank"
	stubClient = "svc:a/b é+100%"
	stubSecret = "a%41+b c&d=é"
)

// stub is an in-process Keycloak: the token endpoint and the part of the admin API that
// the adapter uses, answering in Keycloak 26.4.7's words. A test may let it give other
// answers, and see what it was asked.
type stub struct {
	URL string
	mux *http.ServeMux

	mu         sync.Mutex
	name       string               // of the realm
	secret     string               // that the client has to know
	inForm     bool                 // the secret must be in the form, not in the header
	users      map[string]*stubUser // by id
	account    *stubUser            // the service account's own; nil: none
	roles      map[string]string    // realm roles, name to id
	groups     map[string]bool      // by path
	remade     string               // what the ids of groups end with
	rights     stubRights
	policy     string
	hasPolicy  int // the least length that policy asks for
	byEmail    bool
	profile    string // the user profile, without address and names
	undeclared string // the one of these that is not in it either
	forgets    bool   // all attributes, whatever the profile says
	actions    []stubAction
	// wantsBadge tells that no user may be without the attribute badge.
	wantsBadge bool
	oldLocks   bool // users that are locked read as disabled, as before 26.4
	tokens     map[string]bool
	lifetime   int             // of tokens, in seconds
	active     map[string]bool // tokens of callers
	noMails    bool
	mails      []string
	sessions   map[string]string // session to user id
	serial     int
	requests   []string
	overrides  []*override
}

// stubUser is a user as the admin API shows it, and what it does not show.
type stubUser struct {
	ID              string   `json:"id"`
	Username        string   `json:"username"`
	Email           string   `json:"email,omitempty"`
	FirstName       string   `json:"firstName,omitempty"`
	LastName        string   `json:"lastName,omitempty"`
	Enabled         bool     `json:"enabled"`
	EmailVerified   bool     `json:"emailVerified"`
	RequiredActions []string `json:"requiredActions"`

	Attributes map[string][]string `json:"attributes,omitempty"`
	Created    int64               `json:"createdTimestamp,omitempty"`

	password    string
	factors     []string // the kinds of the other credentials
	locked      bool
	lockedUntil int64
	roles       []string // assigned directly; those of a client as "client:role"
	groups      []string // paths
}

// override is another answer to the next requests for a route, "" for any.
type override struct {
	route string
	times int
	with  http.HandlerFunc
}

// newStub starts a stub with the role teller and the group tellers, and with roles and
// groups that carry others: chief and the members of head are auditors, operator may
// administer the realm.
func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{
		name: stubRealm, secret: stubSecret, users: map[string]*stubUser{}, account: serviceAccount(),
		roles:  map[string]string{"teller": "role-1", "a/b": "role-2", "100%": "role-3", "auditor": "role-4", "chief": "role-5", "operator": "role-6", "everybody": "role-7", "offline_access": "role-8"},
		groups: map[string]bool{"tellers": true, "branches": true, "branches/north": true, "head": true, "head/board": true},
		rights: newStubRights(),
		policy: "length(8) and notUsername(undefined)", hasPolicy: 8, tokens: map[string]bool{}, lifetime: 300, active: map[string]bool{}, sessions: map[string]string{},
		profile: `{"attributes":[{"name":"username"}],"unmanagedAttributePolicy":"ADMIN_EDIT"}`, actions: stubActions(),
	}
	mux := http.NewServeMux()
	const admin = "/admin/realms/{realm}"
	routes := s.rightsRoutes(admin)
	maps.Copy(routes, s.accountRoutes(admin))
	maps.Copy(routes, map[string]http.HandlerFunc{
		"POST /realms/{realm}/protocol/openid-connect/token": s.token,
		"GET " + admin:                                       s.realm,
		"GET " + admin + "/roles/{role}":                     s.role,
		"GET " + admin + "/group-by-path/{path...}":          s.group,
		"GET " + admin + "/components":                       s.components,
		"GET " + admin + "/users":                            s.find,
		"PUT " + admin + "/users/{id}/groups/{group}":        s.join,
		"POST " + admin + "/users":                           s.create,
		"DELETE " + admin + "/users/{id}":                    s.remove,
		"GET " + admin + "/users/{id}/role-mappings/realm":   s.userRoles,
		"POST " + admin + "/users/{id}/role-mappings/realm":  s.assign,
		"GET " + admin + "/users/{id}/groups":                s.userGroups,
		"POST " + admin + "/users/{id}/logout":               s.logout,
		"PUT " + admin + "/users/{id}/execute-actions-email": s.mail,
	})
	for route, handler := range routes {
		mux.HandleFunc(route, s.guard(shortRoute(route), handler))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections() // Some answers hang on purpose.
		server.Close()
	})
	s.URL, s.mux = server.URL, mux
	return s
}

// components are the directories that the realm has: none.
func (s *stub) components(w http.ResponseWriter, _ *http.Request) { answerJSON(w, []any{}) }

// shortRoute names a route in tests: "POST users", "GET users/{id}/groups", "POST token",
// "GET realm".
func shortRoute(route string) string {
	method, path, _ := strings.Cut(route, " ")
	if rest, ok := strings.CutPrefix(path, "/realms/{realm}/protocol/openid-connect/"); ok {
		return method + " " + rest
	}
	if rest, ok := strings.CutPrefix(path, "/admin/realms/{realm}/"); ok {
		return method + " " + rest
	}
	return method + " realm"
}

// route names the route of a request, see shortRoute.
func (s *stub) route(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	return shortRoute(pattern)
}

// guard notes the request, gives an override if there is one, and checks the token.
func (s *stub) guard(route string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// Read first: the server notices that the caller has gone only after the body.
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests = append(s.requests, route)
		var with http.HandlerFunc
		for _, o := range s.overrides {
			if (o.route == route || o.route == "") && o.times > 0 {
				o.times--
				with = o.with
				break
			}
		}
		known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		s.mu.Unlock()
		switch {
		case with != nil:
			with(w, r)
		case !strings.HasPrefix(route, "POST token") && !known:
			answer(w, http.StatusUnauthorized, `{"error":"HTTP 401 Unauthorized"}`)
		case !strings.HasPrefix(route, "POST token") && r.PathValue("realm") != s.name:
			answer(w, http.StatusNotFound, `{"error":"Realm not found."}`)
		default:
			s.mu.Lock()
			defer s.mu.Unlock()
			handler(w, r)
		}
	}
}

// answers lets the stub give another answer to the next requests for a route.
func (s *stub) answers(route string, times int, with http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrides = append(s.overrides, &override{route, times, with})
}

// always is a number of times that no test reaches.
const always = 1 << 20

// taken returns the routes that were asked since the last time.
func (s *stub) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

// count returns how often a route was asked since taken.
func (s *stub) count(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, r := range s.requests {
		if r == route {
			count++
		}
	}
	return count
}

// usernames returns who exists.
func (s *stub) usernames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for _, u := range s.users {
		names = append(names, u.Username)
	}
	return names
}

// change runs a change of the stub's state.
func (s *stub) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// revoke makes all tokens invalid.
func (s *stub) revoke() { s.change(func() { s.tokens = map[string]bool{} }) }

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// saying returns a handler that always gives the same answer.
func saying(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func (s *stub) token(w http.ResponseWriter, r *http.Request) {
	if !s.authenticate(w, r) {
		return
	}
	if r.PostFormValue("grant_type") != "client_credentials" {
		answer(w, http.StatusBadRequest, `{"error":"unsupported_grant_type"}`)
		return
	}
	s.serial++
	token := fmt.Sprintf("token-%d", s.serial)
	s.tokens[token] = true
	answerJSON(w, map[string]any{"access_token": token, "expires_in": s.lifetime, "token_type": "Bearer"})
}

// authenticate checks the client's id and secret, or refuses them.
func (s *stub) authenticate(w http.ResponseWriter, r *http.Request) bool {
	encoded, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
	plain, _ := base64.StdEncoding.DecodeString(encoded)
	id, secret, _ := strings.Cut(string(plain), ":")
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if s.inForm {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	switch {
	case r.PathValue("realm") != s.name:
		answer(w, http.StatusNotFound, `{"error":"Realm does not exist"}`)
	case errID != nil || errSecret != nil:
		answer(w, http.StatusBadRequest, `{"error":"invalid_request","error_description":"Unexpected error when authenticating client"}`)
	case s.inForm != (encoded == ""):
		answer(w, http.StatusUnauthorized, `{"error":"unauthorized_client","error_description":"Invalid method used to get client secret. Client requires method 'client_secret_…' to obtain client secret from the request"}`)
	case r.PostFormValue("client_id") != "" && r.PostFormValue("client_id") != id: // The form wins.
		answer(w, http.StatusUnauthorized, `{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}`)
	case id != stubClient || secret != s.secret:
		answer(w, http.StatusUnauthorized, `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`)
	default:
		return true
	}
	return false
}

func (s *stub) realm(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, map[string]any{"realm": s.name, "enabled": true, "passwordPolicy": s.policy, "registrationEmailAsUsername": s.byEmail, "defaultRole": s.whole("everybody")})
}

func (s *stub) role(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.roles[r.PathValue("role")]; !ok {
		answer(w, http.StatusNotFound, `{"error":"Could not find role"}`)
		return
	}
	answerJSON(w, s.whole(r.PathValue("role")))
}

func (s *stub) group(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	if !s.groups[path] {
		answer(w, http.StatusNotFound, `{"error":"Group path does not exist"}`)
		return
	}
	s.answerGroup(w, path)
}

// find looks users up as Keycloak does: without "exact" by part of the name, and with
// an empty name everybody.
func (s *stub) find(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	found := []*stubUser{}
	everybody := slices.Collect(maps.Values(s.users))
	if s.account != nil {
		everybody = append(everybody, s.account)
	}
	for _, u := range everybody {
		matches := func(field, value string) bool {
			asked := strings.ToLower(query.Get(field))
			if query.Get("exact") == "true" && asked != "" {
				return value == asked
			}
			return strings.Contains(value, asked)
		}
		if matches("username", u.Username) && matches("email", u.Email) {
			found = append(found, s.shown(u))
		}
	}
	answerJSON(w, found)
}

// shown is the user as Keycloak shows it from 26.4 on: by the address, where addresses are
// usernames. Each write makes it so.
func (s *stub) shown(user *stubUser) *stubUser {
	shown := *user
	if s.byEmail && user.Email != "" {
		shown.Username = user.Email
	}
	return &shown
}

// newStubUser is the body of a creation.
type newStubUser struct {
	stubUser
	Groups      []string `json:"groups"`
	Credentials []struct {
		Value     string `json:"value"`
		Temporary bool   `json:"temporary"`
	} `json:"credentials"`
}

func (s *stub) create(w http.ResponseWriter, r *http.Request) {
	var in newStubUser
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, `{"error":"unable to read contents from stream"}`)
		return
	}
	user := in.stubUser
	user.Username, user.Email = strings.ToLower(user.Username), strings.ToLower(user.Email)
	for _, other := range s.users {
		if user.Email != "" && other.Email == user.Email {
			answer(w, http.StatusConflict, `{"errorMessage":"User exists with same email"}`)
			return
		}
	}
	for _, other := range s.users {
		if other.Username == user.Username || other.Email == user.Username {
			answer(w, http.StatusConflict, `{"errorMessage":"User exists with same username"}`)
			return
		}
	}
	if len(user.Username) < 3 {
		answer(w, http.StatusBadRequest, `{"field":"username","errorMessage":"error-invalid-length","params":["username",3,255]}`)
		return
	}
	if strings.Contains(user.FirstName, "<") {
		answer(w, http.StatusBadRequest, `{"field":"firstName","errorMessage":"error-person-name-invalid-character","params":["firstName"]}`)
		return
	}
	if refusesAttributes(w, user.Attributes) {
		return
	}
	for _, path := range in.Groups {
		if !s.groups[strings.TrimPrefix(path, "/")] {
			answer(w, http.StatusInternalServerError, `{"error":"unknown_error"}`)
			return
		}
		user.groups = append(user.groups, strings.TrimPrefix(path, "/"))
	}
	for _, credential := range in.Credentials {
		if len(credential.Value) < s.hasPolicy {
			answer(w, http.StatusBadRequest, `{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 8."}`)
			return
		}
		user.password = credential.Value
		if credential.Temporary {
			user.RequiredActions = withAction(user.RequiredActions, "UPDATE_PASSWORD")
		}
	}
	user.Attributes = s.storedBy(user.Attributes)
	user.RequiredActions = s.actionsOfNew(user.RequiredActions)
	if user.Created == 0 {
		user.Created = time.Now().UnixMilli()
	}
	s.serial++
	user.ID = fmt.Sprintf("user-%d", s.serial)
	s.users[user.ID] = &user
	w.Header().Set("Location", fmt.Sprintf("%s/admin/realms/%s/users/%s", s.URL, stubRealm, user.ID))
	w.WriteHeader(http.StatusCreated)
}

func withAction(actions []string, action string) []string {
	for _, a := range actions {
		if a == action {
			return actions
		}
	}
	return append(actions, action)
}

// user returns the user of the path, or answers that there is none.
func (s *stub) user(w http.ResponseWriter, r *http.Request) (*stubUser, bool) {
	user, ok := s.users[r.PathValue("id")]
	if s.account != nil && r.PathValue("id") == s.account.ID {
		user, ok = s.account, true
	}
	if !ok {
		answer(w, http.StatusNotFound, `{"error":"User not found"}`)
	}
	return user, ok
}

func (s *stub) remove(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		delete(s.users, user.ID)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *stub) assign(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var roles []struct{ ID, Name string }
	_ = json.NewDecoder(r.Body).Decode(&roles)
	for _, role := range roles {
		if id, ok := s.roles[role.Name]; !ok || id != role.ID {
			answer(w, http.StatusNotFound, `{"error":"Role not found"}`)
			return
		}
		if !slices.Contains(user.roles, role.Name) {
			user.roles = append(user.roles, role.Name)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *stub) join(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	for group := range s.groups {
		if s.groupOf(group)["id"] == r.PathValue("group") {
			if !slices.Contains(user.groups, group) {
				user.groups = append(user.groups, group)
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	answer(w, http.StatusNotFound, `{"error":"Group not found"}`)
}

func (s *stub) logout(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		for session, owner := range s.sessions {
			if owner == user.ID {
				delete(s.sessions, session)
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *stub) mail(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	switch {
	case !ok:
	case user.Email == "":
		answer(w, http.StatusBadRequest, `{"errorMessage":"User email missing"}`)
	case !user.Enabled:
		answer(w, http.StatusBadRequest, `{"errorMessage":"User is disabled"}`)
	case s.noMails:
		answer(w, http.StatusInternalServerError, `{"errorMessage":"Failed to send execute actions email: Error when attempting to send the email to `+user.Email+`."}`)
	default:
		s.mails = append(s.mails, user.Email)
		w.WriteHeader(http.StatusNoContent)
	}
}

// hang never answers: it waits until the caller gives up.
func hang(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// provider returns the adapter on the stub, changed by change.
func (s *stub) provider(t *testing.T, change ...func(*keycloak.Config)) *keycloak.Provider {
	t.Helper()
	config := keycloak.Config{
		URL: s.URL, Realm: stubRealm, ClientID: stubClient, ClientSecret: secretOf(stubSecret), CallTimeout: 5 * time.Second,
	}
	keycloak.QuickTiming(&config)
	for _, c := range change {
		c(&config)
	}
	provider := keycloak.New(config)
	t.Cleanup(provider.Close)
	return provider
}

// impatient makes calls that hang end soon.
func impatient(config *keycloak.Config) { config.CallTimeout = 800 * time.Millisecond }

// impatientFor is impatient where a Timeout is wanted; elsewhere a busy machine could
// bring about one that is not.
func impatientFor(kind domain.Kind) func(*keycloak.Config) {
	if kind == domain.Timeout {
		return impatient
	}
	return func(*keycloak.Config) {}
}

func username(t *testing.T, text string) domain.Username {
	t.Helper()
	parsed, err := domain.ParseUsername(text)
	require.NoError(t, err)
	return parsed
}

// newcomer is a user to create with the role teller and the group tellers.
func newcomer(t *testing.T, name string) domain.NewUser {
	t.Helper()
	username, err := domain.ParseNewUsername(name)
	require.NoError(t, err)
	email, err := domain.ParseEmail(name + "@bank.example")
	require.NoError(t, err)
	return domain.NewUser{
		Username: username, Email: email, Assignment: domain.Assignment{Role: "teller", Group: "tellers"},
		Password: domain.NewSecret("Temp0rary-Passw0rd"), RequiredActions: []domain.RequiredAction{domain.UpdatePassword},
	}
}

// plant puts a user into the stub.
func (s *stub) plant(user stubUser) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	user.ID = fmt.Sprintf("user-%d", s.serial)
	if user.RequiredActions == nil {
		user.RequiredActions = []string{}
	}
	s.users[user.ID] = &user
	return user.ID
}

// secretOf returns a client secret that never changes.
func secretOf(text string) func() (domain.Secret, error) {
	return func() (domain.Secret, error) { return domain.NewSecret(text), nil }
}
