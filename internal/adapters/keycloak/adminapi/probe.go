package adminapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Probe is what somebody without a token learns of a realm.
type Probe struct {
	Status int
	// Issuer is the realm's name for itself; empty: it is not a realm that can be used.
	Issuer string
	// Refusal are Keycloak's words for why not; empty where Keycloak does not speak.
	Refusal string
	// Location is where an answer sends to, instead of answering.
	Location string
}

// Trouble is what is wrong with the way to Keycloak.
type Trouble string

// The troubles.
const (
	NoSuchHost       Trouble = "no such host"
	PortClosed       Trouble = "port closed"
	NoAnswer         Trouble = "no answer in time"
	WrongScheme      Trouble = "wrong scheme"
	UnknownAuthority Trouble = "unknown authority"
	WrongHostName    Trouble = "wrong host name"
	OutOfDate        Trouble = "out of date"
	BrokenOff        Trouble = "broken off"
)

// Unreachable is the error of a probe that got no answer.
type Unreachable struct {
	Trouble Trouble
	// Detail is what the trouble names: who has signed the certificate (UnknownAuthority), for
	// which hosts it is (WrongHostName), or the end of its time (OutOfDate); else the error.
	Detail string
	// Proxy is the proxy that the environment puts in between; empty: none.
	Proxy string
}

func (u *Unreachable) Error() string { return string(u.Trouble) + ": " + u.Detail }

// Probe reads the discovery document of a realm below the base URL. With a host, it is asked
// under that name. It returns an [*Unreachable].
func (c *Client) Probe(ctx context.Context, base, realm, host string) (Probe, error) {
	address, err := url.JoinPath(base, "realms", url.PathEscape(realm), ".well-known/openid-configuration")
	if err != nil {
		return Probe{}, &Unreachable{Trouble: BrokenOff, Detail: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, c.CallTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return Probe{}, &Unreachable{Trouble: BrokenOff, Detail: err.Error()}
	}
	request.Host = host
	response, err := c.plain().Do(request)
	if err != nil {
		return Probe{}, c.unreachable(ctx, request, err)
	}
	defer response.Body.Close()
	probe := Probe{Status: response.StatusCode, Location: response.Header.Get("Location")}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Probe{}, c.unreachable(ctx, request, err)
	}
	var said struct {
		refusal
		Issuer string `json:"issuer"`
	}
	if json.Unmarshal(body, &said) == nil {
		probe.Issuer, probe.Refusal = said.Issuer, strings.TrimSpace(said.Error+" "+said.Description) // Some versions say it in the one, some in the other.
	}
	if probe.Status == http.StatusBadRequest && probe.Refusal == "" && request.URL.Scheme == "http" && speaksTLS(ctx, request.URL) {
		return Probe{}, &Unreachable{Trouble: WrongScheme} // Servers answer so to what is no TLS.
	}
	return probe, nil
}

// plain is a client for what everybody may read.
func (c *Client) plain() *http.Client {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if client.Transport = c.Transport; c.pool != nil {
		client.Transport = c.pool
	}
	return client
}

// unreachable says why there was no answer.
func (c *Client) unreachable(ctx context.Context, request *http.Request, err error) *Unreachable {
	found := &Unreachable{Trouble: BrokenOff, Detail: err.Error()}
	if proxy, _ := http.ProxyFromEnvironment(request); proxy != nil {
		found.Proxy = proxy.Redacted()
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var lookUp *net.DNSError
	var timeout net.Error
	verification, _ := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.As(err, &lookUp):
		found.Trouble, found.Detail = NoSuchHost, lookUp.Name
	case errors.Is(err, syscall.ECONNREFUSED):
		found.Trouble = PortClosed
	case errors.Is(err, http.ErrSchemeMismatch):
		found.Trouble = WrongScheme
	case errors.As(err, &unknown) && verification != nil && len(verification.UnverifiedCertificates) > 0:
		// The last one is nearest to the authority.
		sent := verification.UnverifiedCertificates
		found.Trouble, found.Detail = UnknownAuthority, sent[len(sent)-1].Issuer.String()
	case errors.As(err, &name):
		found.Trouble, found.Detail = WrongHostName, namesOf(name.Certificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		found.Trouble, found.Detail = OutOfDate, invalid.Cert.NotBefore.Format(time.RFC3339)+" to "+invalid.Cert.NotAfter.Format(time.RFC3339)
	case errors.As(err, &timeout) && timeout.Timeout() || ctx.Err() != nil:
		found.Trouble = NoAnswer
	case request.URL.Scheme == "http" && speaksTLS(ctx, request.URL):
		found.Trouble = WrongScheme
	}
	return found
}

// namesOf returns the hosts that a certificate is for.
func namesOf(certificate *x509.Certificate) string {
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	return cmp.Or(strings.Join(names, ", "), certificate.Subject.CommonName)
}

// speaksTLS reports whether the server wants TLS, whoever has signed its certificate.
func speaksTLS(ctx context.Context, address *url.URL) bool {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), cmp.Or(address.Port(), "80")))
	if err == nil {
		_ = connection.Close()
		return true
	}
	_, verified := errors.AsType[*tls.CertificateVerificationError](err)
	return verified
}

// Dial reports whether a server of any kind answers at host and port. It says nothing to it.
func Dial(ctx context.Context, host, port string) error {
	dialer := net.Dialer{Timeout: dialTime}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	return connection.Close()
}

// dialTime is enough for a server in the same country.
const dialTime = 2 * time.Second

// IsNoSuchHost reports whether a name could not be looked up.
func IsNoSuchHost(err error) bool {
	var lookUp *net.DNSError
	return errors.As(err, &lookUp)
}
