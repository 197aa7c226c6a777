package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

const nothingWorks = "The service cannot work at all."

// reach finds out whether the realm is there, at the address that is configured.
func (e *examination) reach(ctx context.Context) bool {
	probe, err := e.api.Probe(ctx, e.URL, e.Realm, "")
	if unreachable, failed := errors.AsType[*adminapi.Unreachable](err); failed {
		e.unreachable(unreachable)
		return false
	}
	server := "server " + quoted(e.URL)
	switch {
	case probe.Issuer != "":
		e.issuer = probe.Issuer
		return true
	case strings.Contains(probe.Refusal, "HTTPS required"):
		e.add(domain.Fault, "https-required", server, "The realm takes no requests over plain http from here.", nothingWorks,
			step("Set KEYCLOAK_URL to the https address of Keycloak. The console has the rule in Realm settings > General > Require SSL."))
	case strings.Contains(probe.Refusal, "Realm does not exist"):
		e.unknownRealm(ctx)
	case strings.Contains(probe.Refusal, "Realm not enabled"):
		e.disabledRealm()
	default:
		e.notKeycloak(ctx, probe)
	}
	return false
}

// unreachable tells why there is no answer.
func (e *examination) unreachable(u *adminapi.Unreachable) {
	var id, problem, remedy string
	address, _ := url.Parse(e.URL)
	host, port := address.Hostname(), address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	switch u.Trouble {
	case adminapi.NoSuchHost:
		id, problem = "host-unknown", fmt.Sprintf("There is no host %s: its name cannot be looked up.", quoted(u.Detail))
		remedy = "Correct the host in KEYCLOAK_URL. If it is right, see why this machine cannot look it up: getent hosts " + string(quote(u.Detail))
	case adminapi.PortClosed:
		id, problem = "port-closed", fmt.Sprintf("Nothing listens at port %s of the host %s.", port, quoted(host))
		remedy = "Correct the port in KEYCLOAK_URL (Keycloak's own are 8080 for http and 8443 for https), or start Keycloak."
	case adminapi.NoAnswer:
		id, problem = "no-answer", fmt.Sprintf("There is no answer within KEYCLOAK_TIMEOUT from port %s of the host %s.", port, quoted(host))
		remedy = "See what is in between: a firewall, a network policy or a proxy that swallows the connection. Does Keycloak answer others?"
	case adminapi.WrongScheme:
		other := map[string]string{"http": "https", "https": "http"}[address.Scheme]
		id, problem = "wrong-scheme", fmt.Sprintf("The server speaks %s at that port, not %s.", other, address.Scheme)
		address.Scheme = other
		remedy = fmt.Sprintf("Set KEYCLOAK_URL to %s.", quoted(address.String()))
	case adminapi.UnknownAuthority:
		id, problem = "certificate-authority-unknown", fmt.Sprintf("The server's certificate is signed by %s, whom this machine does not trust.", quoted(u.Detail))
		remedy = fmt.Sprintf("Set SSL_CERT_FILE to a PEM file with the certificate of %s.", quoted(u.Detail))
	case adminapi.WrongHostName:
		id, problem = "certificate-for-other-host", fmt.Sprintf("The server's certificate is not for %s but for %s.", quoted(host), quoted(u.Detail))
		remedy = fmt.Sprintf("Call Keycloak in KEYCLOAK_URL by a name that its certificate has: %s.", u.Detail)
	case adminapi.OutOfDate:
		id, problem = "certificate-out-of-date", fmt.Sprintf("The server's certificate is good only from %s.", u.Detail)
		remedy = "Renew Keycloak's certificate, or see whether this machine's clock is right: date -u"
	case adminapi.BrokenOff:
		id, problem = "no-connection", "The connection fails: "+u.Detail+"."
		remedy = "See what answers there: curl -sv " + string(quote(e.URL+"/realms/"+url.PathEscape(e.Realm)))
	}
	if u.Proxy != "" {
		problem += fmt.Sprintf(" The environment puts the proxy %s in between.", quoted(u.Proxy))
		remedy += " If there should be no proxy, put the host into NO_PROXY."
	}
	e.add(domain.Fault, id, "server "+quoted(e.URL), problem, nothingWorks, step(remedy))
}

// unknownRealm looks whether the realm goes by another letter case or has blanks around it.
func (e *examination) unknownRealm(ctx context.Context) {
	remedy := "Set KEYCLOAK_REALM to the name of a realm, which is exact; these are all: kcadm.sh get realms --fields realm"
	for _, name := range []string{strings.TrimSpace(e.Realm), strings.ToLower(strings.TrimSpace(e.Realm))} {
		if name == e.Realm || name == "" {
			continue
		}
		if probe, err := e.api.Probe(ctx, e.URL, name, ""); err == nil && probe.Issuer != "" {
			remedy = fmt.Sprintf("Set KEYCLOAK_REALM to %s, which exists.", quoted(name))
			break
		}
	}
	e.add(domain.Fault, "realm-unknown", "realm "+quoted(e.Realm), "Keycloak has no realm of this name.", nothingWorks, step(remedy))
}

func (e *examination) disabledRealm() {
	e.add(domain.Fault, "realm-disabled", "realm "+quoted(e.Realm), "The realm is switched off.",
		"Nobody can sign in, and the service cannot log in.", run(e.updateRealm("enabled=true")))
}

// notKeycloak looks where else on the server Keycloak may be.
func (e *examination) notKeycloak(ctx context.Context, first adminapi.Probe) {
	subject := "server " + quoted(e.URL)
	if first.Location != "" {
		target, _, _ := strings.Cut(first.Location, "/realms/")
		e.add(domain.Fault, "redirected", subject, fmt.Sprintf("The server sends elsewhere: %s.", quoted(first.Location)), nothingWorks,
			step(fmt.Sprintf("Set KEYCLOAK_URL to %s.", quoted(target))))
		return
	}
	root, _ := url.Parse(e.URL)
	path := strings.Trim(root.Path, "/")
	root.Path = ""
	places := []string{root.String(), root.String() + "/auth", e.URL + "/auth"}
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		places = append(places, root.String()+"/"+path[:i])
	}
	for i, place := range places {
		if place == e.URL || slices.Contains(places[:i], place) {
			continue
		}
		if probe, err := e.api.Probe(ctx, place, e.Realm, ""); err == nil && probe.Issuer != "" {
			e.add(domain.Fault, "base-path", subject, fmt.Sprintf("Keycloak is not at this path of the server, but at %s.", quoted(place)), nothingWorks,
				step(fmt.Sprintf("Set KEYCLOAK_URL to %s.", quoted(place))))
			return
		}
	}
	e.add(domain.Fault, "not-keycloak", subject, fmt.Sprintf("What answers there (with status %d) is not Keycloak, or has another path before /realms.", first.Status), nothingWorks,
		step("Set KEYCLOAK_URL to the address below which Keycloak has /realms and /admin."))
}

// issuers looks whether the tokens that count are those that the realm issues.
func (e *examination) issuers(ctx context.Context) {
	if len(e.needs.Issuers) > 0 && !slices.Contains(e.needs.Issuers, e.issuer) {
		base, isIssuer := strings.CutSuffix(e.needs.Issuers[0], "/realms/"+url.PathEscape(e.Realm))
		problem := fmt.Sprintf("AUTH_ISSUERS is %s, but the realm issues tokens as %s.", listed(e.needs.Issuers), quoted(e.issuer))
		if isIssuer && e.followsHost(ctx) {
			e.add(domain.Fault, "hostname-not-fixed", "realm "+quoted(e.Realm), problem+" Keycloak has no fixed hostname and takes it from each request.",
				"Keycloak does not confirm the callers' tokens to the service, so each change is a 401.", run(e.updateRealm(set("attributes.frontendUrl", base))))
			return
		}
		e.add(domain.Fault, "issuer", "AUTH_ISSUERS", problem, "Every caller is refused with 401, or at least every change.",
			step(fmt.Sprintf("Set AUTH_ISSUERS to %s.", quoted(e.issuer))))
		return
	}
	address, err := url.Parse(e.URL)
	if err != nil || isLocal(address.Hostname()) || len(e.needs.Issuers) > 0 || !e.followsHost(ctx) {
		return
	}
	e.add(domain.Warning, "hostname-not-fixed", "realm "+quoted(e.Realm),
		"Keycloak has no fixed hostname: it names itself after the address of each request.",
		"Tokens that were issued under another address than KEYCLOAK_URL are a 401.",
		step("Start Keycloak with KC_HOSTNAME set to its public address, or set that as the realm's Frontend URL (console: Realm settings > General)."))
}

// followsHost reports whether Keycloak's name for itself is what it is called.
func (e *examination) followsHost(ctx context.Context) bool {
	const other = "doctor.invalid"
	probe, err := e.api.Probe(ctx, e.URL, e.Realm, other)
	return err == nil && strings.Contains(probe.Issuer, other)
}

// isLocal reports whether the host is this machine.
func isLocal(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}
