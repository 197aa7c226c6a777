package keycloak

import (
	"errors"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// pattern is a Java regular expression that a whole password must fit. It is compiled for
// another engine, which differs from Java's in little that matters to passwords of ASCII
// characters, and reads the look-aheads that Go's own one lacks.
type pattern struct{ expression *regexp2.Regexp }

// patternTimeout bounds one match, more or less: the engine's clock is coarse.
const patternTimeout = 100 * time.Millisecond

// compilePattern reports false for what the engine does not know, or would take for
// something else than Java does.
func compilePattern(java string) (compiled pattern, ok bool) {
	// Patterns come from outside. A fault of the engine must not end the program.
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	text, ok := translatePattern(java)
	if !ok {
		return pattern{}, false
	}
	// As in Java, groups are numbered in their order, those with names too.
	expression, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.OptionMaintainCaptureOrder())
	if err != nil {
		return pattern{}, false
	}
	expression.MatchTimeout = patternTimeout
	return pattern{expression}, true
}

// match reports whether the whole password fits. It returns an error when that cannot be
// found out with reasonable effort.
func (p pattern) match(password string) (fits bool, err error) {
	undecided := errors.New("no result") // Not the engine's error, which has the password in it.
	defer func() {
		if recover() != nil {
			fits, err = false, undecided
		}
	}()
	fits, err = p.expression.MatchString(password)
	if err != nil {
		return false, undecided
	}
	return fits, nil
}

// posixClasses are the classes that Java writes as \p{Name}, as ranges. The engine has
// no such names.
func posixClasses() map[string]string {
	return map[string]string{
		"Lower":  `a-z`,
		"Upper":  `A-Z`,
		"ASCII":  `\x00-\x7f`,
		"Alpha":  `a-zA-Z`,
		"Digit":  `0-9`,
		"Alnum":  `a-zA-Z0-9`,
		"Punct":  "!-/:-@\\[-`{-~",
		"Graph":  `!-~`,
		"Print":  `\x20-~`,
		"Blank":  `\x20\t`,
		"Cntrl":  `\x00-\x1f\x7f`,
		"XDigit": `0-9a-fA-F`,
		"Space":  `\x20\t\n\x0b\f\r`,
	}
}

// translatePattern rewrites what Java writes in another way, and reports false for what
// both engines accept but read differently: a class within a class, the intersection of
// classes, and octal numbers.
func translatePattern(java string) (string, bool) {
	var out strings.Builder
	inClass := false
	for rest := java; rest != ""; {
		token := nextToken(rest)
		rest = rest[len(token):]
		switch {
		case inClass && strings.HasPrefix(token, `\Q`):
			return "", false
		case strings.HasPrefix(token, `\Q`):
			out.WriteString(regexp2.Escape(strings.TrimSuffix(token[2:], `\E`)))
			continue
		case strings.HasPrefix(token, `\p{`), strings.HasPrefix(token, `\P{`):
			ranges, known := posixClasses()[token[3:len(token)-1]]
			switch {
			case !known: // Perhaps the engine knows it.
			case !inClass && token[1] == 'p':
				token = "[" + ranges + "]"
			case !inClass:
				token = "[^" + ranges + "]"
			case token[1] == 'p':
				token = ranges
			default:
				return "", false
			}
		case token == `\_`:
			token = "_"
		case token == `\0`, inClass && (token[0] == '[' || token == "&&"):
			return "", false
		case token == "[", token == "[^":
			inClass = true
		case token == "]":
			inClass = false
		}
		out.WriteString(token)
	}
	return out.String(), true
}

// nextToken returns what the pattern begins with and must be looked at as one.
func nextToken(rest string) string {
	switch {
	case strings.HasPrefix(rest, `\Q`):
		if end := strings.Index(rest, `\E`); end >= 0 {
			return rest[:end+2]
		}
		return rest // Java quotes to the end then.
	case strings.HasPrefix(rest, `\p{`), strings.HasPrefix(rest, `\P{`):
		if end := strings.IndexByte(rest, '}'); end >= 0 {
			return rest[:end+1]
		}
		return rest[:2]
	case strings.HasPrefix(rest, `\`):
		return rest[:min(2, len(rest))]
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "[^"):
		return rest[:2]
	}
	return rest[:1]
}
