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
	// maxAge is when keys are old and fetched anew. Until then, a key that the realm has
	// dropped still counts.
	maxAge = 5 * time.Minute
	// retryAfter is the least time between fetches that replace old keys.
	retryAfter = 10 * time.Second
	// pace is the least time between any two fetches. Without it, tokens with made-up keys
	// would cause one each.
	pace = time.Second
	// maxVerified is how many tokens a key set remembers, at about a kilobyte each.
	maxVerified = 1024
)

// keySet is what one fetch has brought. Its keys and issuers never change.
type keySet struct {
	byID    map[string][]jose.JSONWebKey // public keys only
	issuers []string
	// verified has the claims of tokens that these keys have signed, by the token's digest:
	// an administrator's session sends the same token with each request. It goes with the
	// keys, and so forgets what a dropped key has signed.
	verified *lru.Cache[[sha256.Size]byte, claims]
}

func (s *keySet) has(id string) bool { return len(s.byID[id]) > 0 }

// suitable returns the keys that the header names. A key for one algorithm counts for no
// other.
func (s *keySet) suitable(header jose.Header) []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, key := range s.byID[header.KeyID] {
		if key.Algorithm == "" || key.Algorithm == header.Algorithm {
			keys = append(keys, key.Key)
		}
	}
	return keys
}

// keyring keeps the keys of a realm and fetches them anew, one fetch at a time and no
// faster than its pace. Callers share a fetch; it goes on when they leave.
type keyring struct {
	load func(context.Context) (*keySet, error)
	pace time.Duration
	// open ends when the keyring is closed, and ends the fetches.
	open context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	known   *keySet   // nil until a fetch has succeeded
	loaded  time.Time // when the fetch of the known keys began
	began   time.Time // when the latest fetch began
	running *fetch    // nil: none
	next    *fetch    // has not begun yet; nil: none is wanted
	fetches sync.WaitGroup
}

// fetch is running or yet to begin. Read keys and err only once done is closed.
type fetch struct {
	done chan struct{}
	keys *keySet
	err  error
}

func newKeyring(load func(context.Context) (*keySet, error)) *keyring {
	open, end := context.WithCancel(context.Background())
	return &keyring{load: load, pace: pace, open: open, end: end}
}

// close ends the fetches and waits for them.
func (k *keyring) close() {
	k.mu.Lock() // No fetch may be scheduled once waiting has begun.
	k.end()
	k.mu.Unlock()
	k.fetches.Wait()
}

// get returns the known keys; if they are old, it also schedules a fetch. If none are
// known, it waits for a fetch and returns the error if that fails.
func (k *keyring) get(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	if k.known != nil {
		defer k.mu.Unlock()
		if k.running == nil && time.Since(k.loaded) > maxAge && time.Since(k.began) >= retryAfter {
			k.schedule()
		}
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

// find returns keys with one of this id. An unknown id is Unauthenticated only after a
// fetch that began after the call, since the realm may just have got the key; if that
// fetch fails, find returns its error.
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
		// It may bring the key all the same, and saves most callers a wait when keys have
		// just been rotated under load.
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
		select {
		case <-time.After(time.Until(due)):
		case <-k.open.Done():
		}
		k.run(f)
	})
	return f
}

// run makes the next fetch f.
func (k *keyring) run(f *fetch) {
	k.mu.Lock()
	begin := time.Now()
	k.next, k.running, k.began = nil, f, begin
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
