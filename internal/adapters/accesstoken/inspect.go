package accesstoken

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"user-sync-service/internal/domain"
)

// Inspect implements ports.TokenInspector. It says nothing about whether the token counts.
func (v *Verifier) Inspect(ctx context.Context, token string) (content domain.TokenContent, issuers []string, err error) {
	_, claimed, err := parse(token)
	if err != nil {
		return domain.TokenContent{}, nil, err
	}
	signed, err := jose.ParseSignedCompact(token, algorithms[jose.SignatureAlgorithm]())
	if err != nil {
		return domain.TokenContent{}, nil, refuse("malformed")
	}
	var times struct {
		IssuedAt *float64 `json:"iat"`
	}
	_ = json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &times) // Of another form it is not told.
	if known, keysErr := v.current(ctx, token); keysErr == nil {
		issuers = known.issuers
	}
	actor := claimed.actor()
	return domain.TokenContent{
		Type: claimed.Type, Issuer: claimed.Issuer, Client: claimed.AuthorizedParty, Username: actor.Name(),
		Audience: claimed.Audience, Roles: actor.Roles,
		IssuedAt: moment(times.IssuedAt), NotBefore: moment(claimed.NotBefore), Expires: moment(claimed.Expires),
		Bound: claimed.Confirmation != nil,
	}, issuers, nil
}

// moment converts a claim, which may be absent.
func moment(claim *float64) time.Time {
	if claim == nil || *claim <= 0 || *claim > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(*claim), 0)
}
