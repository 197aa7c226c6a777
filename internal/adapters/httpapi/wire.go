package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"

	"user-sync-service/internal/domain"
)

// writeJSON answers with body. Answers may hold personal data, and one holds a
// password, so none may be kept by a cache.
func writeJSON(w http.ResponseWriter, status int, body any) {
	encoded, err := encode(body)
	if err != nil {
		panic(err) // only a type that cannot be encoded: a bug
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // The client has gone; nothing is left to do.
}

// encode returns the JSON of body as it is: no browser reads it as HTML, so names and
// passwords stay readable.
func encode(body any) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return encoded.Bytes(), err
}

// shownSecret is a secret that an answer shows. It stays a secret until the answer is
// encoded: printed or logged in any other way it is redacted like any other.
type shownSecret struct{ domain.Secret }

// MarshalJSON implements [json.Marshaler]. It reveals the secret.
func (s shownSecret) MarshalJSON() ([]byte, error) { return encode(s.Reveal()) }

// orEmpty returns a list that encodes as [] rather than null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
