package accesstoken

import (
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"user-sync-service/internal/domain"
)

// leeway is how far Keycloak's clock may be ahead of ours: a token is often used within the
// second of its issue.
const leeway = 10 * time.Second

// claims are the claims of a token that matter here. go-jose's JSON reads them: it tells
// "typ" from "TYP" and refuses a name that occurs twice, so they can be read in one way only.
type claims struct {
	Type            string            `json:"typ"`
	Issuer          string            `json:"iss"`
	Expires         *float64          `json:"exp"`
	NotBefore       *float64          `json:"nbf"`
	Audience        audience          `json:"aud"`
	AuthorizedParty string            `json:"azp"` // the client that it was issued to
	Confirmation    json.RawMessage   `json:"cnf"` // the key or certificate that it is bound to
	Subject         string            `json:"sub"`
	Username        string            `json:"preferred_username"`
	RealmAccess     *access           `json:"realm_access"`
	ResourceAccess  map[string]access `json:"resource_access"`
}

type access struct {
	Roles []string `json:"roles"`
}

// audience is one name or a list of them.
type audience []string

// UnmarshalJSON implements [json.Unmarshaler].
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

func readClaims(payload []byte) (claims, error) {
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return claims{}, refuse("malformed claims")
	}
	return c, nil
}

// check returns Unauthenticated unless the claims are those of an access token that is
// valid now.
func (c claims) check(issuers []string, config *Config) error {
	now := config.Now()
	switch {
	case c.Confirmation != nil: // Whatever its value: null has no place there either.
		return refuse("bound to a key or certificate, which cannot be checked here")
	case c.Type != "Bearer":
		return refuse(domain.TokenFault("not an access token: " + c.typeForLog()))
	case c.Issuer == "" || !slices.Contains(issuers, c.Issuer):
		return refuseFor(mismatch{fault: wrongIssuer, wanted: issuers, has: []string{c.Issuer}})
	case c.Expires == nil:
		return refuse("it never expires")
	case *c.Expires <= seconds(now):
		return refuse("expired")
	case c.NotBefore != nil && *c.NotBefore > seconds(now.Add(leeway)):
		return refuse("not valid yet")
	case !namesOne(config.Clients, c.AuthorizedParty):
		return refuseFor(mismatch{fault: "issued to another client", wanted: config.Clients, has: []string{c.AuthorizedParty}})
	case !namesOne(config.Audience, c.Audience...):
		return refuseFor(mismatch{fault: "meant for another audience", wanted: config.Audience, has: c.Audience})
	}
	return nil
}

// namesOne reports whether one of the names is wanted. Where none are wanted, any will do.
func namesOne(wanted []string, names ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return name != "" && slices.Contains(wanted, name)
	})
}

// typeForLog names the type only if it is one of Keycloak's: any other text is the
// sender's choice.
func (c claims) typeForLog() string {
	switch c.Type {
	case "ID", "Refresh", "Offline", "Logout":
		return "typ " + c.Type
	case "":
		return "no typ"
	}
	return "another typ"
}

// actor returns whom the claims name. Keycloak can be told to issue "lightweight" tokens,
// which leave out nearly everything.
func (c claims) actor() domain.Actor {
	actor := domain.Actor{
		Subject: c.Subject, Username: c.Username,
		Incomplete: c.Subject == "" && c.Username == "" || c.RealmAccess == nil || c.ResourceAccess == nil,
	}
	if c.RealmAccess != nil {
		actor.Roles = slices.Clone(c.RealmAccess.Roles)
	}
	for _, client := range slices.Sorted(maps.Keys(c.ResourceAccess)) {
		for _, role := range c.ResourceAccess[client].Roles {
			actor.Roles = append(actor.Roles, client+":"+role)
		}
	}
	return actor
}

// seconds converts to the unit of a claim, which may have a fraction or be out of the
// range of time.Time.
func seconds(t time.Time) float64 {
	return float64(t.UnixNano()) / float64(time.Second)
}
