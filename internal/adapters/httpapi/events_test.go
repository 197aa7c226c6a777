package httpapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// Each request of a protected route is one event, whatever became of it, and the event
// says why in the word that the client saw.

// failingIn makes a provider of the realm with one method that fails.
func failingIn(provider *memory.Provider, method string, kind domain.Kind) failing {
	return failing{provider, map[string]error{method: &domain.Error{Kind: kind, Err: errors.New("cause")}}}
}

func TestEvents_ThereIsOneForEachOutcome(t *testing.T) {
	full := &domain.Error{Kind: domain.AuditUnavailable, Err: errors.New("no space left on device")}
	for name, test := range map[string]struct {
		method, target, body string
		token                string
		header               http.Header
		fail                 string // method of the provider
		kind                 domain.Kind
		change               func(*settings)
		auditErr             error
		status               int
		outcome              domain.Outcome
		action               domain.Action
		username             string
	}{
		"created":         {method: "POST", target: "/sync/user", body: employee, status: 201, outcome: domain.Allowed, action: domain.ActionSyncUser, username: "tariq"},
		"exists":          {method: "POST", target: "/sync/user", body: `{"username":"anna","email":"anna@bank.example","role":"Cashier"}`, status: 200, outcome: domain.Allowed, action: domain.ActionSyncUser, username: "anna"},
		"mailed":          {method: "POST", target: "/users/Anna/reset-password", status: 200, outcome: domain.Allowed, action: domain.ActionResetPassword, username: "Anna"},
		"disabled":        {method: "PUT", target: "/users/%61nna/status", body: `{"enabled":false}`, status: 200, outcome: domain.Allowed, action: domain.ActionSetStatus, username: "anna"},
		"forced":          {method: "POST", target: "/users/anna/force-password-change", status: 200, outcome: domain.Allowed, action: domain.ActionForcePasswordChange, username: "anna"},
		"forced before":   {method: "POST", target: "/users/forced/force-password-change", status: 200, outcome: domain.Allowed, action: domain.ActionForcePasswordChange, username: "forced"},
		"edited":          {method: "PUT", target: "/users/Anna", body: `{"lastName":"Edited"}`, status: 200, outcome: domain.Allowed, action: domain.ActionUpdateUser, username: "Anna"},
		"moved":           {method: "PUT", target: "/users/anna", body: `{"role":"Loan Officer"}`, status: 200, outcome: domain.Allowed, action: domain.ActionUpdateUser, username: "anna"},
		"logged out":      {method: "POST", target: "/users/%61nna/logout", status: 200, outcome: domain.Allowed, action: domain.ActionEndSessions, username: "anna"},
		"nothing to edit": {method: "PUT", target: "/users/anna", body: "{}", status: 400, outcome: domain.Refused, action: domain.ActionUpdateUser, username: "anna"},
		"taken address":   {method: "PUT", target: "/users/anna", body: `{"email":"dora@bank.example"}`, status: 409, outcome: domain.Refused, action: domain.ActionUpdateUser, username: "anna"},
		"own role":        {method: "PUT", target: "/users/anna", body: `{"role":"Admin"}`, token: "anna", status: 403, outcome: domain.Refused, action: domain.ActionUpdateUser, username: "anna"},
		"half moved":      {method: "PUT", target: "/users/anna", body: `{"role":"Loan Officer"}`, fail: "Unassign", kind: domain.Unavailable, status: 503, outcome: domain.Failed, action: domain.ActionUpdateUser, username: "anna"},
		"not logged out":  {method: "POST", target: "/users/anna/logout", fail: "EndSessions", kind: domain.Timeout, status: 504, outcome: domain.Failed, action: domain.ActionEndSessions, username: "anna"},
		"wrong detail":    {method: "GET", target: "/users/anna/keycloak-status?detail=some", status: 400, outcome: domain.Refused, action: domain.ActionGetStatus, username: "anna"},
		"read":            {method: "GET", target: "/users/anna/keycloak-status", status: 200, outcome: domain.Allowed, action: domain.ActionGetStatus, username: "anna"},
		"no JSON":         {method: "POST", target: "/sync/user", body: "{", status: 400, outcome: domain.Refused, action: domain.ActionSyncUser},
		"missing member":  {method: "POST", target: "/sync/user", body: "{}", status: 400, outcome: domain.Refused, action: domain.ActionSyncUser},
		"wrong member":    {method: "PUT", target: "/users/anna/status", body: `{"enabled":1}`, status: 400, outcome: domain.Refused, action: domain.ActionSetStatus, username: "anna"},
		"unknown role":    {method: "POST", target: "/sync/user", body: employee, fail: "RightsOf", kind: domain.UnknownRole, status: 400, outcome: domain.Refused, action: domain.ActionSyncUser, username: "tariq"},
		"no address":      {method: "POST", target: "/users/nomail/reset-password", status: 400, outcome: domain.Refused, action: domain.ActionResetPassword, username: "nomail"},
		"no token":        {method: "POST", target: "/sync/user", body: employee, token: "bad", status: 401, outcome: domain.Refused, action: domain.ActionSyncUser},
		"no token, read":  {method: "GET", target: "/users/anna/keycloak-status", token: "bad", status: 401, outcome: domain.Refused, action: domain.ActionGetStatus, username: "anna"},
		"no right":        {method: "PUT", target: "/users/anna/status", body: `{"enabled":false}`, token: "clerk", status: 403, outcome: domain.Refused, action: domain.ActionSetStatus, username: "anna"},
		"another site":    {method: "POST", target: "/users/anna/reset-password", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: 403, outcome: domain.Refused, action: domain.ActionResetPassword, username: "anna"},
		"protected":       {method: "POST", target: "/users/service-account-x/reset-password", status: 403, outcome: domain.Refused, action: domain.ActionResetPassword, username: "service-account-x"},
		"oneself":         {method: "PUT", target: "/users/anna/status", body: `{"enabled":false}`, token: "anna", status: 403, outcome: domain.Refused, action: domain.ActionSetStatus, username: "anna"},
		"escalation":      {method: "POST", target: "/sync/user", body: employee, change: func(with *settings) { with.app.Guard.PrivilegedRoles = []domain.RealmRole{"teller"} }, status: 403, outcome: domain.Refused, action: domain.ActionSyncUser, username: "tariq"},
		"nobody":          {method: "PUT", target: "/users/nobody/status", body: `{"enabled":true}`, status: 404, outcome: domain.Refused, action: domain.ActionSetStatus, username: "nobody"},
		"nobody, read":    {method: "GET", target: "/users/nobody/keycloak-status", status: 404, outcome: domain.Refused, action: domain.ActionGetStatus, username: "nobody"},
		"no name":         {method: "POST", target: "/users//reset-password", status: 404, outcome: domain.Refused, action: domain.ActionResetPassword},
		"an absurd name":  {method: "GET", target: "/users/a%00%0Ab/keycloak-status", status: 404, outcome: domain.Refused, action: domain.ActionGetStatus, username: "a\x00\nb"},
		"conflict":        {method: "POST", target: "/sync/user", body: `{"username":"anna","email":"x@bank.example","role":"Cashier"}`, status: 409, outcome: domain.Refused, action: domain.ActionSyncUser, username: "anna"},
		"disabled user":   {method: "POST", target: "/users/dora/reset-password", status: 409, outcome: domain.Refused, action: domain.ActionResetPassword, username: "dora"},
		"too large":       {method: "POST", target: "/sync/user", body: strings.Repeat(" ", 1<<20) + employee, status: 413, outcome: domain.Refused, action: domain.ActionSyncUser},
		"another type":    {method: "POST", target: "/sync/user", body: employee, header: http.Header{"Content-Type": {"text/plain"}}, status: 415, outcome: domain.Refused, action: domain.ActionSyncUser},
		"bug":             {method: "POST", target: "/sync/user", body: employee, fail: "CreateUser", kind: domain.Internal, status: 500, outcome: domain.Failed, action: domain.ActionSyncUser, username: "tariq"},
		"left incomplete": {method: "POST", target: "/sync/user", body: employee, fail: "CreateUser", kind: domain.Partial, status: 502, outcome: domain.Failed, action: domain.ActionSyncUser, username: "tariq"},
		"not delivered":   {method: "POST", target: "/users/anna/reset-password", fail: "SendActionsMail", kind: domain.EmailDeliveryFailed, status: 502, outcome: domain.Failed, action: domain.ActionResetPassword, username: "anna"},
		"nonsense":        {method: "GET", target: "/users/anna/keycloak-status", fail: "Memberships", kind: domain.BadAnswer, status: 502, outcome: domain.Failed, action: domain.ActionGetStatus, username: "anna"},
		"provider away":   {method: "PUT", target: "/users/anna/status", body: `{"enabled":true}`, fail: "FindUser", kind: domain.Unavailable, status: 503, outcome: domain.Failed, action: domain.ActionSetStatus, username: "anna"},
		"no record":       {method: "PUT", target: "/users/anna/status", body: `{"enabled":true}`, auditErr: full, status: 503, outcome: domain.Refused, action: domain.ActionSetStatus, username: "anna"},
		"no answer":       {method: "POST", target: "/users/anna/force-password-change", fail: "SetRequiredActions", kind: domain.Timeout, status: 504, outcome: domain.Failed, action: domain.ActionForcePasswordChange, username: "anna"},
	} {
		for _, before := range []string{"", prefix} {
			provider := failingIn(newRealm(t), test.fail, test.kind)
			a := newAPI(t, provider, enforcing, func(with *settings) {
				if test.change != nil {
					test.change(with)
				}
			})
			a.audit.reserveErr = test.auditErr
			header := http.Header{"Authorization": {"Bearer asha"}}
			if test.token != "" {
				header.Set("Authorization", "Bearer "+test.token)
			}
			for key, values := range test.header {
				header[key] = values
			}

			answer := a.sendWith(test.method, before+test.target, test.body, header)

			require.Equal(t, test.status, answer.status, "%s: %s", name, answer.body)
			event := a.audit.only(t)
			assert.Equal(t, test.outcome, event.Outcome, name)
			assert.Equal(t, test.action, event.Action, name)
			assert.Equal(t, test.username, event.TargetUsername, name)
			code, _ := answer.object()["code"].(string)
			assert.Equal(t, code, event.Reason.Error(), name)
			assert.Equal(t, answer.header.Get("X-Request-Id"), event.RequestID, name)
			assert.WithinDuration(t, time.Now(), event.Time, time.Minute)
		}
	}
}

func TestEvents_OfABugIsOneToo(t *testing.T) {
	for name, cause := range map[string]any{"text": "a bug", "abort": http.ErrAbortHandler} {
		bugs := &panicking{IdentityProvider: newRealm(t), cause: func(domain.NewUser) any { return cause }}
		a := newAPI(t, bugs, enforcing)
		send := func() { a.sendAsActor("asha", http.MethodPost, "/sync/user", employee) }
		if name == "abort" {
			assert.PanicsWithValue(t, http.ErrAbortHandler, send)
		} else {
			send()
		}
		event := a.audit.only(t)
		assert.Equal(t, domain.Failed, event.Outcome, name)
		assert.Equal(t, domain.Internal, event.Reason, name)
		assert.Equal(t, "asha", event.Actor.Name(), name)
		assert.Equal(t, "tariq", event.TargetUsername, name)
	}
}

// The change was made; no answer may say that all is well.
func TestEvents_AWriteThatCannotBeRecordedIsNoSuccess(t *testing.T) {
	full := &domain.Error{Kind: domain.AuditUnavailable, Err: errors.New("no space left on device")}
	for _, route := range protectedRoutes() {
		a := newAPI(t, newRealm(t))
		a.audit.recordErr = full
		answer := a.send(route.method, route.target, route.body)
		if route.method == http.MethodGet {
			assert.Equal(t, http.StatusOK, answer.status, "reads go on")
			continue
		}
		answer.failed(http.StatusServiceUnavailable, "audit_unavailable", "The change was made, but could not be put on record. Please report this.", route.target)
		assert.NotContains(t, answer.body, "temporary_password")
	}
	for _, route := range protectedRoutes() {
		provider := newRealm(t)
		a := newAPI(t, provider)
		a.audit.reserveErr, a.audit.recordErr = full, full
		answer := a.send(route.method, route.target, route.body)
		if route.method == http.MethodGet {
			assert.Equal(t, http.StatusOK, answer.status, "reads go on")
			continue
		}
		answer.failed(http.StatusServiceUnavailable, "audit_unavailable", "Changes cannot be put on record now, so none are made.", route.target)
		untouched(t, provider)
		assert.Empty(t, provider.Mails())
	}
}

func TestEvents_SayWhereTheRequestCameFrom(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, test := range map[string]struct {
		remote string
		header http.Header
		want   domain.AuditEvent
	}{
		"nothing but an address": {"10.1.2.3:4567", http.Header{}, domain.AuditEvent{ClientAddress: "10.1.2.3"}},
		"IPv6":                   {"[2001:db8::1]:4567", http.Header{}, domain.AuditEvent{ClientAddress: "2001:db8::1"}},
		"IPv6 with a zone":       {"[fe80::1%eth0]:4567", http.Header{}, domain.AuditEvent{ClientAddress: "fe80::1%eth0"}},
		"no port":                {"@", http.Header{}, domain.AuditEvent{ClientAddress: "@"}},
		"forwarded": {"10.1.2.3:4567", http.Header{"X-Forwarded-For": {"203.0.113.7"}},
			domain.AuditEvent{ClientAddress: "10.1.2.3", ForwardedFor: "203.0.113.7"}},
		"forwarded more than once": {"10.1.2.3:4567", http.Header{"X-Forwarded-For": {"198.51.100.1, 203.0.113.7", "10.9.9.9"}},
			domain.AuditEvent{ClientAddress: "10.1.2.3", ForwardedFor: "198.51.100.1, 203.0.113.7, 10.9.9.9"}},
		"claims that do not count": {"10.1.2.3:4567", http.Header{"X-Real-Ip": {"203.0.113.7"}, "Forwarded": {"for=203.0.113.7"}, "True-Client-Ip": {"203.0.113.7"}},
			domain.AuditEvent{ClientAddress: "10.1.2.3"}},
		"request and trace": {"10.1.2.3:4567", http.Header{"X-Request-Id": {"r1"}, "Traceparent": {"00-" + trace + "-00f067aa0ba902b7-01"}},
			domain.AuditEvent{ClientAddress: "10.1.2.3", RequestID: "r1", TraceID: trace}},
		"a later version's trace": {"10.1.2.3:4567", http.Header{"Traceparent": {"01-" + trace + "-00f067aa0ba902b7-01-more"}},
			domain.AuditEvent{ClientAddress: "10.1.2.3", TraceID: trace}},
	} {
		a := newAPI(t, newRealm(t))
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/users/anna/keycloak-status", http.NoBody)
		request.RemoteAddr, request.Header = test.remote, test.header
		answer := a.do(request)
		event := a.audit.only(t)
		if test.want.RequestID == "" {
			test.want.RequestID = answer.header.Get("X-Request-Id") // one that was made
		}
		assert.Equal(t, test.want, domain.AuditEvent{
			ClientAddress: event.ClientAddress, ForwardedFor: event.ForwardedFor, RequestID: event.RequestID, TraceID: event.TraceID,
		}, name)
	}
}

func TestEvents_NameNoTraceThatIsNone(t *testing.T) {
	for _, header := range []string{
		"", "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
		"x00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736\n-00f067aa0ba902b7-01",
	} {
		a := newAPI(t, newRealm(t))
		a.sendWith(http.MethodGet, "/users/anna/keycloak-status", "", http.Header{"Traceparent": {header}})
		assert.Empty(t, a.audit.only(t).TraceID, "%q", header)
	}
}
