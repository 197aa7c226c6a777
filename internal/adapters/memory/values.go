package memory

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"user-sync-service/internal/domain"
)

// copyUser returns a user that shares no memory with the given one. Users cannot write
// their attributes here, so that these are a proof.
func copyUser(user domain.User) domain.User {
	user.RequiredActions = distinct(user.RequiredActions)
	user.Attributes = maps.Clone(user.Attributes)
	user.TrustedID = user.Managed
	return user
}

// cloneLists returns a map that shares no list with the given one.
func cloneLists[K comparable, E any](lists map[K][]E) map[K][]E {
	clones := make(map[K][]E, len(lists))
	for key, list := range lists {
		clones[key] = slices.Clone(list)
	}
	return clones
}

// distinct returns a copy of actions, each once.
func distinct(actions []domain.RequiredAction) []domain.RequiredAction {
	var once []domain.RequiredAction
	for _, action := range actions {
		if !slices.Contains(once, action) {
			once = append(once, action)
		}
	}
	return once
}

// lower is the form in which names are compared and kept: Unicode's full lower case, as
// Java has it. With Go's own "İda" would be "ida".
func lower(name string) string { return cases.Lower(language.Und).String(name) }

// newUUID returns a random UUID (version 4), the form of Keycloak's ids.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // It never returns an error.
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
