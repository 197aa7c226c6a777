package httpapi_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the page does in a browser is tested in test/apipage.

// pageFiles are what the page loads, and their types.
func pageFiles() map[string]string {
	return map[string]string{
		"swagger-ui.css":                  "text/css; charset=utf-8",
		"swagger-ui-bundle.js":            "application/javascript",
		"swagger-ui-standalone-preset.js": "application/javascript",
		"favicon-16x16.png":               "image/png",
		"favicon-32x32.png":               "image/png",
	}
}

func withDocs(with *settings) { with.docs = true }

// fetch sends a request about the page, which is not in the OpenAPI document. Headers are
// pairs of name and value.
func (a *api) fetch(method, target string, headers ...string) reply {
	a.t.Helper()
	request := requestTo(a.t, method, target)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, request)
	return reply{t: a.t, status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.String()}
}

func TestDocs_AreNotThereUnlessAskedFor(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, before := range []string{"", prefix} {
		for _, target := range []string{"/docs", "/docs/", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"} {
			a.send(http.MethodGet, before+target, "").failed(http.StatusNotFound, "not_found", "There is no such address.", before+target)
		}
	}
}

func TestDocs_ShowThePageWithAndWithoutThePrefix(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	bare := a.fetch(http.MethodGet, "/docs/")
	assert.Contains(t, bare.body, "<title>User Sync Service - ")
	assert.Contains(t, bare.body, `"../openapi.json"`)

	prefixed := a.fetch(http.MethodGet, prefix+"/docs/")
	assert.Equal(t, bare.body, prefixed.body, "a gateway that strips the prefix makes no difference")
	for _, answer := range []reply{bare, prefixed} {
		assert.Equal(t, http.StatusOK, answer.status)
		assert.Equal(t, "text/html; charset=utf-8", answer.header.Get("Content-Type"))
		assert.Equal(t, "no-referrer", answer.header.Get("Referrer-Policy"))
		assertPageHeaders(t, answer)
	}
}

// assertPageHeaders asserts what is said with all that the page is made of.
func assertPageHeaders(t *testing.T, answer reply) {
	t.Helper()
	assert.Equal(t, "no-cache", answer.header.Get("Cache-Control"), "a new version is seen at once")
	assert.Equal(t, "nosniff", answer.header.Get("X-Content-Type-Options"))
	assert.NotEmpty(t, answer.header.Get("X-Request-Id"))
}

// The address without a slash leads to the page by a relative one: only the browser knows
// what a gateway has stripped.
func TestDocs_AreFoundWithoutTheLastSlash(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	for _, target := range []string{"/docs", prefix + "/docs", "/docs?from=here"} {
		answer := a.fetch(http.MethodGet, target)
		assert.Equal(t, http.StatusPermanentRedirect, answer.status, target)
		assert.Equal(t, "docs/", answer.header.Get("Location"), target)
		assert.Empty(t, answer.body, target)
		assertPageHeaders(t, answer)
	}
}

func TestDocs_ServeEachFileThatThePageNames(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	page := a.fetch(http.MethodGet, "/docs/").body
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	files := pageFiles()
	require.Len(t, named, len(files))
	for _, name := range named {
		file, relative := strings.CutPrefix(name[1], "./")
		require.True(t, relative, "%s may be anywhere", name[1])
		require.Contains(t, files, file)
		for _, before := range []string{"", prefix} {
			answer := a.fetch(http.MethodGet, before+"/docs/"+file)
			assert.Equal(t, http.StatusOK, answer.status, file)
			assert.Equal(t, files[file], answer.header.Get("Content-Type"), file)
			assert.NotEmpty(t, answer.body, file)
			assertPageHeaders(t, answer)
		}
	}
}

func TestDocs_SendFilesCompressedAndOnlyOnce(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	plain := a.fetch(http.MethodGet, "/docs/swagger-ui.css")
	assert.Empty(t, plain.header.Get("Content-Encoding"))

	packed := a.fetch(http.MethodGet, "/docs/swagger-ui.css", "Accept-Encoding", "gzip")
	assert.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	assert.Equal(t, "Accept-Encoding", packed.header.Get("Vary"))
	reader, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(reader)
	require.NoError(t, err)
	assert.Equal(t, plain.body, string(unpacked))

	again := a.fetch(http.MethodGet, "/docs/swagger-ui.css", "Accept-Encoding", "gzip", "If-None-Match", packed.header.Get("ETag"))
	assert.Equal(t, http.StatusNotModified, again.status)
	assert.Empty(t, again.body)
}

// Whatever gets into the page runs no script of its own and tells nobody; the page may
// hold an access token.
func TestDocs_ForbidThePageWhatItDoesNotNeed(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	page := a.fetch(http.MethodGet, prefix+"/docs/")
	policy := map[string]string{}
	for directive := range strings.SplitSeq(page.header.Get("Content-Security-Policy"), "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		policy[name] = sources
	}
	inline := regexp.MustCompile(`(?s)<(script|style)>(.*?)</`).FindAllStringSubmatch(page.body, -1)
	require.Len(t, inline, 3)
	sources := map[string]string{"script": "'self'", "style": "'self'"}
	for _, element := range inline {
		sum := sha256.Sum256([]byte(element[2]))
		sources[element[1]] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	assert.Equal(t, map[string]string{
		"default-src":     "'none'",
		"script-src":      sources["script"],
		"style-src":       sources["style"],
		"img-src":         "'self' data:",
		"connect-src":     "'self'",
		"base-uri":        "'none'",
		"form-action":     "'none'",
		"frame-ancestors": "'none'",
	}, policy)
}

// An address that somebody sends to an administrator must not turn the page into one
// that shows another document or fetches for them.
func TestDocs_IgnoreQueries(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	page := a.fetch(http.MethodGet, "/docs/").body
	for _, query := range []string{"?url=https://elsewhere.example/openapi.json", "?configUrl=https://elsewhere.example/config.json", "?proxy=https://elsewhere.example"} {
		assert.Equal(t, page, a.fetch(http.MethodGet, "/docs/"+query).body, query)
	}
	assert.NotContains(t, page, "queryConfigEnabled", "with it the page itself reads its query")
	assert.NotContains(t, page, "requestInterceptor", "with it the page sends requests by a detour")
}

// Other files of the library are not served, nor is anything else below the page.
func TestDocs_ServeNothingElse(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	for _, target := range []string{
		"/docs/index.html", "/docs/oauth2-redirect.html", "/docs/swagger-ui.js", "/docs/swagger-ui.css.gz", "/docs/swagger-ui.css/",
		"/docs//", "/docs/../health", "/docs/%2e%2e/health", "/docs/..%2Fopenapi.json", "/docs/swagger-ui%2Ecss.gz", "/docsx", "/Docs", "/docs%2F",
	} {
		for _, before := range []string{"", prefix} {
			a.send(http.MethodGet, before+target, "").failed(http.StatusNotFound, "not_found", "There is no such address.", before+target)
		}
	}
}

func TestDocs_KnowOnlyGET(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		for _, target := range []string{"/docs", "/docs/", "/docs/swagger-ui.css", prefix + "/docs/"} {
			answer := a.fetch(method, target)
			answer.failed(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not support that method.", "%s %s", method, target)
			assert.Equal(t, []string{http.MethodGet}, answer.header.Values("Allow"), "%s %s", method, target)
		}
	}
}

// Metrics get one more endpoint and no more, whatever is asked for.
func TestDocs_CountAsOneEndpoint(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	for _, before := range []string{"", prefix} {
		a.fetch(http.MethodGet, before+"/docs")
		a.fetch(http.MethodGet, before+"/docs/")
		for file := range pageFiles() {
			a.fetch(http.MethodGet, before+"/docs/"+file)
		}
	}
	for _, observed := range a.observed {
		assert.Equal(t, "/docs", observed.endpoint)
	}
	assert.Len(t, a.observed, 2*(2+len(pageFiles())))

	a.observed = nil
	a.fetch(http.MethodHead, "/docs/")
	a.fetch(http.MethodGet, "/docs/zuleika")
	a.fetch(http.MethodGet, "/docsx")
	assert.Equal(t, []observation{
		{http.MethodHead, "other", http.StatusMethodNotAllowed},
		{http.MethodGet, "other", http.StatusNotFound},
		{http.MethodGet, "other", http.StatusNotFound},
	}, a.observed)
	assert.NotContains(t, a.log.String(), "zuleika")
}

// With this the page has a field to enter an access token.
func TestDocs_FindInTheDocumentHowToAuthorize(t *testing.T) {
	a := newAPI(t, newRealm(t), withDocs)
	scheme := a.document.spec.Components.SecuritySchemes["AccessToken"]
	require.NotNil(t, scheme)
	assert.Equal(t, "http", scheme.Value.Type)
	assert.Equal(t, "bearer", scheme.Value.Scheme)
}
