package keycloaktest

import (
	"context"
	"net/http"
)

// ChangeProfile changes the realm's user profile, which says what users consist of. Keycloak replaces it as a
// whole, so change is given the present one.
func (r *Realm) ChangeProfile(ctx context.Context, change func(profile map[string]any)) error {
	var profile map[string]any
	if err := r.Call(ctx, http.MethodGet, "/users/profile", nil, &profile); err != nil {
		return err
	}
	change(profile)
	return r.Call(ctx, http.MethodPut, "/users/profile", profile, nil)
}

// DeclareAttributes makes the realm keep attributes of its users, which only administrators can see and change.
// Keycloak drops all others. What they may hold is what patterns says.
func (r *Realm) DeclareAttributes(ctx context.Context, names ...string) error {
	return r.ChangeProfile(ctx, func(profile map[string]any) {
		attributes, _ := profile["attributes"].([]any)
		for _, name := range names {
			attributes = append(attributes, declaration(name))
		}
		profile["attributes"] = attributes
	})
}

// patterns are what attributes of the service must look like where they are declared; others are just bounded.
func patterns() map[string]string {
	return map[string]string{
		"fineract_user_id": "^[0-9]{1,19}$",
		"office_id":        "^[0-9]{1,19}$",
		"employee_id":      "^[A-Za-z0-9-]{1,32}$",
		"mobile_number":    "^[+]?[0-9 ]{3,20}$",
	}
}

// declaration is an attribute as a user profile holds it.
func declaration(name string) map[string]any {
	admin := []string{"admin"}
	validations := map[string]any{"length": map[string]any{"max": 255}}
	if pattern, ok := patterns()[name]; ok {
		validations["pattern"] = map[string]any{"pattern": pattern, "error-message": "wrong format"}
	}
	return map[string]any{
		"name": name, "displayName": name, "multivalued": false,
		"permissions": map[string]any{"view": admin, "edit": admin},
		"validations": validations,
		"annotations": map[string]any{}, // Keycloak's SCIM interface fails without the member.
	}
}
