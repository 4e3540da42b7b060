package project

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// older makes revisions up to a number look as if they were made so much earlier.
func (f *fixture) older(t testing.TB, upTo int64, by time.Duration) {
	t.Helper()
	err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE revisions SET created_at = created_at - $2 WHERE number <= $1`, upTo, int64(by.Seconds()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keep collects, and compares which revisions are left.
func (f *fixture) keep(t testing.TB, keep Retention, want ...int64) Collected {
	t.Helper()
	gone, err := f.Collect(t.Context(), tester, keep)
	if err != nil {
		t.Fatal(err)
	}
	h, err := f.Revisions(t.Context(), f.id, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, numbers(h)); diff != "" {
		t.Errorf("%+v leaves (-want +got):\n%s", keep, diff)
	}
	if last := h.Revisions[len(h.Revisions)-1].Number; h.Oldest != last {
		t.Errorf("the oldest is said to be %d, and is %d", h.Oldest, last)
	}
	if n := f.inspect(t); n != 0 {
		t.Errorf("%d orphans", n)
	}
	return gone
}

func TestRetention(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		for _, mark := range []string{"a", "b", "c", "d"} {
			f.load(t, small(mark, "secret "+mark))
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1}); err != nil { // 5 has the secret of 1
			t.Fatal(explain(err))
		}
		f.load(t, small("f", ""))
		was := f.point(t)
		f.keep(t, Retention{Newest: 1}, 6, 5, 4, 3, 2, 1) // the others were the head a moment ago
		f.older(t, 6, 2*time.Hour)
		f.older(t, 3, 100*time.Hour)
		f.keep(t, Retention{}, 6, 5, 4, 3, 2, 1)
		f.keep(t, Retention{For: 200 * time.Hour}, 6, 5, 4, 3, 2, 1)
		f.keep(t, Retention{Newest: 6, For: time.Minute}, 6, 5, 4, 3, 2, 1)
		f.keep(t, Retention{Newest: 4, For: 200 * time.Hour}, 6, 5, 4, 3, 2, 1)
		// Revision 1 goes, and its secret stays, which 5 and 6 have.
		if gone := f.keep(t, Retention{Newest: 5}, 6, 5, 4, 3, 2); gone.Revisions != 1 || gone.Secrets != 0 {
			t.Errorf("%+v", gone)
		}
		if gone := f.keep(t, Retention{For: 50 * time.Hour}, 6, 5, 4); gone.Revisions != 2 || gone.Secrets != 2 || gone.Blobs == 0 {
			t.Errorf("%+v", gone)
		}
		f.keep(t, Retention{For: 50 * time.Hour}, 6, 5, 4)
		if diff := cmp.Diff(was, f.point(t), cmp.AllowUnexported(point{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, _, err := f.ExportRevision(t.Context(), f.id, 2, snapshot.FormatSplit); !errors.Is(err, ErrNoRevision) {
			t.Errorf("an export of what was collected: %v", err)
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 2}); !errors.Is(err, ErrNoRevision) {
			t.Errorf("a rollback to what was collected: %v", err)
		}
		shown, err := f.Revision(t.Context(), f.id, 4)
		if err != nil || !shown.ParentGone || shown.Parent != 3 || len(shown.Differences) != 0 {
			t.Errorf("the oldest: %+v, %v", shown, err)
		}
		if shown, err = f.Revision(t.Context(), f.id, 5); err != nil || shown.ParentGone || len(shown.Differences) == 0 {
			t.Errorf("the next: %+v, %v", shown, err)
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 4}); err != nil {
			t.Errorf("a rollback to the oldest: %v", explain(err))
		}
		f.older(t, 7, 200*time.Hour)
		f.keep(t, Retention{For: time.Minute}, 7)
	})
}

func TestRetentionKeepsTheWayBack(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		for _, mark := range []string{"a", "b", "c"} {
			f.load(t, small(mark, mark))
		}
		res := f.try(t, small("d", "d"), "24h")
		f.older(t, 4, 1000*time.Hour)
		f.keep(t, Retention{Newest: 1}, 4, 3)
		f.goBack(t, res.Pending.At, 1)
		f.keep(t, Retention{Newest: 1}, 5, 4) // 4 was the head a moment ago
	})
}

// A revision that is missing in the middle, or before what was collected is said
// to end, is damage.
func TestAGapIsFound(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		`DELETE FROM revisions WHERE number = 3`, `DELETE FROM revisions WHERE number = 2`,
		`UPDATE projects SET oldest = 1`, `UPDATE projects SET oldest = 3`,
		`INSERT INTO confirmations (project, revision, goes_back_to, deadline) SELECT id, 3, 2, 1 FROM projects`,
		`INSERT INTO confirmations (project, revision, goes_back_to, deadline) SELECT id, 4, 1, 1 FROM projects`,
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			f := setupOn(t, testkit.Store(t))
			for _, mark := range []string{"a", "b", "c", "d"} {
				f.load(t, small(mark, mark))
			}
			f.older(t, 4, 2*time.Hour)
			f.keep(t, Retention{Newest: 3}, 4, 3, 2)
			found := 0
			err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
				_, err := f.Inspect(tx, func(f Finding) {
					if !f.Harmless {
						found++
					}
				})
				return err
			})
			if err != nil || found == 0 {
				t.Errorf("%d findings, %v", found, err)
			}
		})
	}
}

// Collections beside imports and rollbacks leave every revision that is there
// whole.
func TestRetentionWhileOthersImport(t *testing.T) {
	t.Parallel()
	const rounds = 20
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "a"))
		var busy atomic.Int32
		busy.Store(2)
		errs := together(3, func(i int) error {
			s := f.process()
			if i == 2 {
				for busy.Load() > 0 {
					s.older(t, 1<<40, 2*time.Hour)
					if _, err := s.Collect(t.Context(), tester, Retention{Newest: 3}); err != nil && !errors.Is(err, store.ErrBusy) {
						return err
					}
				}
				return nil
			}
			defer busy.Add(-1)
			for n := range rounds {
				var err error
				if i == 0 {
					_, err = s.Import(t.Context(), tester, Import{Project: f.id, Upload: small(fmt.Sprint("m", n), fmt.Sprint("s", n))})
				} else {
					var h *History
					if h, err = s.Revisions(t.Context(), f.id, 0, 3); err == nil {
						_, err = s.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: h.Revisions[len(h.Revisions)-1].Number})
					}
				}
				if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNoRevision) && !errors.Is(err, store.ErrBusy) {
					return explain(err)
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Collect(t.Context(), tester, Retention{Newest: 3}); err != nil {
			t.Fatal(err)
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
		f.secrets(t, f.id)
	})
}

// Between the check of a rollback and its commit the revision is collected, or a
// value that it needs is destroyed: then nothing is applied.
func TestRollbackToWhatGoesMeanwhile(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		for what, tt := range map[string]struct {
			do   func(f *fixture) error
			want error
		}{
			"the revision is collected": {func(f *fixture) error {
				f.older(t, 3, 2*time.Hour)
				_, err := f.Collect(t.Context(), tester, Retention{Newest: 1})
				return err
			}, ErrNoRevision},
			"the value is destroyed": {func(f *fixture) error {
				_, err := f.RevokeSecrets(t.Context(), tester, f.id, "CI1")
				return err
			}, ErrConflict},
		} {
			f := setup(t, url)
			for _, mark := range []string{"a", "b", "c"} {
				f.load(t, small(mark, mark))
			}
			in, err := f.backward(t.Context(), Rollback{Project: f.id, Revision: 1})
			if err != nil {
				t.Fatal(err)
			}
			c, err := f.check(t.Context(), in)
			if err != nil || c.out.Failed() {
				t.Fatal(err, c)
			}
			st, out := c.st, c.out
			next, err := f.seal(t.Context(), st, out)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.do(f); err != nil {
				t.Fatal(err)
			}
			before := testkit.Rows(t, f.DB)
			if _, err := f.commit(t.Context(), tester, in, st, nil, out, next); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", what, err, tt.want)
			}
			f.same(t, before)
		}
	})
}
