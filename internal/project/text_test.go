package project

import (
	"errors"
	"testing"
)

func TestNamesAndTagsSteerNoTerminal(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{
		"an escape": "a\x1b[31m", "a new line": "a\nb", "a control of eight bits": "a\u009bb", "a turned direction": "a\u202eb", "a line separator": "a\u2028b",
	} {
		if err := checkName(text); !errors.Is(err, ErrName) {
			t.Errorf("a name with %s: %v", what, err)
		}
		if err := checkTags([]string{text}); !errors.Is(err, ErrTags) {
			t.Errorf("a tag with %s: %v", what, err)
		}
	}
	for _, text := range []string{"Shop", "Läden & Märkte", "店", "👩‍👩‍👧"} {
		if err := errors.Join(checkName(text), checkTags([]string{text})); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
