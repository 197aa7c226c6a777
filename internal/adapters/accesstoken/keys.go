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
	// refreshAfter is when keys that are in use are fetched anew, so that callers need not
	// wait once they are old.
	refreshAfter = 4 * time.Minute
	// maxAge is when keys are old: they count only while a fetch fails. Until then, a key
	// that the realm has dropped still counts.
	maxAge = 5 * time.Minute
	// maxStale is when they do not count any more, whatever happens.
	maxStale = time.Hour
	// retryAfter is the least time between fetches that replace old keys, and for how long
	// one that has failed says that a fetch fails.
	retryAfter = 10 * time.Second
	// pace is the least time between any two fetches. Without it, tokens with made-up keys
	// would cause one each.
	pace = time.Second
	// maxWaiting is how many strangers' requests wait for keys at once. Each of them holds a
	// connection and its headers.
	maxWaiting = 64
	// maxVerified is how many tokens a key set remembers, at about a kilobyte each.
	maxVerified = 1024
	// maxRemembered is the longest token remembered, in bytes: longer ones would make that
	// far more.
	maxRemembered = 4 << 10
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

// recall returns the claims of a token that was remembered.
func (s *keySet) recall(token string) (claims, bool) {
	if len(token) > maxRemembered {
		return claims{}, false
	}
	return s.verified.Get(sha256.Sum256([]byte(token)))
}

func (s *keySet) remember(token string, signed claims) {
	if len(token) <= maxRemembered {
		s.verified.Add(sha256.Sum256([]byte(token)), signed)
	}
}

// suitable returns the keys that the header names. A key for one algorithm counts for no
// other.
func (s *keySet) suitable(h header) []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, key := range s.byID[h.keyID] {
		if key.Algorithm == "" || key.Algorithm == h.algorithm {
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
	// waiting has an element for each stranger's request that waits.
	waiting chan struct{}

	mu      sync.Mutex
	known   *keySet   // nil until a fetch has succeeded
	loaded  time.Time // when the fetch of the known keys began
	began   time.Time // when the latest fetch began
	failed  time.Time // when the latest one to fail ended
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
	return &keyring{load: load, pace: pace, open: open, end: end, waiting: make(chan struct{}, maxWaiting)}
}

// close ends the fetches and waits for them.
func (k *keyring) close() {
	k.mu.Lock() // No fetch may be scheduled once waiting has begun.
	k.end()
	k.mu.Unlock()
	k.fetches.Wait()
}

// current returns the known keys and whether they count without a wait. It returns nil if
// none are known or they are too old for anything. If they are getting old, it also
// schedules a fetch.
func (k *keyring) current() (known *keySet, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.loaded) > refreshAfter && k.known != nil && k.running == nil && time.Since(k.began) >= retryAfter {
		k.schedule()
	}
	return k.counting()
}

// counting is current without a fetch: keys count unless they are old, or while a fetch
// fails. The caller holds mu.
func (k *keyring) counting() (known *keySet, ok bool) {
	age := time.Since(k.loaded)
	if k.known == nil || age > maxStale {
		return nil, false
	}
	return k.known, age <= maxAge || time.Since(k.failed) < retryAfter
}

// renew returns keys that count now, and waits for a fetch if need be. It returns the
// error of the fetch if that fails and no keys count even so.
func (k *keyring) renew(ctx context.Context) (*keySet, error) {
	if err := ctx.Err(); err != nil {
		return nil, domain.AsError(err)
	}
	k.mu.Lock()
	known, ok := k.counting() // A fetch may have ended just now.
	f := k.running
	if f == nil && !ok {
		f = k.schedule()
	}
	k.mu.Unlock()
	if ok {
		return known, nil
	}
	keys, err := f.wait(ctx)
	if err == nil || ctx.Err() != nil {
		return keys, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, _ = k.counting(); known != nil {
		return known, nil
	}
	return nil, err
}

// enter lets one more stranger's request wait, until it leaves. It returns Overloaded if
// there are too many.
func (k *keyring) enter() error {
	select {
	case k.waiting <- struct{}{}:
		return nil
	default:
		return &domain.Error{Kind: domain.Overloaded, Err: errors.New("get keys: too many requests wait for them")}
	}
}

func (k *keyring) leave() { <-k.waiting }

// find returns keys with one of this id. An unknown id is Unauthenticated only after a
// fetch that began after the call, since the realm may just have got the key; if that
// fetch fails, find returns its error. It returns Overloaded if too many wait for that.
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
	if err := k.enter(); err != nil {
		k.mu.Unlock()
		return nil, err
	}
	defer k.leave()
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
	} else {
		k.failed = time.Now()
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
