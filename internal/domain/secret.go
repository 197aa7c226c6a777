package domain

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is text that must never be printed: a password, a token, a client secret. Every fmt
// verb, encoding as JSON or text, and slog give "[redacted]". The zero Secret is empty.
//
// The text sits behind a pointer because fmt cannot call the methods of an unexported field:
// it prints the address there, not the text.
type Secret struct {
	text *string
}

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Call it only where the text leaves the program on purpose.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsEmpty reports whether there is no text.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }

// Format implements [fmt.Formatter], so that no verb reaches the text.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: a secret is one as soon as it is read.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
