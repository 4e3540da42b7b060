package conformance

import (
	"bufio"
	"io"
	"net"
	"net/http"
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

// before listens in front of a server. Whatever comes is passed on as it is, byte by byte, in both directions, so that
// nothing stands between a client and the server that would answer otherwise; a copy of it is read along.
func (r *recorder) before(target string) (net.Listener, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go r.between(client, to.Host)
		}
	}()
	return l, nil
}

func (r *recorder) between(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	requests := make(chan *http.Request, 1000)
	asked, answered := r.along(func(in *bufio.Reader) error {
		req, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		requests <- req
		_, err = io.Copy(io.Discard, req.Body)
		return err
	}), r.along(func(in *bufio.Reader) error {
		if _, err := in.Peek(1); err != nil {
			return err
		}
		req := <-requests
		res, err := http.ReadResponse(in, req)
		if err != nil {
			return err
		}
		r.note(req, res.StatusCode)
		_, err = io.Copy(io.Discard, res.Body)
		return err
	})
	go func() {
		_, _ = io.Copy(io.MultiWriter(server, asked), client)
		_ = server.(*net.TCPConn).CloseWrite()
		_ = asked.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(client, answered), server)
	_ = answered.Close()
}

// along gives what is written to it to read, again and again until that fails; the rest is thrown away.
func (r *recorder) along(read func(*bufio.Reader) error) io.WriteCloser {
	out, in := io.Pipe()
	go func() {
		buffered := bufio.NewReader(out)
		for read(buffered) == nil {
			continue
		}
		_, _ = io.Copy(io.Discard, buffered)
	}()
	return in
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
