package safehttp

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	for name, s := range map[string]string{
		"loopback": "127.0.0.1", "loopback elsewhere": "127.255.0.9", "loopback of IPv6": "::1", "unspecified": "0.0.0.0", "this network": "0.1.2.3",
		"unspecified of IPv6": "::", "private 10": "10.1.2.3", "private 172": "172.16.0.1", "the end of private 172": "172.31.255.255", "private 192": "192.168.1.1",
		"a provider's customers": "100.64.0.1", "metadata": "169.254.169.254", "metadata in a provider's range": "100.100.100.200",
		"metadata on a public address": "168.63.129.16", "metadata among protocols": "192.0.0.192", "metadata by IPv6": "fd00:ec2::254",
		"link-local": "169.254.0.1", "link-local of IPv6": "fe80::1", "link-local with a zone": "fe80::1%eth0", "public with a zone": "2606:4700::1111%eth0",
		"site-local": "fec0::1", "unique local": "fc00::1", "multicast": "224.0.0.1", "multicast of IPv6": "ff02::1", "broadcast": "255.255.255.255",
		"reserved": "240.0.0.1", "documentation": "192.0.2.1", "measurements": "198.18.0.1", "loopback in IPv6": "::ffff:127.0.0.1",
		"metadata in IPv6": "::ffff:169.254.169.254", "loopback in IPv6, the old way": "::127.0.0.1", "loopback behind NAT64": "64:ff9b::7f00:1",
		"private behind NAT64": "64:ff9b::a00:1", "a NAT64 of somebody's own": "64:ff9b:1::1", "loopback by 6to4": "2002:7f00:1::1",
		"Teredo": "2001::1", "documentation of IPv6": "2001:db8::1", "not given out": "4000::1", "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ip, _ := netip.ParseAddr(s)
			if Public(ip) {
				t.Errorf("%s is public", s)
			}
		})
	}
}

// A trap is a server on loopback that nobody may reach.
func trap(t *testing.T) (port string, reached *atomic.Int32) {
	t.Helper()
	reached = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, reached
}

// What is private is refused, however it is written, by both ways out.
func TestPrivateIsRefused(t *testing.T) {
	t.Parallel()
	port, reached := trap(t)
	for name, host := range map[string]string{
		"loopback": "127.0.0.1", "loopback of IPv6": "[::1]", "loopback in IPv6": "[::ffff:127.0.0.1]", "unspecified": "0.0.0.0", "unspecified of IPv6": "[::]",
		"a name that resolves to loopback": "localhost", "private 10": "10.0.0.1", "private 172": "172.16.0.1",
		"loopback in IPv6, in hexadecimal": "[::ffff:7f00:1]", "loopback behind NAT64": "[64:ff9b::7f00:1]", "private 192": "192.168.0.1", "metadata": "169.254.169.254", "a provider's customers": "100.64.0.1", "multicast": "224.0.0.1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := New(Options{})
			for _, scheme := range []string{"http", "https"} {
				_, err := c.Do(t.Context(), Request{URL: scheme + "://" + host + ":" + port + "/", Insecure: true})
				if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrClear) {
					t.Errorf("%s: %v, want a refusal", scheme, err)
				}
			}
			resp, err := c.Standard().Get("https://" + host + ":" + port + "/")
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, ErrRefused) {
				t.Errorf("by the client of a library: %v, want a refusal", err)
			}
			conn, err := c.Dialer().DialContext(t.Context(), "tcp", host+":"+port)
			if err == nil {
				conn.Close()
			}
			if !errors.Is(err, ErrRefused) {
				t.Errorf("by the dialer: %v, want a refusal", err)
			}
		})
	}
	t.Cleanup(func() {
		if n := reached.Load(); n != 0 {
			t.Errorf("the server on loopback was reached %d times", n)
		}
	})
}

// Some resolvers read these as 127.0.0.1. Whatever ours makes of them is judged once it
// is an address, and if it makes nothing of them, nothing is called.
func TestOddSpellingsReachNothing(t *testing.T) {
	t.Parallel()
	port, reached := trap(t)
	c := New(Options{Timeout: time.Second}) // a resolver that does not answer makes nothing of them either
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "127.1", "0", "127.0.0.1.", "①②⑦.0.0.1", "localhost.", "[::ffff:127.0.0.1%25lo]"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			for _, scheme := range []string{"http", "https"} {
				if _, err := c.Do(t.Context(), Request{URL: scheme + "://" + host + ":" + port + "/", Insecure: true}); err == nil {
					t.Errorf("it is called by %s", scheme)
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := reached.Load(); n != 0 {
			t.Errorf("the server on loopback was reached %d times", n)
		}
	})
}

func allow(t *testing.T, list ...string) Allow {
	t.Helper()
	a, err := ParseAllow(list)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What is allowed is reached, and nothing beside it.
func TestAllow(t *testing.T) {
	t.Parallel()
	port, reached := trap(t)
	for name, c := range map[string]struct {
		list []string
		host string
		ok   bool
	}{
		"an address":                              {[]string{"127.0.0.1"}, "127.0.0.1", true},
		"a range":                                 {[]string{"10.0.0.0/8", "127.0.0.0/8"}, "127.0.0.1", true},
		"a range written as IPv6":                 {[]string{"::ffff:127.0.0.0/104"}, "127.0.0.1", true},
		"an address in IPv6":                      {[]string{"127.0.0.1"}, "[::ffff:127.0.0.1]", true},
		"a name":                                  {[]string{"LocalHost"}, "localhost", true},
		"a name that resolves into a range":       {[]string{"127.0.0.0/8", "::1"}, "localhost", true},
		"another range":                           {[]string{"10.0.0.0/8"}, "127.0.0.1", false},
		"a name does not allow its address":       {[]string{"localhost"}, "127.0.0.1", false},
		"a name does not allow names that end so": {[]string{"host"}, "localhost", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := New(Options{Allow: allow(t, c.list...)})
			_, err := client.Do(t.Context(), Request{URL: "http://" + c.host + ":" + port + "/"})
			if (err == nil) != c.ok {
				t.Errorf("Do: %v, want allowed: %v", err, c.ok)
			}
			conn, err := client.Dialer().DialContext(t.Context(), "tcp", c.host+":"+port)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != c.ok {
				t.Errorf("DialContext: %v, want allowed: %v", err, c.ok)
			}
		})
	}
	t.Cleanup(func() {
		if n := reached.Load(); n != 6 {
			t.Errorf("the server was reached %d times, want 6", n)
		}
	})
	for _, s := range []string{"", "10.0.0.0/33", "a b", "http://localhost", "localhost:80", "*.internal", "fe80::1%eth0", "-"} {
		if _, err := ParseAllow([]string{s}); err == nil {
			t.Errorf("ParseAllow takes %q", s)
		}
	}
}

// To the open internet nothing goes in clear, even where it could be reached.
func TestClearIsRefused(t *testing.T) {
	t.Parallel()
	d := Dialer{}
	if err := d.permit(netip.MustParseAddr("8.8.8.8")); err != nil {
		t.Errorf("a public address is refused: %v", err)
	}
	if err := d.permitClear(netip.MustParseAddr("8.8.8.8")); !errors.Is(err, ErrClear) {
		t.Errorf("a public address in clear: %v, want %v", err, ErrClear)
	}
	_, err := New(Options{}).Do(t.Context(), Request{URL: "http://8.8.8.8:9/"})
	if !errors.Is(err, ErrClear) {
		t.Errorf("a call in clear: %v, want %v", err, ErrClear)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	c := New(Options{Allow: allow(t, "127.0.0.1", "localhost")})
	for name, u := range map[string]string{
		"another scheme": "ftp://127.0.0.1/", "a file": "file:///etc/passwd", "no host": "https:///x", "a password": "https://me:secret-one@127.0.0.1/",
		"no URL": "://", "a zone": "https://[fe80::1%25lo]/", "a socket": "unix:///run/x", "nothing": "",
	} {
		_, err := c.Do(t.Context(), Request{URL: u})
		if !errors.Is(err, ErrURL) {
			t.Errorf("%s: %v, want %v", name, err, ErrURL)
		}
		if err != nil && strings.Contains(err.Error(), "secret-one") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Got", r.Method+" "+r.Header.Get("X-One"))
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(body)
		case "/near":
			http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
		case "/far":
			http.Redirect(w, r, "https://localhost:"+r.URL.Query().Get("port")+"/echo", http.StatusTemporaryRedirect)
		case "/down":
			http.Redirect(w, r, "http://"+r.Host+"/echo", http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, 1001))
		case "/full":
			_, _ = w.Write(make([]byte, 1000))
		case "/hang":
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}
	}))
	t.Cleanup(func() { close(release); s.Close() })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := New(Options{Allow: allow(t, "127.0.0.0/8", "localhost"), MaxBody: 1000, Roots: roots})
	t.Cleanup(c.Close)
	call := func(c *Client, path string) (*Response, error) {
		return c.Do(t.Context(), Request{Method: "POST", URL: s.URL + path, Headers: []Header{{"X-One", "0"}, {"x-one", "1"}}, Body: []byte("body")})
	}
	for name, path := range map[string]string{"an answer": "/echo", "an answer of another place on the same host": "/near"} {
		resp, err := call(c, path)
		if err != nil || resp.Status != http.StatusTeapot || string(resp.Body) != "body" || resp.Header("x-got") != "POST 1" {
			t.Errorf("%s: %+v, %v", name, resp, err)
		}
	}
	for name, want := range map[string]struct {
		path string
		err  error
	}{
		"a redirect to another host":       {"/far?port=" + port, ErrRedirect},
		"a redirect out of the encryption": {"/down", ErrRedirect},
		"redirects without an end":         {"/loop", ErrRedirect},
		"an answer of one byte too many":   {"/large", ErrTooLarge},
	} {
		if resp, err := call(c, want.path); !errors.Is(err, want.err) {
			t.Errorf("%s: %+v, %v, want %v", name, resp, err, want.err)
		}
	}
	if resp, err := call(c, "/full"); err != nil || len(resp.Body) != 1000 {
		t.Errorf("an answer as large as may be: %v", err)
	}
	if _, err := call(New(Options{Allow: allow(t, "127.0.0.1")}), "/echo"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v, want a refusal", err)
	}
	resp, err := New(Options{Allow: allow(t, "127.0.0.1")}).Do(t.Context(), Request{URL: s.URL + "/echo", Insecure: true})
	if err != nil || resp.Status != http.StatusTeapot {
		t.Errorf("without the check of the certificate: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, Request{URL: s.URL + "/hang"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose caller went away: %v", err)
	}
	short := New(Options{Allow: allow(t, "127.0.0.1"), Roots: roots, Timeout: 50 * time.Millisecond})
	if _, err := short.Do(t.Context(), Request{URL: s.URL + "/hang?key=secret-two"}); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret-two") {
		t.Errorf("a server that does not answer: %v, want an end, and nothing of the query", err)
	}
}

// No proxy of the environment is used: it would resolve names behind our back.
func TestNoProxy(t *testing.T) {
	port, reached := trap(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:"+port)
	}
	c := New(Options{Allow: allow(t, "127.0.0.1")})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Do(ctx, Request{URL: "http://postern.invalid/"})
	if err == nil || reached.Load() != 0 {
		t.Errorf("the proxy was asked %d times: %v", reached.Load(), err)
	}
}
