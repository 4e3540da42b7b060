package key_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

// A token that was verified before is taken again, and only that one, in its
// project and for as long as its key verifies.
func TestATokenThatIsKnown(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Master: master, Log: slog.New(slog.DiscardHandler)}
	var ids []string
	for range 2 {
		p, err := projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Shop"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	node := func() *key.Service { return &key.Service{DB: db, Projects: projects} }
	s := node()
	with := func(sign func(r *key.Ring, payload []byte) (string, error), payload string) string {
		t.Helper()
		ring, err := s.Ring(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		token, err := sign(ring, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	sign := func(payload string) string { t.Helper(); return with((*key.Ring).Sign, payload) }
	verify := func(s *key.Service, id, token, want string) {
		t.Helper()
		payload, _, err := s.Verify(t.Context(), id, token)
		if want == "" && !errors.Is(err, key.ErrToken) || want != "" && (err != nil || string(payload) != want) {
			t.Errorf("Verify = %q, %v, want %q", payload, err, want)
		}
		for i := range payload { // whoever reads it may do with it what they like
			payload[i] = 'x'
		}
	}
	token := sign(`{"n":0}`)
	for range 3 {
		verify(s, ids[0], token, `{"n":0}`)
	}
	verify(s, ids[1], token, "")
	verify(s, ids[0], token+"A", "")
	head, rest, _ := strings.Cut(token, ".")
	_, signature, _ := strings.Cut(rest, ".")
	verify(s, ids[0], head+"."+strings.Split(sign(`{"n":1}`), ".")[1]+"."+signature, "")
	for n := range key.MostKnown + 1000 { // more than are remembered
		if n%10_000 == 0 {
			verify(s, ids[0], sign(fmt.Sprintf(`{"n":%d}`, n)), fmt.Sprintf(`{"n":%d}`, n))
		}
		s.Remember(ids[0], fmt.Sprint(n))
	}
	if n := s.Remembered(); n > key.MostKnown {
		t.Errorf("%d tokens are remembered", n)
	}
	verify(s, ids[0], token, `{"n":0}`)

	// One that comes back is known before it was shown, to its project alone and as it is.
	before := s.Remembered()
	returning := with((*key.Ring).SignReturning, `{"n":2}`)
	if n := s.Remembered(); n != before+1 {
		t.Errorf("%d tokens are remembered, want %d", n, before+1)
	}
	verify(s, ids[0], returning, `{"n":2}`)
	if n := s.Remembered(); n != before+1 {
		t.Errorf("a token that came back was verified: %d are remembered, want %d", n, before+1)
	}
	verify(s, ids[1], returning, "")
	verify(s, ids[0], strings.Replace(returning, ".", "..", 1), "")
	verify(node(), ids[0], returning, `{"n":2}`)

	// Its key verifies no more: known or not, it is refused once the list is read again.
	err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE signing_keys SET not_after = 1`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	verify(node(), ids[0], token, "")
	s.Forget()
	verify(s, ids[0], token, "")
	verify(s, ids[0], returning, "")
}
