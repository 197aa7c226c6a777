package keycloak

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// compilePattern compiles a Java regular expression that a whole password must fit, for an
// engine with the look-aheads that Go's own one lacks. For passwords of ASCII characters it
// differs little from Java's. What it does not know or would read differently is not ok.
func compilePattern(java string) (expression *regexp2.Regexp, ok bool) {
	defer func() { _ = recover() }() // A fault of the engine must not end the program.
	text, translated := translatePattern(java)
	if !translated {
		return nil, false
	}
	// As in Java, named groups are numbered like the others, in their order.
	compiled, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.OptionMaintainCaptureOrder())
	if err != nil {
		return nil, false
	}
	compiled.MatchTimeout = 100 * time.Millisecond // More or less: the engine's clock is coarse.
	return compiled, true
}

// matchPattern reports whether the whole password fits. It is not ok if that takes too long.
// The engine's error is dropped, because it quotes the password.
func matchPattern(expression *regexp2.Regexp, password string) (fits, ok bool) {
	defer func() { _ = recover() }() // as in compilePattern
	matched, err := expression.MatchString(password)
	return matched, err == nil
}

// posixClasses are the classes that Java writes as \p{Name}, as ranges. The engine does not
// know these names.
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

// translatePattern rewrites what Java writes differently. It reports false for what both
// engines accept but read differently: a class within a class, an intersection of classes,
// and octal numbers.
func translatePattern(java string) (string, bool) {
	// A quotation (without \E to the end), a named class, an escape, or what stands for itself.
	tokens := regexp.MustCompile(`(?s)\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\.?|&&|\[\^|.`)
	var out strings.Builder
	inClass := false
	for _, token := range tokens.FindAllString(java, -1) {
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
