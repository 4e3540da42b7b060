package conformance

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// totp is the code of an authenticator app (RFC 6238), some steps of 30 seconds from now.
func totp(t *testing.T, key string, steps int64) string {
	t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(strings.ToUpper(key), "="))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// numbered returns the link of a mail beside which a number stands: in the text of a link of HTML, or before it.
func numbered(t *testing.T, text, number string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "&amp;", "&")
	for _, pattern := range []string{
		`href="([^"]*)"[^>]*>\s*(?:<[^>]*>\s*)*` + number + `\s*<`,
		`(?m)\b` + number + `\b[^\n]*?(https://\S+)`,
	} {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	t.Fatalf("there is no link numbered %s in %q", number, text)
	return ""
}
