package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/httprate"

	"user-sync-service/internal/domain"
)

// Limits are how often things may be asked for. They are counted in this process alone,
// so two replicas let through twice as much.
type Limits struct {
	// WritesPerMinute is for each actor; zero means no limit.
	WritesPerMinute int
	// ResetCooldown is the time between two reset mails to one user; zero means none.
	ResetCooldown time.Duration
	// Now is the clock of the cool-down; nil means time.Now.
	Now func() time.Time
}

// limits keeps count of what Limits limits.
type limits struct {
	writes   *httprate.RateLimiter // nil: no limit
	cooldown time.Duration
	now      func() time.Time

	mu    sync.Mutex
	mails map[string]time.Time // username in lower case to the time of the last mail
}

func newLimits(l Limits) *limits {
	counted := &limits{cooldown: l.ResetCooldown, now: l.Now, mails: make(map[string]time.Time)}
	if counted.now == nil {
		counted.now = time.Now
	}
	if l.WritesPerMinute > 0 {
		counted.writes = httprate.NewRateLimiter(l.WritesPerMinute, time.Minute,
			httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"}))
	}
	return counted
}

// admitWrite counts a write of the actor. It returns RateLimited, with Retry-After set.
// Unknown actors, who get in only where callers are not checked, are not counted: behind
// a gateway nothing tells them apart.
func (l *limits) admitWrite(w http.ResponseWriter, r *http.Request, actor domain.Actor) error {
	name := strings.ToLower(actor.Name())
	if l.writes != nil && name != "" && l.writes.OnLimit(w, r, name) {
		return &domain.Error{Kind: domain.RateLimited, Message: "Too many changes in a short time. Please wait a minute."}
	}
	return nil
}

// admitMail begins the user's cool-down, or returns RateLimited, with Retry-After set,
// while the last one lasts. The caller tells by giveBack when no mail was sent.
func (l *limits) admitMail(w http.ResponseWriter, username domain.Username) (giveBack func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for name, sent := range l.mails {
		if now.Sub(sent) >= l.cooldown {
			delete(l.mails, name)
		}
	}
	key := strings.ToLower(username.String())
	if sent, ok := l.mails[key]; ok {
		left := math.Ceil((l.cooldown - now.Sub(sent)).Seconds())
		w.Header().Set("Retry-After", strconv.Itoa(int(left)))
		return nil, &domain.Error{Kind: domain.RateLimited, Message: "A reset mail was sent to this user a moment ago. Please wait a little."}
	}
	l.mails[key] = now
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.mails[key].Equal(now) { // else a later mail's cool-down
			delete(l.mails, key)
		}
	}, nil
}
