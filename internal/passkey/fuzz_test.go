package passkey

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/testkit"
	"postern/internal/user"
)

// FuzzResponse reads what an authenticator answers, at the end of a sign-up and of a
// sign-in: a right answer with something put in the place of something else, in its text
// or in the bytes of one member. It is refused, or about the same passkey.
func FuzzResponse(f *testing.F) {
	s := setup(f, testkit.Store(f))
	d := &testkit.Authenticator{Origin: page}
	s.signUp(f, d, "ann")
	begun := func(started *Started, err error, kind string) *ceremony {
		if err != nil {
			f.Fatal(err)
		}
		c, _, err := s.find(f.Context(), s.shop.ID, kind, started.TransactionID)
		if err != nil {
			f.Fatal(err)
		}
		return c
	}
	entering := s.begin(f, "ann")
	enter, entered := begun(entering, nil, kindSignIn), d.Get(f, entering.Options)
	joining, err := s.StartSignUp(f.Context(), s.start(f, "bob"), user.Profile{})
	join, joined := begun(joining, err, kindSignUp), d.Create(f, joining.Options)
	for member := range uint8(len(members) + 1) {
		f.Add(true, member, uint16(0), uint16(0), []byte{})
		f.Add(false, member, uint16(0), uint16(0), []byte{})
		f.Add(true, member, uint16(30), uint16(9), []byte("\xbf\x9f\x5f\xff\x1b\xff\xff\xff\xff\xff\xff\xff\xff"))
	}
	f.Fuzz(func(t *testing.T, up bool, member uint8, at, length uint16, put []byte) {
		right, held := entered, d.Held[0].ID
		check := func(response string) (*Passkey, error) {
			return s.shown(t.Context(), s.shop.ID, enter, Finish{Response: response})
		}
		if up {
			right, held = joined, d.Held[1].ID
			check = func(response string) (*Passkey, error) { return join.register(s.shop.ID, []byte(response)) }
		}
		response := spliced(t, right, int(member), int(at), int(length), put)
		p, err := check(response)
		if err == nil && !bytes.Equal(p.ID, held) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %+v, %v", response, p, err)
		}
	})
}

// members are those of a response that are bytes.
var members = []string{"clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"}

// spliced puts bytes into the text of an answer, or with a member from 1 on into that.
func spliced(t *testing.T, right string, member, at, length int, put []byte) string {
	t.Helper()
	into := func(b []byte) []byte {
		from := min(at, len(b))
		return bytes.Join([][]byte{b[:from], b[min(from+length, len(b)):]}, put)
	}
	if member %= len(members) + 1; member == 0 {
		return string(into([]byte(right)))
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(right), &doc); err != nil {
		t.Fatal(err)
	}
	inner := doc["response"].(map[string]any)
	old, _ := inner[members[member-1]].(string)
	inner[members[member-1]] = base64.RawURLEncoding.EncodeToString(into(testkit.Unbase64(t, old)))
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
