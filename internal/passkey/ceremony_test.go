package passkey

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
)

// A ceremony works once, at its own end, in its project and for five minutes.
func TestCeremonies(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s := f.begin(t, "ann")
		response := d.Get(t, s.Options)
		if _, err := f.FinishSignUp(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("at the end of another kind: %v", err)
		}
		if _, err := f.FinishUpdate(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("at the end of another kind: %v", err)
		}
		mine := f.shop
		f.shop = mine.Beside(t, inProduction())
		f.configure(t, shopping, `{"enabled":true}`)
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("in another project: %v", err)
		}
		foreign := f.begin(t, "")
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, foreign, d.Get(t, foreign.Options))); !errors.Is(err, ErrRefused) {
			t.Errorf("a passkey of another project: %v", err)
		}
		f.shop = mine
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); err != nil {
			t.Errorf("at its end: %v", err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("once more: %v", err)
		}
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, &Started{TransactionID: "none"}, response)); !errors.Is(err, ErrCeremony) {
			t.Errorf("one that there is not: %v", err)
		}
	})
}

func TestCeremonyEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s := f.begin(t, "ann")
		time.Sleep(lifetime)
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); !errors.Is(err, ErrCeremony) {
			t.Errorf("after five minutes: %v", err)
		}
		if n, err := f.Expire(t.Context()); n != 1 || err != nil {
			t.Errorf("Expire = %d, %v", n, err)
		}
		if n, err := f.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("Expire again = %d, %v", n, err)
		}
	})
}

// Of fifty who end one ceremony at once, one gets in.
func TestRaceForOneCeremony(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d := &testkit.Authenticator{Origin: page}
		f.signUp(t, d, "ann")
		s := f.begin(t, "ann")
		end := f.finish(t, s, d.Get(t, s.Options))
		signin.OneWins(t, 50, func(int) error {
			_, err := f.FinishSignIn(t.Context(), end)
			return err
		}, ErrCeremony)
	})
}
