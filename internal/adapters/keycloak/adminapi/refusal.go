package adminapi

import (
	"slices"
	"strings"
)

// refusal is the body of Keycloak's refusals, in all of its forms.
type refusal struct {
	Error        string    `json:"error"`
	Description  string    `json:"error_description"`
	ErrorMessage string    `json:"errorMessage"`
	Field        string    `json:"field"`
	Errors       []refusal `json:"errors"`
}

// says reports whether one of the texts begins with text.
func (r refusal) says(text string) bool {
	return strings.HasPrefix(r.Error, text) || strings.HasPrefix(r.ErrorMessage, text) || strings.HasPrefix(r.Description, text)
}

// fields returns what the realm's user profile found wrong, in our words.
func (r refusal) fields() map[string]string {
	fields := make(map[string]string)
	for _, violation := range append(r.Errors, r) {
		if violation.Field != "" {
			fields[violation.Field] = fieldProblem(violation.ErrorMessage)
		}
	}
	return fields
}

// doubledValue is Keycloak's word for too many values of an attribute.
const doubledValue = "error-invalid-multivalued-size"

// isDoubled reports whether a value of the user is stored twice.
func (r refusal) isDoubled() bool {
	for _, violation := range append(r.Errors, r) {
		if violation.ErrorMessage == doubledValue {
			return true
		}
	}
	return false
}

// readOnlyField is Keycloak's word for a field that must not be written.
const readOnlyField = "error-user-attribute-read-only"

// isReadOnly reports whether it is all about fields that must not be written.
func (r refusal) isReadOnly() bool {
	return !slices.ContainsFunc(append(r.Errors, r), func(violation refusal) bool {
		return violation.Field != "" && violation.ErrorMessage != readOnlyField
	})
}

// fieldProblem translates the message keys of Keycloak's user profile. Other texts are
// a realm's own; they are not passed on.
func fieldProblem(key string) string {
	switch key {
	case "error-user-attribute-required":
		return "is required"
	case "error-invalid-length", "error-invalid-length-too-short", "error-invalid-length-too-long":
		return "is too short or too long"
	case "error-username-invalid-character", "error-person-name-invalid-character":
		return "contains a character that is not allowed"
	case "error-invalid-email":
		return "must be an e-mail address"
	case readOnlyField:
		return "must not be changed"
	default:
		return "is not allowed by the rules of the realm"
	}
}

// forLog returns what may be logged of a refusal: Keycloak's own error texts, shortened
// and without anything that looks like an e-mail address or a token, never the whole
// body.
func (r refusal) forLog() string {
	var texts []string
	said := []string{r.Error, r.ErrorMessage, r.Description, r.Field}
	for _, violation := range r.Errors {
		said = append(said, violation.ErrorMessage, violation.Field)
	}
	for _, text := range said {
		text, _, _ = strings.Cut(text, " when updating user ") // Its name comes next.
		for word := range strings.FieldsSeq(text) {
			switch {
			case strings.Contains(word, "@"):
				word = "[e-mail]"
			case strings.Contains(word, "eyJ"): // how every JWT begins
				word = "[token]"
			}
			texts = append(texts, word)
		}
	}
	const limit = 40 // words
	return strings.Join(texts[:min(limit, len(texts))], " ")
}
