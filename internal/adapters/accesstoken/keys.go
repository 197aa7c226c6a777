package accesstoken

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"

	"user-sync-service/internal/domain"
)

const (
	// maxAge is when keys are old: those that the realm has dropped stop counting then.
	maxAge = 5 * time.Minute
	// retryAfter is the time between attempts to replace old keys.
	retryAfter = 10 * time.Second
	// pace is the least time between two fetches, whoever asks for them: anybody can
	// make up tokens with keys that nobody has seen.
	pace = time.Second
)

// keySet is what one fetch has brought, which does not change any more.
type keySet struct {
	byID    map[string][]jose.JSONWebKey // public keys only
	issuers []string
	// verified has the claims of the tokens that these keys were found to have signed, by
	// digest: the same token comes with each request of an administrator's session. Being
	// the keys' own, it forgets with them whatever a dropped key had signed.
	verified *lru.Cache[digest, claims]
}

// digest stands for a token, so that no token is kept.
type digest [sha256.Size]byte

// maxVerified is how many tokens a key set remembers. One takes about a kilobyte.
const maxVerified = 1024

func newKeySet(byID map[string][]jose.JSONWebKey, issuers []string) (*keySet, error) {
	verified, err := lru.New[digest, claims](maxVerified)
	return &keySet{byID: byID, issuers: issuers, verified: verified}, err
}

// has reports whether the set has a key of this id.
func (s *keySet) has(id string) bool { return len(s.byID[id]) > 0 }

// suitable are the keys that the header means. A key that is for one algorithm counts
// for no other.
func (s *keySet) suitable(header jose.Header) []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, key := range s.byID[header.KeyID] {
		if key.Algorithm == "" || key.Algorithm == header.Algorithm {
			keys = append(keys, key.Key)
		}
	}
	return keys
}

// keyring keeps the keys of a realm and fetches them anew, never twice at once and not
// more often than its pace. A fetch is not tied to the callers who wait for it.
type keyring struct {
	now  func() time.Time
	load func(context.Context) (*keySet, error)
	pace time.Duration
	// open ends with the keyring, and the fetches with it.
	open context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	known   *keySet   // nil until a fetch has succeeded
	loaded  time.Time // when the fetch of the known keys began, by now
	tried   time.Time // when the latest fetch began, by now
	began   time.Time // the same by the real clock, to which the pace belongs
	running *fetch    // nil when there is none
	next    *fetch    // the fetch that has not begun yet; nil when nobody wants one
	fetches sync.WaitGroup
}

// fetch is a fetch to come or under way; keys and err may be read once done is closed.
type fetch struct {
	done chan struct{}
	keys *keySet
	err  error
}

func newKeyring(now func() time.Time, load func(context.Context) (*keySet, error)) *keyring {
	open, end := context.WithCancel(context.Background())
	return &keyring{now: now, load: load, pace: pace, open: open, end: end}
}

// close ends the fetches and waits for them.
func (k *keyring) close() {
	// With the lock, so that no fetch is scheduled while they are waited for.
	k.mu.Lock()
	k.end()
	k.mu.Unlock()
	k.fetches.Wait()
}

// get returns the known keys. When there are none it waits for a fetch and returns its
// failure, if it fails. Old keys are as good as others, but a fetch is begun.
func (k *keyring) get(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	if k.known != nil {
		defer k.mu.Unlock()
		k.refreshOldKeys()
		return k.known, nil
	}
	if err := ctx.Err(); err != nil {
		k.mu.Unlock()
		return nil, domain.AsError(err)
	}
	f := k.running
	if f == nil {
		f = k.schedule()
	}
	k.mu.Unlock()
	return f.wait(ctx)
}

// find returns keys with one of this id. It waits for a fetch that begins after the
// call, so that a key is found that the realm has had for a moment only. If that fetch
// fails, nobody knows about the key, and its failure is returned.
func (k *keyring) find(ctx context.Context, id string) (*keySet, error) {
	if err := ctx.Err(); err != nil {
		return nil, domain.AsError(err)
	}
	k.mu.Lock()
	known, running := k.known, k.running
	if known.has(id) {
		k.mu.Unlock()
		return known, nil
	}
	f := k.schedule()
	k.mu.Unlock()
	if running != nil {
		// It began before the call, so that what it does not bring proves nothing; but
		// when keys have just been rotated under load it saves most callers a wait.
		if keys, err := running.wait(ctx); err == nil && keys.has(id) {
			return keys, nil
		}
	}
	keys, err := f.wait(ctx)
	if err == nil && !keys.has(id) {
		err = refuse("unknown key")
	}
	return keys, err
}

// refreshOldKeys schedules a fetch when the known keys are old. The caller holds mu.
func (k *keyring) refreshOldKeys() {
	now := k.now()
	if now.Sub(k.loaded) > maxAge && now.Sub(k.tried) >= retryAfter && k.running == nil {
		k.schedule()
	}
}

// schedule returns a fetch that has not begun yet. The caller holds mu.
func (k *keyring) schedule() *fetch {
	if k.next != nil {
		return k.next
	}
	f := &fetch{done: make(chan struct{})}
	if k.open.Err() != nil {
		f.err = &domain.Error{Kind: domain.Unavailable, Err: errors.New("get keys: the verifier is closed")}
		close(f.done)
		return f
	}
	k.next = f
	previous, due := k.running, k.began.Add(k.pace)
	k.fetches.Go(func() {
		if previous != nil {
			<-previous.done
		}
		pause(k.open, time.Until(due))
		k.run(f)
	})
	return f
}

// run makes the next fetch f.
func (k *keyring) run(f *fetch) {
	k.mu.Lock()
	begin := k.now()
	k.next, k.running, k.tried, k.began = nil, f, begin, time.Now()
	k.mu.Unlock()

	f.keys, f.err = k.load(k.open)

	k.mu.Lock()
	defer k.mu.Unlock()
	if f.err == nil {
		k.known, k.loaded = f.keys, begin
	}
	k.running = nil
	close(f.done)
}

func (f *fetch) wait(ctx context.Context) (*keySet, error) {
	select {
	case <-f.done:
		return f.keys, f.err
	case <-ctx.Done():
		return nil, domain.AsError(ctx.Err())
	}
}

// pause waits, but not longer than until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
