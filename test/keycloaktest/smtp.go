package keycloaktest

import (
	"context"
	"encoding/base64"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// A Mail is one message that a Sink received.
type Mail struct {
	From string
	To   []string
	Data string // header and body, as they came
}

// Subject returns the decoded subject, or "" if the message is malformed.
func (m Mail) Subject() string {
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		return ""
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		return ""
	}
	return subject
}

// Text returns the decoded body, of a message in several parts the first, which is the plain text. It returns ""
// if the message is malformed.
func (m Mail) Text() string {
	msg, err := mail.ReadMessage(strings.NewReader(m.Data))
	if err != nil {
		return ""
	}
	body, encoding := msg.Body, msg.Header.Get("Content-Transfer-Encoding")
	if kind, params, _ := mime.ParseMediaType(msg.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		part, err := multipart.NewReader(body, params["boundary"]).NextRawPart()
		if err != nil {
			return ""
		}
		body, encoding = part, part.Header.Get("Content-Transfer-Encoding")
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return ""
	}
	return string(text)
}

// Link returns the first web address in the text, or "".
func (m Mail) Link() string {
	return regexp.MustCompile(`https?://[^\s<>"]+`).FindString(m.Text())
}

// A Sink is a mail server that keeps what it receives. It is safe for concurrent use.
type Sink struct {
	server   *smtp.Server
	listener net.Listener
	served   chan struct{} // closed when the server has ended

	mu     sync.Mutex // guards the two below
	mails  []Mail
	reject bool
}

// NewSink starts a mail server on a free port of 127.0.0.1. The caller closes it.
func NewSink() (*Sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Sink{listener: listener, served: make(chan struct{})}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{sink: s}, nil
	}))
	s.server.Domain = "localhost"
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // Always ends with "closed".
	}()
	return s, nil
}

// Close ends the server. The mails can still be read.
func (s *Sink) Close() {
	_ = s.server.Close()
	_ = s.listener.Close() // The server does not know it yet when Close comes early.
	<-s.served
}

// Port returns the port that the sink listens on.
func (s *Sink) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Reject makes the sink refuse every recipient from now on, or accept again.
func (s *Sink) Reject(reject bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reject = reject
}

// Mails returns what has been received so far, the oldest first.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// MailsTo returns the mails for one address, letter case aside, the oldest first.
func (s *Sink) MailsTo(addr string) []Mail {
	return slices.DeleteFunc(s.Mails(), func(m Mail) bool {
		return !slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, addr) })
	})
}

// WaitMail returns the newest mail for the address, and waits for one when there is none yet. The error is that
// of the context.
func (s *Sink) WaitMail(ctx context.Context, addr string) (Mail, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if mails := s.MailsTo(addr); len(mails) > 0 {
			return mails[len(mails)-1], nil
		}
		select {
		case <-ctx.Done():
			return Mail{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// A session is one connection to a Sink. It implements smtp.Session.
type session struct {
	sink *Sink
	mail Mail
}

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	c.mail.From = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	if c.sink.reject {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	c.mail.To = append(c.mail.To, to)
	return nil
}

func (c *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.mail.Data = string(data)
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	c.sink.mails = append(c.sink.mails, c.mail)
	return nil
}

func (c *session) Reset() { c.mail = Mail{} }

func (c *session) Logout() error { return nil }
