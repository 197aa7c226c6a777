package keycloak

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"user-sync-service/internal/domain"
)

// parsePasswordPolicy reads Keycloak's notation, "length(12) and digits(2) and
// notUsername(undefined)", as Keycloak does: split at " and ", and of two rules with one
// name the last one counts. It skips unknown rules, with a warning.
func (p *Provider) parsePasswordPolicy(text string) domain.PasswordPolicy {
	var policy domain.PasswordPolicy
	for rule := range strings.SplitSeq(text, " and ") {
		name, rest, _ := strings.Cut(strings.TrimSpace(rule), "(")
		name = strings.TrimSpace(name)
		argument := rest[:max(0, len(rest)-1)] // Parentheses may be in it; the last one closes it.
		switch name {
		case "length":
			policy.MinLength = count(argument, 8)
		case "maxLength":
			// 0 would be no limit in the domain, but makes Keycloak refuse every password.
			policy.MaxLength = max(1, count(argument, 64))
		case "lowerCase":
			policy.MinLower = count(argument, 1)
		case "upperCase":
			policy.MinUpper = count(argument, 1)
		case "digits":
			policy.MinDigits = count(argument, 1)
		case "specialChars":
			policy.MinSpecial = count(argument, 1)
		case "notUsername":
			policy.NotUsername = true
		case "notEmail":
			policy.NotEmail = true
		case "notContainsUsername":
			policy.NotContainsUsername = true
		case "regexPattern":
			policy.Patterns = p.passwordPatterns(argument)
		case "passwordBlacklist":
			// Only Keycloak has the list. If a random password is ever on it, Keycloak refuses
			// it and another one is made.
		case "", "forceExpiredPasswordChange", "hashAlgorithm", "hashIterations", "maxAuthAge",
			"passwordAge", "passwordHistory", "recoveryCodesWarningThreshold":
			// They do not matter to a user's first password.
		default:
			p.warnOfRule(name)
		}
	}
	return policy
}

// count reads the number of a rule, or returns Keycloak's default.
func count(argument string, byDefault int) int {
	n, err := strconv.ParseInt(argument, 10, 32)
	if err != nil {
		return byDefault
	}
	return int(n)
}

// passwordPatterns returns the pattern, or none if it cannot be read: then only Keycloak
// checks it, and for a password that it refuses another one is made.
func (p *Provider) passwordPatterns(text string) []domain.PasswordPattern {
	compiled, ok := compilePattern(text)
	if !ok {
		p.warnOfRule("regexPattern")
		return nil
	}
	var wasted atomic.Int64 // time.Duration
	return []domain.PasswordPattern{{Rule: text, Fits: func(password string) bool {
		// Some patterns take very long on some passwords, and thousands may be tried. So slow
		// matches have a budget; then the check is left to Keycloak.
		const slow, budget = time.Millisecond, time.Second
		if time.Duration(wasted.Load()) <= budget {
			start := time.Now()
			fits, ok := matchPattern(compiled, password)
			if took := time.Since(start); took > slow {
				wasted.Add(int64(took))
			}
			if ok {
				return fits
			}
		}
		p.warnOfRule("regexPattern")
		return true
	}}}
}

// warnOfRule warns, once for each rule, that passwords are made without regard to it.
func (p *Provider) warnOfRule(name string) {
	if _, known := p.unreadRules.LoadOrStore(name, true); !known {
		p.Log.Warn("a rule of the password policy cannot be read, passwords are made without regard to it", "rule", name)
	}
}
