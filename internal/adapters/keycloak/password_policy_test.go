package keycloak_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// readPolicy returns what the adapter reads from a realm with this password policy, and
// what it logs.
func readPolicy(t *testing.T, text string) (domain.PasswordPolicy, string) {
	t.Helper()
	s := newStub(t)
	s.policy = text
	var log bytes.Buffer
	policy, err := s.provider(t, logTo(&log)).PasswordPolicy(t.Context())
	require.NoError(t, err)
	return policy, log.String()
}

func logTo(log *bytes.Buffer) func(*keycloak.Config) {
	return func(config *keycloak.Config) { config.Log = slog.New(slog.NewTextHandler(log, nil)) }
}

func TestPasswordPolicy_ReadsEachRule(t *testing.T) {
	for text, want := range map[string]domain.PasswordPolicy{
		"length(9)":                      {MinLength: 9},
		"length":                         {MinLength: 8},
		"length()":                       {MinLength: 8},
		" length (9)":                    {MinLength: 9},
		"length(2147483647)":             {MinLength: math.MaxInt32},
		"length(-3)":                     {MinLength: -3},
		"maxLength(20)":                  {MaxLength: 20},
		"maxLength":                      {MaxLength: 64},
		"maxLength(0)":                   {MaxLength: 1},
		"maxLength(-1)":                  {MaxLength: 1},
		"lowerCase(2)":                   {MinLower: 2},
		"lowerCase":                      {MinLower: 1},
		"upperCase(3)":                   {MinUpper: 3},
		"upperCase":                      {MinUpper: 1},
		"digits(4)":                      {MinDigits: 4},
		"digits":                         {MinDigits: 1},
		"specialChars(5)":                {MinSpecial: 5},
		"specialChars":                   {MinSpecial: 1},
		"notUsername":                    {NotUsername: true},
		"notUsername(undefined)":         {NotUsername: true},
		"notEmail":                       {NotEmail: true},
		"notEmail(undefined)":            {NotEmail: true},
		"notContainsUsername":            {NotContainsUsername: true},
		"notContainsUsername(undefined)": {NotContainsUsername: true},
		"length(20) and length(10)":      {MinLength: 10},
		"length(20) and  digits(2)":      {MinLength: 20, MinDigits: 2},
		"length(":                        {MinLength: 8},
		"   ":                            {},
	} {
		policy, log := readPolicy(t, text)
		assert.Equal(t, want, policy, text)
		assert.Empty(t, log, text)
	}
}

// The rules that Keycloak 24 to 26 has besides, and that say nothing of the characters
// of a new password.
func TestPasswordPolicy_PassesOverWhatDoesNotMatter(t *testing.T) {
	policy, log := readPolicy(t, "passwordBlacklist(list.txt) and hashAlgorithm(argon2) and hashIterations(5) and passwordHistory(3)"+
		" and forceExpiredPasswordChange(365) and passwordAge(30) and maxAuthAge(300) and recoveryCodesWarningThreshold(4) and digits(3)")
	assert.Equal(t, domain.PasswordPolicy{MinDigits: 3}, policy)
	assert.Empty(t, log)
}

func TestPasswordPolicy_WarnsOfAnUnknownRuleOnce(t *testing.T) {
	s := newStub(t)
	s.policy = "sentiment(very private) and digits(3) and sentiment(other) and horoscope"
	var log bytes.Buffer
	p := s.provider(t, logTo(&log))
	for range 3 {
		require.NoError(t, p.Check(t.Context())) // reads the policy anew
		policy, err := p.PasswordPolicy(t.Context())
		require.NoError(t, err)
		assert.Equal(t, domain.PasswordPolicy{MinDigits: 3}, policy)
	}
	assert.Equal(t, 1, strings.Count(log.String(), "rule=sentiment"), log.String())
	assert.Equal(t, 1, strings.Count(log.String(), "rule=horoscope"), log.String())
	assert.Equal(t, 2, strings.Count(log.String(), "level=WARN"), log.String())
	assert.NotContains(t, log.String(), "private")
}

// What java.util.regex.Pattern.matches says of each password, seen on Java 17.
func TestPasswordPolicy_JudgesPatternsAsJavaDoes(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	type passwords []string
	for pattern, c := range map[string]struct{ fit, others passwords }{
		`^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&])[A-Za-z\d@$!%*?&]{8,}$`: {
			passwords{"Password1!", "aB3$aB3$"}, passwords{"Password1", "password1!", "PASSWORD1!", "Passwort!", "aB3$", "aB3$aB3$#"},
		},
		`^(?=.*[0-9])(?=.*[A-Z])(?=\S+$).{8,}$`: {passwords{"1BCDEFGH"}, passwords{"1BC DEFGH", "1234567A ", "ABCDEFGH"}},
		`a|ab`:                                  {passwords{"a", "ab"}, passwords{"abb", "b", "xa", "ax", "a\n"}},
		`ab|a`:                                  {passwords{"a", "ab"}, passwords{"aab"}},
		`[A-Za-z0-9]+`:                          {passwords{"aB3"}, passwords{"", "aB3!", "!aB3"}},
		`(?!.*(.)\1).+`:                         {passwords{"abab"}, passwords{"abba"}},
		`(?<first>a)(b)\2\1`:                    {passwords{"abba"}, passwords{"abab"}},
		`.*\p{Punct}.*`:                         {passwords{"a$", "a^", "a@", "a_"}, passwords{"a", "1"}},
		`[\p{Alnum}_]+`:                         {passwords{"aB3_"}, passwords{"a-"}},
		`\P{Lower}+`:                            {passwords{"AB1"}, passwords{"ABa"}},
		`\p{Lu}\pL+`:                            {passwords{"Ab"}, passwords{"ab"}},
		`[\w\_\-]+`:                             {passwords{"a_-"}, passwords{"a!"}},
		`a++\d*+b`:                              {passwords{"aa1b"}, passwords{"ab2"}},
		`\Qa.(\E.+`:                             {passwords{"a.(x"}, passwords{"ab(x"}},
		`\Qa.(`:                                 {passwords{"a.("}, passwords{"ab("}},
		`[\[\]a-c]+`:                            {passwords{"[a]"}, passwords{"d"}},
		`(?i)anna.+`:                            {passwords{"ANNA1"}, passwords{"ANN1"}},
		`a&&b[&]`:                               {passwords{"a&&b&"}, passwords{"a"}},
		`((ab)+c)+ `:                            {passwords{"ababcabc "}, passwords{"ababcabc"}},
	} {
		policy, log := readPolicy(t, "length(8) and regexPattern("+pattern+") and digits(2)")
		assert.Empty(t, log, pattern)
		assert.Equal(t, 8, policy.MinLength)
		assert.Equal(t, 2, policy.MinDigits)
		if assert.Len(t, policy.Patterns, 1, pattern) {
			assert.Equal(t, pattern, policy.Patterns[0].Rule)
			for _, password := range c.fit {
				assert.True(t, policy.Patterns[0].Fits(password), "%s should fit %s", password, pattern)
			}
			for _, password := range c.others {
				assert.False(t, policy.Patterns[0].Fits(password), "%s should not fit %s", password, pattern)
			}
		}
	}
}

// Keycloak keeps the last one, too.
func TestPasswordPolicy_KeepsOnePattern(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	policy, _ := readPolicy(t, "regexPattern(a+) and regexPattern(b+)")
	require.Len(t, policy.Patterns, 1)
	assert.Equal(t, "b+", policy.Patterns[0].Rule)
}

// What only Java understands, or understands in another way, is left to Keycloak.
func TestPasswordPolicy_LeavesPatternsThatItCannotReadToKeycloak(t *testing.T) {
	for _, pattern := range []string{
		`[a-z&&[^aeiou]]+`, `[a-z[A-Z]]+`, `[a[^b]]`, `[a&&b]`, `[a-z-[aeiou]]+`, `\p{javaLowerCase}+`, `\p{IsLatin}+`, `\h*`, `\0101+`, `[\P{Punct}]+`, `[\Qa-z\E]+`,
		`(`, `)`, `[`, `[a`, `\`, `a\`, `*`, `(?<`, `\p{`, `\p`, `(?=`, `a{2,1}`, `\k<none>`, `(?x)a # comment`, "\xff[",
	} {
		policy, log := readPolicy(t, "regexPattern("+pattern+") and digits(2)")
		assert.Equal(t, 2, policy.MinDigits, pattern)
		assert.Empty(t, policy.Patterns, pattern)
		assert.Equal(t, 1, strings.Count(log, "rule=regexPattern"), pattern)
		assert.Equal(t, 1, strings.Count(log, "\n"), pattern)
	}
}

// A pattern that takes for ever on some passwords is left to Keycloak, too.
func TestPasswordPolicy_GivesUpOnAPatternThatTakesForEver(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	s := newStub(t)
	s.policy = `regexPattern((\w+\w+\w*)+[$])`
	var log bytes.Buffer
	policy, err := s.provider(t, logTo(&log)).PasswordPolicy(t.Context())
	require.NoError(t, err)
	require.Len(t, policy.Patterns, 1)
	assert.True(t, policy.Patterns[0].Fits("abc$"))
	assert.False(t, policy.Patterns[0].Fits("!"))
	assert.Empty(t, log.String())

	endless := strings.Repeat("a", 60) + "!"
	done := make(chan bool)
	go func() { done <- policy.Patterns[0].Fits(endless) }()
	select {
	case fits := <-done:
		assert.True(t, fits, "Keycloak will judge")
	case <-time.After(30 * time.Second):
		t.Fatal("the match does not end")
	}
	assert.Equal(t, 1, strings.Count(log.String(), "rule=regexPattern"))
	assert.NotContains(t, log.String(), "aaaa")
}

// The whole way: a password is made for the policy as it was read.
func TestPasswordPolicy_WithAPatternCanBeMet(t *testing.T) {
	t.Cleanup(regexp2.StopTimeoutClock)
	policy, _ := readPolicy(t, `length(8) and regexPattern(^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&])[A-Za-z\d@$!%*?&]{20,}$)`)
	user := newcomer(t, "anna")
	password, err := domain.GeneratePassword(rand.Reader, policy, user.Username.Username, user.Email)
	require.NoError(t, err)
	assert.Regexp(t, `^[A-Za-z\d@$!%*?&]{20,}$`, password.Reveal())
}
