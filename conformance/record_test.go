package conformance

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// recorder is what stands between the clients and the servers, and remembers which calls of which client were answered.
type recorder struct {
	mu       sync.Mutex
	answered map[string]map[string]bool // name of the client → "POST /v1/…" → whether one was a success
}

var record = recorder{answered: map[string]map[string]bool{}}

// clients are those that the page on compatibility has a column for, by the name that they give themselves.
var clients = []struct{ name, title string }{
	{"golang", "Go SDK"},
	{"nodejs", "Node SDK"},
	{"web-js", "web-js SDK"},
}

// before starts a server that passes everything on to target, and notes it.
func (r *recorder) before(target string) (*httptest.Server, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
		},
		ModifyResponse: func(res *http.Response) error {
			r.note(res.Request, res.StatusCode)
			return nil
		},
	}
	return httptest.NewServer(proxy), nil
}

func (r *recorder) note(req *http.Request, status int) {
	client := req.Header.Get("X-Descope-Sdk-Name")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered[client] == nil {
		r.answered[client] = map[string]bool{}
	}
	call := req.Method + " /" + strings.TrimLeft(req.URL.Path, "/")
	r.answered[client][call] = r.answered[client][call] || status < 300
}

// drove reports whether a client called a route, and whether it was answered with success at least once.
func (r *recorder) drove(client, route string) (called, well bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for call, ok := range r.answered[client] {
		if isRoute(call, route) {
			called, well = true, well || ok
		}
	}
	return called, well
}

// isRoute compares a call with a route, whose segments in braces stand for any text.
func isRoute(call, route string) bool {
	a, b := strings.Split(call, "/"), strings.Split(route, "/")
	return slices.EqualFunc(a, b, func(have, want string) bool {
		return have == want || strings.HasPrefix(want, "{") && have != ""
	})
}
