package totp

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/internal/secret"
)

// The vectors of RFC 6238 appendix B have eight digits, of which ours are the last six.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := code(key, step(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d the code is %s, want %s", at, got, want[2:])
		}
	}
}

func TestOneStepOfDrift(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	now := time.Unix(1234567890, 0)
	for _, tt := range []struct {
		name  string
		steps int64
		after int64 // relative to the step of now
		ok    bool
	}{
		{"this step", 0, -100, true},
		{"the step before", -1, -100, true},
		{"the next step", 1, -100, true},
		{"two steps before", -2, -100, false},
		{"in two steps", 2, -100, false},
		{"this step, which was taken", 0, 0, false},
		{"the step before the one that was taken", -1, 0, false},
		{"the next step after this one was taken", 1, 0, true},
	} {
		at, ok := match(key, code(key, step(now)+tt.steps), now, step(now)+tt.after)
		if ok != tt.ok || ok && at != step(now)+tt.steps {
			t.Errorf("%s: %d, %v, want %v", tt.name, at-step(now), ok, tt.ok)
		}
	}
	if _, ok := clean("12345"); ok {
		t.Error("five digits are a code")
	}
	if got, ok := clean(" 123 456 "); !ok || got != "123456" {
		t.Errorf("a code in two groups is %q, %v", got, ok)
	}
	if _, ok := clean("12345６"); ok {
		t.Error("a wide digit is taken")
	}
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seed string
		want string // in hex; empty for none
	}{
		"as we write it":        {"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "48656c6c6f21deadbeef48656c6c6f21deadbeef"},
		"in groups, lower case": {"jbsw y3dp ehpk 3pxp", "48656c6c6f21deadbeef"},
		"with padding":          {"JBSWY3DPEHPK3PXPAA======", "48656c6c6f21deadbeef00"},
		"too short":             {"JBSWY3DP", ""},
		"none":                  {"", ""},
		"another alphabet":      {"JBSWY3DPEHPK3PX1", ""},
		"too long":              {strings.Repeat("A", 200), ""},
	} {
		key, err := keyOf(secret.New(tt.seed))
		if hex.EncodeToString(key) != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("%s: %x, %v, want %s", name, key, err, tt.want)
		}
		if err != nil && !errors.Is(err, ErrSeed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
