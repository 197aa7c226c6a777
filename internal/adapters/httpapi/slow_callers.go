package httpapi

import (
	"io"
	"net/http"
	"time"
)

// How long a caller may hold a connection, which is one of MAX_CONNECTIONS. While a request
// has it, nobody else can be let in for it.
const (
	// bodyTime is to send the body, once the service asks for it.
	bodyTime = 5 * time.Second
	// unreadTime is to send what of a body nobody reads: net/http takes it before the answer
	// goes out, so that the connection can be used again, and else would wait for it.
	unreadTime = 250 * time.Millisecond
	// answerTime is to take the answer.
	answerTime = 2 * time.Second
)

// impatient bounds the requests that are answered at once. Those about users, which take
// longer, begin the time for the answer anew.
func impatient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestOf(r).unread = r.ContentLength != 0
		hurry(w, r)
		next.ServeHTTP(w, r)
	})
}

// hurry begins the time for the answer.
func hurry(w http.ResponseWriter, r *http.Request) {
	connection, now := http.NewResponseController(w), time.Now()
	if requestOf(r).unread {
		_ = connection.SetReadDeadline(now.Add(unreadTime)) // Only what tests use has no deadlines.
	}
	_ = connection.SetWriteDeadline(now.Add(answerTime))
}

// readBody reads the body, in time and not without end.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	connection, end := http.NewResponseController(w), time.Now().Add(bodyTime)
	if deadline, ok := r.Context().Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	_ = connection.SetReadDeadline(end)
	_ = connection.SetWriteDeadline(end) // A caller may wait to be told to go on.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	requestOf(r).unread = err != nil
	return body, err
}
