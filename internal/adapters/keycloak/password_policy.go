package keycloak

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"user-sync-service/internal/domain"
)

// parsePasswordPolicy reads Keycloak's notation, "length(12) and digits(2) and
// notUsername(undefined)", as Keycloak itself does: split at " and ", and of two rules
// with the same name the last one counts. Rules that it does not know are passed over,
// with a warning.
func (p *Provider) parsePasswordPolicy(text string) domain.PasswordPolicy {
	var policy domain.PasswordPolicy
	for rule := range strings.SplitSeq(text, " and ") {
		name, argument := cutRule(rule)
		switch name {
		case "length":
			policy.MinLength = count(argument, 8)
		case "maxLength":
			// Not 0, which in the domain is no limit. Keycloak refuses every password then.
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
			// Only Keycloak has the list. A random password is hardly ever on it, and
			// when it is, another one is made.
		case "", "forceExpiredPasswordChange", "hashAlgorithm", "hashIterations", "maxAuthAge",
			"passwordAge", "passwordHistory", "recoveryCodesWarningThreshold":
			// No bearing on the first password of a user.
		default:
			p.warnOfRule(name)
		}
	}
	return policy
}

// cutRule takes a rule apart. The argument ends before the last character, which is a
// parenthesis; there may be others in it.
func cutRule(rule string) (name, argument string) {
	rule = strings.TrimSpace(rule)
	name, rest, _ := strings.Cut(rule, "(")
	return strings.TrimSpace(name), rest[:max(0, len(rest)-1)]
}

// count reads the number of a rule. Keycloak has a standard for a rule without one.
func count(argument string, standard int) int {
	n, err := strconv.ParseInt(argument, 10, 32)
	if err != nil {
		return standard
	}
	return int(n)
}

// passwordPatterns returns the pattern, or none when it cannot be read: then Keycloak
// alone judges by it, and the password that it refuses is followed by another one.
func (p *Provider) passwordPatterns(text string) []domain.PasswordPattern {
	compiled, ok := compilePattern(text)
	if !ok {
		p.warnOfRule("regexPattern")
		return nil
	}
	var wasted atomic.Int64 // time.Duration
	return []domain.PasswordPattern{{Rule: text, Fits: func(password string) bool {
		// Some patterns take very long on some passwords, which may be tried by the
		// thousand. There is an end to that: Keycloak has the last word in any case.
		const slow, patience = time.Millisecond, time.Second
		if time.Duration(wasted.Load()) > patience {
			p.warnOfRule("regexPattern")
			return true
		}
		start := time.Now()
		fits, err := compiled.match(password)
		if took := time.Since(start); took > slow {
			wasted.Add(int64(took))
		}
		if err != nil {
			p.warnOfRule("regexPattern")
			return true
		}
		return fits
	}}}
}

// warnOfRule says, once for each rule, that passwords are made without regard to it.
func (p *Provider) warnOfRule(name string) {
	if _, known := p.unreadRules.LoadOrStore(name, true); !known {
		p.Log.Warn("a rule of the password policy cannot be read, passwords are made without regard to it", "rule", name)
	}
}
