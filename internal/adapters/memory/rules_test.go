package memory_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// What Keycloak 26.4.7 answered to each name, with the default user profile.
func TestCreateUser_AppliesKeycloaksRulesForUsernames(t *testing.T) {
	accepted := []string{
		"abc", "123", "a+b@c.de", "user@@host", "müller", "MÜLLER2", "müller-ñ", "straße", "øre", "Łukasz",
		"a_b", "_ab", "-ab", "ab.", "...", "xn--abc", "abⅷ", "1²3", "emoji😀", strings.Repeat("x", 255),
	}
	refused := []string{
		"ab", "..", "éé", "anna.o'neil", "ab'", "a/b", `a\b`, "a%b", "a%2Fb", "<x>", "a*b", `a"b`, "a&b", "a$b",
		"a#b", "a!b", "a?b", "a:b", "a;b", "a,b", "a|b", "a`b", "a~b", "a^b", "a=b", "a{b}", "a[b]", "a(b)", "a§b",
		"анна", "аnna", "annа.smith", "mixкир", "αβγς", "ΑΒΓ", "日本語", "日本abc", "한국어abc", "a१२",
		"e\u0301ric", "İstan",
	}
	for _, name := range accepted {
		_, err := newProvider().CreateUser(t.Context(), newUser(t, name, "anna@example.com"))
		assert.NoError(t, err, "username %q", name)
	}
	for _, name := range refused {
		_, err := newProvider().CreateUser(t.Context(), newUser(t, name, "anna@example.com"))
		if assert.ErrorIs(t, err, domain.InvalidField, "username %q", name) {
			assert.NotEmpty(t, domain.AsError(err).Fields["username"], "username %q", name)
		}
	}
}

func TestCreateUser_NamesEveryRefusedField(t *testing.T) {
	user := newUser(t, "a/b", "müller@example.com")
	user.FirstName, user.LastName = "<b>", strings.Repeat("x", 256)
	_, err := newProvider().CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.InvalidField)
	fields := domain.AsError(err).Fields
	for _, field := range []string{"username", "email", "firstName", "lastName"} {
		assert.NotEmpty(t, fields[field], field)
	}
}

func TestCreateUser_TakesOrdinaryNamesAndAddresses(t *testing.T) {
	for _, name := range []string{"", "Anna Maria", "O'Neil-Müller", "Анна", "中文", "Smith, Jr.", strings.Repeat("x", 255)} {
		for _, email := range []string{"anna.o'neil@example.com", "a+b@example.com", "anna@localhost", strings.Repeat("x", 64) + "@ex.com"} {
			user := newUser(t, "anna", email)
			user.FirstName, user.LastName = name, name
			_, err := newProvider().CreateUser(t.Context(), user)
			assert.NoError(t, err, "name %q, e-mail %q", name, email)
		}
	}
	_, err := newProvider().CreateUser(t.Context(), newUser(t, "anna", strings.Repeat("x", 65)+"@ex.com"))
	require.ErrorIs(t, err, domain.InvalidField)
}

// Keycloak does not look at a username that stays as it is.
func TestSetEnabled_PassesOverARefusedUsername(t *testing.T) {
	p := newProvider()
	id := add(t, p, domain.User{Username: "q!", Enabled: true}, "")
	require.NoError(t, p.SetEnabled(t.Context(), id, false))
}

// İ lowers to two characters in Keycloak; with one, "İda" would find another person.
func TestFindUser_TellsTheDottedCapitalIFromAnI(t *testing.T) {
	p := newProvider()
	add(t, p, domain.User{Username: "ida"}, "")
	name, err := domain.ParseUsername("İda")
	require.NoError(t, err)
	_, err = p.FindUser(t.Context(), name)
	require.ErrorIs(t, err, domain.NotFound)

	for stored, asked := range map[string]string{"i\u0307da": "İda", "σίσυφος": "ΣΊΣΥΦΟΣ", "stra\u00dfe": "STRA\u1e9eE", "first last": "First Last"} {
		id := add(t, p, domain.User{Username: stored}, "")
		name, err = domain.ParseUsername(asked)
		require.NoError(t, err)
		found, err := p.FindUser(t.Context(), name)
		require.NoError(t, err, asked)
		require.Equal(t, id, found.ID, asked)
	}
}

func TestCreateUser_AppliesEveryRuleOfThePasswordPolicy(t *testing.T) {
	tests := map[string]struct {
		policy         domain.PasswordPolicy
		broken, obeyed string
	}{
		"least length":          {domain.PasswordPolicy{MinLength: 4}, "abc", "abcd"},
		"characters, not bytes": {domain.PasswordPolicy{MinLength: 4}, "äöü", "äöüß"},
		"greatest length":       {domain.PasswordPolicy{MaxLength: 3}, "abcd", "abc"},
		"lower case":            {domain.PasswordPolicy{MinLower: 2}, "aBCD", "abCD"},
		"upper case":            {domain.PasswordPolicy{MinUpper: 2}, "Abcd", "ABcd"},
		"digits":                {domain.PasswordPolicy{MinDigits: 2}, "abc1", "ab12"},
		"special characters":    {domain.PasswordPolicy{MinSpecial: 2}, "ab1!", "ab_!"},
		"the username":          {domain.PasswordPolicy{NotUsername: true}, "ANNA", "annas"},
		"the e-mail address":    {domain.PasswordPolicy{NotEmail: true}, "Anna@Example.com", "anna@example"},
		"the username within":   {domain.PasswordPolicy{NotContainsUsername: true}, "my-Anna-1", "my-ann-1"},
		"each pattern":          {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{containing("a"), containing("b")}}, "aaa", "aba"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}, Policy: test.policy})
			user := newUser(t, "anna", "anna@example.com")

			user.Password = domain.NewSecret(test.broken)
			_, err := p.CreateUser(t.Context(), user)
			require.ErrorIs(t, err, domain.PasswordRefused)
			user.Password = domain.NewSecret(test.obeyed)
			_, err = p.CreateUser(t.Context(), user)
			require.NoError(t, err)
		})
	}
}

// containing is a pattern.
func containing(text string) domain.PasswordPattern {
	return domain.PasswordPattern{Rule: text, Fits: func(password string) bool { return strings.Contains(password, text) }}
}

// The generator and this provider's own reading of a policy were written apart from
// each other; they agree for any policy.
func TestCreateUser_AcceptsGeneratedPasswordsForAnyPolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := func(name string) int { return rapid.IntRange(0, 8).Draw(rt, name) }
		policy := domain.PasswordPolicy{
			MinLength:           rapid.IntRange(0, 60).Draw(rt, "length"),
			MinLower:            count("lower"),
			MinUpper:            count("upper"),
			MinDigits:           count("digits"),
			MinSpecial:          count("special"),
			NotUsername:         rapid.Bool().Draw(rt, "not username"),
			NotEmail:            rapid.Bool().Draw(rt, "not email"),
			NotContainsUsername: rapid.Bool().Draw(rt, "not contains username"),
		}
		if rapid.Bool().Draw(rt, "a pattern") {
			policy.Patterns = []domain.PasswordPattern{containing("a")}
		}
		user := newUser(t, "anna", "anna@example.com")
		var err error
		user.Password, err = domain.GeneratePassword(rand.Reader, policy, user.Username.Username, user.Email)
		require.NoError(rt, err)
		p := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}, Policy: policy})
		_, err = p.CreateUser(t.Context(), user)
		require.NoError(rt, err)
	})
}
