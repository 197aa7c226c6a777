package domain

// Attribute names a text that a user carries for Fineract. Access tokens use the same names.
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

// The fields of a user that a realm may keep or not, as it does attributes. They go by these
// names then.
const (
	EmailAddress Attribute = "email"
	FirstName    Attribute = "firstName"
	LastName     Attribute = "lastName"
)

// AllAttributes returns every attribute, in alphabetical order.
func AllAttributes() []Attribute {
	return []Attribute{EmployeeID, FineractRoleName, FineractUserID, MobileNumber, OfficeID, OfficeName}
}

// Attributes are the attributes of one user; those that are not in the map are not set.
type Attributes map[Attribute]string
