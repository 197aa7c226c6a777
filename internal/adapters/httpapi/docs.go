package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// pageRoute is the page's address, and the name of it and its files in logs and metrics.
const pageRoute = "/docs"

// document adds the page on which the OpenAPI document can be read and tried out. The page
// works offline, since all of it is in the program, and behind a gateway that strips the
// prefix, since its addresses are relative.
func (a *api) document(prefix string) {
	base := prefix + pageRoute + "/"
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:            "User Sync Service",
		SwaggerJSON:      "../openapi.json",
		BasePath:         "./",
		InternalBasePath: base,
	})
	page := render(ui, base)
	policy := contentSecurityPolicy(page)
	// Browsers revalidate what they have cached, which files do by their ETag, and do not
	// guess the type of content.
	mux := a.mux.With(middleware.SetHeader("Cache-Control", "no-cache"), middleware.SetHeader("X-Content-Type-Options", "nosniff"))

	mux.Get(prefix+pageRoute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "docs/") // http.Redirect would make it absolute.
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	mux.Get(base, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write(page) // The client has gone; nothing is left to do.
	})
	// A route for each file that the page loads: any other name is unknown, as elsewhere.
	for _, asset := range []string{
		"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png",
	} {
		mux.Get(base+asset, ui.ServeHTTP)
	}
}

// contentSecurityPolicy lets the page load its own files, use its inline scripts and styles,
// and call this service; nothing else. No other page may frame it, since it can hold an
// access token.
func contentSecurityPolicy(page []byte) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'" + hashes(page, `(?s)<script>(.*?)</script>`),
		"style-src 'self'" + hashes(page, `(?s)<style>(.*?)</style>`),
		"img-src 'self' data:", // the icons in its style sheet
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// hashes returns a source expression for each match in the page.
func hashes(page []byte, expression string) string {
	var sources strings.Builder
	for _, inline := range regexp.MustCompile(expression).FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(inline[1])
		sources.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return sources.String()
}

// render returns the page as swgui writes it, the same for every request.
func render(ui http.Handler, path string) []byte {
	var written collected
	ui.ServeHTTP(&written, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return written.Bytes()
}

// collected is a response that goes nowhere.
type collected struct{ bytes.Buffer }

func (*collected) Header() http.Header { return http.Header{} }
func (*collected) WriteHeader(int)     {}
