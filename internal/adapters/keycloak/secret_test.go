package keycloak_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// The secret is known here first: until Keycloak knows it as well, the old one is used.
func TestSecret_IsRotatedHereFirst(t *testing.T) {
	r := newRotation(t)
	inOrder := []string{"introspect_token 200", "log_in 200"}
	assert.Equal(t, inOrder, r.works(t, "before"))
	r.inFile(rotatedSecret, nil)
	assert.Equal(t, inOrder, r.works(t, "only here"), "nothing is refused meanwhile")
	assert.Equal(t, inOrder, r.works(t, "only here, still"))
	r.atKeycloak(rotatedSecret)
	assert.Equal(t, []string{"introspect_token 200", "log_in 200", "log_in 401"}, r.works(t, "in both places"))
	assert.Equal(t, inOrder, r.works(t, "after"), "the old one is forgotten")
	assert.Equal(t, []error{nil}, r.seen.reread, "one change")
	assert.Equal(t, 1, strings.Count(r.log.String(), "the client secret has changed"))
}

// Keycloak knows the secret first: what is called meanwhile waits for it to come here, too.
func TestSecret_IsRotatedAtKeycloakFirst(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	r.atKeycloak(rotatedSecret)
	reads := r.reads
	r.onRead = func(now int) {
		if now == reads+3 { // Refused twice by then.
			r.secret = rotatedSecret
		}
	}
	_, active, err := r.TokenActive(t.Context(), callerToken)
	require.NoError(t, err)
	assert.True(t, active)
	assert.Equal(t, []string{"introspect_token 200", "introspect_token 401", "introspect_token 401", "introspect_token 401"}, r.seen.taken(),
		"the old one three times, and the new one")
	r.works(t, "after")
}

// Somebody has put another secret here that Keycloak never hears of, and takes it back.
func TestSecret_IsTakenBack(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	r.inFile("a mistake", nil)
	r.works(t, "meanwhile")
	r.inFile(stubSecret, nil)
	r.works(t, "after")
	assert.Equal(t, []error{nil, nil}, r.seen.reread)
}

// Keycloak goes back to the old secret after the new one was accepted.
func TestSecret_IsTakenBackAtKeycloak(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	r.inFile(rotatedSecret, nil)
	r.atKeycloak(rotatedSecret)
	r.works(t, "rotated")
	r.atKeycloak(stubSecret)
	r.inFile(stubSecret, nil)
	r.works(t, "taken back")
}

func TestSecret_ThatStaysWrongIsOurFaultAfterAMoment(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	r.atKeycloak(rotatedSecret)
	_, _, err := r.TokenActive(t.Context(), callerToken)
	assertOnlyKind(t, domain.Internal, err)
	assert.Len(t, r.seen.taken(), keycloak.SecretTries)
	assertOnlyKind(t, domain.Internal, r.Check(t.Context()))
	assert.Contains(t, r.seen.taken(), "log_in 401")
}

// A secret that was never right is no rotation: nobody waits for it.
func TestSecret_ThatWasNeverRightIsTriedOnce(t *testing.T) {
	r := newRotation(t)
	r.inFile("wrong", nil)
	_, _, err := r.TokenActive(t.Context(), callerToken)
	assertOnlyKind(t, domain.Internal, err)
	assert.Equal(t, []string{"introspect_token 401"}, r.seen.taken())
}

// Other refusals and failures have nothing to do with the secret.
func TestSecret_IsNotTriedAgainForOtherReasons(t *testing.T) {
	for name, with := range map[string]http.HandlerFunc{
		"400": saying(400, "application/json", `{"error":"invalid_request"}`), "500": saying(500, "application/json", `{}`), "a page": saying(200, "text/html", ""),
	} {
		r := newRotation(t)
		r.works(t, name)
		r.inFile(rotatedSecret, nil)
		r.answers(introspectRoute, always, with)
		_, _, err := r.TokenActive(t.Context(), callerToken)
		require.Error(t, err, name)
		assert.Len(t, r.seen.taken(), 1, name)
	}
}

// The end of the program does not wait for the end of a rotation.
func TestSecret_IsNotWaitedForAtTheEnd(t *testing.T) {
	const long = 10 * time.Second
	r := newRotation(t, keycloak.WithSecretPause(long))
	r.works(t, "before")
	r.atKeycloak(rotatedSecret)
	result := make(chan error, 1)
	go func() { result <- r.Check(t.Context()) }()
	require.Eventually(t, func() bool { return slices.Contains(r.seen.taken(), "log_in 401") }, long, time.Millisecond)
	began := time.Now()
	r.Close()
	assertOnlyKind(t, domain.Internal, <-result)
	assert.Less(t, time.Since(began), long/2)
}

func TestSecret_ThatCannotBeReadGoesOnAsItWas(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	gone := errors.New("open client-secret: no such file or directory")
	r.inFile("", gone)
	r.works(t, "unreadable")
	r.works(t, "unreadable, still")
	assert.Equal(t, []error{gone}, r.seen.reread, "once")
	assert.Equal(t, 1, strings.Count(r.log.String(), "level=ERROR"))
	assert.Contains(t, r.log.String(), "no such file")

	r.inFile(stubSecret, nil)
	r.works(t, "back")
	assert.Len(t, r.seen.reread, 1, "it is the same")
	r.inFile("", gone)
	r.works(t, "unreadable again")
	assert.Len(t, r.seen.reread, 2)
}

func TestSecret_ThatCouldNeverBeReadIsOurFault(t *testing.T) {
	r := newRotation(t)
	gone := errors.New("open client-secret: no such file or directory")
	r.inFile("", gone)
	err := r.Check(t.Context())
	assertOnlyKind(t, domain.Internal, err)
	assert.ErrorContains(t, err, "no such file")
	_, _, err = r.TokenActive(t.Context(), callerToken)
	assertOnlyKind(t, domain.Internal, err)
	assert.Equal(t, []error{gone}, r.seen.reread)
	assert.Empty(t, r.seen.taken(), "nobody is asked")
	r.inFile(stubSecret, nil)
	r.works(t, "it is there")
}

// A rotation under load: many calls at once, on either side of it.
func TestSecret_IsRotatedWhileManyCall(t *testing.T) {
	here := func(r *rotation) { r.inFile(rotatedSecret, nil) }
	atKeycloak := func(r *rotation) { r.atKeycloak(rotatedSecret) }
	for name, steps := range map[string][]func(r *rotation){
		"here first": {here, atKeycloak}, "at Keycloak first": {atKeycloak, here},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotation(t, keycloak.WithSecretPause(50*time.Millisecond))
			r.works(t, "before")
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 30 {
						_, active, err := r.TokenActive(t.Context(), callerToken)
						assert.NoError(t, err)
						assert.True(t, active)
						assert.NoError(t, findPresent(t, r.Provider))
					}
				})
			}
			for _, step := range steps {
				time.Sleep(5 * time.Millisecond)
				step(r)
			}
			all.Wait()
			assert.Equal(t, []error{nil}, r.seen.reread, "one change, whoever noticed it")
		})
	}
}

func TestSecret_IsNotInTheLogNorInTheProvider(t *testing.T) {
	r := newRotation(t)
	r.works(t, "before")
	r.inFile(rotatedSecret, nil)
	r.works(t, "only here")
	r.atKeycloak(rotatedSecret)
	r.works(t, "rotated")
	r.atKeycloak("a third one")
	err := r.Check(t.Context())
	require.Error(t, err)
	text := r.log.String() + chain(err) + fmt.Sprintf("%v %+v %#v", r.Provider, r.Provider, r.Provider)
	assert.False(t, strings.Contains(text, stubSecret) || strings.Contains(text, rotatedSecret))
}
