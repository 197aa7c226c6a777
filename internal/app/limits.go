package app

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"user-sync-service/internal/domain"
)

// limit lets something happen a number of times within a span of time, for each name by
// itself, without regard to letter case. It counts in this process alone: two replicas
// let through twice as much.
type limit struct {
	times int
	span  time.Duration
	now   func() time.Time

	mu     sync.Mutex
	taken  map[string][]time.Time // oldest first
	purged time.Time              // when all names were looked through
}

func newLimit(times int, span time.Duration, now func() time.Time) *limit {
	return &limit{times: times, span: span, now: now, taken: map[string][]time.Time{}}
}

// take counts one for the name, or returns how long to wait for it. The caller tells by
// giveBack, once, that it did not happen.
func (l *limit) take(name string) (giveBack func(), wait time.Duration) {
	name = strings.ToLower(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	now, wait := l.look(name)
	if wait > 0 {
		return nil, wait
	}
	l.taken[name] = append(l.taken[name], now)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.IndexFunc(l.taken[name], now.Equal); i >= 0 { // Else it is over.
			l.taken[name] = slices.Delete(l.taken[name], i, i+1)
		}
	}, 0
}

// wait returns how long to wait for one for the name, and counts nothing.
func (l *limit) wait(name string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, wait := l.look(strings.ToLower(name))
	return wait
}

// look forgets what is over, for the name and once in a span for all, and returns what is
// left to wait for.
func (l *limit) look(name string) (now time.Time, wait time.Duration) {
	now = l.now()
	over := func(t time.Time) bool { return now.Sub(t) >= l.span }
	if over(l.purged) {
		l.purged = now
		maps.DeleteFunc(l.taken, func(_ string, taken []time.Time) bool {
			return len(taken) == 0 || over(taken[len(taken)-1])
		})
	}
	l.taken[name] = slices.DeleteFunc(l.taken[name], over)
	if taken := l.taken[name]; len(taken) >= l.times {
		wait = l.span - now.Sub(taken[0])
	}
	return now, wait
}

// limitRequests counts a request of the actor. It returns RateLimited.
func (s *Service) limitRequests(actor domain.Actor, action domain.Action) error {
	limit, message := s.reads, "Too many requests in a short time. Please wait a minute."
	if action.Writes() {
		limit, message = s.writes, "Too many changes in a short time. Please wait a minute."
	}
	if limit.times == 0 {
		return nil
	}
	if _, wait := limit.take(countedAs(actor)); wait > 0 {
		return &domain.Error{Kind: domain.RateLimited, Message: message, RetryAfter: time.Minute}
	}
	return nil
}

// countedAs is the name that an actor is counted by, the same for all tokens of a user: some
// tell the subject only.
func countedAs(actor domain.Actor) string { return cmp.Or(actor.Subject, actor.Username) }

// limitMails counts a mail of the actor. It returns RateLimited. The caller tells by
// giveBack that the mail was not sent. Unknown actors, who get in only where callers are
// not checked, are not counted: nothing tells them apart.
func (s *Service) limitMails(actor domain.Actor) (giveBack func(), err error) {
	if s.MailsPerHour == 0 || actor.Name() == "" {
		return func() {}, nil
	}
	giveBack, wait := s.mails.take(countedAs(actor))
	if wait > 0 {
		return nil, &domain.Error{Kind: domain.RateLimited, Message: "You have sent too many mails within an hour. Please try again later.", RetryAfter: wait}
	}
	return giveBack, nil
}

// mailedLately is the error of a mailbox that got a mail within the cool-down.
func mailedLately(wait time.Duration) error {
	return &domain.Error{Kind: domain.RateLimited, Message: "A mail was sent to this address a moment ago. Please wait a little.", RetryAfter: wait}
}

// mailboxOf returns one name for all addresses that lead to the same mailbox, as far as
// that can be told: the part behind a "+" and quotes do not count, and letter case does
// not for a limit. Domains that are not plain ASCII have many spellings, and count as one.
func mailboxOf(address string) string {
	at := strings.LastIndex(address, "@")
	if at < 0 {
		return address
	}
	local, host := strings.NewReplacer(`"`, "", `\`, "").Replace(address[:at]), strings.TrimSuffix(address[at:], ".")
	local, _, _ = strings.Cut(local, "+")
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) || strings.Contains(strings.ToLower(host), "xn--") {
		host = "@"
	}
	return local + host
}
