package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// doctorTime is how long the doctor may look at the realm and at a token.
const doctorTime = 10 * time.Second

// Doctor looks whether everything is set up that the service needs. It changes nothing.
type Doctor struct {
	// Found is what is wrong with the configuration and on this machine.
	Found []domain.Finding
	// Examiner looks at the realm. Nil: the configuration does not say which.
	Examiner ports.RealmExaminer
	Needs    domain.RealmNeeds
	// SecretHints are what is odd about the service's secret, told if it is refused.
	SecretHints []string

	// The rest is to judge a caller's token, as the service does.
	Access       Access
	Tokens       TokenReader
	Introspector ports.TokenIntrospector // nil: tokens are not confirmed
	// Clients and Audience are of whom one must have obtained a token, and for whom it must be.
	Clients, Audience []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// TokenReader verifies tokens and tells what is in them.
type TokenReader interface {
	ports.TokenVerifier
	ports.TokenInspector
}

// Diagnosis is what the doctor says.
type Diagnosis struct {
	// Findings are in the order of their severity.
	Findings []domain.Finding
	// Token says what a caller's token has and what is wanted; nil: none was shown.
	Token []TokenFact
}

// TokenFact is one thing about a token.
type TokenFact struct {
	Name, Has, Wanted string
	OK                bool
}

// Has reports whether there is a finding of the severity.
func (d Diagnosis) Has(severity domain.Severity) bool { return d.Count(severity) > 0 }

// Count returns how many findings of the severity there are.
func (d Diagnosis) Count(severity domain.Severity) int {
	count := 0
	for _, finding := range d.Findings {
		if finding.Severity == severity {
			count++
		}
	}
	return count
}

// Examine looks at the realm, and at a caller's token unless that is empty.
func (d Doctor) Examine(ctx context.Context, token string) Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	if d.Now == nil {
		d.Now = time.Now
	}
	diagnosis := Diagnosis{Findings: slices.Clone(d.Found)}
	if d.Examiner != nil {
		for _, finding := range d.Examiner.Examine(ctx, d.Needs) {
			diagnosis.Findings = append(diagnosis.Findings, d.withHints(finding))
		}
	}
	if token != "" && d.Tokens != nil {
		found, facts := d.judge(ctx, token)
		diagnosis.Findings, diagnosis.Token = append(diagnosis.Findings, found...), facts
	}
	slices.SortStableFunc(diagnosis.Findings, func(a, b domain.Finding) int { return rank(a.Severity) - rank(b.Severity) })
	return diagnosis
}

func rank(severity domain.Severity) int {
	return slices.Index([]domain.Severity{domain.Fault, domain.Warning, domain.CannotTell}, severity)
}

// withHints adds what is odd about the secret to the finding that it is refused. Then it is
// the secret here that is to be mended, not the provider's.
func (d Doctor) withHints(finding domain.Finding) domain.Finding {
	if finding.ID == domain.SecretRefused && len(d.SecretHints) > 0 {
		finding.Problem += " " + strings.Join(d.SecretHints, " ")
		finding.Remedy = domain.Remedy{Step: "Write the secret anew where the service reads it, exactly as the provider has it."}
	}
	return finding
}

// service is one that only judges who may do what, by the rules of the real one.
func (d Doctor) service() *Service {
	return New(Config{
		Access:   Access{Mode: Enforce, WriteRoles: d.Access.WriteRoles, ReadRoles: d.Access.ReadRoles},
		Verifier: d.Tokens, Introspector: d.Introspector,
		Log: slog.New(slog.DiscardHandler), Now: d.Now,
	})
}
