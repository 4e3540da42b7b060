package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"postern/internal/limit"
	"postern/internal/testkit"
)

// A check refuses what a try would, and counts nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 2)
		for range 5 {
			passes(t, s[0].Check(t.Context(), project, rule, "a"), true, "before any try")
		}
		for range rule.Max {
			passes(t, s[0].Check(t.Context(), project, rule, "a"), true, "before the last try")
			passes(t, s[0].Hit(t.Context(), project, rule, "a"), true, "a try")
		}
		for _, server := range s { // one that knows, and one that asks
			err := server.Check(t.Context(), project, rule, "a")
			passes(t, err, false, "after too many")
			if n := seconds(t, err); n < 3590 || n > 3600 {
				t.Errorf("it says to wait for %d seconds of an hour", n)
			}
		}
		passes(t, s[1].Check(t.Context(), project, rule, "b"), true, "another subject")
		passes(t, s[1].Check(t.Context(), project, limit.Rule{Scope: "never", Within: time.Hour}, "a"), false, "a rule that lets none pass")
		if got := tries(t, s[0].DB); len(got) != 1 || got[0] != rule.Max {
			t.Errorf("counted %v", got)
		}
		run(t, s[0].DB, `UPDATE limits SET since = since - 3600000, expires_at = expires_at - 3600000`)
		passes(t, (&limit.Service{DB: s[0].DB}).Check(t.Context(), project, rule, "a"), true, "an hour later")
	})
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := limit.Address(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
}
