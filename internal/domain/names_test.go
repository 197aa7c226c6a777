package domain_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// invisible is a character of each sort that shows nothing or has no meaning.
var invisible = map[string]string{
	"zero width space": "\u200b", "zero width non-joiner": "\u200c", "zero width joiner": "\u200d", "left-to-right mark": "\u200e",
	"right-to-left override": "\u202e", "isolate": "\u2066", "word joiner": "\u2060", "byte order mark": "\ufeff", "soft hyphen": "\u00ad",
	"tag": "\U000e0062", "Arabic number sign": "\u0600", "private": "\ue000", "private, beyond": "\U000f0000", "noncharacter": "\uffff",
	"unassigned": "\u0378", "unassigned, default ignorable": "\u2065", "grapheme joiner": "\u034f", "Hangul fillers": "\u115f", "Hangul filler": "\u3164",
	"halfwidth Hangul filler": "\uffa0", "Khmer vowel": "\u17b4", "variation selector": "\ufe0f", "Mongolian variation selector": "\u180b",
	"variation selector, beyond": "\U000e0100", "Braille blank": "\u2800", "line separator": "\u2028", "paragraph separator": "\u2029",
}

func TestParseUsername_TakesWhateverMayExist(t *testing.T) {
	good := []string{"first last", " a", "a ", " ", "a\tb", "a\u00a0b", "a\nb", "a\x7f", "e\u0301", strings.Repeat("ü", 255), "."}
	for _, r := range invisible {
		good = append(good, "bo"+r+"ss", r)
	}
	for _, text := range good {
		username, err := domain.ParseUsername(text)
		require.NoError(t, err, "%q", text)
		assert.Equal(t, text, username.String())
	}
	for _, bad := range []string{"", "a\x00", "\xff", "a\xed\xa0\x80", strings.Repeat("x", 256)} {
		_, err := domain.ParseUsername(bad)
		require.ErrorIs(t, err, domain.InvalidField, "%q", bad)
		assert.Contains(t, domain.AsError(err).Fields, "username")
	}
}

func TestParseNewUsername(t *testing.T) {
	for _, good := range []string{"anna", "ANNA", "anna.o'neil", "a+b@c.de", "müller", "a/b", "a%2Fb", "..", "x", "σίσυφος", "ანა", "李", strings.Repeat("ü", 255)} {
		username, err := domain.ParseNewUsername(good)
		require.NoError(t, err, good)
		assert.Equal(t, good, username.String())
	}
	bad := []string{"", " ", "a b", "a\tb", "a\u00a0b", "a\u3000b", "a\x00", "a\x7f", "a\u0085", "\xff", strings.Repeat("x", 256), strings.Repeat("😀", 128), strings.Repeat("İ", 128)}
	for _, r := range invisible {
		bad = append(bad, "bo"+r+"ss", r+"boss", "boss"+r)
	}
	for _, text := range bad {
		_, err := domain.ParseNewUsername(text)
		require.ErrorIs(t, err, domain.InvalidField, "%q", text)
		assert.Contains(t, domain.AsError(err).Fields, "username")
	}
}

// As Keycloak 26.4.7 and 26.7.4 answered to look-ups of users with these names.
func TestUsername_MatchesAsKeycloakDoes(t *testing.T) {
	for asked, found := range map[string]map[string]bool{
		"Anna":          {"anna": true, "ANNA": true, "annabel": false, "ann": false, "": false, "anna ": false},
		"İstanbul":      {"i\u0307stanbul": true, "istanbul": false, "ıstanbul": false},
		"i\u0307da":     {"i\u0307da": true, "ida": false},
		"STRASSE":       {"strasse": true, "straße": false},
		"STRAẞE":        {"straße": true, "strasse": false},
		"ΣΊΣΥΦΟΣ":       {"σίσυφος": true, "σίσυφοσ": true},
		"σίσυφος":       {"σίσυφος": true, "σίσυφοσ": false},
		"\u212aelvin":   {"kelvin": true},
		"\u017fam":      {"\u017fam": true, "sam": false},
		"sam":           {"\u017fam": false},
		"\u00b5":        {"\u00b5": true, "\u03bc": false},
		"\U00010400des": {"\U00010428des": true},
		"\u00c9va":      {"\u00e9va": true, "e\u0301va": false, "eva": false},
		"a b":           {"A B": true, "ab": false, "a\u00a0b": false},
	} {
		username, err := domain.ParseUsername(asked)
		require.NoError(t, err)
		email, err := domain.ParseEmail(strings.ReplaceAll(asked, " ", ".") + "@bank.example")
		require.NoError(t, err, asked)
		for name, same := range found {
			assert.Equal(t, same, username.Matches(name), "%q for %q", name, asked)
			assert.Equal(t, same, email.Matches(strings.ReplaceAll(name, " ", ".")+"@BANK.example"), "%q for %q", name, asked)
		}
	}
}

func TestParseEmail(t *testing.T) {
	for _, good := range []string{"a@b.de", "anna.o'neil+x@bank.example", "müller@bücher.example", "a@localhost"} {
		email, err := domain.ParseEmail(good)
		require.NoError(t, err, good)
		assert.Equal(t, good, email.String())
		assert.Equal(t, good[strings.Index(good, "@")+1:], email.Domain())
	}
	bad := []string{
		"", "anna", "@b.de", "a@", "a@b@c.de", " a@b.de", "a@b.de ", "Anna <a@b.de>", "<a@b.de>", "a@b.de (Anna)", "a@b.de,c@d.de", `"a b"@c.de`, "a@b.de\r\nBcc: x@y.de",
		strings.Repeat("x", 250) + "@b.example",
	}
	for _, r := range invisible {
		bad = append(bad, "bo"+r+"ss@bank.example", "boss@ba"+r+"nk.example")
	}
	for _, text := range bad {
		_, err := domain.ParseEmail(text)
		require.ErrorIs(t, err, domain.InvalidField, "%q", text)
		assert.Contains(t, domain.AsError(err).Fields, "email")
	}
}

func TestCheckText(t *testing.T) {
	for _, good := range []string{
		"", " ", "Anna Maria", "Jean\u00a0Paul", "O'Neil-Müller", "e\u0301", strings.Repeat("ü", 255), "山田\u3000太郎",
		"علی\u200cرضا", "ක\u0dca\u200dෂ", "র\u200d\u09cdয", // spelt with joiners
	} {
		require.NoError(t, domain.CheckText("firstName", good), "%q", good)
	}
	bad := []string{
		"a\x00", "a\nb", "\t", "a\u0085", "\xff", strings.Repeat("x", 256), strings.Repeat("😀", 128),
		"\u200ca", "a\u200d", "a\u200c b", "1\u200c2", "a\u200c\u200cb", "a\u200d\ufe0f", "\u200c",
	}
	for name, r := range invisible {
		if !strings.HasPrefix(name, "zero width ") || strings.HasSuffix(name, "space") {
			bad = append(bad, "bo"+r+"ss")
		}
	}
	for _, text := range bad {
		err := domain.CheckText("firstName", text)
		require.ErrorIs(t, err, domain.InvalidField, "%q", text)
		assert.Contains(t, domain.AsError(err).Fields, "firstName")
	}
}

// What is accepted as new holds nothing that cannot be seen, and is found afterwards.
func FuzzNames(f *testing.F) {
	for _, r := range invisible {
		f.Add("bo" + r + "ss")
	}
	for _, seed := range []string{"anna", "İda", "ΑΣ", "علی\u200cرضا", "\xff", "a b", "a@bücher.example", "K"} {
		f.Add(seed)
	}
	seen := func(t *testing.T, text string, except ...rune) {
		t.Helper()
		for _, r := range text {
			hidden := unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
			assert.False(t, hidden && !strings.ContainsRune(string(except), r), "%q has %U", text, r)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if username, err := domain.ParseNewUsername(text); err == nil {
			seen(t, text)
			assert.NotContains(t, text, " ")
			found, err := domain.ParseUsername(text)
			require.NoError(t, err, "%q", text)
			assert.Equal(t, username.Username, found)
			assert.True(t, found.Matches(text), "%q", text)
			assert.True(t, found.Matches(strings.ToLower(text)) || strings.Contains(text, "İ"), "%q", text)
		}
		if email, err := domain.ParseEmail(text); err == nil {
			seen(t, text)
			assert.True(t, email.Matches(text), "%q", text)
		}
		if domain.CheckText("firstName", text) == nil {
			seen(t, text, '\u200c', '\u200d')
			assert.LessOrEqual(t, len([]rune(text)), 255)
		}
	})
}
