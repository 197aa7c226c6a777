package keycloak

import (
	"context"
	"errors"
	"net/url"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// TokenActive asks Keycloak with the service's own client. From 26.7 on Keycloak says
// so only of tokens that name this client in their audience.
func (p *Provider) TokenActive(ctx context.Context, token string) (bool, error) {
	var answer *gocloak.IntroSpectTokenResult
	err := p.asClient(answeredLikeARead(ctx), opIntrospectToken, func(ctx context.Context, secret string) error {
		var err error
		// Form-encoded for the Basic header, as in logIn.
		answer, err = p.client.RetrospectToken(ctx, token, url.QueryEscape(p.clientID), url.QueryEscape(secret), p.realm)
		return err
	})
	if err != nil {
		return false, err
	}
	if answer.Active == nil {
		return false, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("introspect token: an answer that does not say whether the token is active")}
	}
	return *answer.Active, nil
}
