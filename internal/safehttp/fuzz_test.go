package safehttp

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzAllow reads what may be reached although it is not public. An address or a name
// that was taken is allowed, and one address allows no other.
func FuzzAllow(f *testing.F) {
	for _, s := range []string{"127.0.0.1", " 10.1.0.0/16", "mail.internal", "::1", "fd00::/8", "::ffff:10.0.0.1", "::ffff:10.1.0.0/112", "fe80::1%eth0", "Mail_1.Internal", "-a", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAllow([]string{text})
		if err != nil {
			return
		}
		text = strings.TrimSpace(text)
		ip, err := netip.ParseAddr(text)
		switch {
		case err == nil && (!a.addr(ip.Unmap()) || len(a.hosts) > 0):
			t.Errorf("%q does not allow itself: %+v", text, a)
		case err == nil && (a.addr(ip.Unmap().Next()) || a.addr(ip.Unmap().Prev())):
			t.Errorf("%q allows another address: %+v", text, a)
		case err != nil && len(a.hosts) > 0 && (!a.host(text) || !a.host(strings.ToUpper(text)) || len(a.prefixes) > 0):
			t.Errorf("%q does not allow itself: %+v", text, a)
		}
	})
}
