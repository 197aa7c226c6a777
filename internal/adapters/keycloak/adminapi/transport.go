package adminapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"time"
)

// maxAnswer is the largest answer read from Keycloak, in bytes. A realm with its
// settings is some 20 KB.
const maxAnswer = 8 << 20

// exchange is what went over the wire in one try at a call. gocloak flattens errors to
// text and drops their bodies; this keeps them.
type exchange struct {
	op     operation
	status int
	header http.Header
	body   []byte
	// err is what is wrong with the connection or with the answer's form; nil when an
	// answer came that can be one of Keycloak's.
	err error
	// notAnAnswer says that err is about an answer, not about the connection.
	notAnAnswer bool
	connection  connection
}

// connection is how far the connection for a request has come.
type connection int

const (
	connectionUnknown connection = iota
	connectionWanted
	connectionGot
)

// unsent reports whether there was no connection, so that Keycloak has not seen a byte.
func (x *exchange) unsent() bool { return x.connection == connectionWanted }

// trace is for net/http, which may ask for a second connection when it could not write
// anything to the first.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { x.connection = connectionWanted },
		GotConn: func(httptrace.GotConnInfo) { x.connection = connectionGot },
	}
}

type exchangeKey struct{}

// exchangeOf returns the exchange of the context of a try.
func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// exchangeTransport reads each answer whole, notes it in the exchange of the request's
// context, and lets only such answers through to gocloak as gocloak can read. An
// unchecked 200 with an HTML page would read as "no such user", and a redirect as a
// successful write.
type exchangeTransport struct{ base *base }

func (t exchangeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	resp, err := t.base.next.RoundTrip(traced(t.base.moved(req)))
	if err != nil {
		x.err = err
		return nil, err
	}
	defer resp.Body.Close()
	x.status, x.header = resp.StatusCode, resp.Header
	var body bytes.Buffer
	body.Grow(int(min(max(resp.ContentLength, 0), maxAnswer)) + bytes.MinRead)
	_, err = body.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	x.body = body.Bytes()
	if err != nil {
		x.err = fmt.Errorf("read the answer: %w", err)
		return nil, x.err
	}
	if err := checkForm(x.op.writes(), resp, x.body); err != nil {
		x.err, x.notAnAnswer = err, true
		return nil, err
	}
	if !namesUser(resp.Header.Get("Location")) {
		// gocloak takes whatever stands behind the last slash for an id.
		resp.Header.Del("Location")
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
}

// namesUser reports whether location is the address of a user.
func namesUser(location string) bool {
	address, err := url.Parse(location)
	if err != nil || address.RawQuery != "" || address.Fragment != "" {
		return false
	}
	parent, id := path.Split(address.Path)
	return id != "" && strings.HasSuffix(parent, "/users/")
}

// checkForm refuses answers that Keycloak never gives. Reads, logins and introspections
// succeed with 200 and a JSON object or array, writes with 201 or 204.
func checkForm(write bool, resp *http.Response, body []byte) error {
	if len(body) > maxAnswer {
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	switch status := resp.StatusCode; {
	case status >= http.StatusBadRequest:
		return nil
	case write && (status == http.StatusCreated || status == http.StatusNoContent):
		return nil
	case status >= http.StatusMultipleChoices:
		return fmt.Errorf("a redirect with status %d", status)
	case status != http.StatusOK:
		return fmt.Errorf("an unexpected status %d", status)
	case write:
		return errors.New("status 200 for a write")
	}
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return errors.New("an answer that is not JSON")
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || (trimmed[0] != '{' && trimmed[0] != '[') {
		return errors.New("JSON that is neither an object nor an array")
	}
	return nil
}

// newTransport returns a connection pool of its own that keeps connections open, so
// that calls under load do not each open a new one.
func newTransport(callTimeout time.Duration, maxConcurrency int) *http.Transport {
	most := MostConnections(maxConcurrency)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// net/http goes on for a connection also when the request that wanted it has ended.
	transport.DialContext = (&net.Dialer{Timeout: callTimeout}).DialContext
	// Less than gateways do: what is sent just when they close a connection may be lost,
	// and it is not known.
	transport.IdleConnTimeout = 30 * time.Second
	transport.MaxIdleConns = most
	transport.MaxIdleConnsPerHost = most
	transport.MaxConnsPerHost = most
	return transport
}

// MostConnections is how many connections to Keycloak there may be. There are calls beside
// those that are limited, and net/http opens more connections than it then uses.
func MostConnections(maxConcurrency int) int { return max(2*maxConcurrency, leastConnections) }

const leastConnections = 128
