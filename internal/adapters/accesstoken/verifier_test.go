package accesstoken_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/domain"
)

// matrix is a realm with a key for each sort of algorithm, and a verifier that knows them,
// both at a fixed time.
type matrix struct {
	now                time.Time
	rsa, pss, ec, free key
	stub               *stub
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{
		now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
		rsa: newRSAKey(t, "rsa", jose.RS256),
		pss: newRSAKey(t, "pss", jose.PS256),
		ec:  newECKey(t, "ec"),
	}
	// A key for any algorithm and any use.
	m.free = key{m.rsa.JSONWebKey}
	m.free.KeyID, m.free.Use = "free", ""
	published := m.free.Public()
	published.Algorithm = ""
	m.stub = newStub(m.rsa.public(), m.pss.public(), m.ec.public(), published)
	return m
}

func (m *matrix) verifier(t *testing.T, changes ...func(*accesstoken.Config)) *accesstoken.Verifier {
	t.Helper()
	v := newVerifier(t, m.stub, append(changes, func(c *accesstoken.Config) { c.Now = func() time.Time { return m.now } })...)
	checkFailure(t, v, "", domain.Unauthenticated, "no token") // it knows the keys now
	return v
}

// only is a configuration for which tokens of these clients count.
func only(clients ...string) func(*accesstoken.Config) {
	return func(c *accesstoken.Config) { c.Clients = clients }
}

// token is one of the RSA key with changed claims.
func (m *matrix) token(t *testing.T, changes map[string]any) string {
	t.Helper()
	return m.rsa.sign(t, payload(t, m.now, changes))
}

func TestVerify_AcceptsAccessTokens(t *testing.T) {
	m := newMatrix(t)
	for name, test := range map[string]struct {
		token string
	}{
		"RS256":                      {token: m.token(t, nil)},
		"ES256":                      {token: m.ec.sign(t, payload(t, m.now, nil))},
		"PS256":                      {token: m.pss.sign(t, payload(t, m.now, nil))},
		"RS512 of a key for any use": {token: signed(t, jose.SigningKey{Algorithm: jose.RS512, Key: m.free.JSONWebKey}, payload(t, m.now, nil))},
		"expiring":                   {token: m.token(t, map[string]any{"exp": m.now.Unix() + 1})},
		"expiry with a fraction":     {token: m.token(t, map[string]any{"exp": float64(m.now.Unix()) + 1.5})},
		"nbf now":                    {token: m.token(t, map[string]any{"nbf": m.now.Unix()})},
		"nbf in 5 s":                 {token: m.token(t, map[string]any{"nbf": m.now.Unix() + 5})},
		"nbf in 10 s":                {token: m.token(t, map[string]any{"nbf": m.now.Unix() + 10})},
		"iat in the future":          {token: m.token(t, map[string]any{"iat": m.now.Unix() + 60})},
		"no aud":                     {token: m.token(t, map[string]any{"aud": nil})},
	} {
		t.Run(name, func(t *testing.T) {
			checkAccepted(t, m.verifier(t), test.token)
		})
	}
}

// The client that obtained a token is one thing, whom it is meant for another: Keycloak
// puts every client into aud of which the user has a role.
func TestVerify_TellsClientsFromAudience(t *testing.T) {
	m := newMatrix(t)
	const client, audience = "issued to another client", "meant for another audience"
	for name, test := range map[string]struct {
		clients, audience []string
		azp, aud          any
		cause             string // empty: accepted
	}{
		"azp":                      {clients: []string{"other", "web"}, azp: "web", aud: "account"},
		"azp, no aud":              {clients: []string{"web"}, azp: "web"},
		"aud instead of azp":       {clients: []string{"web"}, azp: "shop", aud: "web", cause: client},
		"aud, no azp":              {clients: []string{"web"}, aud: []string{"web"}, cause: client},
		"azp in other case":        {clients: []string{"Web"}, azp: "web", cause: client},
		"empty azp":                {clients: []string{""}, azp: "", cause: client},
		"neither":                  {clients: []string{"web"}, cause: client},
		"aud":                      {audience: []string{"other", "web"}, azp: "shop", aud: "web"},
		"aud of many":              {audience: []string{"web"}, aud: []string{"account", "web"}},
		"azp instead of aud":       {audience: []string{"web"}, azp: "web", aud: "account", cause: audience},
		"azp, no aud, but wanted":  {audience: []string{"web"}, azp: "web", cause: audience},
		"aud in other case":        {audience: []string{"Web"}, aud: "web", cause: audience},
		"empty aud":                {audience: []string{""}, aud: []string{""}, cause: audience},
		"aud of none":              {audience: []string{"web"}, aud: []string{}, cause: audience},
		"aud of null":              {audience: []string{"", "web"}, aud: json.RawMessage("null"), cause: audience},
		"both":                     {clients: []string{"web"}, audience: []string{"api"}, azp: "web", aud: "api"},
		"both, the same":           {clients: []string{"web"}, audience: []string{"web"}, azp: "web", aud: "web"},
		"both, azp wrong":          {clients: []string{"web"}, audience: []string{"api"}, azp: "shop", aud: []string{"api", "web"}, cause: client},
		"both, aud wrong":          {clients: []string{"web"}, audience: []string{"api"}, azp: "web", aud: "web", cause: audience},
		"nothing is asked for":     {azp: "shop", aud: "shop"},
		"nothing, and nothing has": {},
	} {
		t.Run(name, func(t *testing.T) {
			v := m.verifier(t, func(c *accesstoken.Config) { c.Clients, c.Audience = test.clients, test.audience })
			token := m.token(t, map[string]any{"azp": test.azp, "aud": test.aud})
			for range 2 { // The second time it may be remembered.
				if test.cause == "" {
					checkAccepted(t, v, token)
					continue
				}
				checkFailure(t, v, token, domain.Unauthenticated, test.cause)
			}
		})
	}
}

func TestVerify_NamesTheActor(t *testing.T) {
	m := newMatrix(t)
	for name, test := range map[string]struct {
		changes map[string]any
		actor   domain.Actor
	}{
		"no sub":                {map[string]any{"sub": nil}, domain.Actor{Username: "anna.admin", Roles: admin().Roles}},
		"no preferred_username": {map[string]any{"preferred_username": nil}, domain.Actor{Subject: "6f1c-id", Roles: admin().Roles}},
		"no roles":              {map[string]any{"realm_access": nil, "resource_access": nil}, domain.Actor{Subject: "6f1c-id", Username: "anna.admin", Incomplete: true}},
		"no realm roles":        {map[string]any{"realm_access": nil, "resource_access": map[string]any{}}, domain.Actor{Subject: "6f1c-id", Username: "anna.admin", Incomplete: true}},
		"no roles of clients":   {map[string]any{"resource_access": nil}, domain.Actor{Subject: "6f1c-id", Username: "anna.admin", Roles: []string{"user-admin", "offline_access"}, Incomplete: true}},
		"neither sub nor name":  {map[string]any{"sub": nil, "preferred_username": nil}, domain.Actor{Roles: admin().Roles, Incomplete: true}},
		"empty roles": {
			map[string]any{"realm_access": map[string]any{}, "resource_access": map[string]any{"shop": map[string]any{"roles": []string{}}}},
			domain.Actor{Subject: "6f1c-id", Username: "anna.admin"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			actor, err := m.verifier(t).Verify(t.Context(), m.token(t, test.changes))
			require.NoError(t, err)
			assert.Equal(t, test.actor, actor)
		})
	}
}

// refused is a token that does not count, and why.
type refused struct {
	token string
	cause string
}

func TestVerify_RefusesWhatIsNoTokenOfTheRealm(t *testing.T) {
	m := newMatrix(t)
	good := payload(t, m.now, nil)
	header, rest, _ := strings.Cut(m.token(t, nil), ".")
	body, signature, _ := strings.Cut(rest, ".")
	stranger := newRSAKey(t, "rsa", jose.RS256)
	public := m.rsa.Public().Key.(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	hmac := func(id string, secret []byte) string {
		return signed(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: id}}, good)
	}
	withoutID := m.rsa
	withoutID.KeyID = ""
	const algorithm, form, wrong = "an algorithm that does not count", "malformed", "signature"

	checkRefusals(t, m, map[string]refused{
		"alg none":                         {token: unsigned(`{"alg":"none","kid":"rsa"}`, good), cause: algorithm},
		"alg none with a signature":        {token: unsigned(`{"alg":"none","kid":"rsa"}`, good) + signature, cause: algorithm},
		"alg nOnE":                         {token: unsigned(`{"alg":"nOnE","kid":"rsa"}`, good), cause: algorithm},
		"no alg":                           {token: unsigned(`{"kid":"rsa"}`, good) + signature, cause: algorithm},
		"EdDSA":                            {token: unsigned(`{"alg":"EdDSA","kid":"rsa"}`, good) + signature, cause: algorithm},
		"HS256 with the public key as PEM": {token: hmac("", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), cause: algorithm},
		"HS256 with the public key as DER": {token: hmac("", der), cause: algorithm},
		"HS256 with n":                     {token: hmac("", []byte(base64.RawURLEncoding.EncodeToString(public.N.Bytes()))), cause: algorithm},
		"HS256 with n and a kid":           {token: hmac("rsa", public.N.Bytes()), cause: algorithm},
		"no signature":                     {token: header + "." + body + ".", cause: wrong},
		"another payload":                  {token: header + "." + base64.RawURLEncoding.EncodeToString(payload(t, m.now, map[string]any{"sub": "x"})) + "." + signature, cause: wrong},
		"another realm's key, same kid":    {token: stranger.sign(t, good), cause: wrong},
		"the key of another kid":           {token: key{jose.JSONWebKey{Key: m.pss.Key, KeyID: "rsa", Algorithm: "RS256"}}.sign(t, good), cause: wrong},
		"another algorithm than the key's": {token: signed(t, jose.SigningKey{Algorithm: jose.PS256, Key: m.rsa.JSONWebKey}, good), cause: "the key is for another algorithm"},
		"ES256 with an RSA key's kid":      {token: key{jose.JSONWebKey{Key: m.ec.Key, KeyID: "free", Algorithm: "ES256"}}.sign(t, good), cause: wrong},
		"no kid":                           {token: withoutID.sign(t, good), cause: "it names no key"},
		"a kid that is no text":            {token: unsigned(`{"alg":"RS256","kid":1}`, good) + signature, cause: form},
		"its own key in the header":        {token: withOwnKey(t, good), cause: wrong},
		"an unknown critical header":       {token: unsigned(`{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}`, good) + signature, cause: wrong},

		"empty":                {token: "", cause: "no token"},
		"garbage":              {token: "garbage", cause: form},
		"an opaque token":      {token: "NWM4ZmU5YjUtYjE2Zi00", cause: form},
		"three dots":           {token: "...", cause: form},
		"two dots":             {token: "..", cause: algorithm},
		"four parts":           {token: m.token(t, nil) + ".e30", cause: form},
		"huge":                 {token: m.token(t, map[string]any{"padding": strings.Repeat("x", 32<<10)}), cause: "longer than any token"},
		"a long header":        {token: unsigned(`{"alg":"RS256","kid":"rsa","x":`+strings.Repeat("[", 800)+strings.Repeat("]", 800)+`}`, good) + signature, cause: "a header longer"},
		"huge and not encoded": {token: strings.Repeat("{", 1<<20), cause: "longer than any token"},
		"a space before it":    {token: " " + m.token(t, nil), cause: form},
		"a line feed in it":    {token: header + ".\n" + body + "." + signature, cause: form},
		"padding":              {token: m.token(t, nil) + "=", cause: form},
		"JWE":                  {token: encrypted(t, public, good), cause: form},
		"JSON, flattened":      {token: inJSON(t, m.rsa, good, false), cause: form},
		"JSON, general":        {token: inJSON(t, m.rsa, good, true), cause: form},
		"a token in a token":   {token: m.rsa.sign(t, []byte(`"`+m.token(t, nil)+`"`)), cause: "malformed claims"},
	})
}

func TestVerify_RefusesTokensThatDoNotCountHereAndNow(t *testing.T) {
	m := newMatrix(t)
	now := m.now.Unix()
	for name, test := range map[string]struct {
		claim string
		value any
		cause string
	}{
		"expired":                         {"exp", now - 1, "expired"},
		"expired just now":                {"exp", now, "expired"},
		"expired by a fraction":           {"exp", float64(now) - 0.25, "expired"},
		"no exp":                          {"exp", nil, "it never expires"},
		"exp 0":                           {"exp", 0, "expired"},
		"nbf in 1 min":                    {"nbf", now + 60, "not valid yet"},
		"nbf in 11 s":                     {"nbf", now + 11, "not valid yet"},
		"no issuer":                       {"iss", nil, "wrong issuer"},
		"an empty issuer":                 {"iss", "", "wrong issuer"},
		"another issuer":                  {"iss", "https://login.bank.example/realms/other", "wrong issuer"},
		"the issuer with a slash":         {"iss", issuer + "/", "wrong issuer"},
		"the issuer in other case":        {"iss", strings.ToUpper(issuer), "wrong issuer"},
		"ID":                              {"typ", "ID", "not an access token: typ ID"},
		"Refresh":                         {"typ", "Refresh", "not an access token: typ Refresh"},
		"Offline":                         {"typ", "Offline", "not an access token: typ Offline"},
		"Logout":                          {"typ", "Logout", "not an access token: typ Logout"},
		"lower case":                      {"typ", "bearer", "not an access token: another typ"},
		"a typ that names somebody":       {"typ", "anna.admin", "not an access token: another typ"},
		"no typ":                          {"typ", nil, "not an access token: no typ"},
		"exp as text":                     {"exp", "9999999999", "malformed claims"},
		"exp as a list":                   {"exp", []int{9999999999}, "malformed claims"},
		"nbf as text":                     {"nbf", "1", "malformed claims"},
		"iss as a list":                   {"iss", []string{issuer}, "malformed claims"},
		"typ as a list":                   {"typ", []string{"Bearer"}, "malformed claims"},
		"aud as a number":                 {"aud", 1, "malformed claims"},
		"aud as a mixed list":             {"aud", []any{"oauth2-proxy", 1}, "malformed claims"},
		"azp as a list":                   {"azp", []string{"oauth2-proxy"}, "malformed claims"},
		"sub as a number":                 {"sub", 7, "malformed claims"},
		"preferred_username as an object": {"preferred_username", map[string]any{}, "malformed claims"},
		"realm_access as a list":          {"realm_access", []string{"user-admin"}, "malformed claims"},
		"roles as text":                   {"realm_access", map[string]any{"roles": "user-admin"}, "malformed claims"},
		"roles of numbers":                {"realm_access", map[string]any{"roles": []int{1}}, "malformed claims"},
		"resource_access as a list":       {"resource_access", []string{"shop"}, "malformed claims"},
		"a client's roles as text":        {"resource_access", map[string]any{"shop": map[string]any{"roles": "buy"}}, "malformed claims"},
		"bound to a certificate":          {"cnf", map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}, "bound to a key"},
		"bound to a DPoP key":             {"cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, "bound to a key"},
		"bound to nothing":                {"cnf", map[string]any{}, "bound to a key"},
		"bound in a way unheard of":       {"cnf", []any{1}, "bound to a key"},
		"bound by text":                   {"cnf", "", "bound to a key"},
		"bound by false":                  {"cnf", false, "bound to a key"},
		"bound by null":                   {"cnf", json.RawMessage("null"), "bound to a key"},
		"iat as an object":                {"iat", map[string]any{}, "the form of a standard claim"},
	} {
		checkRefusals(t, m, map[string]refused{name: {token: m.token(t, map[string]any{test.claim: test.value}), cause: test.cause}})
	}
}

// Whether the token or the configuration is wrong, the operators see when they see both. What
// a stranger has made up is told of an issuer alone, and only if it is a plain address.
func TestVerify_TellsBothSidesOfAMismatch(t *testing.T) {
	m := newMatrix(t)
	other := newRSAKey(t, "rsa", jose.RS256) // under the id of a known one
	longest := strings.Repeat("x", 200)
	for name, test := range map[string]struct {
		claim string
		value any
		has   string
	}{
		"issuer":               {"iss", "http://kc:8080/realms/bank", `wrong issuer, wanted ["` + issuer + `"], it has ["http://kc:8080/realms/bank"]`},
		"an issuer to look at": {"iss", "a\n\"" + longest, `it has ["a\n\"` + longest[:197] + `…"]`},
		"client":               {"azp", "admin-cli", `issued to another client, wanted ["oauth2-proxy"], it has ["admin-cli"]`},
		"no client":            {"azp", nil, `issued to another client, wanted ["oauth2-proxy"], it has [""]`},
		"audience":             {"aud", []string{"account", "shop"}, `meant for another audience, wanted ["oauth2-proxy"], it has ["account" "shop"]`},
		"no audience":          {"aud", nil, `meant for another audience, wanted ["oauth2-proxy"], it has []`},
		"an audience of many":  {"aud", strings.Split(strings.Repeat("y,", 30)+"z", ","), `"y" "y" …]`},
	} {
		v := m.verifier(t, func(c *accesstoken.Config) {
			c.Clients, c.Audience = []string{"oauth2-proxy"}, []string{"oauth2-proxy"}
		})
		_, err := v.Verify(t.Context(), m.token(t, map[string]any{test.claim: test.value}))
		require.ErrorIs(t, err, domain.Unauthenticated, name)
		assert.Contains(t, err.Error(), test.has, name)
		_, setup := errors.AsType[domain.SetupFault](err)
		assert.True(t, setup, name)

		_, err = v.Verify(t.Context(), other.sign(t, payload(t, m.now, map[string]any{test.claim: test.value})))
		require.ErrorIs(t, err, domain.Unauthenticated, name)
		_, setup = errors.AsType[domain.SetupFault](err)
		assert.False(t, setup, "anybody can make such a token")
		assert.NotContains(t, err.Error(), "it has", name)
		assert.Equal(t, name == "issuer", strings.Contains(err.Error(), `it claims ["http://kc:8080/realms/bank"]`), name)
	}
}

// The same name twice, or in another case, could be read in two ways.
func TestVerify_RefusesClaimsThatCanBeReadInTwoWays(t *testing.T) {
	m := newMatrix(t)
	plus := func(member string, changes map[string]any) string {
		good := payload(t, m.now, changes)
		return m.rsa.sign(t, append([]byte("{"+member+","), good[1:]...))
	}
	checkRefusals(t, m, map[string]refused{
		"cnf twice":              {token: plus(`"cnf":null,"cnf":null`, nil), cause: "malformed claims"},
		"typ twice":              {token: plus(`"typ":"ID"`, nil), cause: "malformed claims"},
		"sub twice":              {token: plus(`"sub":"x"`, nil), cause: "malformed claims"},
		"TYP for typ":            {token: plus(`"TYP":"Bearer"`, map[string]any{"typ": "ID"}), cause: "typ ID"},
		"typ only as TYP":        {token: plus(`"TYP":"Bearer"`, map[string]any{"typ": nil}), cause: "no typ"},
		"expired, but not EXP":   {token: plus(`"EXP":9999999999`, map[string]any{"exp": 1}), cause: "expired"},
		"a client's roles twice": {token: plus(`"resource_access":{"shop":{"roles":[]},"shop":{"roles":["sell"]}}`, map[string]any{"resource_access": nil}), cause: "malformed claims"},
		"null":                   {token: m.rsa.sign(t, []byte(`null`)), cause: "no typ"},
		"a list":                 {token: m.rsa.sign(t, []byte(`[]`)), cause: "malformed claims"},
		"no JSON":                {token: m.rsa.sign(t, []byte(`typ=Bearer`)), cause: "malformed claims"},
		"two objects":            {token: m.rsa.sign(t, append(payload(t, m.now, nil), `{}`...)), cause: "malformed claims"},
	})
}

// checkRefusals checks that each token is refused for its cause, without a request, and
// without a word about its owner or of its text.
func checkRefusals(t *testing.T, m *matrix, tests map[string]refused) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := m.verifier(t)
			before := m.stub.fetches()
			actor, err := v.Verify(t.Context(), test.token)
			checkError(t, err, domain.Unauthenticated, test.cause)
			assert.Equal(t, domain.Actor{}, actor)
			assert.Equal(t, before, m.stub.fetches(), "it caused a request for the keys")
			for _, part := range append(strings.FieldsFunc(test.token, func(r rune) bool { return r == '.' }), "anna", "6f1c") {
				assert.False(t, len(part) > 3 && strings.Contains(err.Error(), part), "the cause repeats a part of the token")
			}
		})
	}
}

// A symmetric key in the set is a mistake that must not turn into a way in.
func TestVerify_NeverUsesASymmetricKey(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	symmetric := jose.JSONWebKey{Key: secret, KeyID: "oct", Algorithm: "HS256", Use: "sig"}
	v := newVerifier(t, newStub(newECKey(t, "ec").public(), symmetric))
	token := signed(t, jose.SigningKey{Algorithm: jose.HS256, Key: symmetric}, payload(t, time.Now(), nil))
	checkFailure(t, v, token, domain.Unauthenticated, "an algorithm that does not count")
}

// unsigned is a token with an empty signature.
func unsigned(header string, payload []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// withOwnKey is signed by a key that comes with the token, under the id of a known one.
func withOwnKey(t *testing.T, payload []byte) string {
	t.Helper()
	own := newRSAKey(t, "rsa", jose.RS256)
	options := (&jose.SignerOptions{EmbedJWK: true}).WithHeader("kid", "rsa")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: own.Key}, options)
	require.NoError(t, err)
	signature, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signature.CompactSerialize()
	require.NoError(t, err)
	return token
}

func encrypted(t *testing.T, to *rsa.PublicKey, payload []byte) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: to}, nil)
	require.NoError(t, err)
	object, err := encrypter.Encrypt(payload)
	require.NoError(t, err)
	token, err := object.CompactSerialize()
	require.NoError(t, err)
	return token
}

// inJSON is a good token in one of the JSON forms.
func inJSON(t *testing.T, k key, payload []byte, general bool) string {
	t.Helper()
	parts := strings.Split(k.sign(t, payload), ".")
	object := map[string]any{"payload": parts[1], "protected": parts[0], "signature": parts[2]}
	if general {
		object = map[string]any{"payload": parts[1], "signatures": []any{map[string]any{"protected": parts[0], "signature": parts[2]}}}
	}
	data, err := json.Marshal(object)
	require.NoError(t, err)
	_, err = jose.ParseSignedJSON(string(data), []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err, "a good token but for its form")
	return string(data)
}
