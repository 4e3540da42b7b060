package session

import (
	"errors"
	"slices"
	"testing"

	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/testkit"
)

// FuzzToken reads tokens as clients show them: a right one in which something was put in
// the place of something else. One that counts says what a token says that was given.
func FuzzToken(f *testing.F) {
	b := setup(f, testkit.Store(f))
	signedIn := b.signIn(f)
	tokens := []string{signedIn.Session.Reveal(), signedIn.Refresh.Reveal()}
	var given []string
	for _, text := range tokens {
		payload, _, err := b.Keys.Verify(f.Context(), b.project, text)
		if err != nil {
			f.Fatal(err)
		}
		given = append(given, string(payload))
	}
	f.Add(true, uint16(0), uint16(0), "")
	f.Add(false, uint16(20), uint16(1), "=")
	f.Add(true, uint16(0), uint16(2000), "eyJhbGciOiJub25lIn0.e30.")
	f.Add(false, uint16(0), uint16(2000), "..")
	cfg := b.config(f)
	f.Fuzz(func(t *testing.T, refresh bool, at, length uint16, put string) {
		token := tokens[0]
		if refresh {
			token = tokens[1]
		}
		from := min(int(at), len(token))
		text := token[:from] + put + token[min(from+int(length), len(token)):]
		got, _, err := b.read(t.Context(), cfg, secret.New(text), "")
		switch {
		case err != nil && !errors.Is(err, key.ErrToken):
			t.Errorf("%q: %v", text, err)
		case err == nil && !slices.Contains(given, string(got.payload)):
			t.Errorf("%q counts: %s", text, got.payload)
		}
	})
}
