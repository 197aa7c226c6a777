package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"user-sync-service/internal/domain"
)

// checkShape returns invalidJSON for a body that is nested too deeply, has too many members,
// or has a member twice, which each reader would read in its own way. It keeps nothing of
// the body but the names of members.
func checkShape(body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	left := maxMembers
	err := checkValue(decoder, maxDepth, &left)
	if _, ok := errors.AsType[*json.SyntaxError](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalidJSON
	}
	return err
}

// checkValue does so for the next value, which may have that many levels and members.
func checkValue(decoder *json.Decoder, levels int, left *int) error {
	token, err := decoder.Token()
	opened, ok := token.(json.Delim)
	if err != nil || !ok {
		return err
	}
	if levels == 0 {
		return malformed("The request body is nested too deeply.")
	}
	names := map[string]bool{}
	for decoder.More() {
		if opened == '{' {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string) // The decoder takes nothing else there.
			if names[name] {
				return malformed("The request body has a member twice.")
			}
			names[name] = true
			if *left--; *left < 0 {
				return malformed("The request body has too many members.")
			}
		}
		if err := checkValue(decoder, levels-1, left); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing one
	return err
}

func malformed(message string) error { return &domain.Error{Kind: invalidJSON, Message: message} }
