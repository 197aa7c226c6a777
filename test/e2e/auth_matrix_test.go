package e2e

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// credential is a way to show up at the service, and what comes of it.
type credential struct {
	name        string
	header      []string // lines "Name: value"
	read, write verdict
	// reader and writer are whom the audit log names as the actor of reads and of writes;
	// empty: nobody, because the token was not believed.
	reader, writer string
}

// refused is a credential that counts for nothing.
func refused(name string, header ...string) credential {
	return credential{name: name, header: header, read: unauthenticated, write: unauthenticated}
}

// of is the credential of an actor whose token is believed.
func of(username, name, token string, read, write verdict) credential {
	return credential{name, []string{bearer(token)}, read, write, username, username}
}

// matrix is the table of who gets where, with what it takes to fill it in.
type matrix struct {
	realm, other *keycloaktest.Realm
	program      *program
	ledger       ledger
	sink         *keycloaktest.Sink
	recorded     []auditEvent // what must be in the audit log, in no order
}

// Every protected route, under both of its paths, answers every kind of caller exactly
// so; whoever is refused changes nothing; and each attempt is on record once.
func TestAuth_Matrix(t *testing.T) {
	m := newMatrix(t)
	for number, c := range m.credentials(t) {
		t.Run(c.name, func(t *testing.T) { m.try(t, number, c) })
	}
	m.checkRecord(t)
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	sink := newSink(t)
	m := &matrix{realm: authRealm(t, "matrix", sink), other: authRealm(t, "other", sink), sink: sink}
	environment := environmentFor(m.realm, m.realm.URL)
	environment["AUTH_CLIENTS"] = strings.Join([]string{keycloaktest.LoginClientID, gatewayClient, briefClient, m.realm.ClientID,
		signingClient("ES256"), signingClient("PS256"), signingClient("RS512"), signingClient("EdDSA"), signingClient("HS256")}, ",")
	environment["AUTH_WRITE_ROLES"] = "admin, " + webClient + ":writer"
	environment["AUTH_READ_ROLES"] = "admin,Viewer"
	m.program = startProgram(t, nil, environment)
	awaitHealth(t, m.program.URL, http.StatusOK)
	m.ledger = ledgerOf(t, m.realm)
	return m
}

// credentials returns the rows of the table.
func (m *matrix) credentials(t *testing.T) []credential {
	t.Helper()
	brief := logIn(t, m.realm, briefClient, "boss")
	key := plantKey(t, m.realm, 50)
	return append(append(append(m.malformed(t, key), m.forged(t, key)...), m.issued(t)...), m.expired(t, brief))
}

// malformed are those that hold no token, or none that the realm has issued.
func (m *matrix) malformed(t *testing.T, key signingKey) []credential {
	t.Helper()
	boss := logIn(t, m.realm, keycloaktest.LoginClientID, "boss").Access
	header, payload, signature := split(boss)
	secret := symmetricKeys(t, m.realm, partOf(t, boss, 0)["kid"].(string))
	unsigned := func(algorithm string) string {
		return seal(t, claims{"alg": algorithm, "typ": "JWT"}, claimsOf(t, boss), func([]byte) []byte { return nil })
	}
	cashier := claimsOf(t, logIn(t, m.realm, keycloaktest.LoginClientID, "cashier").Access)
	stranger := signingKey{"3PmvTzhyQ3mI5fE4zbRk0Q", newKey(t)}
	cases := []credential{
		refused("no token"),
		refused("empty bearer", "Authorization: Bearer "),
		refused("bearer alone", "Authorization: Bearer"),
		refused("empty Authorization", "Authorization: "),
		refused("the token without a scheme", "Authorization: "+boss),
		refused("basic", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("boss:"+keycloaktest.ActorPassword))),
		refused("garbage", bearer("garbage")),
		refused("dots", bearer("..")),
		refused("JSON", bearer(`{"alg":"none"}`)),
		refused("long garbage", bearer(strings.Repeat("x", 30_000))),
		refused("two tokens", bearer(boss+" "+boss)),
		refused("a fourth part", bearer(boss+".x")),
		refused("cut off", bearer(boss[:len(boss)-1])),
		refused("no signature", bearer(header+"."+payload+".")),
		refused("alg none", bearer(unsigned("none"))),
		refused("alg NONE", bearer(unsigned("NONE"))),
		refused("alg none, with a signature", bearer(unsigned("none")+signature)),
		refused("another payload under a good signature", bearer(header+"."+encode(t, cashier.with(claims{"realm_access": claimsOf(t, boss)["realm_access"]}))+"."+signature)),
		refused("the key in the header", bearer(stranger.sign(t, claimsOf(t, boss), claims{"kid": nil, "jwk": stranger.jwk()}))),
		refused("a key of another's under the realm's id", bearer(signingKey{key.id, stranger.private}.sign(t, claimsOf(t, boss), nil))),
		refused("a key that nobody has seen", bearer(stranger.sign(t, claimsOf(t, boss), nil))),
	}
	for name, secret := range secret {
		signed := seal(t, claims{"alg": "HS256", "typ": "JWT", "kid": partOf(t, boss, 0)["kid"]}, claimsOf(t, boss), func(text []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(text)
			return mac.Sum(nil)
		})
		cases = append(cases, refused("HS256 with the public key, "+name, bearer(signed)))
	}
	return cases
}

// forged are signed in the realm's name and differ from a good token in one thing.
func (m *matrix) forged(t *testing.T, key signingKey) []credential {
	t.Helper()
	good := claimsOf(t, logIn(t, m.realm, keycloaktest.LoginClientID, "boss").Access)
	forge := func(changes claims) string { return key.sign(t, good.with(changes), nil) }
	now := time.Now().Unix()
	issuer := good["iss"].(string)
	otherKey := plantKey(t, m.other, 50)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)

	cases := []credential{
		of("boss", "the same token, signed by another key of the realm", forge(nil), granted, granted),
		of("boss", "valid since a while", forge(claims{"nbf": now - 60}), granted, granted),
		refused("another realm's key in this one's name", bearer(otherKey.sign(t, good, nil))),
		refused("a weak key of the realm", bearer(plant(t, m.realm, 40, small).sign(t, good, nil))),
		refused("a critical header that nobody knows", bearer(key.sign(t, good, claims{"crit": []string{"moon"}, "moon": "full"}))),
	}
	for name, changes := range map[string]claims{
		"expired a second ago":      {"exp": now - 1},
		"never expires":             {"exp": nil},
		"expires in words":          {"exp": "tomorrow"},
		"not yet valid":             {"nbf": now + 3600},
		"not valid for two minutes": {"nbf": now + 120},
		"another issuer":            {"iss": "https://elsewhere.example/realms/" + m.realm.Name},
		"the issuer with a slash":   {"iss": issuer + "/"},
		"no issuer":                 {"iss": nil},
		"no typ":                    {"typ": nil},
		"typ ID":                    {"typ": "ID"},
		"typ Refresh":               {"typ": "Refresh"},
		"typ Offline":               {"typ": "Offline"},
		"typ in lower case":         {"typ": "bearer"},
		"typ a list":                {"typ": []string{"Bearer"}},
		"wrong azp and aud":         {"azp": strangerClient, "aud": []string{"account", strangerClient}},
		"neither azp nor aud":       {"azp": nil, "aud": nil},
		"aud alone":                 {"azp": nil, "aud": keycloaktest.LoginClientID},
		"bound to a certificate":    {"cnf": claims{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
		"bound to a DPoP key":       {"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
		"bound to nothing":          {"cnf": claims{}},
		"roles in one text":         {"realm_access": claims{"roles": "admin"}},
	} {
		cases = append(cases, refused(name, bearer(forge(changes))))
	}
	return cases
}

// issued are tokens that Keycloak itself has issued.
func (m *matrix) issued(t *testing.T) []credential {
	t.Helper()
	login := func(username string) string { return logIn(t, m.realm, keycloaktest.LoginClientID, username).Access }
	at := func(client string) string { return logIn(t, m.realm, client, "boss").Access }
	boss := logIn(t, m.realm, keycloaktest.LoginClientID, "boss")
	dismissed, gone := login("dismissed"), login("gone")
	dismiss(t, m.realm, "dismissed")
	logOutEverywhere(t, m.realm, "gone")

	return []credential{
		of("boss", "admin", boss.Access, granted, granted),
		{"admin, scheme in lower case", []string{"Authorization: bearer " + boss.Access}, granted, granted, "boss", "boss"},
		of("head", "admin through a group", login("head"), granted, granted),
		of("boss", "admin at the production gateway", at(gatewayClient), granted, granted),
		refused("admin, meant by aud alone", bearer(at(webClient))),
		of("boss", "admin, ES256", at(signingClient("ES256")), granted, granted),
		of("boss", "admin, PS256", at(signingClient("PS256")), granted, granted),
		of("boss", "admin, RS512", at(signingClient("RS512")), granted, granted),
		refused("admin, EdDSA", bearer(at(signingClient("EdDSA")))),
		refused("admin, HS256 with the realm's secret", bearer(at(signingClient("HS256")))),
		refused("ID token", bearer(boss.ID)),
		refused("refresh token", bearer(boss.Refresh)),
		refused("wrong azp", bearer(at(strangerClient))),
		refused("another realm", bearer(logIn(t, m.other, keycloaktest.LoginClientID, "boss").Access)),
		of("cashier", "cashier", login("cashier"), forbidden, forbidden),
		of("customer", "customer", login("customer"), forbidden, forbidden),
		of("viewer", "read role", login("viewer"), granted, forbidden),
		of("writer", "client role that may write", login("writer"), forbidden, granted),
		of("elsewhere", "admin of a client only", login("elsewhere"), forbidden, forbidden),
		of("shouting", "role in another letter case", login("shouting"), forbidden, forbidden),
		of("service-account-"+m.realm.ClientID, "the service itself", serviceToken(t, m.realm), forbidden, forbidden),
		of("dismissed", "admin disabled a moment ago", dismissed, granted, unauthenticated),
		of("gone", "admin logged out a moment ago", gone, granted, unauthenticated),
	}
}

// expired is a token that was good until a moment ago.
func (m *matrix) expired(t *testing.T, brief tokens) credential {
	t.Helper()
	m.addTarget(t, "brief")
	read := attempts()[4].on("brief", "")
	answer := read.sendWith(t, m.program, bearer(logIn(t, m.realm, briefClient, "boss").Access), "X-Request-Id: brief")
	assertVerdict(t, granted, read, answer)
	m.expect("brief", read, "brief", granted, "boss")

	expires := time.Unix(int64(claimsOf(t, brief.Access)["exp"].(float64)), 0)
	eventually(t, func() bool { return time.Now().After(expires) }, 5*time.Second, 10*time.Millisecond)
	return refused("expired", bearer(brief.Access))
}

// try sends every request of a row. Those that nobody may make go side by side: a key
// that nobody has seen is worth one look at Keycloak a second.
func (m *matrix) try(t *testing.T, number int, c credential) {
	t.Helper()
	target := fmt.Sprintf("target%d", number)
	m.addTarget(t, target)
	writes, mails := len(m.ledger.writes(t)), len(m.sink.Mails())

	var waiting sync.WaitGroup
	for i, prefix := range []string{"", "/api/user-sync"} {
		for j, a := range attempts() {
			newcomer := fmt.Sprintf("new%d-%d", number, i)
			a = a.on(target, newcomer)
			id := fmt.Sprintf("matrix-%d-%d-%d", number, i, j)
			want, who := c.read, c.reader
			if a.writes() {
				want, who = c.write, c.writer
			}
			on := target
			if a.action == "sync_user" {
				on = newcomer
				if want != granted {
					on = "" // It is in the body, which is read for those who may write.
				}
			}
			a.path = prefix + a.path
			m.expect(id, a, on, want, who)
			header := append([]string{"X-Request-Id: " + id}, c.header...)
			if want == granted {
				assertVerdict(t, want, a, a.sendWith(t, m.program, header...))
				continue
			}
			waiting.Go(func() {
				answer, err := trySend(t.Context(), a.method, m.program.URL+a.path, a.body, header...)
				if assert.NoError(t, err) {
					assertVerdict(t, want, a, answer)
				}
			})
		}
	}
	waiting.Wait()
	if c.write == granted {
		// Created twice with a role, two mails, switched on twice, forced once, edited once,
		// logged out twice.
		assert.Len(t, m.ledger.writes(t), writes+2*2+2+2+1+1+2)
		assert.Len(t, m.sink.Mails(), mails+2)
		return
	}
	m.ledger.unchanged(t, writes)
	assert.Len(t, m.sink.Mails(), mails)
}

func (m *matrix) addTarget(t *testing.T, username string) {
	t.Helper()
	_, err := m.realm.CreateUser(t.Context(), map[string]any{"username": username, "email": username + "@bank.example", "enabled": true})
	require.NoError(t, err)
}

// expect notes what must be on record of a request.
func (m *matrix) expect(id string, a attempt, target string, want verdict, actor string) {
	outcome := "allowed"
	if want != granted {
		outcome = "refused"
	}
	event := auditEvent{RequestID: id, Action: a.action, Outcome: outcome, Reason: want.code}
	event.Target.Username, event.Actor.Username = target, actor
	m.recorded = append(m.recorded, event)
}

// checkRecord compares the audit log with what must be in it.
func (m *matrix) checkRecord(t *testing.T) {
	t.Helper()
	m.program.signal(t, syscall.SIGTERM) // Then it tells of the strangers whom it only counted.
	require.Zero(t, m.program.exitCode(t))
	got := make(map[string][]auditEvent)
	all, counted := auditLines(t, m.program)
	for _, event := range all {
		got[event.RequestID] = append(got[event.RequestID], event)
	}
	for _, want := range m.recorded {
		events := got[want.RequestID]
		delete(got, want.RequestID)
		if len(events) == 0 && want.Actor.Username == "" {
			counted--
			continue
		}
		if !assert.Len(t, events, 1, "events of %s", want.RequestID) {
			continue
		}
		assert.Equal(t, want, events[0].essence())
	}
	assert.Empty(t, got, "events of no attempt")
	assert.Zero(t, counted, "strangers who are neither told nor counted")
	t.Logf("%d attempts", len(m.recorded))
}

// Machines and browsers read the routes that are nobody's secret without a token, and
// whatever token they show.
func TestAuth_PublicRoutesNeedNoToken(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "public"})
	p := startProgram(t, nil, environmentFor(realm, realm.URL))
	awaitHealth(t, p.URL, http.StatusOK)
	for _, header := range [][]string{nil, {"Authorization: Bearer "}, {bearer("garbage")}, {bearer(administrator(t, realm))}} {
		for _, route := range []string{"/health", "/livez", "/readyz", "/openapi.json"} {
			for _, prefix := range []string{"", "/api/user-sync"} {
				assert.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+prefix+route, "", header...).status, prefix+route)
			}
		}
		assert.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+"/metrics", "", header...).status)
		assert.Equal(t, http.StatusNotFound, send(t, http.MethodGet, p.URL+"/api/user-sync/metrics", "", header...).status, "strangers reach that")
	}
	assert.Empty(t, auditEvents(t, p), "nothing was attempted")
}

func split(token string) (header, payload, signature string) {
	parts := strings.Split(token, ".")
	return parts[0], parts[1], parts[2]
}

// encode returns a part of a token.
func encode(t *testing.T, members claims) string {
	t.Helper()
	_, payload, _ := split(seal(t, nil, members, func([]byte) []byte { return nil }))
	return payload
}

// symmetricKeys are the forms of a public key of the realm that somebody might take for
// a secret that the service shares.
func symmetricKeys(t *testing.T, realm *keycloaktest.Realm, id string) map[string][]byte {
	t.Helper()
	for _, key := range realmKeys(t, realm) {
		if key.ID == id {
			der, err := base64.StdEncoding.DecodeString(key.PublicKey)
			require.NoError(t, err)
			return map[string][]byte{
				"DER":    der,
				"PEM":    pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
				"base64": []byte(key.PublicKey),
			}
		}
	}
	t.Fatalf("the realm has no key %s", id)
	return nil
}
