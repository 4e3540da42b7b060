package mgmtkey_test

import (
	"strings"
	"testing"

	"postern/internal/mgmtkey"
)

// FuzzAddresses reads the addresses that a key may be used from. What is taken
// is written in a form that is taken again, and means the same.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"192.0.2.7", "192.0.2.0/24,::1", "::ffff:192.0.2.0/120", "fe80::1%eth0", "::/0", "10.0.0.1/33", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := mgmtkey.ParseAddresses(strings.Split(text, ","))
		if err != nil {
			return
		}
		var written []string
		for _, p := range list {
			if !p.IsValid() || p.Addr().Zone() != "" || p.Addr().Is4In6() || p != p.Masked() {
				t.Errorf("%q is read as %v", text, p)
			}
			written = append(written, p.String())
		}
		again, err := mgmtkey.ParseAddresses(written)
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q is not read again: %v", written, err)
		}
		for i := range list {
			if again[i] != list[i] {
				t.Errorf("%v is read as %v", list[i], again[i])
			}
		}
	})
}
