package domain

// Attribute names a text that an account carries for Fineract. The names are those that
// access tokens carry too.
type Attribute string

// The attributes.
const (
	FineractUserID Attribute = "fineract_user_id"
	OfficeID       Attribute = "office_id"
	OfficeName     Attribute = "office_name"
	EmployeeID     Attribute = "employee_id"
	MobileNumber   Attribute = "mobile_number"
	// FineractRoleName is the Fineract role as it was sent.
	FineractRoleName Attribute = "fineract_role"
)

// AllAttributes returns every attribute, in alphabetical order.
func AllAttributes() []Attribute {
	return []Attribute{EmployeeID, FineractRoleName, FineractUserID, MobileNumber, OfficeID, OfficeName}
}

// Attributes are the attributes of one account. What is not there, the account lacks.
type Attributes map[Attribute]string
