package totp

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 with what every authenticator app knows; HMAC does not rest on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"postern/internal/secret"
)

const (
	period = 30        // seconds that a code is for
	digits = 6         // of a code
	modulo = 1_000_000 // 10^digits
	drift  = 1         // steps that a clock may be early or late (RFC 6238 §6)
)

// step returns the number of the time step that t is in (RFC 6238 §4.2).
func step(t time.Time) int64 { return t.Unix() / period }

// code returns the code of a time step (RFC 4226 §5.3).
func code(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%0*d", digits, (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%modulo)
}

// match returns the time step around now whose code is given, and not before after.
// It takes as long whichever it is, and if it is none.
func match(key []byte, given string, now time.Time, after int64) (int64, bool) {
	var found int64
	ok := false
	for s := step(now) - drift; s <= step(now)+drift; s++ {
		same := subtle.ConstantTimeCompare([]byte(code(key, s)), []byte(given)) == 1
		if same && s > after {
			found, ok = s, true
		}
	}
	return found, ok
}

// clean returns a code as it is compared: people type it in two groups.
func clean(given string) (string, bool) {
	given = strings.ReplaceAll(strings.TrimSpace(given), " ", "")
	return given, len(given) == digits && strings.Trim(given, "0123456789") == ""
}

// The bytes of a seed. RFC 4226 §4 asks for 20; seeds that come from elsewhere are
// shorter, and no app makes them longer than a block of the hash.
const (
	newSeed  = 20
	minSeed  = 10
	maxSeed  = 64
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// keyOf reads a seed as people and apps write it: base32, in either case, with
// spaces and padding or without.
func keyOf(seed secret.Text) ([]byte, error) {
	text := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(seed.Reveal()))
	text = strings.TrimRight(text, "=")
	if strings.Trim(text, alphabet) != "" {
		return nil, ErrSeed // an error of base32 would show a part of it
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(key) < minSeed || len(key) > maxSeed {
		return nil, ErrSeed
	}
	return key, nil
}

func seedOf(key []byte) secret.Text {
	return secret.New(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key))
}
