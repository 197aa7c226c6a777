package keycloaktest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages is a server with a form behind a link, and an end at another server.
func pages(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: "7", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode})
		http.Redirect(w, r, "/welcome", http.StatusFound)
	})
	mux.HandleFunc("/welcome", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<title>no</title><script>no</script><h1>Wel&shy;come,
			<b>Ann</b></h1><a href="/help">Help</a> <a href="form?a=1&amp;b=2">&raquo; Go <i>on</i></a>`)
	})
	mux.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `<form action="/form?%s" method="post"><div><input name="name" value="ann"><input type="hidden" name="kept" value="&lt;">
			<input type="checkbox" name="box" value="on"><input type="submit" name="send" value="x"><input type="text"></div></form>
			<form action="/other"><input name="other"></form>`, r.URL.RawQuery)
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		cookie, _ := r.Cookie("visit")
		if cookie == nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "http://127.0.0.1:9/callback?got="+r.Form.Encode()+cookie.Value, http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return server
}

func TestBrowser_GoesFromPageToPage(t *testing.T) {
	server := pages(t)
	b := newBrowser(server.URL)
	page, err := b.Open(t.Context(), server.URL+"/start")
	require.NoError(t, err)
	assert.Equal(t, "200 /welcome: Wel\u00adcome, Ann Help » Go on", page.String())

	page, err = b.Follow(t.Context(), page, "Go on")
	require.NoError(t, err)
	assert.True(t, page.Has("name"))
	assert.False(t, page.Has("other"), "a field of the second form")

	page, err = b.Submit(t.Context(), page, map[string]string{"name": "bob"})
	require.NoError(t, err)
	assert.Equal(t, http.StatusFound, page.Status)
	assert.Equal(t, "http://127.0.0.1:9/callback?got=a=1&b=2&kept=%3C&name=bob7", page.URL.String(), "with the cookie and what was filled in")
}

func TestBrowser_SaysWhatThePageLacks(t *testing.T) {
	server := pages(t)
	b := newBrowser(server.URL)
	page, err := b.Open(t.Context(), server.URL+"/welcome")
	require.NoError(t, err)
	_, err = b.Follow(t.Context(), page, "Go back")
	assert.ErrorContains(t, err, "/welcome")
	_, err = b.Submit(t.Context(), page, map[string]string{"name": "bob"})
	assert.ErrorContains(t, err, `"name"`)
	_, err = b.Open(t.Context(), server.URL+"/round")
	assert.ErrorContains(t, err, "redirects")
}
