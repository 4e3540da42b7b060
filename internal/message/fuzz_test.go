package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAddress reads mail addresses and phone numbers as people type them. A number is
// read again as it is written, and an address that is taken cannot end a header.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"ada@people.example", "a@b", "ä@ü.example", "+1 (202) 555-0143", "+49 (0)30 1234", "a@[127.0.0.1]", "a@b\r\nBcc: c@d", "+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if number, err := Phone(text); err == nil {
			if again, err := Phone(number); err != nil || again != number || strings.Trim(number[1:], "0123456789") != "" {
				t.Errorf("%q is %q, and that is %q, %v", text, number, again, err)
			}
		}
		if CheckEmail(text) == nil && (strings.ContainsAny(text, "\r\n\x00 <>\",;") || strings.Count(text, "@") != 1) {
			t.Errorf("%q is an address", text)
		}
		if utf8.ValidString(text) && (!utf8.ValidString(MaskEmail(text)) || !utf8.ValidString(MaskPhone(text))) {
			t.Errorf("%q is cut within a letter", text)
		}
	})
}
