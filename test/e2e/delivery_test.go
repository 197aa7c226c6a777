package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// delivering has the program hand passwords out in one of the ways.
func delivering(delivery string) map[string]string {
	settings := passwordOnly()
	settings["TEMPORARY_PASSWORD_DELIVERY"] = delivery
	return settings
}

// openMail opens the link of the only mail to a user, with a browser of its own.
func openMail(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink, username string) (*keycloaktest.Visit, keycloaktest.Page) {
	t.Helper()
	mails := sink.MailsTo(addressOf(username)) // Keycloak has answered, so it has sent it.
	require.Len(t, mails, 1)
	visit := realm.NewVisit()
	page, err := visit.OpenMail(t.Context(), mails[0])
	require.NoError(t, err)
	return visit, page
}

// credentials returns the kinds of the user's credentials.
func credentials(t *testing.T, realm *keycloaktest.Realm, id string) []string {
	t.Helper()
	var stored []struct{ Type string }
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+id+"/credentials", nil, &stored))
	kinds := []string{}
	for _, c := range stored {
		kinds = append(kinds, c.Type)
	}
	return kinds
}

// What the two ways to hand a password out by mail promise. Mails are the realm's, so
// the realm is shared, and those tests that break them come last.
func TestDelivery(t *testing.T) {
	realm, sink := pagesRealm(t, "delivery")
	t.Run("by mail", func(t *testing.T) { testDeliveryByMail(t, realm, sink) })
	t.Run("by mail with the default actions", func(t *testing.T) { testDeliveryOfDefaultActions(t, realm, sink) })
	t.Run("by mail without any actions", func(t *testing.T) { testDeliveryWithoutActions(t, realm, sink) })
	t.Run("both", func(t *testing.T) { testDeliveryOfBoth(t, realm, sink) })
	t.Run("without mail", func(t *testing.T) { testDeliveryWithoutMail(t, realm, sink) })
	t.Run("mute mail server", func(t *testing.T) { testDeliveryByAMuteServer(t, realm) })
}

// Where no administrator is to see a password there is none: a link leads the employee
// to choose the first one.
func testDeliveryByMail(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	p := serveSetting(t, realm, realm.URL, delivering("email"))
	reply := hire(t, p, "linked", "")
	assert.NotContains(t, reply.Body, "temporary_password")
	assert.Equal(t, addressOf("linked"), reply.EmailSent)
	assert.Equal(t, []string{"UPDATE_PASSWORD"}, reply.Actions)
	assert.Empty(t, reply.Warnings)
	assert.Empty(t, credentials(t, realm, reply.UserID), "a password that nobody has chosen")

	visit, page := openMail(t, realm, sink, "linked")
	page = choosePassword(t, visit, page)
	assert.Contains(t, page.Text, "Your account has been updated")
	assertSignsIn(t, realm, "linked", chosenPassword)

	link := sink.MailsTo(addressOf("linked"))[0].Link()
	_, key, _ := strings.Cut(link, "key=")
	for _, text := range []string{p.log(), p.auditText(t)} {
		assert.NotContains(t, text, key)
	}
	page, err := realm.NewVisit().Open(t.Context(), link)
	require.NoError(t, err)
	assert.False(t, page.AsksForNewPassword(), "the link opens a second time")
}

// The default actions in the mail begin with the password too.
func testDeliveryOfDefaultActions(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	p := serveSetting(t, realm, realm.URL, map[string]string{"TEMPORARY_PASSWORD_DELIVERY": "email"})
	reply := hire(t, p, "all.linked", "")
	assert.ElementsMatch(t, []string{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"}, reply.Actions)
	visit, page := openMail(t, realm, sink, "all.linked")
	page = choosePassword(t, visit, page)
	assert.True(t, page.Has("attestationObject"), "%v", page)
	assert.Equal(t, []string{"password"}, credentials(t, realm, reply.UserID))
}

// Whatever else is asked of new users or is not, the link leads to a password.
func testDeliveryWithoutActions(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	p := serveSetting(t, realm, realm.URL, map[string]string{"TEMPORARY_PASSWORD_DELIVERY": "email", "REQUIRED_ACTIONS": ""})
	reply := hire(t, p, "just.linked", "")
	assert.Empty(t, reply.Actions)
	assert.Contains(t, reply.Body, `"required_actions":[]`)
	visit, page := openMail(t, realm, sink, "just.linked")
	choosePassword(t, visit, page)
	assertSignsIn(t, realm, "just.linked", chosenPassword)
}

// With both, each of the two leads in by itself.
func testDeliveryOfBoth(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	p := serveSetting(t, realm, realm.URL, delivering("both"))
	for _, username := range []string{"by.password", "by.mail"} {
		reply := hire(t, p, username, "")
		assertTemporaryPassword(t, reply.Password)
		assert.Equal(t, addressOf(username), reply.EmailSent)
		assert.Empty(t, reply.Warnings)

		visit, page := visitAs(t, realm, username, reply.Password)
		if username == "by.mail" {
			visit, page = openMail(t, realm, sink, username)
		}
		choosePassword(t, visit, page)
		assertSignsIn(t, realm, username, chosenPassword)
		mail := sink.MailsTo(addressOf(username))
		require.Len(t, mail, 1)
		assert.NotContains(t, mail[0].Data, reply.Password)
	}
}

// A mail that cannot be sent is no reason to undo a user who is there: the administrator
// is told, and can have it sent again when mails work.
func testDeliveryWithoutMail(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close()) // Nobody listens on its port now.
	for _, delivery := range []string{"email", "both"} {
		p := serveSetting(t, realm, realm.URL, delivering(delivery))
		for name, breakMail := range map[string]func(){
			"refused": func() { sink.Reject(true) },
			"down": func() {
				require.NoError(t, realm.UpdateRealm(t.Context(), mailsGoTo(closed.Addr().(*net.TCPAddr).Port)))
			},
			"not configured": func() {
				require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"smtpServer": map[string]any{}}))
			},
		} {
			t.Run(delivery+", "+name, func(t *testing.T) {
				username := dotted(delivery + " " + name)
				breakMail()
				reply := hire(t, p, username, "")
				sink.Reject(false)
				require.NoError(t, realm.UpdateRealm(t.Context(), mailsGoTo(sink.Port())))

				assert.NotEmpty(t, reply.Warnings)
				assert.NotContains(t, reply.Body, "email_sent_to", "the mail was not sent")
				assert.Equal(t, delivery == "both", reply.Password != "", "the password is in the reply")
				user, found := realmAccount(t, realm, username)
				require.True(t, found)
				assert.Equal(t, []string{"teller"}, user.Roles)
				assert.Equal(t, []string{"tellers"}, user.Groups)
				assert.Equal(t, []string{"UPDATE_PASSWORD"}, user.RequiredActions)

				if reply.Password != "" {
					visit, page := visitAs(t, realm, username, reply.Password)
					choosePassword(t, visit, page)
				} else {
					answer := p.send(t, http.MethodPost, "/users/"+username+"/reset-password", "")
					require.Equal(t, http.StatusOK, answer.status, answer.body)
					visit, page := openMail(t, realm, sink, username)
					choosePassword(t, visit, page)
				}
				assertSignsIn(t, realm, username, chosenPassword)
			})
		}
	}
}

// A mail server that says nothing keeps Keycloak for ten seconds. The administrator does
// not wait for it, and does not lose the password of a user who is there, not even when
// the creation has taken up much of the time.
func testDeliveryByAMuteServer(t *testing.T, realm *keycloaktest.Realm) {
	t.Helper()
	const requestTimeout = 4 * time.Second
	require.NoError(t, realm.UpdateRealm(t.Context(), mailsGoTo(muteServer(t))))
	g := newGateway(t, realm.URL)
	settings := delivering("both")
	// A creation may take half of a request; the mail then has less than its own time.
	settings["KEYCLOAK_TIMEOUT"], settings["REQUEST_TIMEOUT"] = "3s", requestTimeout.String()
	p := serveSetting(t, realm, g.URL, settings)
	keycloak := proxyTo(t, realm.URL)
	var mails atomic.Int32
	g.breakWith(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/users"):
			time.Sleep(1500 * time.Millisecond)
		case strings.HasSuffix(r.URL.Path, "/execute-actions-email"):
			mails.Add(1)
		}
		keycloak(w, r)
	})
	limited, cancel := context.WithTimeout(t.Context(), 2*requestTimeout)
	defer cancel()
	answer, err := p.trySend(limited, http.MethodPost, syncPath, `{"username":"unmailed","email":"unmailed@bank.example","role":"Cashier"}`)
	require.NoError(t, err, "in time")
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Contains(t, answer.body, `"warnings"`)
	assert.NotContains(t, answer.body, "email_sent_to")
	assert.EqualValues(t, 1, mails.Load(), "mails are never sent again: one may have gone out")
	visit, page := visitAs(t, realm, "unmailed", answer.member(t, "temporary_password"))
	choosePassword(t, visit, page)
}

// mailsGoTo is the part of a realm that says where its mail server is.
func mailsGoTo(port int) map[string]any {
	return map[string]any{"smtpServer": map[string]any{"host": "127.0.0.1", "port": strconv.Itoa(port), "from": "no-reply@bank.example"}}
}

// muteServer accepts connections and says nothing. It returns its port.
func muteServer(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_, _ = io.Copy(io.Discard, connection)
			}()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().(*net.TCPAddr).Port
}
