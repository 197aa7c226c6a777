package keycloak_test

import (
	"fmt"

	"user-sync-service/internal/ports/porttest"
)

func lengthPolicy(characters int) string { return fmt.Sprintf("length(%d)", characters) }

// signIn opens a session at the stub as a user would at Keycloak.
func (s *stub) signIn(username, password string) (porttest.Outcome, func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, user := range s.users {
		switch {
		case user.Username != username:
			continue
		case !user.Enabled, user.locked, password == "", user.password != password:
			return porttest.Refused, nil
		case len(user.RequiredActions) > 0:
			return porttest.NotSetUp, nil
		}
		s.serial++
		session := fmt.Sprintf("session-%d", s.serial)
		s.sessions[session] = user.ID
		return porttest.SignedIn, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			owner, ok := s.users[s.sessions[session]]
			return ok && owner.Enabled
		}
	}
	return porttest.Refused, nil
}
