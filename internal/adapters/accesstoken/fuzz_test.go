package accesstoken_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/domain"
)

// What the fuzzer's two texts become.
const (
	asToken   = iota // the first text is the whole token
	asPayload        // the second text is the payload of a good signature
	asBoth           // the first text is the header of a good signature, too
	forms
)

// FuzzVerify shows the verifier tokens of any form, most of them with a good signature so
// that their claims are reached: none is accepted that another reader of JSON would not
// take for an access token of the realm, and none causes anything but Unauthenticated.
func FuzzVerify(f *testing.F) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	k, good := fuzzKey(f), string(payload(f, now, nil))
	seedTokens(f, k, now)
	published, err := json.Marshal(map[string]any{"keys": []any{k.public()}})
	require.NoError(f, err)
	v := accesstoken.New(accesstoken.Config{
		URL: atKeycloak, Realm: "bank", Issuers: []string{issuer}, Timeout: time.Minute,
		Clients: []string{"oauth2-proxy"}, Audience: []string{"oauth2-proxy"},
		Transport: answers(published), Now: func() time.Time { return now },
	})
	v.Unpaced()
	f.Cleanup(v.Close)

	f.Fuzz(func(t *testing.T, form uint8, first, second string) {
		header, payload, token := `{"alg":"ES256","kid":"first"}`, second, first
		switch form % forms {
		case asPayload:
			token = handSigned(t, k, header, payload)
		case asBoth:
			header = first
			token = handSigned(t, k, header, payload)
		}
		actor, err := v.Verify(t.Context(), token)
		if err != nil {
			checkError(t, err, domain.Unauthenticated, "access token: ")
			require.Equal(t, domain.Actor{}, actor)
			return
		}
		if form%forms == asToken {
			header, payload = takenApart(t, token)
			require.Equal(t, good, payload, "nobody has signed this")
		}
		require.Equal(t, map[string]any{"alg": "ES256", "kid": "first"}, members(t, header, "alg", "kid"))
		require.Equal(t, map[string]any{"typ": "Bearer", "iss": issuer, "azp": "oauth2-proxy"}, members(t, payload, "typ", "iss", "azp"))
		require.NotContains(t, members(t, payload), "cnf")
		aud := members(t, payload, "aud")["aud"]
		if list, ok := aud.([]any); ok {
			require.Contains(t, list, "oauth2-proxy")
		} else {
			require.Equal(t, "oauth2-proxy", aud)
		}
		expires, err := members(t, payload, "exp")["exp"].(json.Number).Float64()
		require.NoError(t, err)
		require.Greater(t, expires, float64(now.Unix()))
		require.True(t, actor.Name() != "" || actor.Incomplete)
	})
}

func seedTokens(f *testing.F, k key, now time.Time) {
	good := string(payload(f, now, nil))
	f.Add(uint8(asToken), k.sign(f, []byte(good)), "")
	for _, token := range []string{
		"", ".", "..", "...", "....", "garbage", " ", "\x00", "{}", "[]", "e30.e30.", "e30.e30.e30", "bnVsbA.bnVsbA.", "é.é.é",
		unsigned(`{"alg":"none"}`, []byte(good)), unsigned(`{"alg":"HS256","kid":"first"}`, []byte(good)) + "AAAA",
		unsigned(`{"alg":"RS256","kid":"unknown"}`, []byte(good)) + "AAAA",
		`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`, strings.Repeat("x", 33<<10),
	} {
		f.Add(uint8(asToken), token, "")
	}
	for _, claims := range []string{
		good, "", "null", "0", `""`, "[]", "{}", "{", `{"typ":"Bearer"}`, `{"typ":"Bearer","typ":"ID"}`, "\xff", `{"typ":"\ud800"}`,
		string(payload(f, now, map[string]any{"typ": "ID"})), string(payload(f, now, map[string]any{"typ": nil})),
		string(payload(f, now, map[string]any{"exp": nil})), string(payload(f, now, map[string]any{"exp": "9999999999"})),
		string(payload(f, now, map[string]any{"exp": 1e300})), string(payload(f, now, map[string]any{"exp": 9223372036854775807})),
		strings.Replace(good, `"exp":`, `"exp":1e999,"x":`, 1), strings.Replace(good, `"jti":`, `"x":1e999,"jti":`, 1), strings.Replace(good, `"exp":`, `"exp":-0,"EXP":`, 1),
		string(payload(f, now, map[string]any{"nbf": -1e300})), string(payload(f, now, map[string]any{"aud": nil})),
		string(payload(f, now, map[string]any{"aud": []any{nil}})), string(payload(f, now, map[string]any{"aud": map[string]any{}})),
		string(payload(f, now, map[string]any{"realm_access": 1})), string(payload(f, now, map[string]any{"resource_access": map[string]any{"x": nil}})),
		string(payload(f, now, map[string]any{"cnf": map[string]any{}})), string(payload(f, now, map[string]any{"cnf": json.RawMessage("null")})),
		string(payload(f, now, map[string]any{"cnf": map[string]any{"jkt": "x"}})), strings.Replace(good, `"jti":`, `"CNF":{},"jti":`, 1), strings.Replace(good, `"jti":`, `"cn\u0066":{},"jti":`, 1),
		string(payload(f, now, map[string]any{"azp": nil})), string(payload(f, now, map[string]any{"azp": "shop"})), string(payload(f, now, map[string]any{"aud": []string{"account", "oauth2-proxy"}})),
		string(payload(f, now, map[string]any{"sub": nil, "preferred_username": nil})), strings.Replace(good, `"typ":"Bearer"`, `"TYP":"Bearer","typ":"ID"`, 1),
		string(payload(f, now, map[string]any{"_claim_names": map[string]any{"roles": "x"}, "_claim_sources": map[string]any{"x": map[string]any{"endpoint": "http://x"}}})),
		`{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}",
	} {
		f.Add(uint8(asPayload), "", claims)
	}
	for _, header := range []string{
		`{"alg":"ES256","kid":"first"}`, `{"alg":"ES256","kid":"first","typ":"JWT"}`, `{"alg":"ES256"}`, `{"alg":"ES256","kid":"unknown"}`, `{"alg":"ES256","kid":null}`,
		`{"alg":"RS256","kid":"first"}`, `{"alg":"none","kid":"first"}`, `{"alg":["ES256"],"kid":"first"}`, `{"ALG":"ES256","KID":"first"}`, `{"alg":"none","alg":"ES256","kid":"first"}`,
		`{"alg":"ES256","kid":"first","crit":["b64"],"b64":false}`, `{"alg":"ES256","kid":"first","crit":1}`, `{"alg":"ES256","kid":"first","jwk":{"kty":"oct","k":"AAAA"}}`,
		`{"alg":"ES256","kid":"first","x5c":["AAAA"]}`, `{"alg":"ES256","kid":"first","nonce":1}`, "", "null", "[]", `{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
	} {
		f.Add(uint8(asBoth), header, good)
	}
}

// fuzzKey is the same one in all of the fuzzer's processes.
func fuzzKey(f *testing.F) key {
	f.Helper()
	secret := sha256.Sum256([]byte("fuzz"))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	require.NoError(f, err)
	return key{jose.JSONWebKey{Key: private, KeyID: "first", Algorithm: "ES256"}}
}

// takenApart returns the header and the payload of a token.
func takenApart(t *testing.T, token string) (header, payload string) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	var texts [2]string
	for i := range texts {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		texts[i] = string(text)
	}
	return texts[0], texts[1]
}

// handSigned is a token of the key with any texts for its header and payload.
func handSigned(t *testing.T, k key, header, payload string) string {
	t.Helper()
	token := strings.TrimSuffix(unsigned(header, []byte(payload)), ".")
	digest := sha256.Sum256([]byte(token))
	r, s, err := ecdsa.Sign(rand.Reader, k.Key.(*ecdsa.PrivateKey), digest[:])
	require.NoError(t, err)
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return token + "." + base64.RawURLEncoding.EncodeToString(signature[:])
}

// members reads some members of an object with the standard library; all if none is named.
func members(t *testing.T, text string, names ...string) map[string]any {
	t.Helper()
	var all map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a claim of no interest may be beyond any number of Go's
	require.NoError(t, decoder.Decode(&all))
	if len(names) == 0 {
		return all
	}
	some := make(map[string]any)
	for _, name := range names {
		some[name] = all[name]
	}
	return some
}

// answers is the answer to every request.
type answers []byte

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a)), Request: req}, nil
}

func TestHandSigned_IsAGoodSignature(t *testing.T) {
	k := newECKey(t, "first")
	token := handSigned(t, k, `{"kid":"first","alg":"ES256","typ":"JWT"}`, string(payload(t, time.Now(), nil)))
	checkAccepted(t, newVerifier(t, newStub(k.public())), token)
}
