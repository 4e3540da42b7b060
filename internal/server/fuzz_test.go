package server

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// FuzzForwarded reads the header in which proxies say who called them. Who is behind
// proxies that are trusted is somebody whom the last of those named; whoever calls
// without one is themselves, whatever they write.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "10.0.0.1, 203.0.113.9:1234, 10.0.0.2", "[2001:db8::1]:80,::ffff:10.0.0.3", "for=1.2.3.4", "fe80::1%eth0", ",,"} {
		f.Add(seed)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	proxy, stranger := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("203.0.113.77")
	f.Fuzz(func(t *testing.T, header string) {
		if client, ok := clientBehind(proxies, stranger, []string{header}); ok || client != stranger {
			t.Errorf("%q makes a stranger %v", header, client)
		}
		client, ok := clientBehind(proxies, proxy, []string{header})
		switch {
		case !ok || !client.IsValid() || client.Zone() != "" || client.Is4In6():
			t.Errorf("%q is %v, %v", header, client, ok)
		case client != proxy && !slices.ContainsFunc(strings.Split(header, ","), func(hop string) bool { a, err := addressOf(strings.TrimSpace(hop)); return err == nil && a == client }):
			t.Errorf("%q has no %v", header, client)
		}
		// What was there before the last proxy came is no matter where that names a client.
		if again, _ := clientBehind(proxies, proxy, []string{"198.51.100.1, " + header + ", 203.0.113.9"}); again != netip.MustParseAddr("203.0.113.9") {
			t.Errorf("with %q before it the client is %v", header, again)
		}
	})
}
