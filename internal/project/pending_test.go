package project

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// try imports an upload that goes back after a while.
func (f *fixture) try(t testing.TB, up *snapshot.Upload, within string) *Result {
	t.Helper()
	up.Within = within
	res := f.load(t, up)
	if res.Pending == nil || res.Pending.Revision != res.Revision {
		t.Fatalf("it does not wait: %+v", res)
	}
	return res
}

// waits returns what the fixture's project waits for.
func (f *fixture) waits(t testing.TB) *Pending {
	t.Helper()
	h, err := f.Revisions(t.Context(), f.id, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return h.Pending
}

// goBack takes back what is due at now, and compares how many heads that were.
func (f *fixture) goBack(t testing.TB, now time.Time, want int) {
	t.Helper()
	if n, err := f.process().GoBack(t.Context(), now); n != want || err != nil {
		t.Fatalf("GoBack = %d, %v, want %d", n, explain(err), want)
	}
}

func TestGoesBackByItself(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		was := f.point(t)
		res := f.try(t, small("b", "s2"), "10m")
		left := time.Until(res.Pending.At)
		if res.Pending.GoesBackTo != 1 || left > 10*time.Minute || left < 9*time.Minute {
			t.Fatalf("it waits for %+v", res.Pending)
		}
		if got := f.waits(t); got == nil || !got.At.Equal(res.Pending.At) || got.GoesBackTo != 1 {
			t.Errorf("the history says %+v", got)
		}
		f.goBack(t, res.Pending.At.Add(-time.Second), 0)
		if f.waits(t) == nil {
			t.Fatal("it went back too early")
		}
		// Another process, as after a kill, long after it was due.
		f.goBack(t, res.Pending.At.Add(72*time.Hour), 1)
		f.goBack(t, res.Pending.At.Add(72*time.Hour), 0)
		if diff := cmp.Diff(was, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		h, err := f.Revisions(t.Context(), f.id, 0, 10)
		if err != nil || h.Pending != nil || len(h.Revisions) != 3 {
			t.Fatalf("%+v, %v", h, err)
		}
		if r := h.Revisions[0]; r.Kind != KindRollback || r.Author != keeper || r.Parent != 2 || !strings.Contains(r.Message, "nobody confirmed revision 2") {
			t.Errorf("%+v", r)
		}
		want := []string{"project.create done by Ktester", "project.import done by Ktester", "project.import done by Ktester", "project.rollback done by postern"}
		if diff := cmp.Diff(want, f.audits(t, f.id)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		if err := f.Confirm(t.Context(), tester, f.id, 1); !errors.Is(err, ErrNotPending) {
			t.Errorf("where nothing waits: %v", err)
		}
		f.load(t, small("a", "s1"))
		res := f.try(t, small("b", "s2"), "1h")
		now := f.point(t)
		before := testkit.Rows(t, f.DB)
		if err := f.Confirm(t.Context(), tester, f.id, 1); !errors.Is(err, ErrNotPending) {
			t.Errorf("another revision: %v", err)
		}
		for what, try := range map[string]func() error{
			"an import": func() error {
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("c", "")})
				return err
			},
			"an import of the same": func() error {
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "s2")})
				return err
			},
			"a rollback": func() error {
				_, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1})
				return err
			},
		} {
			if err := try(); !errors.Is(err, ErrPending) || !strings.Contains(err.Error(), "postern project confirm 2") {
				t.Errorf("%s while one waits: %v", what, err)
			}
		}
		f.same(t, before)
		if _, err := f.Validate(t.Context(), Import{Project: f.id, Upload: small("c", "")}); err != nil {
			t.Errorf("a validation while one waits: %v", err)
		}
		if err := f.Confirm(t.Context(), tester, f.id, 2); err != nil {
			t.Fatal(err)
		}
		f.goBack(t, res.Pending.At.Add(time.Hour), 0)
		if diff := cmp.Diff(now, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := f.Confirm(t.Context(), tester, f.id, 2); !errors.Is(err, ErrNotPending) {
			t.Errorf("twice: %v", err)
		}
		f.load(t, small("c", ""))
	})
}

func TestConfirmTooLate(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		res := f.try(t, small("b", "s2"), "10s")
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE confirmations SET deadline = deadline - 60`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Confirm(t.Context(), tester, f.id, 2); !errors.Is(err, ErrNotPending) {
			t.Errorf("after its time: %v", err)
		}
		f.goBack(t, res.Pending.At, 1)
	})
}

func TestUndo(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		was := f.point(t)
		f.try(t, small("b", "s2"), "24h")
		if _, err := f.Undo(t.Context(), tester, f.id, 1); !errors.Is(err, ErrNotPending) {
			t.Errorf("another revision: %v", err)
		}
		res, err := f.Undo(t.Context(), tester, f.id, 2)
		if err != nil || res.Revision != 3 || !res.Changed || res.Pending != nil {
			t.Fatalf("%+v, %v", res, explain(err))
		}
		if diff := cmp.Diff(was, f.point(t), cmp.AllowUnexported(point{})); diff != "" || f.waits(t) != nil {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// A rollback that waits goes forward again.
		back, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 2, Within: "1m"})
		if err != nil || back.Pending == nil || back.Pending.GoesBackTo != 3 {
			t.Fatalf("%+v, %v", back, explain(err))
		}
		f.goBack(t, back.Pending.At, 1)
		if diff := cmp.Diff(was, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWithinIsChecked(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	up := small("a", "s")
	up.Within = "10m"
	if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up}); !errors.Is(err, ErrFirst) {
		t.Errorf("the first import: %v", err)
	}
	f.load(t, small("a", "s"))
	before := testkit.Rows(t, f.DB)
	for _, text := range []string{"9s", "24h1s", "-1h", "10", "soon", "1d", "999999999h", "9223372036854775807ns"} {
		up := small("b", "s")
		up.Within = text
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up}); !errors.Is(err, ErrWithin) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1, Within: text}); !errors.Is(err, ErrWithin) {
			t.Errorf("%s: %v", text, err)
		}
	}
	f.same(t, before)
	up = small("a", "s")
	up.Within = "10s"
	if res := f.load(t, up); res.Changed || res.Pending != nil || f.waits(t) != nil {
		t.Errorf("what changes nothing waits: %+v", res)
	}
}

// The value that it goes back to was destroyed: it stays, says so, and somebody
// must decide.
func TestCannotGoBack(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "the-leaked-one"))
		res := f.try(t, small("b", "s2"), "10m")
		now := f.point(t)
		if n, err := f.RevokeSecrets(t.Context(), tester, f.id, "CI1"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if diff := cmp.Diff(now, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("destroying older values changed the head (-want +got):\n%s", diff)
		}
		for range 3 { // it is tried once
			f.goBack(t, res.Pending.At, 0)
		}
		if diff := cmp.Diff(now, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		p := f.waits(t)
		if p == nil || !strings.Contains(p.Failure, "destroyed") {
			t.Fatalf("it waits for %+v", p)
		}
		want := []string{
			"project.create done by Ktester", "project.import done by Ktester", "project.import done by Ktester",
			"project.rollback failed by postern", "project.rollback refused by postern", "project.secret.revoke done by Ktester",
		}
		if diff := cmp.Diff(want, f.audits(t, f.id)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
		if n := strings.Count(f.logs.String(), "cannot go back"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		_, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1})
		if !errors.Is(err, ErrPending) {
			t.Errorf("a rollback while it is stuck: %v", err)
		}
		if _, err := f.Undo(t.Context(), tester, f.id, 2); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("undo: %v", err)
		}
		if err := f.Confirm(t.Context(), tester, f.id, 2); err != nil {
			t.Errorf("confirm: %v", err)
		}
		if _, err := f.RotateKey(t.Context(), tester, f.id); err != nil {
			t.Errorf("rotate: %v", err)
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
	})
}

func TestRollbackNeedsItsSecrets(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		f.load(t, small("b", "s2"))
		f.load(t, small("c", "s3"))
		if n, err := f.RevokeSecrets(t.Context(), tester, f.id, "CInone"); n != 0 || err != nil {
			t.Errorf("of nobody: %d, %v", n, err)
		}
		if n, err := f.RevokeSecrets(t.Context(), tester, f.id, "CI1"); n != 2 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		before := testkit.Rows(t, f.DB)
		plan, err := f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: 1})
		if err != nil || !plan.Failed() || len(plan.Missing) != 1 {
			t.Fatalf("%+v, %v", plan, err)
		}
		for _, p := range plan.Problems {
			if p.Level == snapshot.Error && (p.Code != snapshot.CodeSecretMissing || p.File != "connectors/mail.json" || !strings.Contains(p.Message, "destroyed")) {
				t.Errorf("%+v", p)
			}
		}
		f.same(t, before)
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 2}); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("%v", err)
		}
		for _, table := range []string{"revisions", "secrets", "blobs", "projects", "confirmations"} {
			if diff := cmp.Diff(before[table], testkit.Rows(t, f.DB)[table]); diff != "" {
				t.Errorf("%s (-before +after):\n%s", table, diff)
			}
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 3}); err != nil {
			t.Errorf("to the head: %v", explain(err))
		}
	})
}

// Rollbacks, imports and processes that go back at once: every one wins or is
// told that it lost, and what is there is whole.
func TestRollbackAgainstImports(t *testing.T) {
	t.Parallel()
	const rounds = 15
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		f.load(t, small("b", "s2"))
		for round := range rounds {
			_, rev := f.export(t, f.id, snapshot.FormatSplit)
			to := int64(1 + round%2)
			errs := together(3, func(i int) error {
				s := f.process()
				if i == 0 {
					_, err := s.Import(t.Context(), tester, Import{Project: f.id, Upload: small("c", "s3"), IfMatch: rev.Digest.String()})
					return err
				}
				_, err := s.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: to, IfMatch: rev.Digest.String()})
				return err
			})
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPrecond) && !errors.Is(err, store.ErrBusy) {
					t.Errorf("round %d: %v", round, explain(err))
				}
			}
			if won == 0 {
				t.Errorf("round %d: nobody won: %v", round, errs)
			}
			f.secrets(t, f.id)
		}
		f.inspect(t)
	})
}

func TestOfManyNodesOneGoesBack(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		for round := range 8 {
			res := f.try(t, small("b", "s2"), "10s")
			var n [4]int
			errs := together(4, func(i int) (err error) {
				n[i], err = f.process().GoBack(t.Context(), res.Pending.At)
				return err
			})
			if err := errors.Join(errs...); err != nil && !errors.Is(err, store.ErrBusy) {
				t.Errorf("round %d: %v", round, explain(err))
			}
			if n[0]+n[1]+n[2]+n[3] != 1 {
				t.Fatalf("round %d: it went back %v times", round, n)
			}
			if _, rev := f.export(t, f.id, snapshot.FormatSplit); rev.Number != res.Revision+1 {
				t.Fatalf("round %d: revision %d after %d", round, rev.Number, res.Revision)
			}
		}
	})
}

// A project that was deleted while its head waits goes back when it is there
// again.
func TestADeletedProjectWaits(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s1"))
		res := f.try(t, small("b", "s2"), "10s")
		if err := f.Delete(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		f.goBack(t, res.Pending.At, 0)
		if _, err := f.Undelete(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		f.goBack(t, res.Pending.At, 1)
	})
}
