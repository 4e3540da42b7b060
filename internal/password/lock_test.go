package password_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/password"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var (
	wrong  = password.ErrWrong.Code
	locked = password.ErrLocked.Code
	wait   = password.ErrWait.Code
)

// Masked, every failure is one answer, and nobody's takes the work of a hash, too.
func TestMaskedErrors(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.person(t, "ann", "right")
		f.person(t, "locked", "right")
		none, err := user.Prepare(f.shop.Config(t), "", "none", user.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		f.store(t, none, password.Prepared{})
		f.load(t, `"lock":true,"lockAttempts":2`)
		f.answers(t, "locked", "x", "x")

		for _, tt := range []struct {
			loginID        string
			masked, direct *fault.Error
		}{
			{"ann", password.ErrWrong, password.ErrWrong},
			{"nobody", password.ErrWrong, user.ErrNotFound},
			{"", password.ErrWrong, user.ErrNotFound},
			{"no\x00body", password.ErrWrong, user.ErrNotFound},
			{"none", password.ErrWrong, password.ErrWrong},
			{"locked", password.ErrWrong, password.ErrLocked},
		} {
			f.load(t, `"lock":true,"lockAttempts":2`)
			if err := f.signIn(t, tt.loginID, "y"); !errors.Is(err, tt.direct) {
				t.Errorf("%q: %v, want %v", tt.loginID, err, tt.direct)
			}
			f.load(t, `"lock":true,"lockAttempts":9,"maskError":true`)
			if tt.loginID == "locked" {
				f.load(t, `"lock":true,"lockAttempts":2,"maskError":true`)
			}
			err := f.signIn(t, tt.loginID, "y")
			if got := fault.From(err); got != tt.masked {
				t.Errorf("masked, %q: %v, want %v", tt.loginID, err, tt.masked)
			}
		}
	})
}

// A sign-in of nobody waits for its turn to hash like any other, and so does one
// that is locked.
func TestEqualWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.load(t, `"lock":true,"lockAttempts":2,"maskError":true`)
		f.person(t, "ann", "right")
		f.person(t, "locked", "right")
		f.answers(t, "locked", "x", "x")
		done := make(chan struct{})
		go func() {
			_ = f.Hasher.Turn(context.WithoutCancel(t.Context()), "P1", 64<<20, func() { <-done })
		}()
		synctest.Wait()
		for _, loginID := range []string{"ann", "nobody", "locked"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of the bubble's clock
			_, err := f.SignIn(ctx, f.login(t, loginID, "x"))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s was answered without a hash: %v", loginID, err)
			}
		}
		close(done)
	})
}

func TestLock(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		u := f.person(t, "ann", "right")
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("before the import", f.answers(t, "ann", "x", "x", "x", "x"), wrong, wrong, wrong, wrong)
		f.load(t, `"lock":true,"lockAttempts":3`)
		check("what was tried before counts", f.answers(t, "ann", "right"), locked)
		if err := f.set(t, u, "newer"); err != nil {
			t.Fatal(err)
		}
		check("a new password ends the lock", f.answers(t, "ann", "x", "x", "newer", "x", "x", "x", "newer"), wrong, wrong, "", wrong, wrong, locked, locked)
		f.load(t, `"lock":true,"lockAttempts":4`)
		check("one try more is allowed", f.answers(t, "ann", "newer"), "")
		f.load(t, `"lock":false`)
		check("without a lock", f.answers(t, "ann", "x", "x", "x", "x", "x", "newer"), wrong, wrong, wrong, wrong, wrong, "")
		events, _, err := audit.Find(t.Context(), db, audit.Search{Project: f.shop.ID, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range events {
			if e.Action == "user.password.lock" && e.Actor == u.ID && e.Remote == client().Address {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d records of a lock, want 1", n)
		}
	})
}

func TestTemporaryLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "ann", "right")
		f.load(t, `"tempLock":true,"tempLockAttempts":2,"tempLockDuration":3,"lock":true,"lockAttempts":5`)
		for i, step := range []struct {
			after    time.Duration
			password string
			want     string
		}{
			{0, "x", wrong},
			{0, "x", wait},
			{0, "right", wait},
			{3*time.Minute - time.Second, "right", wait},
			{time.Second, "x", wrong}, // the third
			{0, "right", ""},
			{0, "x", wrong},
			{0, "x", wait},
			{3 * time.Minute, "x", wrong},
			{0, "x", wait}, // the fourth
			{3 * time.Minute, "x", locked},
			{24 * time.Hour, "right", locked},
		} {
			time.Sleep(step.after) // of the bubble's clock
			err := f.signIn(t, "ann", step.password)
			if err == nil && step.want != "" || err != nil && fault.From(err).Code != step.want {
				t.Fatalf("step %d: %v, want %q", i, err, step.want)
			}
			if errors.Is(err, password.ErrWait) {
				left, _ := fault.From(err).Details.(limit.Wait)
				if left.Seconds < 1 || left.Seconds > 181 {
					t.Errorf("step %d: wait %+v", i, left)
				}
			}
		}
	})
}

// However many guess at once, no more are answered than the lock allows.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.person(t, "ann", "right")
		f.load(t, `"lock":true,"lockAttempts":3`)
		var work sync.WaitGroup
		var mu sync.Mutex
		codes := map[string]int{}
		for range 12 {
			work.Go(func() {
				code := fault.From(f.signIn(t, "ann", "x")).Code
				mu.Lock()
				codes[code]++
				mu.Unlock()
			})
		}
		work.Wait()
		if codes[wrong] != 2 || codes[locked] != 10 {
			t.Errorf("answers: %v, want 2 %s and 10 %s", codes, wrong, locked)
		}
	})
}

// A right password that was compared before the last wrong try, and comes after it, is
// one guess too many.
func TestARightGuessThatComesTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "ann", "right")
		f.load(t, `"lock":true,"lockAttempts":2`)
		other := *f.Service // another server on the same database
		other.Hasher = hasher(t)
		done, late := make(chan struct{}), make(chan error)
		go func() {
			_ = f.Hasher.Turn(context.WithoutCancel(t.Context()), "P1", 64<<20, func() { <-done })
		}()
		synctest.Wait()
		go func() { late <- f.signIn(t, "ann", "right") }()
		synctest.Wait() // it has seen that nothing is locked, and waits to hash
		for range 2 {
			if _, err := other.SignIn(t.Context(), f.login(t, "ann", "wrong")); err == nil {
				t.Error("signed in with a wrong password")
			}
		}
		close(done)
		if err := <-late; !errors.Is(err, password.ErrLocked) {
			t.Errorf("after the lock: %v", err)
		}
	})
}

// Whoever guesses is bounded where the policy locks nobody, whether there is such a
// user or not.
func TestGuessesAreBoundedWithoutALock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.load(t, `"maskError":true`)
		f.person(t, "ann", "right")
		for _, loginID := range []string{"ann", "nobody"} {
			for i := range 26 {
				want := wrong
				if i == 25 {
					want = limit.ErrExceeded.Code
				}
				if got := f.answers(t, loginID, "x"); got[0] != want {
					t.Fatalf("%s, try %d: %v, want %s", loginID, i, got, want)
				}
			}
		}
		if got := f.answers(t, "ann", "right"); got[0] != limit.ErrExceeded.Code {
			t.Errorf("the right one, after all those: %v", got)
		}
		time.Sleep(15 * time.Minute) // of the bubble's clock
		if got := f.answers(t, "ann", "right"); got[0] != "" {
			t.Errorf("later: %v", got)
		}
		for i := range 120 { // a right one forgets those before
			clear, want := "x", wrong
			if i%20 == 19 {
				clear, want = "right", ""
			}
			if got := f.answers(t, "ann", clear); got[0] != want {
				t.Fatalf("try %d: %v, want %q", i, got, want)
			}
		}
	})
}
