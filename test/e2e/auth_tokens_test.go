package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// The program's alone: imported so that the go command does not serve an old result of
	// these tests when it has changed.
	_ "user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/test/keycloaktest"
)

// claims are the header or the payload of a token.
type claims map[string]any

// with returns a copy with some members changed. Those that become nil are left out.
func (c claims) with(changes claims) claims {
	changed := maps.Clone(c)
	for name, value := range changes {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

// tokens are what a realm issues at a log-in.
type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// logIn logs a user of NewActor's kind in at one of the realm's public clients.
func logIn(t *testing.T, realm *keycloaktest.Realm, client, username string) tokens {
	t.Helper()
	return grantOf(t, realm, url.Values{"grant_type": {"password"}, "client_id": {client}, "scope": {"openid"},
		"username": {username}, "password": {keycloaktest.ActorPassword}})
}

// grantOf sends a form to the realm's token endpoint.
func grantOf(t *testing.T, realm *keycloaktest.Realm, form url.Values) tokens {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		realm.URL+"/realms/"+realm.Name+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "log in at %s: %s", form.Get("client_id"), answer)
	var issued tokens
	require.NoError(t, json.Unmarshal(answer, &issued))
	return issued
}

// claimsOf returns the payload of a token.
func claimsOf(t *testing.T, token string) claims {
	t.Helper()
	return partOf(t, token, 1)
}

func partOf(t *testing.T, token string, part int) claims {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	require.NoError(t, err)
	var members claims
	require.NoError(t, json.Unmarshal(text, &members))
	return members
}

// signingKey is a key of a realm of which the test has the private half, so that it can
// sign whatever it likes in the realm's name.
type signingKey struct {
	id      string // as in the realm's key set
	private *rsa.PrivateKey
}

// plantKey gives the realm a key. Keycloak signs with the one of the highest priority;
// that of the key it makes for itself is 100.
func plantKey(t *testing.T, realm *keycloaktest.Realm, priority int) signingKey {
	t.Helper()
	return plant(t, realm, priority, newKey(t))
}

func plant(t *testing.T, realm *keycloaktest.Realm, priority int, private *rsa.PrivateKey) signingKey {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	var settings struct{ ID string }
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "", nil, &settings))
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/components", map[string]any{
		"name": "planted", "parentId": settings.ID, "providerId": "rsa", "providerType": "org.keycloak.keys.KeyProvider",
		"config": map[string]any{
			"privateKey": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))},
			"priority":   []string{strconv.Itoa(priority)},
		},
	}, nil))
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	for _, key := range realmKeys(t, realm) {
		if key.PublicKey == base64.StdEncoding.EncodeToString(public) {
			return signingKey{key.ID, private}
		}
	}
	t.Fatal("the realm does not have the key that it was given")
	return signingKey{}
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return private
}

// jwk is the public half, as a token's header can bring it along.
func (k signingKey) jwk() claims {
	return claims{
		"kty": "RSA", "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
	}
}

// realmKey is a key as the realm lists it.
type realmKey struct {
	ID        string `json:"kid"`
	Component string `json:"providerId"`
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"publicKey"`
}

func realmKeys(t *testing.T, realm *keycloaktest.Realm) []realmKey {
	t.Helper()
	var list struct{ Keys []realmKey }
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/keys", nil, &list))
	return list.Keys
}

// removeKey takes a key away from the realm.
func removeKey(t *testing.T, realm *keycloaktest.Realm, id string) {
	t.Helper()
	for _, key := range realmKeys(t, realm) {
		if key.ID == id {
			require.NoError(t, realm.Call(t.Context(), http.MethodDelete, "/components/"+key.Component, nil, nil))
			return
		}
	}
	t.Fatalf("the realm has no key %s", id)
}

// sign returns a token with this payload, and with a header that may differ from the
// usual one.
func (k signingKey) sign(t *testing.T, payload, header claims) string {
	t.Helper()
	return seal(t, claims{"alg": "RS256", "typ": "JWT", "kid": k.id}.with(header), payload, func(text []byte) []byte {
		digest := sha256.Sum256(text)
		signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, digest[:])
		require.NoError(t, err)
		return signature
	})
}

// seal puts a token together.
func seal(t *testing.T, header, payload claims, sign func([]byte) []byte) string {
	t.Helper()
	var parts []string
	for _, part := range []claims{header, payload} {
		text, err := json.Marshal(part)
		require.NoError(t, err)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	text := strings.Join(parts, ".")
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}
