package keycloak

import (
	"maps"
	"slices"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// The attribute by which users are known that this program created. Keycloak keeps it
// only where the realm's user profile lets it.
const (
	managedBy   = "managed_by"
	managedByUs = "user-sync-service"
)

// attribute returns the value of a user's attribute that has one. Stored twice it is one.
func attribute(user adminapi.User, name string) string {
	values := slices.Compact(slices.Clone(user.Attributes[name]))
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// attributesOf returns those of ours that the user has.
func attributesOf(user adminapi.User) domain.Attributes {
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

// split returns the attributes without those that have more than one value and are ours
// or among the refused, and all with the first value of these alone.
func split(attributes map[string][]string, refused map[string]string) (without, once map[string][]string) {
	without, once = maps.Clone(attributes), maps.Clone(attributes)
	for name, values := range attributes {
		_, isRefused := refused[name]
		isOurs := name == managedBy || slices.Contains(domain.AllAttributes(), domain.Attribute(name))
		if len(values) > 1 && (isOurs || isRefused) {
			once[name] = values[:1]
			delete(without, name)
		}
	}
	return without, once
}

// storable returns what the realm keeps of a new user and the names of the rest. That is not
// sent, so that nothing is stored that is said not to be.
func storable(user domain.NewUser, profile *userProfile) (kept domain.NewUser, unstored []domain.Attribute) {
	kept = user
	kept.Attributes = make(domain.Attributes)
	for name, value := range user.Attributes {
		switch {
		case value == "":
		case profile.keeps(string(name)):
			kept.Attributes[name] = value
		default:
			unstored = append(unstored, name)
		}
	}
	for name, value := range map[domain.Attribute]*string{domain.FirstName: &kept.FirstName, domain.LastName: &kept.LastName} {
		if strings.TrimSpace(*value) != "" && !profile.keepsField(name) {
			*value, unstored = "", append(unstored, name)
		}
	}
	if !profile.keepsField(domain.EmailAddress) {
		kept.Email, unstored = domain.Email{}, append(unstored, domain.EmailAddress)
	}
	slices.Sort(unstored)
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
		case slices.Equal(slices.Compact(slices.Clone(changed[key])), wanted): // also where it is stored twice, and has to stay so
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
