package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Bounds of what comes from outside: one request must not fill the disk. What was left out
// shows.
const (
	mostCharacters = 256     // of a text
	mostBytes      = 1 << 10 // of a text, as it is written
	mostEntries    = 64      // of a list, and of an object
	deepest        = 4       // how far lists and objects are followed into each other
	punctuation    = 4       // bytes for quotes, comma and colon of an entry
)

// budget is how many bytes of a line are left. Whatever comes when nothing is left is cut
// down to next to nothing.
type budget int

// text keeps the beginning of a text.
func (b *budget) text(text string) string {
	kept := b.fitting(text, utf8.DecodeRuneInString, func(s string, size int) string { return s[size:] })
	if kept == len(text) {
		return text
	}
	return text[:kept] + "…"
}

// end keeps the end of a text. Each gateway adds to the end of X-Forwarded-For; what comes
// before is whatever the caller likes to claim.
func (b *budget) end(text string) string {
	kept := b.fitting(text, utf8.DecodeLastRuneInString, func(s string, size int) string { return s[:len(s)-size] })
	if kept == len(text) {
		return text
	}
	return "…" + text[len(text)-kept:]
}

// fitting returns how many bytes of a text can be kept, and takes what they need.
func (b *budget) fitting(text string, next func(string) (rune, int), without func(string, int) string) int {
	kept, need, room := 0, 0, min(mostBytes, int(*b))
	for count := 0; text != "" && count < mostCharacters; count++ {
		r, size := next(text)
		if need+written(r) > room {
			break
		}
		kept, need, text = kept+size, need+written(r), without(text, size)
	}
	*b -= budget(need + punctuation)
	return kept
}

// written returns how many bytes the character has in a line, at most.
func written(r rune) int {
	switch {
	case r == utf8.RuneError: // JSON's "\ufffd" for what is no character
		return 6
	case r == '"' || r == '\\':
		return 2
	case shows(r):
		return utf8.RuneLen(r)
	case r > 0xffff:
		return 12
	default:
		return 6
	}
}

// texts is never nil: null would be a second way to say none.
func (b *budget) texts(texts []string) []string {
	kept := make([]string, 0, min(len(texts), mostEntries+1))
	for i, text := range texts {
		if i == mostEntries || *b <= 0 {
			return append(kept, more(len(texts)-i))
		}
		kept = append(kept, b.text(text))
	}
	return kept
}

func more(count int) string { return fmt.Sprintf("… %d more", count) }

// object keeps the first entries by their names.
func (b *budget) object(object map[string]any, depth int) map[string]any {
	kept := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if len(kept) == mostEntries || *b <= 0 {
			break
		}
		// Names that differ only where they are cut off are one too many.
		if key := b.text(name); kept[key] == nil {
			kept[key] = b.value(object[name], depth)
		}
	}
	if left := len(object) - len(kept); left > 0 {
		kept["…"] = more(left)
	}
	return kept
}

// value bounds what plain has made.
func (b *budget) value(value any, depth int) any {
	*b -= punctuation
	switch value := value.(type) {
	case string:
		return b.text(value)
	case json.Number:
		if text := value.String(); len(text) > 32 { // No number that means something.
			return b.text(text)
		}
		*b -= budget(len(value))
	case []any:
		if depth == 0 {
			return more(len(value))
		}
		kept := make([]any, 0, min(len(value), mostEntries+1))
		for i, element := range value {
			if i == mostEntries || *b <= 0 {
				return append(kept, more(len(value)-i))
			}
			kept = append(kept, b.value(element, depth-1))
		}
		return kept
	case map[string]any:
		if depth == 0 {
			return more(len(value))
		}
		return b.object(value, depth-1)
	}
	return value
}

// plain returns the fields as texts, numbers, truth values, lists and objects. A value that
// cannot be encoded costs only itself; the reason is left out, as it may quote the value.
func plain(fields map[string]any) map[string]any {
	made := make(map[string]any, len(fields))
	for name, value := range fields {
		encoded, err := json.Marshal(value)
		if err == nil {
			var decoded any // Into value itself, a pointer's target would be changed.
			decoder := json.NewDecoder(bytes.NewReader(encoded))
			decoder.UseNumber()
			err = decoder.Decode(&decoded)
			made[name] = decoded
		}
		if err != nil {
			made[name] = "[cannot be encoded]"
		}
	}
	return made
}
