package safehttp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Why a request was not made, or its answer not taken.
var (
	ErrURL      = errors.New("the URL is not one to call: it must be https with a host, without a user or password")
	ErrClear    = errors.New("the URL is not https, and the server does not allow its address")
	ErrRedirect = errors.New("the answer leads elsewhere")
	ErrTooLarge = errors.New("the answer is too large")
)

// maxRedirects is how often one request may be led to another place of the same
// host.
const maxRedirects = 3

// Options are the settings of a client. The zero value reaches public addresses
// only.
type Options struct {
	Allow Allow
	// Timeout bounds a request, from resolving the name to the last byte of the
	// answer; zero means 15 seconds.
	Timeout time.Duration
	// MaxBody bounds an answer, in bytes and after inflation; zero means 1 MiB.
	MaxBody int64
	// Roots are the authorities that are trusted; nil means those of the system.
	Roots *x509.CertPool
}

// A Client makes requests. Make it with New; many may use it at once.
type Client struct {
	opts     Options
	verified *http.Client
	insecure *http.Client
}

// New returns a client.
func New(opts Options) *Client {
	opts.Timeout = cmp.Or(opts.Timeout, 15*time.Second)
	opts.MaxBody = cmp.Or(opts.MaxBody, 1<<20)
	return &Client{opts: opts, verified: standard(opts, false), insecure: standard(opts, true)}
}

// Standard returns the client for a library that wants one of net/http. The same
// rules hold for it; its answers are bounded too, by an error of their bodies.
func (c *Client) Standard() *http.Client { return c.verified }

// Dialer returns what connects by the same rules for another protocol.
func (c *Client) Dialer() Dialer { return Dialer{Allow: c.opts.Allow} }

// TLS returns how connections of another protocol are encrypted, and the
// certificate of host is checked.
func (c *Client) TLS(host string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.opts.Roots, ServerName: host}
}

// Close closes the connections that wait for the next request.
func (c *Client) Close() {
	c.verified.CloseIdleConnections()
	c.insecure.CloseIdleConnections()
}

func standard(opts Options, insecure bool) *http.Client {
	d := Dialer{Allow: opts.Allow}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			permit := d.permit
			if ctx.Value(inClear{}) != nil {
				permit = d.permitClear
			}
			return d.dial(ctx, network, address, permit)
		},
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: opts.Roots,
			InsecureSkipVerify: insecure, //nolint:gosec // Request.Insecure: a setting of the project, which an import of it asks leave for
		},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: 90 * time.Second,
		MaxIdleConns: 100, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport: guard{transport, opts.MaxBody}, Timeout: opts.Timeout,
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			first := via[0].URL
			if len(via) > maxRedirects || next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
				return ErrRedirect
			}
			return nil
		},
	}
}

// inClear marks the context of a request that is not encrypted.
type inClear struct{}

// A guard looks at each request before it goes out, those of a redirect too, and
// bounds the answer.
type guard struct {
	next    *http.Transport
	maxBody int64
}

// RoundTrip makes the request, if it may be made.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	u := r.URL
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, ErrURL
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.Zone() != "" {
		return nil, ErrURL
	}
	if u.Scheme == "http" {
		r = r.WithContext(context.WithValue(r.Context(), inClear{}, true))
	}
	resp, err := g.next.RoundTrip(r)
	if err == nil {
		resp.Body = &bounded{ReadCloser: resp.Body, left: g.maxBody}
	}
	return resp, err
}

// CloseIdleConnections is what http.Client asks for.
func (g guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// bounded is a body that fails where it becomes too large. It does not end there:
// half an answer is not an answer.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read reads from the body.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// A Request is what Do sends.
type Request struct {
	Method  string // blank means GET
	URL     string
	Headers []Header // a later one of a name replaces an earlier one
	Body    []byte
	// Insecure leaves out the check of the certificate. The address is judged all
	// the same.
	Insecure bool
}

// A Header is one line of the head of a request.
type Header struct{ Name, Value string }

// A Response is a whole answer, whatever its status.
type Response struct {
	Status int
	Body   []byte
	header http.Header
}

// Header returns the first value of a header, or nothing.
func (r *Response) Header(name string) string { return r.header.Get(name) }

// Do makes a request and reads the answer. Its errors say where to and why, and
// nothing of the headers and the body; a query is left out of them, since some
// services want their key there.
func (c *Client) Do(ctx context.Context, in Request) (*Response, error) {
	r, err := http.NewRequestWithContext(ctx, cmp.Or(in.Method, http.MethodGet), in.URL, bytes.NewReader(in.Body))
	if err != nil {
		return nil, ErrURL // not the error: it holds the URL
	}
	for _, h := range in.Headers {
		r.Header.Set(h.Name, h.Value)
	}
	client := c.verified
	if in.Insecure {
		client = c.insecure
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", r.URL.Host, bare(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", r.URL.Host, bare(err))
	}
	return &Response{Status: resp.StatusCode, Body: body, header: resp.Header}, nil
}

// bare takes off what net/http puts around an error: the whole URL.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
