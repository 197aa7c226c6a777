package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// faultFindings are the faults of the configuration, each "NAME: what is wrong".
func faultFindings(faults []string) (found []domain.Finding) {
	for _, fault := range faults {
		name, problem, _ := strings.Cut(fault, ": ")
		found = append(found, domain.Finding{
			ID: "configuration", Severity: domain.Fault, Subject: name, Problem: "It " + strings.TrimSuffix(problem, ".") + ".", Breaks: "The service does not start.",
			Remedy: domain.Remedy{Step: fmt.Sprintf("Correct %s; the README's section Configuration says what it takes.", name)},
		})
	}
	return found
}

// localFindings are what is wrong on this machine.
func (c Config) localFindings(ctx context.Context) (found []domain.Finding) {
	add := func(severity domain.Severity, id, subject, problem, breaks string, remedy domain.Remedy) {
		found = append(found, domain.Finding{ID: id, Severity: severity, Subject: subject, Problem: problem, Breaks: breaks, Remedy: remedy})
	}
	if problem := badRoots(); problem != "" {
		add(domain.Fault, "ssl-cert-file", "SSL_CERT_FILE", problem, "No certificate is trusted, so Keycloak cannot be reached by https.",
			domain.Remedy{Step: "Set SSL_CERT_FILE to a PEM file with the certificate of the authority, which exists and can be read."})
	}
	if c.AuditLog != "stdout" && !isBlank(c.AuditLog) {
		if problem, remedy := badAuditLog(c.AuditLog); problem != "" {
			add(domain.Fault, "audit-log", "AUDIT_LOG", problem, "The service does not start.", remedy)
		}
	}
	addresses := map[string]string{"PORT": net.JoinHostPort(c.ListenHost, strconv.Itoa(int(c.Port)))}
	if isAddress(c.ManagementAddr) {
		addresses["MANAGEMENT_ADDR"] = c.ManagementAddr
	}
	for _, name := range []string{"PORT", "MANAGEMENT_ADDR"} {
		if problem := badAddress(ctx, addresses[name]); problem != "" {
			add(domain.Fault, "port", name, problem, "The service does not start.",
				domain.Remedy{Step: fmt.Sprintf("Choose another %s, or find out who has this one: ss -ltnp", name)})
		}
	}
	for _, origin := range c.TrustedOrigins {
		if sent := asSent(origin); sent != origin {
			add(domain.Warning, "trusted-origin", "TRUSTED_ORIGINS", fmt.Sprintf("No browser sends the origin '%s': they write '%s'.", origin, sent),
				"Changes from there are a 403 forbidden.", domain.Remedy{Step: fmt.Sprintf("Write '%s' in TRUSTED_ORIGINS.", sent)})
		}
	}
	if c.speaksInClear() {
		add(domain.Warning, "plain-http", "KEYCLOAK_URL", "It is plain http.", "The client's secret and all that is sent to Keycloak can be read on the network.",
			domain.Remedy{Step: "Set KEYCLOAK_URL to the https address of Keycloak."})
	}
	if c.AuthMode == app.Off {
		add(domain.Warning, "callers-unchecked", "AUTH_MODE", "It is off: callers are not checked.", "Whoever reaches the service can create and disable users.",
			domain.Remedy{Step: "Set AUTH_MODE to enforce."})
	}
	return found
}

// badRoots says what is wrong with the file of certificates that the environment names. Go
// passes over one that is not there.
func badRoots() string {
	path := os.Getenv("SSL_CERT_FILE")
	if path == "" {
		return ""
	}
	text, err := os.ReadFile(path) //nolint:gosec // The operator names it.
	switch {
	case err != nil:
		return fmt.Sprintf("The file cannot be read: %v.", err)
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		return fmt.Sprintf("The file %s holds no certificate in PEM.", path)
	}
	return ""
}

// badAuditLog says what keeps the audit log from being opened, without making a file.
func badAuditLog(path string) (problem string, remedy domain.Remedy) {
	remedy = domain.Remedy{Step: "Name a file in AUDIT_LOG that the service's own user can write, and nobody else."}
	if info, err := os.Stat(path); err == nil {
		log, err := auditlog.Open(path)
		if err == nil {
			err = log.Close()
		}
		if err != nil {
			problem = "It cannot be opened: " + err.Error() + "."
			if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
				remedy = domain.Remedy{Command: "chmod 600 " + quotedForShell(path)}
			}
		}
		return problem, remedy
	}
	directory := filepath.Dir(path)
	const write = 2
	info, err := os.Stat(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("The folder %s does not exist.", directory), domain.Remedy{Command: "mkdir -p " + quotedForShell(directory)}
	case err != nil:
		return err.Error() + ".", remedy
	case !info.IsDir():
		return fmt.Sprintf("%s is no folder.", directory), remedy
	}
	if err := syscall.Access(directory, write); err != nil {
		return fmt.Sprintf("Nothing can be written into the folder %s: %v.", directory, err), remedy
	}
	return "", remedy
}

func quotedForShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// badAddress says why nothing can listen at the address. The service itself, which may be
// running here, is no reason.
func badAddress(ctx context.Context, address string) string {
	if address == "" {
		return ""
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		_ = listener.Close()
		return ""
	}
	if errors.Is(err, syscall.EADDRINUSE) && isOurs(ctx, address) {
		return ""
	}
	return fmt.Sprintf("Nothing can listen there: %v.", err)
}

// isOurs reports whether the service answers at the address.
func isOurs(ctx context.Context, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/livez", http.NoBody)
	if err != nil {
		return false
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	// With MANAGEMENT_ADDR the public address does not have this route, and says so in our words.
	return err == nil && (strings.Contains(string(body), `"status":"ok"`) || strings.Contains(string(body), `"code":"not_found"`))
}

// asSent is the origin as browsers write it.
func asSent(origin string) string {
	parsed, err := url.Parse(origin)
	if err != nil || parsed.Host == "" {
		return origin
	}
	scheme, host := strings.ToLower(parsed.Scheme), strings.ToLower(parsed.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
	return scheme + "://" + host
}

// secretHints are what is odd about the client's secret, should Keycloak refuse it.
func (c Config) secretHints() (hints []string) {
	read, err := c.clientSecret()()
	if err != nil {
		return nil
	}
	secret, name := read.Reveal(), "KEYCLOAK_CLIENT_SECRET"
	if c.KeycloakClientSecretFile != "" {
		name = "The file of KEYCLOAK_CLIENT_SECRET_FILE"
	}
	hint := func(odd bool, what string) {
		if odd {
			hints = append(hints, name+" "+what)
		}
	}
	bare := strings.TrimPrefix(secret, "\ufeff")
	hint(bare != secret, "begins with a byte order mark (BOM), which some editors write.")
	hint(strings.TrimSpace(bare) != bare, "has blanks at its beginning or end.")
	bare = strings.TrimSpace(bare)
	for _, mark := range []string{`"`, `'`} {
		hint(len(bare) > 1 && strings.HasPrefix(bare, mark) && strings.HasSuffix(bare, mark), "stands between quotation marks, which count as part of it.")
	}
	hint(strings.ContainsFunc(bare, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }), "has a blank, a line break or a character that cannot be seen inside.")
	hint(strings.HasPrefix(bare, "${") && strings.HasSuffix(bare, "}"), "looks like the name of a variable that was not replaced.")
	if c.dotEnv != "" && c.KeycloakClientSecretFile == "" && dollarIn(c.dotEnv) {
		hints = append(hints, "In .env it has a '$', and what follows was replaced by a variable: put it between single quotation marks.")
	}
	return hints
}

// dollarIn reports whether the file sets the secret to something with a "$" that is replaced.
func dollarIn(path string) bool {
	text, err := os.ReadFile(path) //nolint:gosec // It was read as .env before.
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if strings.TrimSpace(name) == "KEYCLOAK_CLIENT_SECRET" {
			value = strings.TrimSpace(value)
			return strings.Contains(value, "$") && !strings.HasPrefix(value, "'")
		}
	}
	return false
}
