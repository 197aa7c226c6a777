package apipage

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience bounds all that one test does in the browser.
const patience = 2 * time.Minute

// The size of the page, and what becomes of it in the screenshot.
const (
	width, height = 1440, 1240
	scale         = 0.8
)

// browser is a tab of a headless Chromium, and what the page in it did.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []request
	trouble  []string // what a person would see in red in the browser's console
}

// request is one that the page made.
type request struct {
	address, authorization string
}

// openBrowser starts a Chromium that reaches nothing but this machine. At the end of the
// test the page must have asked nobody but the service at base, and its console must be
// empty.
func openBrowser(t *testing.T, chromium, base string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.NoSandbox, // Chromium refuses to run as root with it; it shows nothing but our own page here.
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.note))
	t.Cleanup(func() { b.assertClean(base) })
	b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
	return b
}

// findChromium returns the browser's path. Without one the test is skipped, and says so
// where nobody can miss it.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("APIPAGE_TEST") == "required" {
		require.FailNow(t, "there is no Chromium, and APIPAGE_TEST=required; Debian's package is chromium")
	}
	announce("LEFT OUT: the API page in a browser. There is no Chromium; Debian's package is chromium.")
	t.Skip("there is no Chromium")
	return ""
}

// announce also writes straight to the terminal, where there is one: "go test" hides the
// output of packages that pass.
func announce(message string) {
	line := fmt.Sprintf("\n*** apipage: %s\n\n", message)
	fmt.Fprint(os.Stderr, line)
	terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer terminal.Close()
	fmt.Fprint(terminal, line)
}

// note is told of all that happens in the tab.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		authorization, _ := event.Request.Headers["Authorization"].(string)
		b.requests = append(b.requests, request{event.Request.URL, authorization})
	case *network.EventWebSocketCreated:
		b.requests = append(b.requests, request{address: event.URL})
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, fmt.Sprintf("%s: %s (%s)", event.Entry.Level, event.Entry.Text, event.Entry.URL))
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, fmt.Sprintf("%s: %+v", event.ExceptionDetails.Text, event.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		var said []string
		for _, arg := range event.Args {
			said = append(said, string(arg.Value)+arg.Description)
		}
		b.trouble = append(b.trouble, fmt.Sprintf("%s: %s", event.Type, strings.Join(said, " ")))
	}
}

func (b *browser) assertClean(base string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.trouble, "the browser's console")
	assert.NotEmpty(b.t, b.requests)
	for _, request := range b.requests {
		parsed, err := url.Parse(request.address)
		require.NoError(b.t, err)
		if parsed.Scheme == "data" || parsed.Scheme == "blob" { // inside of the page
			continue
		}
		assert.True(b.t, strings.HasPrefix(request.address, base+"/"), "the page asked for %s", request.address)
	}
}

// lastAuthorization returns the header Authorization of the latest request.
func (b *browser) lastAuthorization() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(b.t, b.requests)
	return b.requests[len(b.requests)-1].authorization
}

// do does the steps one after the other.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// text returns what a person reads at the first element that the selector finds.
func (b *browser) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector), chromedp.NodeVisible))
	require.NoError(b.t, err, selector)
	return text
}
