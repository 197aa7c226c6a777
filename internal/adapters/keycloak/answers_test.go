package keycloak_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// present is an enabled user of the stub.
func present() stubUser {
	return stubUser{Username: "present", Email: "present@bank.example", Enabled: true, roles: []string{"teller"}, groups: []string{"tellers"}}
}

// What is no answer of Keycloak never reads as a success, as nobody, or as an empty
// list. gocloak alone takes most of these for one of the three. For answers that say
// that Keycloak is in trouble, and for none at all, see TestRepetition_HasALimit.
func TestAnswers_ThatAreNone(t *testing.T) {
	subjects := newSubjects(t, operations())
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
		// unclear tells that a creation may have been carried out all the same.
		unclear bool
	}{
		"301":                 {redirect(http.StatusMovedPermanently), domain.BadAnswer, false},
		"302":                 {redirect(http.StatusFound), domain.BadAnswer, false},
		"303":                 {redirect(http.StatusSeeOther), domain.BadAnswer, false},
		"307":                 {redirect(http.StatusTemporaryRedirect), domain.BadAnswer, false},
		"308":                 {redirect(http.StatusPermanentRedirect), domain.BadAnswer, false},
		"a page":              {saying(200, "text/html", "<h1>Welcome</h1>"), domain.BadAnswer, true},
		"null":                {saying(200, "application/json", "null"), domain.BadAnswer, true},
		"nothing":             {saying(200, "application/json", ""), domain.BadAnswer, true},
		"a JSON text":         {saying(200, "application/json", `"[]"`), domain.BadAnswer, true},
		"JSON called text":    {saying(200, "text/plain", "[]"), domain.BadAnswer, true},
		"202":                 {saying(202, "application/json", "[]"), domain.BadAnswer, true},
		"broken JSON":         {saying(200, "application/json", `[{"id":`), domain.BadAnswer, true},
		"a list of null":      {saying(200, "application/json", `[null]`), domain.BadAnswer, true},
		"a list of nameless":  {saying(200, "application/json", `[{}]`), domain.BadAnswer, true},
		"a number":            {saying(200, "application/json", `7`), domain.BadAnswer, true},
		"a gateway's 404":     {saying(404, "text/html", "<h1>Not Found</h1>"), domain.BadAnswer, false},
		"another 404":         {saying(404, "application/json", `{"error":"Unable to find matching target resource method"}`), domain.BadAnswer, false},
		"500":                 {saying(500, "application/json", `{"error":"unknown_error"}`), domain.BadAnswer, false},
		"520":                 {saying(520, "text/html", "a gateway's own"), domain.BadAnswer, true},
		"418":                 {saying(418, "text/plain", "teapot"), domain.BadAnswer, false},
		"403":                 {saying(403, "application/json", `{"error":"HTTP 403 Forbidden"}`), domain.Internal, false},
		"401 for ever":        {saying(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`), domain.Internal, false},
		"realm gone":          {saying(404, "application/json", `{"error":"Realm not found."}`), domain.Internal, false},
		"400 without a field": {saying(400, "application/json", `{"error":"unable to read contents from stream"}`), domain.Internal, false},
	} {
		for _, op := range operations() {
			if name == "403" && op.bears403 {
				continue
			}
			want := c.kind
			if c.unclear {
				want = op.unclear(want)
			}
			known := subjects[op.name]
			known.taken()
			heal := known.spoil(op.route, c.with)
			err := op.run(t, known.provider, known.id)
			heal()
			assert.ErrorIs(t, err, want, "%s to %s", name, op.name)
			assert.Equal(t, want, domain.AsError(err).Kind, "%s to %s", name, op.name)
			assert.LessOrEqual(t, known.count(op.route), 2, "%s to %s is not repeated, but perhaps made with another token", name, op.name)
		}
	}
}

// The limit is the transport's, so that a few calls tell.
func TestAnswers_OfMoreThanCanBe(t *testing.T) {
	for _, op := range operations() {
		if op.name != "FindUser" && op.name != "TokenActive" && op.name != "CreateUser" {
			continue
		}
		s := newStub(t)
		s.answers(op.route, always, saying(200, "application/json", "["+strings.Repeat(" ", 8<<20)+"]"))
		require.ErrorIs(t, op.run(t, s.provider(t), ""), op.unclear(domain.BadAnswer), op.name)
	}
}

// An answer that begins has not come yet.
func TestAnswers_WithoutEnd(t *testing.T) {
	t.Parallel()
	for _, op := range operations() {
		if op.name != "FindUser" && op.name != "TokenActive" && op.name != "CreateUser" && op.name != "SetEnabled" {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			id := s.plant(present())
			s.answers(op.route, always, trickle)
			err := op.run(t, s.provider(t, impatient), domain.UserID(id))
			assertOnlyKind(t, op.unclear(domain.Timeout), err)
			assert.Equal(t, 1, s.count(op.route))
		})
	}
}

// redirect sends the caller to a place that would confirm anything.
func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", status) }
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`[{"id":`))
	panic(http.ErrAbortHandler)
}

func trickle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte(" "))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(5 * time.Millisecond)
	}
}

// A bearer token must not travel to wherever a redirect points.
func TestAnswers_RedirectsAreNotFollowed(t *testing.T) {
	for _, op := range operations() {
		s := newStub(t)
		id := s.plant(present())
		p := s.provider(t, keycloak.WithUndoFor(300*time.Millisecond))
		followed := false
		s.answers(op.route, always, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("followed") {
				followed = true
			}
			http.Redirect(w, r, r.URL.Path+"?followed", http.StatusTemporaryRedirect)
		})
		require.ErrorIs(t, op.run(t, p, domain.UserID(id)), domain.BadAnswer, op.name)
		assert.False(t, followed, op.name)
	}
}

func TestAnswers_LoginThatIsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
	}{
		"a redirect":   {redirect(302), domain.BadAnswer},
		"a page":       {saying(200, "text/html", "<h1>Log in</h1>"), domain.BadAnswer},
		"no token":     {saying(200, "application/json", `{"expires_in":300}`), domain.BadAnswer},
		"null":         {saying(200, "application/json", `null`), domain.BadAnswer},
		"bad request":  {saying(400, "application/json", `{"error":"invalid_request"}`), domain.Internal},
		"wrong secret": {saying(401, "application/json", `{"error":"unauthorized_client"}`), domain.Internal},
		"realm off":    {saying(403, "application/json", `{"error":"access_denied"}`), domain.Internal},
		"no realm":     {saying(404, "application/json", `{"error":"Realm does not exist"}`), domain.Internal},
		"wrong path":   {saying(404, "text/html", ``), domain.BadAnswer},
		"too many":     {saying(429, "application/json", `{}`), domain.Unavailable},
		"starting":     {saying(503, "text/html", ``), domain.Unavailable},
		"no answer":    {hang, domain.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.answers("POST token", always, c.with)
			err := s.provider(t, impatientFor(c.kind)).Check(t.Context())
			require.ErrorIs(t, err, c.kind)
			logins := 1
			if c.kind == domain.Unavailable {
				logins += keycloak.Retries
			}
			assert.Equal(t, logins, s.count("POST token"), "no login storm")
		})
	}
}

func TestAnswers_NobodyListens(t *testing.T) {
	s := newStub(t)
	p := s.provider(t, func(config *keycloak.Config) { config.URL = "http://127.0.0.1:1" })
	require.ErrorIs(t, p.Check(t.Context()), domain.Unavailable)
}

// Each refusal of a creation, in the words of the Keycloak version that says so.
func TestAnswers_ToACreation(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   domain.Kind
		fields map[string]string
	}{
		"username taken":     {409, `{"errorMessage":"User exists with same username"}`, domain.UsernameConflict, nil},
		"address taken":      {409, `{"errorMessage":"User exists with same email"}`, domain.EmailConflict, nil},
		"policy, 24.0":       {400, `{"errorMessage":"Password policy not met"}`, domain.PasswordRefused, nil},
		"policy, digits":     {400, `{"error":"invalidPasswordMinDigitsMessage","error_description":"Invalid password: must contain at least 2 numerical digits."}`, domain.PasswordRefused, nil},
		"policy, blacklist":  {400, `{"error":"invalidPasswordBlacklistedMessage"}`, domain.PasswordRefused, nil},
		"username missing":   {400, `{"errorMessage":"User name is missing"}`, domain.InvalidField, nil},
		"one field":          {400, `{"field":"email","errorMessage":"error-invalid-email","params":["email"]}`, domain.InvalidField, map[string]string{"email": "must be an e-mail address"}},
		"a realm's own rule": {400, `{"field":"employee_id","errorMessage":"wrong format","params":["employee_id","^[0-9]+$"]}`, domain.InvalidField, map[string]string{"employee_id": "is not allowed by the rules of the realm"}},
		"two fields":         {400, `{"errors":[{"field":"username","errorMessage":"error-invalid-length"},{"field":"lastName","errorMessage":"error-user-attribute-required"}]}`, domain.InvalidField, map[string]string{"username": "is too short or too long", "lastName": "is required"}},
		"group there, 500":   {500, `{"error":"unknown_error"}`, domain.BadAnswer, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.answers("POST users", always, saying(c.status, "application/json", c.body))
			_, err := s.provider(t).CreateUser(t.Context(), newcomer(t, "anna"))
			require.ErrorIs(t, err, c.kind)
			assert.Equal(t, c.kind, domain.AsError(err).Kind)
			assert.Equal(t, c.fields, domain.AsError(err).Fields)
			assert.Equal(t, 1, s.count("POST users"), "never a second creation")
		})
	}
}

// Losers of a race get answers that do not say what they lost on; so that is looked up.
func TestAnswers_UnclearConflictsAreLookedUp(t *testing.T) {
	for _, body := range []struct {
		status int
		text   string
	}{
		{409, `{"errorMessage":"User exists with same username or email"}`},
		{409, `{"error":"unknown_error"}`},
		{409, `{"error":"unknown_error","error_description":"Duplicate resource error"}`},
		{409, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{400, `{"errorMessage":"Could not create user"}`},
	} {
		for name, c := range map[string]struct {
			plant  []stubUser
			unseen int // looks that find nobody
			kind   domain.Kind
		}{
			"the username":          {[]stubUser{{Username: "anna", Email: "else@bank.example"}}, 0, domain.UsernameConflict},
			"the address":           {[]stubUser{{Username: "else", Email: "anna@bank.example"}}, 0, domain.EmailConflict},
			"both, by one":          {[]stubUser{{Username: "anna", Email: "anna@bank.example"}}, 0, domain.UsernameConflict},
			"one who is seen later": {[]stubUser{{Username: "anna", Email: "anna@bank.example"}}, 2, domain.UsernameConflict},
			"nothing that is seen":  {nil, 0, domain.Unavailable},
		} {
			t.Run(body.text+" over "+name, func(t *testing.T) {
				s := newStub(t)
				for _, user := range c.plant {
					s.plant(user)
				}
				s.answers("POST users", 1, func(w http.ResponseWriter, _ *http.Request) {
					s.answers("GET users", c.unseen, saying(200, "application/json", "[]"))
					answer(w, body.status, body.text)
				})
				_, err := s.provider(t, keycloak.WithLookFor(time.Duration(c.unseen)*time.Second)).CreateUser(t.Context(), newcomer(t, "anna"))
				require.ErrorIs(t, err, c.kind)
				assert.Equal(t, c.kind, domain.AsError(err).Kind)
				assert.Equal(t, 1, s.count("POST users"), "never a second creation")
			})
		}
	}
}

func TestAnswers_ToAMail(t *testing.T) {
	for body, kind := range map[string]domain.Kind{
		`{"errorMessage":"User is disabled"}`:   domain.UserDisabled,
		`{"errorMessage":"User email missing"}`: domain.NoEmail,
	} {
		s := newStub(t)
		id := s.plant(present())
		s.answers(mailRoute, 1, saying(400, "application/json", body))
		require.ErrorIs(t, s.provider(t).SendActionsMail(t.Context(), domain.UserID(id), []domain.RequiredAction{domain.UpdatePassword}, time.Hour), kind)
	}
}

// Whatever became of the first mail, there is no second one.
func TestAnswers_AMailIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]http.HandlerFunc{
		"no answer": hang, "closed": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"500": saying(500, "application/json", `{"errorMessage":"Failed to send execute actions email"}`), "503": saying(503, "text/html", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			id := s.plant(present())
			s.answers(mailRoute, always, with)
			require.Error(t, s.provider(t, impatient).SendActionsMail(t.Context(), domain.UserID(id), []domain.RequiredAction{domain.UpdatePassword}, time.Hour))
			assert.Equal(t, 1, s.count(mailRoute))
		})
	}
}

func TestAnswers_ErrorsNameNobody(t *testing.T) {
	s := newStub(t)
	s.change(func() { s.noMails = true })
	id := s.plant(present())
	err := s.provider(t).SendActionsMail(t.Context(), domain.UserID(id), []domain.RequiredAction{domain.UpdatePassword}, time.Hour)
	require.ErrorIs(t, err, domain.EmailDeliveryFailed)
	assert.NotContains(t, err.Error(), "bank.example", "an address in Keycloak's text")

	p := s.provider(t, func(config *keycloak.Config) { config.URL = "http://127.0.0.1:1" })
	_, err = p.FindUser(t.Context(), username(t, "present"))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "present", "the URL of a look-up names the user")
}
