package accesstoken_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A token that was accepted before is looked at again in all respects that can change.

func TestSeenToken_NamesTheSameActor(t *testing.T) {
	m := newMatrix(t)
	v, token := m.verifier(t), m.token(t, nil)
	for range 3 {
		actor, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, admin(), actor)
		actor.Roles[0] = "changed by the caller"
	}
}

func TestSeenToken_Expires(t *testing.T) {
	m := newMatrix(t)
	v, token := m.verifier(t), m.token(t, map[string]any{"exp": m.now.Unix() + 60, "nbf": m.now.Unix()})
	for range 2 {
		checkAccepted(t, v, token)
	}
	begin := m.now
	m.now = begin.Add(time.Minute)
	checkFailure(t, v, token, domain.Unauthenticated, "expired")
	m.now = begin.Add(-time.Minute)
	checkFailure(t, v, token, domain.Unauthenticated, "not valid yet")
	m.now = begin
	checkAccepted(t, v, token)
}

// Whoever knows most of a good token has nothing.
func TestSeenToken_VouchesForNoOther(t *testing.T) {
	m := newMatrix(t)
	v, token := m.verifier(t), m.token(t, nil)
	checkAccepted(t, v, token)
	head, signature, _ := strings.Cut(token, "."+lastPart(token))
	require.Empty(t, signature)
	other := newRSAKey(t, "rsa", "RS256").sign(t, payload(t, m.now, nil))
	for name, forged := range map[string]string{
		"another signature":    head + "." + lastPart(other),
		"a shortened one":      token[:len(token)-4],
		"none":                 head + ".",
		"a lengthened one":     token + "AAAA",
		"another letter at it": token[:len(token)-10] + flipped(token[len(token)-10]) + token[len(token)-9:],
	} {
		_, err := v.Verify(t.Context(), forged)
		assert.ErrorIs(t, err, domain.Unauthenticated, name)
	}
	checkAccepted(t, v, token)
}

func lastPart(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

func flipped(letter byte) string {
	if letter == 'A' {
		return "B"
	}
	return "A"
}

// What was refused is refused again, and not remembered as anything else.
func TestSeenToken_RefusedOnesStayRefused(t *testing.T) {
	m := newMatrix(t)
	v := m.verifier(t, only("oauth2-proxy"))
	for _, token := range []string{
		m.token(t, map[string]any{"typ": "ID"}),
		m.token(t, map[string]any{"azp": "shop", "aud": "shop"}),
		newRSAKey(t, "rsa", "RS256").sign(t, payload(t, m.now, nil)),
	} {
		for range 3 {
			_, err := v.Verify(t.Context(), token)
			assert.ErrorIs(t, err, domain.Unauthenticated)
		}
	}
}

// BenchmarkVerify compares a token that comes for the first time with one that was seen.
func BenchmarkVerify(b *testing.B) {
	k := newRSAKey(b, "rsa", "RS256")
	s := newStub(k.public())
	v := newVerifier(b, s)
	var tokens []string
	for i := range 2000 { // more than are remembered
		tokens = append(tokens, k.token(b, map[string]any{"jti": i, "exp": time.Now().Add(time.Hour).Unix()}))
	}
	for name, different := range map[string]int{"new": len(tokens), "seen": 1} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := v.Verify(b.Context(), tokens[i%different]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
