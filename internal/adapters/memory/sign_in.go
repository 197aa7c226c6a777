package memory

// Refusal says why a user may not sign in. It is an error, so that errors.Is works.
type Refusal string

// Error returns the reason.
func (r Refusal) Error() string { return string(r) }

// The reasons. A locked account answers as if the password were wrong, so that nobody
// learns by trying that it is locked.
const (
	WrongPassword Refusal = "wrong username or password"
	Disabled      Refusal = "account disabled"
	// NotSetUp: the password is right, but there are required actions to do first. A
	// temporary password is one of them.
	NotSetUp Refusal = "account is not fully set up"
)

// Session is what a user holds after signing in.
type Session string

// SignIn opens a session, or returns a [Refusal].
func (p *Provider) SignIn(username, password string) (Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.named(username)
	switch {
	case a == nil:
		return "", WrongPassword
	case !a.Enabled:
		return "", Disabled
	case a.isLocked(p.realm.Now()) || a.password.IsEmpty() || a.password.Reveal() != password:
		return "", WrongPassword
	case len(a.RequiredActions) > 0:
		return "", NotSetUp
	}
	session := Session(newUUID())
	p.sessions[session] = a.ID
	return session, nil
}

// SessionActive reports whether the session is good for anything. While its user is
// disabled it is not; as in Keycloak it comes back to life when the user is enabled
// again, unless it was ended.
func (p *Provider) SessionActive(session Session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	owner, ok := p.users[p.sessions[session]]
	return ok && owner.Enabled
}
