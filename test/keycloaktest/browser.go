package keycloaktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// A Page is what a browser shows.
type Page struct {
	// URL is where the page is. A page of another server is not fetched: URL is all that is known of it then.
	URL    *url.URL
	Status int
	Text   string // what a person reads, in one line

	fields []field
	action string // where the form goes
	links  []link
}

type field struct{ name, value string }

type link struct{ text, href string }

// Has reports whether the page has a form with this field.
func (p Page) Has(name string) bool {
	return slices.ContainsFunc(p.fields, func(f field) bool { return f.name == name })
}

// With returns the page with one more field in its form, as somebody sees it who wants to send more than is asked for.
func (p Page) With(name string) Page {
	p.fields = append(slices.Clone(p.fields), field{name: name})
	return p
}

// String is the page as an error message shows it.
func (p Page) String() string { return fmt.Sprintf("%d %s: %s", p.Status, p.URL.Path, p.Text) }

// A Browser fetches Keycloak's pages, follows links, fills in forms and keeps cookies, as a person's browser does.
// It runs no scripts. It is not safe for concurrent use.
type Browser struct {
	client *http.Client
	home   string // the server beyond which nothing is fetched
}

// newBrowser returns a browser without cookies.
func newBrowser(home string) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // Never, without options.
	}
	b := &Browser{home: home, client: &http.Client{Jar: jar, Transport: http.DefaultTransport}}
	b.client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if !b.isHome(req.URL) || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

func (b *Browser) isHome(u *url.URL) bool { return strings.HasPrefix(u.String(), b.home+"/") }

// Open goes to an address.
func (b *Browser) Open(ctx context.Context, address string) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Page{}, err
	}
	return b.load(req)
}

// Follow clicks the link of the page whose text contains the given one.
func (b *Browser) Follow(ctx context.Context, p Page, text string) (Page, error) {
	for _, link := range p.links {
		if !strings.Contains(link.text, text) {
			continue
		}
		address, err := p.URL.Parse(link.href)
		if err != nil {
			return Page{}, err
		}
		return b.Open(ctx, address.String())
	}
	return Page{}, fmt.Errorf("no link %q on %v", text, p)
}

// Submit fills in fields of the page's form and sends it. What the page has filled in already stays.
func (b *Browser) Submit(ctx context.Context, p Page, values map[string]string) (Page, error) {
	form := make(url.Values)
	for _, field := range p.fields {
		form.Set(field.name, field.value)
	}
	for name, value := range values {
		if !p.Has(name) {
			return Page{}, fmt.Errorf("no field %q on %v", name, p)
		}
		form.Set(name, value)
	}
	address, err := p.URL.Parse(p.action)
	if err != nil {
		return Page{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.load(req)
}

func (b *Browser) load(req *http.Request) (Page, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = res.Body.Close() }()
	p := Page{URL: res.Request.URL, Status: res.StatusCode}
	if location, err := res.Location(); err == nil {
		if b.isHome(location) {
			return Page{}, errors.New("too many redirects")
		}
		p.URL = location
		return p, nil
	}
	root, err := html.Parse(res.Body)
	if err != nil {
		return Page{}, err
	}
	p.read(root)
	return p, nil
}

// read notes the page's text, its links and its first form.
func (p *Page) read(root *html.Node) {
	p.Text = textOf(root)
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "a":
			p.links = append(p.links, link{textOf(n), attribute(n, "href")})
		case n.Data == "form" && p.action == "":
			p.action = attribute(n, "action")
			p.readFields(n)
		}
	}
}

// readFields notes what a browser sends with a form, buttons and boxes without a tick left out.
func (p *Page) readFields(form *html.Node) {
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" || attribute(n, "name") == "" {
			continue
		}
		switch attribute(n, "type") {
		case "submit", "button", "image", "checkbox", "radio":
		default:
			p.fields = append(p.fields, field{attribute(n, "name"), attribute(n, "value")})
		}
	}
}

// textOf returns what a person reads, with single blanks.
func textOf(root *html.Node) string {
	var text bytes.Buffer
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && slices.Contains([]string{"head", "script", "style"}, n.Data) {
			return
		}
		if n.Type == html.TextNode {
			text.WriteString(n.Data + " ")
		}
		for child := range n.ChildNodes() {
			walk(child)
		}
	}
	walk(root)
	return strings.Join(strings.Fields(text.String()), " ")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
