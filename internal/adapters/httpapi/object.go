package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/big"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

// The largest request body that is read: real ones are below 1 KB.
const (
	maxBody    = 64 << 10 // bytes
	maxMembers = 64       // of all objects together
	maxDepth   = 8        // of objects and lists, the body itself among them
)

// notBoolean is the problem of a member that must be a boolean.
const notBoolean = "must be true or false"

// object is a JSON object whose members are read one after the other. It keeps the first
// fault that it meets, so that readers look at err once, at the end.
type object struct {
	members map[string]json.RawMessage
	err     error
}

// readObject reads the body of a request, which must be one JSON object.
func readObject(w http.ResponseWriter, r *http.Request) (*object, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, unsupportedType
	}
	body, err := readBody(w, r)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, bodyTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &domain.Error{Kind: invalidJSON, Message: "The request body did not arrive in time.", Err: err}
	}
	if err != nil {
		return nil, &domain.Error{Kind: invalidJSON, Message: "The request body could not be read.", Err: err}
	}
	// encoding/json would replace broken characters in silence.
	if !utf8.Valid(body) {
		return nil, invalidJSON
	}
	if err := checkShape(body); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(body, &o.members); err != nil || o.members == nil {
		return nil, invalidJSON
	}
	return &o, nil
}

// fail keeps the fault, unless there is one already.
func (o *object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// refuse keeps what is wrong with a member.
func (o *object) refuse(member, problem string) { o.fail(invalidMember(member, problem)) }

func invalidMember(member, problem string) error {
	return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{member: problem}}
}

// raw returns a member as it was sent, nil when it is absent or null.
func (o *object) raw(member string) json.RawMessage {
	if raw := o.members[member]; string(raw) != "null" {
		return raw
	}
	return nil
}

// text returns a member that is a string, nil when it is absent, null or wrong.
func (o *object) text(member string) *string {
	raw := o.raw(member)
	if raw == nil {
		return nil
	}
	var text string
	switch err := json.Unmarshal(raw, &text); {
	case err != nil:
		o.refuse(member, "must be a string")
	case strings.ContainsRune(text, utf8.RuneError):
		// Also what encoding/json makes of half a surrogate pair, in silence.
		o.refuse(member, "contains a broken character")
	default:
		return &text
	}
	return nil
}

// required returns a text that must be there.
func (o *object) required(member string) string {
	text := o.text(member)
	if text == nil {
		o.fail(&domain.Error{Kind: missingField, Message: "Missing required field: " + member})
		return ""
	}
	return *text
}

// parsed returns the text as parse understands it.
func parsed[T any](o *object, text string, parse func(string) (T, error)) T {
	value, err := parse(text)
	if err != nil {
		o.fail(err)
	}
	return value
}

// role returns the Fineract role without the blanks around it, empty when it is absent
// and may be. A role that is there must not be blank.
func (o *object) role(required bool) string {
	const member = "role"
	text := o.text(member)
	role := strings.TrimSpace(*cmp.Or(text, new("")))
	if role == "" && (required || text != nil) {
		o.fail(&domain.Error{Kind: missingField, Message: "Role is required"})
	}
	o.check(member, role)
	return role
}

// check keeps what is wrong with a text that the realm and the audit log are to keep.
func (o *object) check(member, text string) {
	if err := domain.CheckText(member, text); err != nil {
		o.fail(err)
	}
}

// name returns a member that is a person's name.
func (o *object) name(member string) *string {
	text := o.text(member)
	if text != nil {
		o.check(member, *text)
	}
	return text
}

// line returns a member that is a text fit for an attribute, or a number, which is its
// decimal text. A blank text is "".
func (o *object) line(member string) *string {
	raw := o.raw(member)
	var text *string
	switch {
	case raw == nil:
		return nil
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		number, ok := decimal(string(raw))
		if !ok {
			o.refuse(member, "must be at most 255 characters long")
		}
		return &number
	case raw[0] == '"':
		text = o.text(member)
	default:
		o.refuse(member, "must be a string or a number")
	}
	if text == nil {
		return nil
	}
	if strings.TrimSpace(*text) == "" {
		return new("")
	}
	o.check(member, *text)
	return text
}

// decimal returns a JSON number as text, never rounded: as it was sent, but without an
// exponent and without the sign of a zero. It returns false for one too long to be kept.
func decimal(number string) (string, bool) {
	const longest, precision = 255, 1024 // in bits: more than so many digits need
	if !strings.ContainsAny(number, "eE") {
		if strings.Trim(number, "-0.") == "" {
			number = strings.TrimPrefix(number, "-")
		}
		return number, len(number) <= longest
	}
	value, _, err := big.ParseFloat(number, 10, precision, big.ToNearestEven)
	if len(number) > longest || err != nil || value.IsInf() || value.MantExp(nil) > precision || value.MantExp(nil) < -precision {
		return "", false
	}
	if value.Sign() == 0 {
		return "0", true
	}
	number = value.Text('f', -1)
	return number, len(number) <= longest
}

// digits returns a member that is one of Fineract's ids, as its digits: a whole number of
// 64 bits, or a text of one. The number is never a float64, which has fewer digits. A
// blank text is "".
func (o *object) digits(member string) *string {
	raw := o.raw(member)
	if raw == nil {
		return nil
	}
	text := string(raw)
	if json.Unmarshal(raw, &text) == nil && strings.TrimSpace(text) == "" {
		return new("")
	}
	number, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		o.refuse(member, "must be a whole number, not below zero")
		return nil
	}
	return new(strconv.FormatUint(number, 10))
}

// attributeMember is the member of a body that becomes an attribute.
type attributeMember struct {
	member    string
	attribute domain.Attribute
	read      func(o *object, member string) *string
}

// attributeMembers are all of them but the role, in the order in which they are looked at.
func attributeMembers() []attributeMember {
	return []attributeMember{
		{"userId", domain.FineractUserID, (*object).digits},
		{"officeId", domain.OfficeID, (*object).digits},
		{"officeName", domain.OfficeName, (*object).line},
		{"employeeId", domain.EmployeeID, (*object).line},
		{"mobileNumber", domain.MobileNumber, (*object).line},
	}
}

// attributes returns the attributes that the body names, an empty text for those that it
// empties. The web app's word for a user's id that is not known yet is zero.
func (o *object) attributes() domain.Attributes {
	attributes := domain.Attributes{}
	for _, m := range attributeMembers() {
		if value := m.read(o, m.member); value != nil && (*value != "0" || m.attribute != domain.FineractUserID) {
			attributes[m.attribute] = *value
		}
	}
	return attributes
}
