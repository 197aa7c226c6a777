package keycloaktest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
)

// callback is where Keycloak sends the browser after a sign-in. Nothing listens there: port 9 is the one that
// discards, and the browser does not go there anyway.
const callback = "http://127.0.0.1:9/callback"

// A Visit is one person with a browser at a realm's sign-in pages. The realm needs AddWebClient. It is not safe
// for concurrent use.
type Visit struct {
	*Browser

	realm           *Realm
	state, verifier string
}

// NewVisit returns a visit with an empty browser.
func (r *Realm) NewVisit() *Visit {
	return &Visit{Browser: newBrowser(r.URL), realm: r, state: rand.Text(), verifier: rand.Text() + rand.Text()}
}

// SignIn opens the sign-in page and fills in a username and a password. It returns the page that comes then.
func (v *Visit) SignIn(ctx context.Context, username, password string) (Page, error) {
	page, err := v.open(ctx, "auth")
	if err != nil {
		return Page{}, err
	}
	return v.Submit(ctx, page, map[string]string{"username": username, "password": password})
}

// Registration opens the page on which people make accounts for themselves, where the realm allows that.
func (v *Visit) Registration(ctx context.Context) (Page, error) { return v.open(ctx, "registrations") }

// open opens one of the pages at which a sign-in begins.
func (v *Visit) open(ctx context.Context, endpoint string) (Page, error) {
	challenge := sha256.Sum256([]byte(v.verifier))
	query := url.Values{
		"client_id": {WebClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"state": {v.state}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	return v.Open(ctx, v.realm.URL+"/realms/"+v.realm.Name+"/protocol/openid-connect/"+endpoint+"?"+query.Encode())
}

// AsksForNewPassword reports whether the page is the one on which users must choose a password.
func (p Page) AsksForNewPassword() bool { return p.Has("password-new") && p.Has("password-confirm") }

// ChoosePassword fills in the page on which users must choose a password. It returns the page that comes then.
func (v *Visit) ChoosePassword(ctx context.Context, p Page, password string) (Page, error) {
	return v.Submit(ctx, p, map[string]string{"password-new": password, "password-confirm": password})
}

// Finish takes the code from the page that ends a sign-in and exchanges it for tokens.
func (v *Visit) Finish(ctx context.Context, p Page) (Grant, error) {
	query := p.URL.Query()
	if p.URL.Host != "127.0.0.1:9" || query.Get("code") == "" || query.Get("state") != v.state {
		return Grant{}, fmt.Errorf("the sign-in has not come to its end: %v", p)
	}
	grant, err := v.realm.server.grant(ctx, v.realm.Name, url.Values{
		"client_id": {WebClientID}, "grant_type": {"authorization_code"}, "code": {query.Get("code")},
		"redirect_uri": {callback}, "code_verifier": {v.verifier},
	})
	if err == nil && grant.Status != http.StatusOK {
		err = fmt.Errorf("exchange of the code: %d %s %s", grant.Status, grant.Error, grant.Description)
	}
	return grant, err
}

// OpenMail opens the link of a mail and clicks through to what it is about.
func (v *Visit) OpenMail(ctx context.Context, mail Mail) (Page, error) {
	page, err := v.Open(ctx, mail.Link())
	if err != nil {
		return Page{}, err
	}
	return v.Follow(ctx, page, "Click here to proceed")
}
