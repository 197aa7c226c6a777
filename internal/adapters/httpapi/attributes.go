package httpapi

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

// longestAttribute is the longest text that an attribute may have, in characters.
const longestAttribute = 255

// attributeMember is the member of a body that becomes an attribute.
type attributeMember struct {
	member    string
	attribute domain.Attribute
}

// numberMembers and textMembers are all of them but the role, in the order in which they
// are looked at.
func numberMembers() []attributeMember {
	return []attributeMember{{"userId", domain.FineractUserID}, {"officeId", domain.OfficeID}}
}

func textMembers() []attributeMember {
	return []attributeMember{{"officeName", domain.OfficeName}, {"employeeId", domain.EmployeeID}, {"mobileNumber", domain.MobileNumber}}
}

// attributes returns the attributes that the body names, an empty text for those that it
// empties. The web app's word for a user's id that is not known yet is zero.
func (o object) attributes() (domain.Attributes, error) {
	attributes := domain.Attributes{}
	for _, m := range numberMembers() {
		digits, there, err := o.digits(m.member)
		switch {
		case err != nil:
			return nil, err
		case there && (digits != "0" || m.attribute != domain.FineractUserID):
			attributes[m.attribute] = digits
		}
	}
	for _, m := range textMembers() {
		text, there, err := o.line(m.member)
		switch {
		case err != nil:
			return nil, err
		case there:
			attributes[m.attribute] = text
		}
	}
	return attributes, nil
}

// digits returns a member that is one of Fineract's ids, as its digits: a whole number of
// 64 bits, or a text of one. The number is never a float64, which has fewer digits. A
// blank text is "".
func (o object) digits(member string) (digits string, there bool, err error) {
	raw, ok := o[member]
	if !ok || string(raw) == "null" {
		return "", false, nil
	}
	text := string(raw)
	if json.Unmarshal(raw, &text) == nil && strings.TrimSpace(text) == "" {
		return "", true, nil
	}
	number, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return "", true, invalidMember(member, "must be a whole number, not below zero")
	}
	return strconv.FormatUint(number, 10), true, nil
}

// line returns a member that is a text fit for an attribute. A blank text is "".
func (o object) line(member string) (text string, there bool, err error) {
	text, there, err = o.text(member)
	if err != nil || strings.TrimSpace(text) == "" {
		return "", there, err
	}
	return text, there, checkLine(member, text)
}

// role returns the Fineract role, which is an attribute too, without the blanks around
// it. A role that is there must not be blank.
func (o object) role() (role string, there bool, err error) {
	const member = "role"
	role, there, err = o.text(member)
	role = strings.TrimSpace(role)
	switch {
	case err != nil:
		return "", there, err
	case there && role == "":
		return "", there, roleMissing()
	}
	return role, there, checkLine(member, role)
}

func roleMissing() error {
	return &domain.Error{Kind: missingField, Message: "Role is required"}
}

// checkLine returns InvalidField for a text that is not fit for an attribute.
func checkLine(member, text string) error {
	switch {
	case utf8.RuneCountInString(text) > longestAttribute:
		return invalidMember(member, "must be at most 255 characters long")
	case strings.ContainsFunc(text, unicode.IsControl):
		return invalidMember(member, "must not contain control characters")
	}
	return nil
}

// inMembers gives the fields that the identity provider refuses the names that the
// request's body has for attributes.
func inMembers(fields map[string]string) map[string]string {
	renamed := maps.Clone(fields)
	for _, m := range append(append(numberMembers(), textMembers()...), attributeMember{"role", domain.FineractRoleName}) {
		if problem, ok := fields[string(m.attribute)]; ok {
			delete(renamed, string(m.attribute))
			renamed[m.member] = problem
		}
	}
	return renamed
}
