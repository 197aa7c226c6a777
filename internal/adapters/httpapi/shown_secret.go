package httpapi

import (
	"bytes"
	"encoding/json"

	"user-sync-service/internal/domain"
)

// shownSecret is a secret that an answer shows. It stays a secret until the answer is
// encoded: printed or logged in any other way it is redacted like any other.
type shownSecret struct{ domain.Secret }

// MarshalJSON implements [json.Marshaler]. It reveals the secret.
func (s shownSecret) MarshalJSON() ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false) // It is shown as it was made.
	err := encoder.Encode(s.Reveal())
	return encoded.Bytes(), err
}
