package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// These routes are asked every few seconds, most of all while the provider hangs.

// unreachable is a provider that nothing may call: any call is a panic, and so a 500.
var unreachable ports.IdentityProvider

func TestHealth_SaysThatTheProviderIsUsableWithoutAskingIt(t *testing.T) {
	answer := newAPI(t, unreachable).send(http.MethodGet, "/health", "")
	assert.Equal(t, http.StatusOK, answer.status)
	assert.Equal(t, members{
		"status": "healthy", "service": "fineract-keycloak-sync", "keycloak_connected": true, "realm": "bank",
	}, answer.object())
}

func TestHealth_SaysInOurWordsWhyTheProviderIsNotUsable(t *testing.T) {
	secret := errors.New("dial tcp 10.0.0.1:8080 with s3cret")
	for _, test := range []struct {
		err   error
		cause string
	}{
		{&domain.Error{Kind: domain.Unavailable, Err: secret}, "it cannot be reached"},
		{&domain.Error{Kind: domain.Timeout, Message: "s3cret", Err: secret}, "it did not answer in time"},
		{&domain.Error{Kind: domain.Overloaded, Err: secret}, "too many calls to it are under way"},
		{&domain.Error{Kind: domain.BadAnswer, Err: secret}, "it gave an invalid answer"},
		{&domain.Error{Kind: domain.Internal, Err: secret}, "it refuses the service's credentials or rights"},
		{&domain.Error{Kind: domain.Internal, Err: fmt.Errorf("%w: %w", domain.SetupFault("the realm does not exist"), secret)}, "the realm does not exist"},
		{secret, "it refuses the service's credentials or rights"},
	} {
		a := newAPI(t, unreachable)
		a.healthErr = test.err
		for _, target := range []string{"/health", prefix + "/health"} {
			answer := a.send(http.MethodGet, target, "")
			assert.Equal(t, http.StatusServiceUnavailable, answer.status)
			assert.Equal(t, members{
				"status": "unhealthy", "error": "Failed to connect to Keycloak: " + test.cause,
				"service": "fineract-keycloak-sync", "keycloak_connected": false, "realm": "bank",
			}, answer.object())
		}
		assert.NotContains(t, a.log.String(), "s3cret", "the check logs its own failures, once")
	}
}

// An outage of the provider must neither restart nor unroute a healthy instance, and a
// draining one is still alive.
func TestProbes_DependOnTheProcessOnly(t *testing.T) {
	a := newAPI(t, unreachable)
	a.healthErr = domain.Unavailable
	for _, target := range []string{"/livez", "/readyz"} {
		answer := a.send(http.MethodGet, target, "")
		assert.Equal(t, http.StatusOK, answer.status, target)
		assert.Equal(t, members{"status": "ok"}, answer.object(), target)
	}

	a.draining = true
	ready := a.send(http.MethodGet, "/readyz", "")
	assert.Equal(t, http.StatusServiceUnavailable, ready.status)
	assert.Equal(t, members{"status": "draining"}, ready.object())
	assert.Equal(t, http.StatusOK, a.send(http.MethodGet, "/livez", "").status)
}

func TestMetrics_AreServedAsTheyAreGiven(t *testing.T) {
	answer := newAPI(t, unreachable).send(http.MethodGet, "/metrics", "")
	assert.Equal(t, http.StatusOK, answer.status)
	assert.Equal(t, metricsText, answer.body)
	assert.NotEmpty(t, answer.header.Get("X-Request-Id"))
}
