package challenge

import (
	"errors"
	"strings"
	"testing"
)

// The example of RFC 7636, appendix B.
const (
	rfcVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestCodeChallenge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		challenge, verifier string
		shows               bool
		refused             bool
	}{
		"the example of the RFC":      {rfcChallenge, rfcVerifier, true, false},
		"another verifier":            {rfcChallenge, strings.Replace(rfcVerifier, "dB", "dC", 1), false, false},
		"none":                        {rfcChallenge, "", false, false},
		"the challenge itself":        {rfcChallenge, rfcChallenge, false, false},
		"a challenge that is short":   {rfcChallenge[1:], "", false, true},
		"a challenge of another kind": {strings.Replace(rfcChallenge, "E9", "+/", 1), "", false, true},
		"a verifier for no challenge": {"", rfcVerifier, true, false},
	} {
		p := &Pending{Data: Data{CodeChallenge: c.challenge}}
		if got := p.Shows(c.verifier); got != c.shows {
			t.Errorf("%s: %t", name, got)
		}
		if err := checkCodeChallenge(c.challenge); errors.Is(err, ErrCodeChallenge) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, verifier := range []string{"short", strings.Repeat("a", 129), strings.Repeat("a", 42) + "!"} {
		if (&Pending{Data: Data{CodeChallenge: rfcChallenge}}).Shows(verifier) {
			t.Errorf("%q is taken for a verifier", verifier)
		}
	}
}
