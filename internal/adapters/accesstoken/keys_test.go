package accesstoken_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// These tests run in a synctest bubble: time passes only when nobody has anything to
// do, so that hours pass at once and nothing depends on the speed of the machine.

// In the beginning nobody can be told that a token is wrong, whatever it is.
func TestColdStart_ReturnsTheFailureForAnyToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		s.answerKeys(status(http.StatusServiceUnavailable))
		v := newVerifier(t, s)
		for i, token := range []string{"", "garbage", "...", unsigned(`{"alg":"none"}`, []byte(`{}`)), k.token(t, nil)} {
			checkFailure(t, v, token, domain.Unavailable, "get keys: status 503")
			require.Equal(t, i+1, s.fetches(), "each call tries")
		}
		s.requirePace(t)

		s.answerKeys(nil)
		checkAccepted(t, v, k.token(t, nil))
		checkFailure(t, v, "", domain.Unauthenticated, "no token")
		assert.Equal(t, 6, s.fetches())
	})
}

func TestColdStart_SharesOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		s.latency = time.Second
		v := newVerifier(t, s)
		token := k.token(t, nil)
		atOnce(64, func(int) { checkAccepted(t, v, token) })
		assert.Equal(t, 1, s.fetches())
	})
}

// A caller who leaves takes nothing away from the others.
func TestColdStart_OutlivesTheCallerWhoStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		s.latency = 2 * time.Second
		v := newVerifier(t, s)
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		started := time.Now()
		_, err := v.Verify(leaving, k.token(t, nil))
		checkError(t, err, domain.Unavailable, "deadline")
		assert.Equal(t, time.Second, time.Since(started))
		checkAccepted(t, v, k.token(t, nil))
		assert.Equal(t, 1, s.fetches())
	})
}

func TestVerify_EndedCallerStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		ended, end := context.WithCancel(t.Context())
		end()
		_, err := v.Verify(ended, k.token(t, nil))
		checkError(t, err, domain.Unavailable, "canceled")
		synctest.Wait()
		assert.Zero(t, s.fetches())

		checkAccepted(t, v, k.token(t, nil))
		time.Sleep(time.Minute)
		_, err = v.Verify(ended, newECKey(t, "unknown").token(t, nil))
		checkError(t, err, domain.Unavailable, "canceled")
		synctest.Wait()
		assert.Equal(t, 1, s.fetches())
	})
}

func TestUnknownKey_IsAskedForAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		time.Sleep(time.Minute)

		s.change(func(s *stub) { s.latency = 50 * time.Millisecond })
		tokens := make([]string, 64)
		for i := range tokens {
			made := k
			made.KeyID = "made up " + strconv.Itoa(i)
			tokens[i] = made.token(t, nil)
		}
		started := time.Now()
		atOnce(len(tokens), func(i int) { checkFailure(t, v, tokens[i], domain.Unauthenticated, "unknown key") })
		assert.LessOrEqual(t, s.fetches(), 1+2)
		assert.LessOrEqual(t, time.Since(started), 1100*time.Millisecond)
		synctest.Wait()
		s.requirePace(t)
	})
}

// An attack with made-up keys goes on and on; the pace does not give way to it.
func TestUnknownKey_KeepsThePaceUnderAttack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		s.latency = 50 * time.Millisecond
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		made := newECKey(t, "made up").token(t, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		atOnce(20, func(int) {
			for range 10 {
				checkFailure(t, v, made, domain.Unauthenticated, "unknown key")
				checkAccepted(t, v, k.token(t, nil))
			}
		})
		s.requirePace(t)
	})
}

// Not even the key of a garbage token is asked for.
func TestUnknownKey_IsNotAskedForInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s, only("oauth2-proxy"))
		checkAccepted(t, v, k.token(t, nil))
		time.Sleep(time.Minute)
		unknown := newECKey(t, "unknown")
		for cause, token := range map[string]string{
			"wrong issuer":      unknown.token(t, map[string]any{"iss": "https://elsewhere", "exp": 1}),
			"expired":           unknown.token(t, map[string]any{"exp": 1}),
			"it never expires":  unknown.token(t, map[string]any{"exp": nil}),
			"not valid yet":     unknown.token(t, map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}),
			"typ ID":            unknown.token(t, map[string]any{"typ": "ID"}),
			"another client":    unknown.token(t, map[string]any{"azp": "shop", "aud": "shop"}),
			"malformed claims":  unknown.sign(t, []byte(`{"typ":1}`)),
			"malformed":         "garbage",
			"no token":          "",
			"does not count":    unsigned(`{"alg":"none","kid":"unknown"}`, payload(t, time.Now(), nil)),
			"it names no key":   unsigned(`{"alg":"ES256"}`, payload(t, time.Now(), nil)) + "AAAA",
			"longer than any t": unknown.token(t, map[string]any{"x": fmt.Sprint(make([]int, 20000))}),
		} {
			checkFailure(t, v, token, domain.Unauthenticated, cause)
		}
		synctest.Wait()
		assert.Equal(t, 1, s.fetches())
	})
}

func TestUnknownKey_ReturnsTheFailureOfTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, unknown := newECKey(t, "first"), newECKey(t, "unknown")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		s.answerKeys(status(http.StatusServiceUnavailable))
		checkFailure(t, v, unknown.token(t, nil), domain.Unavailable, "get keys: status 503")
		s.answerKeys(hang)
		checkFailure(t, v, unknown.token(t, nil), domain.Timeout, "get keys")
		checkAccepted(t, v, k.token(t, nil))
		s.answerKeys(nil)
		checkFailure(t, v, unknown.token(t, nil), domain.Unauthenticated, "unknown key")
	})
}

// The fetch under way has the old keys already; it must not decide about the new one.
func TestUnknownKey_IsFoundByAFetchThatBeginsAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, unknown := newECKey(t, "first"), newECKey(t, "second"), newECKey(t, "unknown")
		s := newStub(first.public())
		s.latency = 500 * time.Millisecond
		v := newVerifier(t, s)
		checkAccepted(t, v, first.token(t, nil))
		time.Sleep(time.Minute)

		var all sync.WaitGroup
		all.Go(func() { checkFailure(t, v, unknown.token(t, nil), domain.Unauthenticated, "unknown key") })
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, 2, s.fetches(), "a fetch is under way")
		s.publish(second.public(), first.public())
		checkAccepted(t, v, second.token(t, nil))
		all.Wait()
		assert.Equal(t, 3, s.fetches())
		s.requirePace(t)
	})
}

// Nobody makes more requests of a slow server than it can answer.
func TestUnknownKey_CausesOneFetchAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, unknown := newECKey(t, "first"), newECKey(t, "unknown")
		s := newStub(k.public())
		s.latency = 5 * time.Second
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		token := unknown.token(t, nil)
		atOnce(10, func(i int) {
			time.Sleep(time.Duration(i) * 1500 * time.Millisecond)
			checkFailure(t, v, token, domain.Unauthenticated, "unknown key")
		})
		assert.Equal(t, 1, s.busiest)
		s.requirePace(t)
	})
}

// Callers who come while the fetch is under way that brings the new key do not wait
// for the next one.
func TestUnknownKey_IsTakenFromTheFetchUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newECKey(t, "first"), newECKey(t, "second")
		s := newStub(first.public())
		s.latency = 500 * time.Millisecond
		v := newVerifier(t, s)
		checkAccepted(t, v, first.token(t, nil))
		time.Sleep(time.Minute)
		s.publish(second.public())
		started, token := time.Now(), second.token(t, nil)
		atOnce(10, func(i int) {
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			checkAccepted(t, v, token)
		})
		assert.Equal(t, 500*time.Millisecond, time.Since(started))
	})
}

func TestUnknownKey_WaitEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		s.answerKeys(hang)
		leaving, leave := context.WithTimeout(t.Context(), 3*time.Second)
		defer leave()
		started := time.Now()
		_, err := v.Verify(leaving, newECKey(t, "unknown").token(t, nil))
		checkError(t, err, domain.Unavailable, "deadline")
		assert.Equal(t, 3*time.Second, time.Since(started))
	})
}

// A token may expire while its key is asked for.
func TestUnknownKey_TokenIsCheckedAgainAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newECKey(t, "first"), newECKey(t, "second")
		s := newStub(first.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, first.token(t, nil))
		time.Sleep(time.Minute)

		s.change(func(s *stub) { s.latency = 4 * time.Second })
		s.publish(second.public())
		checkFailure(t, v, second.token(t, map[string]any{"exp": time.Now().Unix() + 2}), domain.Unauthenticated, "expired")

		// The realm may also have got another name with its new key.
		third := newECKey(t, "third")
		s.change(func(s *stub) { s.issuer = "https://new.bank.example/realms/bank" })
		s.publish(third.public())
		checkFailure(t, v, third.token(t, nil), domain.Unauthenticated, "wrong issuer")
		renamed := map[string]any{"iss": "https://new.bank.example/realms/bank"}
		_, err := v.Verify(t.Context(), third.token(t, renamed))
		require.NoError(t, err)
	})
}

// While the realm changes its keys again and again, no token that it has just issued is
// refused.
func TestRotation_RefusesNoFreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := make([]key, 12)
		for i := range keys {
			keys[i] = newECKey(t, strconv.Itoa(i))
		}
		s := newStub(keys[0].public())
		s.latency = 20 * time.Millisecond
		v := newVerifier(t, s)
		current := keys[0]
		var mu sync.Mutex
		ctx, stop := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					mu.Lock()
					signing := current
					mu.Unlock()
					checkAccepted(t, v, signing.token(t, nil))
					time.Sleep(time.Duration(50+11*i) * time.Millisecond)
				}
			})
		}
		for i := 1; i < len(keys); i++ {
			time.Sleep(1700 * time.Millisecond)
			mu.Lock()
			s.publish(keys[i].public(), keys[i-1].public())
			current = keys[i]
			mu.Unlock()
		}
		time.Sleep(1700 * time.Millisecond)
		stop()
		callers.Wait()
		s.requirePace(t)
		assert.GreaterOrEqual(t, s.fetches(), len(keys))
	})
}

// Whoever comes with made-up keys waits in vain: not too many at once, and never in the
// way of those whose keys are known, even if these are old.
func TestWaiting_IsBoundedForStrangersAlone(t *testing.T) {
	const most = 64
	k, made := newECKey(t, "first"), newECKey(t, "made up")
	forged := made
	forged.KeyID = k.KeyID
	for name, test := range map[string]struct {
		stranger key
		quiet    time.Duration
		outcome  domain.Kind // of those who wait
	}{
		"unknown key":               {made, time.Minute, domain.Timeout},
		"unknown key, old keys":     {made, 10 * time.Minute, domain.Timeout},
		"forged, old keys":          {forged, 10 * time.Minute, domain.Unauthenticated},
		"unknown key, no good keys": {made, 2 * time.Hour, domain.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub(k.public())
				v := newVerifier(t, s)
				checkAccepted(t, v, k.token(t, nil))
				time.Sleep(test.quiet)
				s.answerKeys(hang)
				var waiting sync.WaitGroup
				for range most {
					waiting.Go(func() { checkFailure(t, v, test.stranger.token(t, nil), test.outcome, "") })
				}
				synctest.Wait()
				started := time.Now()
				for range 100 {
					checkFailure(t, v, test.stranger.token(t, nil), domain.Overloaded, "too many requests wait")
				}
				assert.Zero(t, time.Since(started))
				if test.quiet < time.Hour {
					checkAccepted(t, v, k.token(t, nil))
				}
				waiting.Wait()
				s.answerKeys(nil)
				checkFailure(t, v, made.token(t, nil), domain.Unauthenticated, "unknown key") // There is room again.
			})
		})
	}
}

// Old keys count while newer ones cannot be had, but not for long.
func TestOldKeys_CountForAnHourWhileKeycloakIsDown(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"503": status(http.StatusServiceUnavailable), "no answer": hang, "no keys": text(`{"keys":[]}`), "a page": text(`<html>`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newECKey(t, "first")
				s := newStub(k.public())
				v := newVerifier(t, s)
				token := k.token(t, map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
				checkAccepted(t, v, token)
				begin := time.Now()
				s.answerKeys(answer)
				time.Sleep(30 * time.Minute)
				checkAccepted(t, v, token)
				for range 60 {
					asked := time.Now()
					checkAccepted(t, v, token)
					assert.LessOrEqual(t, time.Since(asked), time.Second, "only the first waits, while it is not known that the fetch fails")
					time.Sleep(time.Second)
				}
				time.Sleep(time.Until(begin.Add(59 * time.Minute)))
				checkAccepted(t, v, token)
				time.Sleep(time.Until(begin.Add(time.Hour + time.Second)))
				_, err := v.Verify(t.Context(), token)
				assert.Contains(t, []domain.Kind{domain.Unavailable, domain.Timeout, domain.BadAnswer}, domain.AsError(err).Kind)
				s.answerKeys(nil)
				checkAccepted(t, v, token)
			})
		})
	}
}

// After a quiet time nobody gets in with a key that the realm has dropped meanwhile, nor
// after a fetch that failed then and says nothing of now.
func TestOldKeys_DroppedOnesDoNotCount(t *testing.T) {
	for name, quiet := range map[string][]time.Duration{
		"5 min": {5*time.Minute + time.Second}, "330 s": {330 * time.Second}, "a day": {24 * time.Hour},
		"a failure before": {10 * time.Minute, 10 * time.Second}, "a failure long before": {10 * time.Minute, 40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dropped, kept := newECKey(t, "dropped"), newECKey(t, "kept")
				s := newStub(dropped.public(), kept.public())
				s.latency = time.Second
				v := newVerifier(t, s)
				token := dropped.token(t, map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
				checkAccepted(t, v, token)
				for i, pause := range quiet {
					time.Sleep(pause)
					if i < len(quiet)-1 {
						s.answerKeys(status(http.StatusServiceUnavailable))
						checkAccepted(t, v, token)
						s.answerKeys(nil)
					}
				}
				s.publish(kept.public())
				atOnce(20, func(int) { checkFailure(t, v, token, domain.Unauthenticated, "unknown key") })
				checkAccepted(t, v, kept.token(t, nil))
				s.requirePace(t)
			})
		})
	}
}

// While the service is in use, nobody waits for newer keys.
func TestOldKeys_AreRefreshedBeforeTheyAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		s.change(func(s *stub) { s.latency = 5 * time.Second })
		for range 60 {
			time.Sleep(30 * time.Second)
			started := time.Now()
			checkAccepted(t, v, k.token(t, nil))
			assert.Zero(t, time.Since(started))
		}
		assert.Equal(t, 1+6, s.fetches(), "one each four minutes and a half")
	})
}

// A refresh that fails is not tried at every call.
func TestOldKeys_AreNotAskedForAtEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		s.answerKeys(status(http.StatusInternalServerError))
		time.Sleep(10 * time.Minute)
		for range 61 {
			checkAccepted(t, v, k.token(t, nil))
			time.Sleep(time.Second)
		}
		assert.Equal(t, 1+7, s.fetches(), "one each ten seconds")
	})
}

func TestClose_EndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		s.answerKeys(hang)
		v := newVerifier(t, s)
		var all sync.WaitGroup
		all.Go(func() { checkFailure(t, v, "", domain.Unavailable, "get keys") })
		synctest.Wait()
		started := time.Now()
		v.Close()
		all.Wait()
		assert.Zero(t, time.Since(started))
		v.Close() // again does no harm
	})
}

func TestClose_WaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		s := newStub()
		s.answerKeys(func(w http.ResponseWriter, r *http.Request) {
			hang(w, r)
			time.Sleep(time.Second)
			ended = true
		})
		v := newVerifier(t, s)
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err := v.Verify(leaving, "")
		checkError(t, err, domain.Unavailable, "deadline")
		v.Close()
		assert.True(t, ended)
	})
}

// A closed verifier knows what it knew, but asks for nothing any more.
func TestClose_LeavesTheKnownKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		s := newStub(k.public())
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		// The fetch for the unknown key has to wait for its time.
		var all sync.WaitGroup
		all.Go(func() { checkFailure(t, v, newECKey(t, "unknown").token(t, nil), domain.Unavailable, "canceled") })
		synctest.Wait()
		started := time.Now()
		v.Close()
		all.Wait()
		assert.Zero(t, time.Since(started))

		checkAccepted(t, v, k.token(t, nil))
		checkFailure(t, v, newECKey(t, "unknown").token(t, nil), domain.Unavailable, "closed")
		time.Sleep(30 * time.Minute)
		checkAccepted(t, v, k.token(t, nil))
		time.Sleep(time.Hour)
		checkFailure(t, v, k.token(t, nil), domain.Unavailable, "closed")
		assert.Equal(t, 1, s.fetches())
	})
}

// atOnce runs f n times at once and waits.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
