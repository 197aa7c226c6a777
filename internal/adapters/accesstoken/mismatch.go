package accesstoken

import (
	"context"
	"errors"
	"regexp"

	"user-sync-service/internal/domain"
)

const wrongIssuer domain.TokenFault = "wrong issuer"

// mismatch is a claim that is another one than the configuration wants. Whether the token or
// the configuration is wrong, only somebody who sees both can tell.
type mismatch struct {
	fault       domain.TokenFault
	wanted, has []string
	// signed tells that the realm has signed the token: then its claims are no stranger's
	// choice, and the configuration may well be wrong.
	signed bool
}

// plainURL are the issuers that are told of tokens whose signature is not known to be good:
// those of another realm, most likely.
var plainURL = regexp.MustCompile(`^https?://[A-Za-z0-9.:/_%-]{1,200}$`)

// Error returns the fault with both sides, as far as they may be told.
func (m mismatch) Error() string {
	text := m.fault.Error() + ", wanted " + domain.Quoted(m.wanted...)
	switch {
	case m.signed:
		return text + ", it has " + domain.Quoted(m.has...)
	case m.fault == wrongIssuer && plainURL.MatchString(m.has[0]):
		return text + ", it claims " + domain.Quoted(m.has...)
	}
	return text
}

// Unwrap returns the fault, and that of the set-up which it points to.
func (m mismatch) Unwrap() []error {
	if m.signed {
		return []error{m.fault, domain.SetupFault(m.fault)}
	}
	return []error{m.fault}
}

// explained returns the error of a token whose claims do not count, with both sides if one of
// the known keys has signed it.
func (v *Verifier) explained(ctx context.Context, token string, h header, known *keySet, err error) error {
	wrong, ok := errors.AsType[mismatch](err)
	if !ok || !known.has(h.keyID) {
		return err
	}
	if _, unsigned := v.verifySignature(ctx, token, known.suitable(h)); unsigned != nil {
		return err
	}
	wrong.signed = true
	return refuseFor(wrong)
}
