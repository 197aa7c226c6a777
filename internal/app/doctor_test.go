package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// examined is an examiner with findings of its own.
type examined []domain.Finding

func (e examined) Examine(context.Context, domain.RealmNeeds) []domain.Finding { return e }

// shownTokens are tokens that a verifier refuses or not.
type shownTokens struct {
	content domain.TokenContent
	refusal error
}

func (s shownTokens) Verify(context.Context, string) (domain.Actor, error) {
	return domain.Actor{Username: s.content.Username, Roles: s.content.Roles}, s.refusal
}

func (s shownTokens) Inspect(context.Context, string) (domain.TokenContent, []string, error) {
	return s.content, []string{"https://login.bank.example/realms/bank"}, nil
}

// TokenActive confirms the owner with the present roles.
func (s shownTokens) TokenActive(context.Context, string) (domain.Actor, bool, error) {
	return domain.Actor{Username: s.content.Username, Roles: s.content.Roles}, true, nil
}

func (s shownTokens) TokenHonoured(context.Context, string) (bool, error) { return true, nil }

func idsOf(diagnosis app.Diagnosis) []string {
	ids := []string{}
	for _, finding := range diagnosis.Findings {
		ids = append(ids, finding.ID)
	}
	return ids
}

func TestDoctor_PutsTheWorstFirst(t *testing.T) {
	diagnosis := app.Doctor{
		Found: []domain.Finding{{ID: "w", Severity: domain.Warning}},
		Examiner: examined{
			{ID: "u", Severity: domain.CannotTell}, {ID: "f", Severity: domain.Fault}, {ID: "f2", Severity: domain.Fault},
		},
	}.Examine(t.Context(), "")
	assert.Equal(t, []string{"f", "f2", "w", "u"}, idsOf(diagnosis))
	assert.Equal(t, 2, diagnosis.Count(domain.Fault))
	assert.Nil(t, diagnosis.Token)
}

// The provider knows that it refuses the secret, and only the program what is odd about it.
func TestDoctor_SaysWhatIsOddAboutARefusedSecret(t *testing.T) {
	doctor := app.Doctor{
		Examiner:    examined{{ID: domain.SecretRefused, Problem: "Refused.", Remedy: domain.Remedy{Command: "make it this one"}}, {ID: "other", Problem: "Other."}},
		SecretHints: []string{"It has a blank."},
	}
	found := doctor.Examine(t.Context(), "").Findings
	assert.Equal(t, "Refused. It has a blank.", found[0].Problem)
	assert.Empty(t, found[0].Remedy.Command, "it would give the provider the odd secret")
	assert.Equal(t, "Other.", found[1].Problem)
	doctor.SecretHints = nil
	assert.Equal(t, "make it this one", doctor.Examine(t.Context(), "").Findings[0].Remedy.Command)
}

func TestDoctor_NamesBothSidesOfAToken(t *testing.T) {
	now := time.Now()
	sound := domain.TokenContent{
		Type: "Bearer", Issuer: "https://login.bank.example/realms/bank", Client: "web", Username: "asha", Audience: []string{"us"},
		Roles: []string{"admin"}, IssuedAt: now.Add(-time.Minute), Expires: now.Add(time.Minute),
	}
	refused := &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("access token: refused")}
	for name, c := range map[string]struct {
		change  func(*domain.TokenContent)
		refusal error
		finding []string
	}{
		"sound":     {func(*domain.TokenContent) {}, nil, []string{}},
		"type":      {func(c *domain.TokenContent) { c.Type = "ID" }, refused, []string{"token-type"}},
		"issuer":    {func(c *domain.TokenContent) { c.Issuer = "https://other" }, refused, []string{"token-issuer"}},
		"client":    {func(c *domain.TokenContent) { c.Client = "other" }, refused, []string{"token-client"}},
		"audience":  {func(c *domain.TokenContent) { c.Audience = nil }, refused, []string{"token-audience"}},
		"bound":     {func(c *domain.TokenContent) { c.Bound = true }, refused, []string{"token-bound"}},
		"expired":   {func(c *domain.TokenContent) { c.Expires = now.Add(-time.Second) }, refused, []string{"token-times"}},
		"signature": {func(*domain.TokenContent) {}, refused, []string{"token-signature"}},
		"roles":     {func(c *domain.TokenContent) { c.Roles = []string{"viewer"} }, nil, []string{"token-roles"}},
	} {
		t.Run(name, func(t *testing.T) {
			content := sound
			c.change(&content)
			tokens := shownTokens{content, c.refusal}
			diagnosis := app.Doctor{
				Access: app.Access{Mode: app.Off, WriteRoles: []string{"admin"}, ReadRoles: []string{"viewer", "admin"}}, Tokens: tokens, Introspector: tokens,
				Clients: []string{"web"}, Audience: []string{"us"},
			}.Examine(t.Context(), "a token")
			assert.Equal(t, c.finding, idsOf(diagnosis))
			wrong := 0
			for _, fact := range diagnosis.Token {
				assert.NotEmpty(t, fact.Has+fact.Wanted)
				if !fact.OK {
					wrong++
				}
			}
			assert.Len(t, c.finding, wrong)
		})
	}
}
