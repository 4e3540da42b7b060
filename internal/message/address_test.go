package message

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckEmail(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"ada@a.example", "ada.l+tag@mail.a.example", "o'hara@a.example", "a@localhost", "ÿvonne@müller.example", "x_y-z@a-b.example",
		strings.Repeat("a", 64) + "@a.example",
	} {
		if err := CheckEmail(s); err != nil {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "no at": "ada", "no name": "@a.example", "no domain": "ada@", "two ats": "a@b@c.example", "a display name": "Ada <ada@a.example>",
		"a space": "a da@a.example", "a quoted name": `"a b"@a.example`, "a comment": "ada(x)@a.example", "a number of a machine": "ada@127.0.0.1",
		"an address in brackets": "ada@[127.0.0.1]", "a dot first": ".ada@a.example", "a dot last": "ada.@a.example", "two dots": "a..b@a.example",
		"a label of nothing": "ada@a..example", "a hyphen first": "ada@-a.example", "an underscore in the domain": "ada@a_b.example",
		"a line break": "ada@a.example\r\n", "a null": "ada\x00@a.example", "a space that does not show": "a\u200bda@a.example",
		"writing turned around": "\u202eada@a.example", "a space of Unicode": "a\u00a0da@a.example", "a list": "a@a.example, b@a.example",
		"a name too long": strings.Repeat("a", 65) + "@a.example", "too long": "a@" + strings.Repeat("a.", 130) + "example", "bytes that are no text": "a\xff@a.example",
	} {
		if err := CheckEmail(s); !errors.Is(err, ErrEmail) {
			t.Errorf("%s: %q is taken", name, s)
		}
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"+12025550143": "+12025550143", " +1 (202) 555-0143 ": "+12025550143", "+972 55-555-5555": "+972555555555", "+44 20 7946 0958": "+442079460958",
		"+15555555555": "+15555555555", // made up, as in many tests: it could be one
	} {
		if got, err := Phone(s); err != nil || got != want {
			t.Errorf("Phone(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "no country": "2025550143", "letters": "+1-800-FLOWERS", "an extension": "+12025550143;ext=5", "too short": "+1202", "too long": "+1202555014399999",
		"a line break": "+1202\n5550143", "no such country": "+9995550143123", "another plus": "+1+2025550143", "only a plus": "+",
	} {
		if got, err := Phone(s); !errors.Is(err, ErrPhone) {
			t.Errorf("%s: Phone(%q) = %q, %v, want a refusal", name, s, got, err)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"jane@example.com": "j***@e***.com", "j@e.co.uk": "j***@e***.uk", "jo@localhost": "j***@l***", "ÿ@ü.example": "ÿ***@ü***.example",
		"": "", "jane": "***", "@a": "***", "a@": "***",
	} {
		if got := MaskEmail(s); got != want {
			t.Errorf("MaskEmail(%q) = %q, want %q", s, got, want)
		}
	}
	for s, want := range map[string]string{"+12025550143": "+***43", "+97255": "***", "": "", "2025550143": "***"} {
		if got := MaskPhone(s); got != want {
			t.Errorf("MaskPhone(%q) = %q, want %q", s, got, want)
		}
	}
}
