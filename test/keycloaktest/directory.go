package keycloaktest

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed" // for the server's program
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Directory is an LDAP server that holds the users of realms (Realm.Federate) and takes what Keycloak writes to them.
type Directory struct {
	url, password string
	cmd           *exec.Cmd
	stdin         io.Closer // The server runs until it closes, so also until this process ends in whatever way.
}

const (
	directoryBase  = "dc=bank,dc=example"
	directoryAdmin = "cn=keycloak"
)

//go:embed Directory.java
var directoryProgram string

// DirectoryPassword is that of every user of a Directory.
const DirectoryPassword = "Fr0m&The-D1rectory"

// StartDirectory starts a server on a free port of 127.0.0.1 with users of these names. Each has the address
// <name>@bank.example (without what no address may have) and the names "Dir" and "Ectory". The caller stops it. The error wraps
// ErrUnavailable when this machine has no JDK, or no server and cannot get one.
func StartDirectory(ctx context.Context, usernames ...string) (*Directory, error) {
	java, err := findJava()
	if err == nil {
		_, err = exec.LookPath("javac") // The server's program is compiled as it starts.
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	jar, err := findDirectory(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: fetch a directory: %w", ErrUnavailable, err)
	}
	temp, err := os.MkdirTemp("", "directory-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	program := filepath.Join(temp, "Directory.java")
	if err := os.WriteFile(program, []byte(directoryProgram), 0o600); err != nil {
		return nil, err
	}
	entries := "dn: " + directoryBase + "\nobjectClass: domain\ndc: bank\n\ndn: ou=people," + directoryBase + "\nobjectClass: organizationalUnit\nou: people\n"
	for _, name := range usernames {
		entries += fmt.Sprintf("\ndn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nobjectClass: organizationalPerson\nuid: %s\ncn: Dir\nsn: Ectory\nmail: %s@bank.example\nuserPassword: %s\n",
			strings.ReplaceAll(name, ";", `\;`), directoryBase, name, addressOf(name), DirectoryPassword)
	}
	d := &Directory{password: rand.Text()}
	d.cmd = exec.Command(java, "-cp", jar, program, directoryBase, directoryAdmin, d.password, entries)
	var errors strings.Builder
	d.cmd.Stderr = &errors
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		d.Stop()
		return nil, fmt.Errorf("the directory has not started: %w\n%s", err, errors.String())
	}
	d.url = "ldap://127.0.0.1:" + strings.TrimSpace(port)
	return d, nil
}

// Stop ends the server. It may be called again.
func (d *Directory) Stop() {
	_ = d.stdin.Close()
	_ = d.cmd.Wait()
}

// findDirectory returns the cached library of the server, after fetching it when the cache is empty.
func findDirectory(ctx context.Context) (jar string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	const name = "unboundid-ldapsdk-7.0.3.jar"
	cache = filepath.Join(cache, "user-sync-service")
	jar = filepath.Join(cache, name)
	if _, err := os.Stat(jar); err == nil {
		return jar, nil
	}
	temp, err := copyArtifact(ctx, "com.unboundid:unboundid-ldapsdk:7.0.3", cache)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	return jar, os.Rename(filepath.Join(temp, name), jar)
}

// Federate makes the users of the directory users of the realm, in an edit mode of Keycloak's: READ_ONLY, WRITABLE or
// UNSYNCED. Without import, Keycloak keeps nothing of them itself.
func (r *Realm) Federate(ctx context.Context, d *Directory, editMode string, imported bool) error {
	config := map[string]any{}
	for name, value := range map[string]string{
		"editMode": editMode, "importEnabled": fmt.Sprint(imported), "enabled": "true", "priority": "0", "cachePolicy": "NO_CACHE",
		"connectionUrl": d.url, "authType": "simple", "bindDn": directoryAdmin, "bindCredential": d.password,
		"vendor": "other", "usersDn": "ou=people," + directoryBase, "searchScope": "1", "pagination": "false", "trustEmail": "true",
		"usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID",
		"userObjectClasses": "inetOrgPerson, organizationalPerson", "syncRegistrations": "false",
	} {
		config[name] = []string{value}
	}
	return r.Call(ctx, http.MethodPost, "/components", map[string]any{
		"name": "directory", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider", "config": config,
	}, nil)
}

// addressOf is the part of a user's address before the "@".
func addressOf(username string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" /;%", r) {
			return -1
		}
		return r
	}, username)
}
