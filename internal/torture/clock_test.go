package torture

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/store"
)

// The clock of a bubble of testing/synctest begins in the year 2000: to a
// database that was written before, the clock has gone back by decades. Nothing
// that decides goes by it: revisions and records of the audit are in the order
// in which they were written, what was deleted is kept, everything is whole.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, 1)
	dir := lay(t, b.files)
	before := time.Now()
	synctest.Test(t, func(t *testing.T) {
		if !time.Now().Before(before.AddDate(-10, 0, 0)) {
			t.Fatal("the clock has not gone back")
		}
		db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o := &broken{b, dir, nil, &project.Service{DB: db, Master: b.master}}
		if answer, err := o.apply(t, b.new); answer != done {
			t.Fatal(err)
		}
		if found, err := o.state(t); err != nil || found != isNew {
			t.Fatalf("the project is at the %q revision, %v", found, err)
		}
		_, rev, err := o.Export(t.Context(), o.project, "plain")
		if err != nil || rev.Number != 2 || !rev.CreatedAt.Before(before) {
			t.Errorf("the revision is %+v, %v", rev, err)
		}
		var written []audit.Link
		err = db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return audit.Export(tx, func(l audit.Link) error { written = append(written, l); return nil })
		})
		n := len(written)
		if err != nil || n < 2 || !strings.Contains(string(written[n-1].Details), `"revision":2`) || written[n-1].At > written[n-2].At {
			t.Errorf("the audit is %+v, %v", written, err)
		}
		if err := o.Delete(t.Context(), tester, o.project); err != nil {
			t.Fatal(err)
		}
		if gone, err := o.Collect(t.Context(), tester, project.Retention{}); err != nil || gone.Projects != 0 {
			t.Errorf("a project that was deleted just now is collected: %+v, %v", gone, err)
		}
		if _, err := o.Undelete(t.Context(), tester, o.project); err != nil {
			t.Error(err)
		}
	})
	db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o := &broken{b, dir, nil, &project.Service{DB: db, Master: b.master}}
	if answer, err := o.apply(t, b.old); answer != done { // and forward again
		t.Fatal(err)
	}
	if err := o.Delete(t.Context(), tester, o.project); err != nil {
		t.Fatal(err)
	}
	if list, err := o.Deleted(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("the deleted project is not kept: %+v, %v", list, err)
	}
}

// A project that was deleted when the clock was ahead is kept longer, and never
// shorter, than it should be.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	b := newBed(t, 1)
	dir := lay(t, b.files)
	db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &project.Service{DB: db, Master: b.master}
	if err := s.Delete(t.Context(), tester, b.project); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := &project.Service{DB: db, Master: b.master}
		if gone, err := s.Collect(t.Context(), tester, project.Retention{}); err != nil || gone.Projects != 0 {
			t.Errorf("collected: %+v, %v", gone, err)
		}
		if list, err := s.Deleted(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("not kept: %+v, %v", list, err)
		}
	})
}
