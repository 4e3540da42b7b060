package message

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// The bounds of an e-mail address, in bytes: RFC 5321, section 4.5.3.1.
const (
	maxLocal   = 64
	maxAddress = 254
	maxLabel   = 63
)

// specials are the characters that may not stand in the part before the @ without
// quotes: RFC 5322, section 3.2.3. Addresses with quotes, comments and lists exist
// on paper only, and each way to read them differently is a hole.
const specials = `()<>[]:;@\,"`

// CheckEmail reports whether s is one plain e-mail address, by ErrEmail: no name,
// no comment, no quotes, no address in brackets. Letters of all languages are
// taken (RFC 6531).
func CheckEmail(s string) error {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok, len(s) > maxAddress, len(local) > maxLocal, local == "", domain == "", hasControl(s), strings.ContainsFunc(s, isHidden):
		return ErrEmail
	case strings.ContainsAny(local, specials):
		return ErrEmail
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return ErrEmail
	case !isDomain(domain):
		return ErrEmail
	}
	return nil
}

// isHidden reports whether r is a space or does not show, so that one address
// looks like another with it.
func isHidden(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// isDomain reports whether s is a name of the DNS, in letters of any language, and
// no number of a machine.
func isDomain(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			plain := r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
			if !plain && r < utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

// Phone returns a phone number as E.164 writes it, "+12025550143". It must be
// written with + and its country code, since nothing says which country somebody
// is in; spaces, hyphens and brackets are taken. What cannot be a number of that
// country is ErrPhone. Whether somebody has it is not known.
func Phone(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "+") || len(s) > 40 || strings.Trim(s[1:], "0123456789 -().") != "" {
		return "", ErrPhone // no letters, extensions or parameters, which the library reads too
	}
	n, err := phonenumbers.Parse(s, "ZZ")
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", ErrPhone
	}
	number := phonenumbers.Format(n, phonenumbers.E164)
	if again, err := phonenumbers.Parse(number, "ZZ"); err != nil || phonenumbers.Format(again, phonenumbers.E164) != number {
		return "", ErrPhone // it has a prefix for calls within the country twice, and would be another number when it is read again
	}
	return number, nil
}

// stars stand for what is hidden: as many for a short address as for a long one.
const stars = "***"

// MaskEmail returns an address as answers show it: "j***@e***.com". It tells its
// owner which one it is, and others little. What is no address is hidden whole.
func MaskEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" {
		return mask(s)
	}
	end := ""
	if dot := strings.LastIndexByte(domain, '.'); dot > 0 {
		domain, end = domain[:dot], domain[dot:]
	}
	return first(local) + stars + "@" + first(domain) + stars + end
}

// MaskPhone returns a number as answers show it: "+***43", its last two digits.
func MaskPhone(s string) string {
	if len(s) < 7 || s[0] != '+' || strings.Trim(s[len(s)-2:], "0123456789") != "" {
		return mask(s)
	}
	return "+" + stars + s[len(s)-2:]
}

func mask(s string) string {
	if s == "" {
		return ""
	}
	return stars
}

func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
