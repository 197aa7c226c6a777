package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// written is a provider that keeps whom a write was about.
type written struct {
	*memory.Provider
	mu      sync.Mutex
	ids     []domain.UserID
	own     []domain.UserID // of writes that actors may make to their own accounts
	created []domain.NewUser
}

func (w *written) note(id domain.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ids = append(w.ids, id)
}

func (w *written) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	w.mu.Lock()
	w.created = append(w.created, user)
	w.mu.Unlock()
	return w.Provider.CreateUser(ctx, user)
}

func (w *written) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	w.note(id)
	return w.Provider.SetEnabled(ctx, id, enabled)
}

func (w *written) noteOwn(id domain.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own = append(w.own, id)
}

func (w *written) EndSessions(ctx context.Context, id domain.UserID) error {
	w.noteOwn(id)
	return w.Provider.EndSessions(ctx, id)
}

func (w *written) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	w.noteOwn(id)
	return w.Provider.SetRequiredActions(ctx, id, actions)
}

func (w *written) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	w.note(id)
	return w.Provider.UpdateUser(ctx, id, change)
}

func (w *written) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	w.note(id)
	return w.Provider.Assign(ctx, id, assignment)
}

func (w *written) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	w.note(id)
	return w.Provider.Unassign(ctx, id, assignment)
}

func (w *written) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	w.noteOwn(id)
	return w.Provider.SendActionsMail(ctx, id, actions, lifespan)
}

// protectedNames are the users of a fuzzed realm whom nobody may change, the actor
// among them.
func protectedNames() []string {
	return []string{"service-account-x", "breakglass", "holder", "member", "asha"}
}

// newFuzzedRealm is a realm with those users and two that anybody may change, and a
// service with asha as the actor of the token "asha".
func newFuzzedRealm(t *testing.T) (*api, *written) {
	t.Helper()
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller", "realm-admin", "staff"}, Groups: []domain.Group{"tellers", "board", "board/secretaries"},
	})
	for _, name := range append(protectedNames(), "anna", "a/b") {
		in := map[string]domain.Assignment{"holder": {Role: "realm-admin"}, "member": {Group: "board/secretaries"}}[name]
		_, err := provider.AddUser(domain.User{Username: name, Email: strings.ReplaceAll(name, "/", ".") + "@bank.example", Enabled: true}, "", in)
		require.NoError(t, err)
	}
	watched := &written{Provider: provider}
	return newAPI(t, watched, enforcing, func(with *settings) {
		with.app.Guard.ProtectedUsers, with.app.Guard.ProtectedGroups = []string{"breakglass"}, []domain.Group{"board"}
	}), watched
}

// protectedWrites returns what was written to users whom nobody may change.
func (w *written) protectedWrites() []string {
	var writes []string
	for _, user := range w.Users() {
		own := slices.Contains(w.own, user.ID) && user.Username != "asha"
		if slices.Contains(protectedNames(), user.Username) && (own || slices.Contains(w.ids, user.ID)) {
			writes = append(writes, user.Username)
		}
	}
	for _, user := range w.created {
		name := strings.ToLower(user.Username.String())
		if strings.HasPrefix(name, "service-account-") || name == "breakglass" {
			writes = append(writes, "created "+name)
		}
	}
	return writes
}

// requestAsReceived returns the request that a server would make of this request line,
// or false when it would answer by itself.
func requestAsReceived(t *testing.T, method, target, body string) (*http.Request, bool) {
	t.Helper()
	if strings.ContainsAny(target, " \r\n") {
		return nil, false
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil || parsed.Host != "" || !strings.HasPrefix(parsed.Path, "/") {
		return nil, false
	}
	request := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	request.URL, request.RequestURI = parsed, target
	request.Header.Set("Content-Type", jsonType)
	request.Header.Set("Authorization", "Bearer asha")
	return request, true
}

// Whatever the path and whoever is named in it: the answer is one of the contract, in
// JSON, no bug comes up, and no protected user is written to.
func FuzzTarget(f *testing.F) {
	for _, seed := range []struct{ path, username string }{
		{"/users/anna/status", "anna"},
		{"/api/user-sync/users/anna/reset-password", "ANNA"},
		{"/users/a%2Fb/force-password-change", "a%2Fb"},
		{"/users/service%2Daccount-x/status", "service%2Daccount-x"},
		{"/users/%73ervice-account-x/reset-password", "%73ervice-account-x"},
		{"/users/service%252Daccount-x/reset-password", "service%252Daccount-x"},
		{"/users/./status", "."},
		{"/users/../users/breakglass/status", ".."},
		{"/users/anna%2F..%2Fbreakglass/status", "anna%2F..%2Fbreakglass"},
		{"//users//breakglass//status", "Brea%E2%84%AAglass"},
		{"/users/holder/force-password-change?x=/users/anna/status", "holder"},
		{"/users/member;x=1/status", "member%00"},
		{"/users/asha/status#x", "%61sha"},
		{"/users/%ff/status", "%ff"},
		{"/sync/user", "\u017fervice-account-x"},
		{"/%75sers/breakglass/status", "{username}"},
		{"/users/%7Busername%7D/status", "*"},
		{"*", "%"},
		{"/users/breakglass%20/status", "%20breakglass"},
		{"/users/first%20last/status", "break\u200bglass"},
	} {
		f.Add(seed.path, seed.username)
	}
	f.Fuzz(func(t *testing.T, path, username string) {
		a, provider := newFuzzedRealm(t)
		inJSON, err := json.Marshal(username)
		require.NoError(t, err)
		create := `{"username":` + string(inJSON) + `,"email":"new@bank.example","role":"Cashier"}`
		type call struct{ method, target, body string }
		calls := []call{{http.MethodPost, "/sync/user", create}}
		for _, route := range userRoutes {
			// What is forbidden to actors at their own accounts.
			body := strings.NewReplacer("true", "false", `"lastName":"Edited"`, `"role":"Head of Tea"`).Replace(route.body)
			calls = append(calls,
				call{route.method, strings.Replace(route.target, "%s", username, 1), body},
				call{route.method, path, body},
			)
		}
		for _, call := range calls {
			request, ok := requestAsReceived(t, call.method, call.target, call.body)
			if !ok {
				continue
			}
			answer := a.do(request) // It also holds the answer against the document.
			assert.True(t, json.Valid([]byte(answer.body)) || answer.body == metricsText, "%s %q: %s", call.method, call.target, answer.body)
			assert.Less(t, answer.status, 500, "%s %q: %s", call.method, call.target, answer.body)
		}
		assert.Empty(t, provider.protectedWrites(), "%q %q", path, username)
		assert.NotContains(t, a.log.String(), `"msg":"panic"`)
	})
}
