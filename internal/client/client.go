// Package client calls a server that speaks the wire of the management API: one
// of ours, or the hosted one that the protocol comes from. What only ours
// answers (digests, changes, problems with their places) is empty with others.
//
// It reports what the server says and decides nothing: what a person reads, and
// the exit code, are for package cli.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/secret"
)

// The limits of what a server may send, whatever it is.
const (
	maxAnswer = 1 << 30
	maxFiles  = 200_000
	retries   = 3
)

// ErrNoAnswer is a server that could not be reached.
var ErrNoAnswer = errors.New("no answer")

// What is wrong with the settings of a client.
var (
	ErrURL = errors.New("the URL of the server must look like https://identity.example.com")
	ErrKey = errors.New("there is no management key")
)

// Options say which server to call, and as whom.
type Options struct {
	URL       string      // the base URL, with or without a path and a slash at its end
	Project   string      // the id of the project; empty for calls on the company
	Key       secret.Text // the management key
	UserAgent string
	Gzip      bool // compress uploads, for servers that take that
	// Progress, if not nil, is told how much of an upload has been sent. It is
	// called from another goroutine.
	Progress  func(sent, total int64)
	Transport http.RoundTripper // nil for the usual one
}

// Client calls one server, for one project.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
}

// New returns a client. It calls nothing yet.
func New(options Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSpace(options.URL))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" {
		return nil, ErrURL
	}
	if base.User != nil {
		return nil, errors.New("the URL of the server must not hold a name or a password")
	}
	if options.Key.IsZero() {
		return nil, ErrKey
	}
	if options.Transport == nil {
		options.Transport = transport()
	}
	if options.UserAgent == "" {
		options.UserAgent = "postern"
	}
	return &Client{options: options, base: base, http: &http.Client{
		Transport: options.Transport,
		// A redirect would send the key to a place that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// transport is the usual one, but patient with a large import.
func transport() *http.Transport {
	dial := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dial.DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
	}
}

// A body writes what a request sends, as often as it is asked to.
type body func(w io.Writer) error

// document is the body that is the JSON of v.
func document(v any) body {
	return func(w io.Writer) error { return json.MarshalWrite(w, v, json.Deterministic(true)) }
}

// call sends one request and returns its answer, which the caller closes. An
// answer that is not a success is an *Error.
func (c *Client) call(ctx context.Context, method, path string, send body, header http.Header) (*http.Response, error) {
	for try := 1; ; try++ {
		res, err := c.once(ctx, method, path, send, header)
		if method != http.MethodGet || try == retries || !passing(ctx, err) {
			return res, err
		}
		wait := time.NewTimer(time.Duration(try*try) * 200 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-wait.C:
		}
	}
}

// passing reports whether an error may go away by itself.
func passing(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
	}
	return true
}

func (c *Client) once(ctx context.Context, method, path string, send body, header http.Header) (*http.Response, error) {
	path, query, _ := strings.Cut(path, "?")
	to := c.base.JoinPath(path)
	to.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return nil, ErrURL
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", "Bearer "+c.bearer())
	req.Header.Set("X-Descope-Project-Id", c.options.Project)
	req.Header.Set("User-Agent", c.options.UserAgent)
	req.Header.Set("Accept", "application/json")
	if send != nil {
		if err := c.upload(req, send); err != nil {
			return nil, err
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreached(err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, c.refused(res)
}

// bearer is what authorizes a call: a call on the company names no project.
func (c *Client) bearer() string {
	if c.options.Project == "" {
		return c.options.Key.Reveal()
	}
	return c.options.Project + ":" + c.options.Key.Reveal()
}

// unreached says in words that no answer came.
func (c *Client) unreached(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which has a path that says nothing to people
	}
	return fmt.Errorf("%w from %s: %w", ErrNoAnswer, c.base, err)
}

// ask sends in as JSON and reads the answer into out, where that is not nil. An
// empty answer is one without members.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	var send body
	if in != nil {
		send = document(in)
	}
	res, err := c.call(ctx, method, path, send, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.read(res, out)
}

func (c *Client) read(res *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return c.unreached(err)
	}
	if out == nil || len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return c.foreign(res, "its answer is not the JSON that this call gives")
	}
	return nil
}
