package apipage

import (
	"os"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// screenshotFile is the picture in README.md.
const screenshotFile = "../../docs/api-page.png"

// maxScreenshot keeps the repository small.
const maxScreenshot = 250 << 10

// screenshot takes a picture of the page with the operation at its top. It is kept only
// with UPDATE_SCREENSHOT=1, since no two are alike.
func (b *browser) screenshot(operation string) {
	b.t.Helper()
	b.do(
		chromedp.ScrollIntoView(chromedp.CSS(operation)),
		// Buttons grow and shrink for a moment.
		chromedp.Evaluate[chromedp.Void](`Promise.allSettled(document.getAnimations().map(each => each.finished)).then(() => true)`, chromedp.EvalAwaitPromise),
	)
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	assert.Less(b.t, len(picture), maxScreenshot)
	if os.Getenv("UPDATE_SCREENSHOT") == "1" {
		require.NoError(b.t, os.WriteFile(screenshotFile, picture, 0o644))
	}
}
