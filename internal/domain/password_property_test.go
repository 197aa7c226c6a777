package domain_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"user-sync-service/internal/domain"
)

// matching is a pattern that is fit when all of the expressions match, as with
// look-aheads.
func matching(rule string, expressions ...string) domain.PasswordPattern {
	compiled := make([]*regexp.Regexp, len(expressions))
	for i, expression := range expressions {
		compiled[i] = regexp.MustCompile(`^(?:` + expression + `)$`)
	}
	return domain.PasswordPattern{Rule: rule, Fits: func(password string) bool {
		for _, expression := range compiled {
			if !expression.MatchString(password) {
				return false
			}
		}
		return true
	}}
}

// satisfiablePolicy draws a policy that some password meets.
func satisfiablePolicy(t *rapid.T) domain.PasswordPolicy {
	most := rapid.SampledFrom([]int{0, 2, 8, 30}).Draw(t, "greatest count")
	count := func(rule string) int { return rapid.IntRange(0, most).Draw(t, rule) }
	policy := domain.PasswordPolicy{
		MinLength:           rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 64), rapid.IntRange(0, 64), rapid.IntRange(65, 200)).Draw(t, "length"),
		MinLower:            count("lower"),
		MinUpper:            count("upper"),
		MinDigits:           count("digits"),
		MinSpecial:          count("special"),
		NotUsername:         rapid.Bool().Draw(t, "notUsername"),
		NotEmail:            rapid.Bool().Draw(t, "notEmail"),
		NotContainsUsername: rapid.Bool().Draw(t, "notContainsUsername"),
	}
	needed := max(16, policy.MinLength, policy.MinLower+policy.MinUpper+policy.MinDigits+policy.MinSpecial)
	if rapid.Bool().Draw(t, "limited") {
		policy.MaxLength = needed + rapid.IntRange(0, 10).Draw(t, "spare")
	}
	if most > 8 || needed > 64 || policy.MaxLength != 0 && policy.MaxLength < needed+4 {
		return policy // Whether a pattern leaves a password then is hard to say.
	}
	patterns := []domain.PasswordPattern{
		matching("begins with a letter", `[A-Za-z].*`),
		matching("ends with a digit", `.*[0-9]`),
		matching("longer than the policy says", fmt.Sprintf(`.{%d,}`, needed+4)),
		matching("not much longer than the policy says", fmt.Sprintf(`.{%d}`, needed+4)),
	}
	if policy.MinSpecial == 0 {
		patterns = append(patterns, matching("letters and digits", `[A-Za-z0-9]+`))
	}
	if policy.MinSpecial <= 2 {
		patterns = append(patterns, matching("no two special characters side by side", `[!@#$%^&*]?([A-Za-z0-9]+[!@#$%^&*]?)*`),
			matching("a well-known one", `.*[a-z].*`, `.*[A-Z].*`, `.*\d.*`, `.*[@$!%*?&].*`, `[A-Za-z\d@$!%*?&]{8,}`))
	}
	if policy.MinSpecial+policy.MinUpper == 0 {
		patterns = append(patterns, matching("lower case and digits", `[a-z0-9]+`))
	}
	if policy.MinSpecial+policy.MinUpper+policy.MinLower == 0 {
		patterns = append(patterns, matching("digits", `[0-9]+`))
	}
	if rapid.Bool().Draw(t, "patterned") {
		policy.Patterns = []domain.PasswordPattern{rapid.SampledFrom(patterns).Draw(t, "pattern")}
	}
	return policy
}

// PASSWORDS says how many passwords are made, for a long run.
func TestGeneratePassword_SatisfiesEveryPolicyThatCanBe(t *testing.T) {
	passwords := 10_000
	if text := os.Getenv("PASSWORDS"); text != "" {
		var err error
		passwords, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	const ofEach = 10
	made := 0
	for made < passwords {
		rapid.Check(t, func(t *rapid.T) {
			policy := satisfiablePolicy(t)
			p := newPerson(t, rapid.StringMatching(`[a-zA-Z]{1,2}|[0-9]{1,2}|[a-z.]{3,9}`).Draw(t, "username"), "anna@bank.example")
			for range ofEach {
				password, err := p.password(policy)
				require.NoError(t, err)
				require.Empty(t, brokenRules(password, policy, p), password)
				if policy.MaxLength == 0 && len(policy.Patterns) == 0 {
					require.Empty(t, lacking(password), password)
				}
				made++
			}
		})
		require.False(t, t.Failed())
	}
	t.Logf("%d passwords", made)
}
