package domain_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// What cannot be is refused in a sentence that names the rule, but not a pattern's text.
func TestGeneratePassword_SaysWhatCannotBe(t *testing.T) {
	nothing := matching("(secret)?x", `x`)
	for name, c := range map[string]struct {
		policy domain.PasswordPolicy
		says   string
	}{
		"minimum above maximum":       {domain.PasswordPolicy{MinLength: 30, MaxLength: 20}, "minimum length (30) is above its maximum length (20)"},
		"both below our length":       {domain.PasswordPolicy{MinLength: 12, MaxLength: 10}, "minimum length (12) is above its maximum length (10)"},
		"maximum below our length":    {domain.PasswordPolicy{MaxLength: 15}, "allows 15 characters, but 16 are needed"},
		"no length at all":            {domain.PasswordPolicy{MaxLength: -1}, "above its maximum length (-1)"},
		"one count above maximum":     {domain.PasswordPolicy{MinDigits: 21, MaxLength: 20}, "minimum counts add up to 21, above its maximum length (20)"},
		"counts above maximum":        {domain.PasswordPolicy{MinLower: 5, MinUpper: 5, MinDigits: 6, MinSpecial: 5, MaxLength: 20}, "counts add up to 21, above its maximum length (20)"},
		"less than nothing of one":    {domain.PasswordPolicy{MinDigits: -100, MinLower: 30, MaxLength: 20}, "minimum counts add up to 30"},
		"longer than anybody needs":   {domain.PasswordPolicy{MinLength: 1025}, "minimum length (1025) is too long, 1024 are possible"},
		"much longer":                 {domain.PasswordPolicy{MinLength: math.MaxInt32}, "minimum length (2147483647)"},
		"more than anybody needs":     {domain.PasswordPolicy{MinDigits: 1000, MinSpecial: 25}, "minimum counts add up to 1025, but 1024 are possible"},
		"much more":                   {domain.PasswordPolicy{MinLower: math.MaxInt32, MinUpper: math.MaxInt32}, "minimum counts add up to 4294967294"},
		"a pattern that nothing fits": {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{nothing}}, "has a regular expression that no generated password fits"},
		"a pattern for 15 at most":    {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("short", `.{8,15}`)}}, "regular expression"},
		"a pattern against a count":   {domain.PasswordPolicy{MinSpecial: 1, Patterns: []domain.PasswordPattern{matching("plain", `[A-Za-z0-9]+`)}}, "regular expression"},
		"a pattern against another":   {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("digits", `\d+`), matching("letters", `\D+`)}}, "regular expression"},
		"a pattern above a tight one": {domain.PasswordPolicy{MinDigits: 18, MaxLength: 20, Patterns: []domain.PasswordPattern{matching("long", `.{21,}`)}}, "regular expression"},
		"a pattern above the maximum": {domain.PasswordPolicy{MaxLength: 19, Patterns: []domain.PasswordPattern{matching("long", `.{20,}`)}}, "regular expression"},
	} {
		t.Run(name, func(t *testing.T) {
			password, err := newPerson(t, "anna", "anna@bank.example").password(c.policy)
			require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
			assert.Empty(t, password)
			message := domain.AsError(err).Message
			assert.Contains(t, message, c.says)
			assert.Regexp(t, `^The password policy.*\.$`, message)
			assert.LessOrEqual(t, len(message), 95)
			for _, pattern := range c.policy.Patterns {
				assert.NotContains(t, message, pattern.Rule)
			}
			assert.NotContains(t, err.Error(), "anna")
		})
	}
}

func TestGeneratePassword_TellsTheLogWhichPattern(t *testing.T) {
	_, err := newPerson(t, "anna", "anna@bank.example").password(domain.PasswordPolicy{
		Patterns: []domain.PasswordPattern{matching("first", `.*`), matching("(?=second)", `x`)},
	})
	assert.ErrorContains(t, err, `"(?=second)"`)
}

// Where a policy leaves room, it is used; where it leaves none, its own rules count.
func TestGeneratePassword_GoesToTheLimits(t *testing.T) {
	p := newPerson(t, "anna", "anna@bank.example")
	for name, c := range map[string]struct {
		policy  domain.PasswordPolicy
		length  int
		lacking []string
	}{
		"nothing asked":              {domain.PasswordPolicy{}, 16, nil},
		"exactly our length":         {domain.PasswordPolicy{MaxLength: 16}, 16, nil},
		"less than nothing":          {domain.PasswordPolicy{MinLength: -1, MinDigits: -100}, 16, nil},
		"500 characters":             {domain.PasswordPolicy{MinLength: 500}, 500, nil},
		"as many as possible":        {domain.PasswordPolicy{MinLength: 1024, MaxLength: math.MaxInt32}, 1024, nil},
		"counts that fill it":        {domain.PasswordPolicy{MinDigits: 14, MinSpecial: 1, MinUpper: 1, MinLower: 1, MaxLength: 17}, 17, nil},
		"no room for other letters":  {domain.PasswordPolicy{MinDigits: 10, MinSpecial: 10, MaxLength: 20}, 20, []string{"lower", "upper"}},
		"counts beyond the minimum":  {domain.PasswordPolicy{MinLength: 10, MinDigits: 30}, 33, nil},
		"letters and digits only":    {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("plain", `[A-Za-z0-9]+`)}}, 16, []string{"special"}},
		"digits only":                {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("digits", `\d+`)}}, 16, []string{"lower", "special", "upper"}},
		"a longer one by a pattern":  {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("long", `.{64}`)}}, 64, nil},
		"longer than many digits":    {domain.PasswordPolicy{MinDigits: 100, Patterns: []domain.PasswordPattern{matching("long", `.{120}`)}}, 120, nil},
		"longer and without special": {domain.PasswordPolicy{Patterns: []domain.PasswordPattern{matching("long and plain", `[A-Za-z0-9]{40}`)}}, 40, []string{"special"}},
	} {
		t.Run(name, func(t *testing.T) {
			password, err := p.password(c.policy)
			require.NoError(t, err)
			assert.Len(t, password, c.length)
			assert.Empty(t, brokenRules(password, c.policy, p), password)
			assert.ElementsMatch(t, c.lacking, lacking(password), password)
		})
	}
}

// A pattern is tried out often enough for a rare password, and never without end.
func TestGeneratePassword_TriesAPatternWithinBounds(t *testing.T) {
	p := newPerson(t, "anna", "anna@bank.example")
	tries := 0
	_, err := p.password(domain.PasswordPolicy{Patterns: []domain.PasswordPattern{{Rule: "x", Fits: func(string) bool { tries++; return false }}}})
	require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
	assert.Greater(t, tries, 1000)
	assert.Less(t, tries, 5000)

	for range 20 {
		policy := domain.PasswordPolicy{MinSpecial: 1, Patterns: []domain.PasswordPattern{matching("one special character", `[A-Za-z0-9]*@[A-Za-z0-9]*`)}}
		password, err := p.password(policy)
		require.NoError(t, err)
		assert.Empty(t, brokenRules(password, policy, p), password)
	}
}
