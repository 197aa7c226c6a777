package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"user-sync-service/internal/domain"
)

// maxBody is the largest request body in bytes.
const maxBody = 1 << 20

// writeJSON answers with body. Answers may hold personal data, and one holds a
// password, so none may be kept by a cache.
func writeJSON(w http.ResponseWriter, status int, body any) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false) // nobody reads this as HTML; names stay readable
	if err := encoder.Encode(body); err != nil {
		panic(err) // only a type that cannot be encoded: a bug
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(encoded.Bytes()) // The client has gone; nothing is left to do.
}

// object is a JSON object whose members are yet to be read.
type object map[string]json.RawMessage

// readObject reads the body of a request, which must be one JSON object.
func readObject(w http.ResponseWriter, r *http.Request) (object, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, unsupportedType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, bodyTooLarge
	}
	if err != nil {
		return nil, &domain.Error{Kind: invalidJSON, Message: "The request body could not be read.", Err: err}
	}
	// encoding/json would replace broken characters in silence.
	if !utf8.Valid(body) {
		return nil, invalidJSON
	}
	var members object
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, invalidJSON
	}
	return members, nil
}

// text returns a member that is a string. An absent or null member is "" and not there.
func (o object) text(member string) (text string, there bool, err error) {
	raw, ok := o[member]
	if !ok || string(raw) == "null" {
		return "", false, nil
	}
	problem := ""
	switch err := json.Unmarshal(raw, &text); {
	case err != nil:
		problem = "must be a string"
	case strings.ContainsRune(text, utf8.RuneError):
		// Also what encoding/json makes of half a surrogate pair, in silence.
		problem = "contains a broken character"
	default:
		return text, true, nil
	}
	return "", true, invalidMember(member, problem)
}

// invalidMember says what is wrong with a member.
func invalidMember(member, problem string) error {
	return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{member: problem}}
}

// requiredText is text for a member that must be there.
func (o object) requiredText(member string) (string, error) {
	text, there, err := o.text(member)
	if err == nil && !there {
		err = &domain.Error{Kind: missingField, Message: "Missing required field: " + member}
	}
	return text, err
}

// target returns the username in the path, as given and parsed. A name that nobody can
// have is a user that is not found.
func target(r *http.Request) (given string, username domain.Username, err error) {
	given = chi.URLParam(r, "username")
	if r.URL.RawPath != "" {
		// chi matched the escaped path, so the parameter is still escaped. The server
		// has checked the escapes when it parsed the path.
		if given, err = url.PathUnescape(given); err != nil {
			return given, username, domain.NotFound
		}
	}
	username, err = domain.ParseUsername(given)
	if err != nil {
		return given, username, &domain.Error{Kind: domain.NotFound, Err: err}
	}
	return given, username, nil
}
