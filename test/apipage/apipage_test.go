// Package apipage uses the page /docs as a person does, in a browser.
package apipage

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// prefix is where one of the gateways has the service.
const prefix = "/api/user-sync"

// The ids that Swagger UI gives to operations.
const (
	getStatus = "#operations-Users-getStatus"
	syncUser  = "#operations-Users-syncUser"
	setStatus = "#operations-Users-setStatus"
)

func TestPage(t *testing.T) {
	chromium := findChromium(t)
	demo := startDemo(t)
	t.Run("tries out the operations of the demonstration", func(t *testing.T) {
		testOperations(t, chromium, demo)
	})
	t.Run("works below the prefix when a gateway keeps it", func(t *testing.T) {
		testBelowPrefix(t, chromium, proxyTo(t, demo))
	})
	t.Run("works below the prefix when a gateway strips it", func(t *testing.T) {
		testBelowPrefix(t, chromium, http.StripPrefix(prefix, proxyTo(t, demo)))
	})
}

// Whoever tries the demonstration can do so on the page, with what it proposes.
func testOperations(t *testing.T, chromium, demo string) {
	b := openBrowser(t, chromium, demo)
	b.do(chromedp.Navigate(demo + "/docs"))
	assert.Contains(t, b.text(".info .title"), "User Sync Service")

	b.tryOut(getStatus)
	b.fill(getStatus+` tr[data-param-name="username"] input`, "tariq")
	status, answer := b.execute(getStatus)
	assert.Equal(t, "200", status)
	user, _ := answer["keycloak_user"].(map[string]any)
	assert.Equal(t, "tariq", user["username"], answer)
	assert.Equal(t, []any{"teller"}, user["roles"], answer)
	b.screenshot(getStatus)

	// The demonstration asks for no access token; a real service does.
	assert.Empty(t, b.lastAuthorization())
	b.authorize("made-up")
	b.tryOut(syncUser)
	status, answer = b.execute(syncUser)
	assert.Equal(t, "201", status, answer)
	assert.NotEmpty(t, answer["temporary_password"])
	assert.NotEmpty(t, answer["keycloak_user_id"])
	assert.Equal(t, "Bearer made-up", b.lastAuthorization())

	b.tryOut(setStatus)
	b.fill(setStatus+` tr[data-param-name="username"] input`, "lena")
	status, answer = b.execute(setStatus)
	assert.Equal(t, "200", status, answer)
	assert.Equal(t, "lena", answer["username"])
	assert.Equal(t, true, answer["enabled"], answer)
}

// Wherever the page is, it finds the document and calls the service next to itself.
func testBelowPrefix(t *testing.T, chromium string, gateway http.Handler) {
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	b := openBrowser(t, chromium, server.URL+prefix)
	b.do(chromedp.Navigate(server.URL + prefix + "/docs"))

	b.tryOut(getStatus)
	status, answer := b.execute(getStatus) // of the user that the page proposes
	assert.Equal(t, "200", status, answer)
	assert.Equal(t, "success", answer["status"], answer)
}

func proxyTo(t *testing.T, address string) http.Handler {
	t.Helper()
	target, err := url.Parse(address)
	require.NoError(t, err)
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
}

// tryOut opens an operation and presses "Try it out".
func (b *browser) tryOut(operation string) {
	b.t.Helper()
	b.do(
		chromedp.Click(chromedp.CSS(operation+" .opblock-summary-control")),
		chromedp.Click(chromedp.CSS(operation+" .try-out__btn")),
		chromedp.WaitVisible(chromedp.CSS(operation+" .execute")),
	)
}

// fill types text in place of what the field holds.
func (b *browser) fill(field, text string) {
	b.t.Helper()
	b.do(
		chromedp.Click(chromedp.CSS(field)),
		chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`),
		chromedp.SendKeys(chromedp.CSS(field), text),
	)
	value, err := chromedp.Run(b.ctx, chromedp.Value(chromedp.CSS(field)))
	require.NoError(b.t, err)
	require.Equal(b.t, text, value)
}

// authorize enters an access token, as for every operation.
func (b *browser) authorize(token string) {
	b.t.Helper()
	const dialog = ".dialog-ux .modal-ux"
	b.do(chromedp.Click(chromedp.CSS(".scheme-container .btn.authorize")))
	b.fill(dialog+" input", token)
	b.do(
		chromedp.Click(chromedp.CSS(dialog+" .auth-btn-wrapper .authorize")),
		chromedp.Click(chromedp.CSS(dialog+" .auth-btn-wrapper .btn-done")),
		chromedp.WaitNotPresent(chromedp.CSS(dialog)),
	)
}

// execute presses "Execute" for the first time in an operation and returns the answer that
// the page shows then.
func (b *browser) execute(operation string) (status string, answer map[string]any) {
	b.t.Helper()
	live := operation + " .live-responses-table"
	b.do(chromedp.Click(chromedp.CSS(operation + " .execute")))
	status = b.text(live + " tbody .response-col_status")
	body := b.text(live + " .highlight-code code")
	require.NoError(b.t, json.Unmarshal([]byte(body), &answer), body)
	return status, answer
}
