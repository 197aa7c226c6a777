package keycloak

import (
	"maps"
	"slices"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// attribute returns the single value of a user's attribute.
func attribute(user *gocloak.User, name string) string {
	if user.Attributes == nil || len((*user.Attributes)[name]) != 1 {
		return ""
	}
	return (*user.Attributes)[name][0]
}

// attributesOf returns those of ours that the user has.
func attributesOf(user *gocloak.User) domain.Attributes {
	var attributes domain.Attributes
	for _, name := range domain.AllAttributes() {
		if value := attribute(user, string(name)); value != "" {
			if attributes == nil {
				attributes = make(domain.Attributes)
			}
			attributes[name] = value
		}
	}
	return attributes
}

// storable splits the attributes of a new user into those that the realm keeps and the
// names of the others. These are not sent, so that nothing is stored that is said not to be.
func storable(attributes domain.Attributes, profile *userProfile) (kept domain.Attributes, unstored []domain.Attribute) {
	kept = make(domain.Attributes)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		switch value := attributes[name]; {
		case value == "":
		case profile.keeps(string(name)):
			kept[name] = value
		default:
			unstored = append(unstored, name)
		}
	}
	return kept, unstored
}

// withChanges returns all attributes that a user is to have who has those in present,
// and the names of the changes that the realm would not keep. Keycloak refuses a change
// of what is declared to be none of the administrator's business, so it is left out.
func withChanges(present map[string][]string, changes domain.Attributes, profile *userProfile) (changed map[string][]string, unstored []domain.Attribute) {
	changed = maps.Clone(present)
	if changed == nil {
		changed = make(map[string][]string)
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		key, wanted := string(name), []string{changes[name]}
		if changes[name] == "" {
			wanted = nil
		}
		switch {
		case slices.Equal(changed[key], wanted):
		case !profile.keeps(key):
			unstored = append(unstored, name)
		case wanted == nil:
			delete(changed, key)
		default:
			changed[key] = wanted
		}
	}
	return changed, unstored
}
