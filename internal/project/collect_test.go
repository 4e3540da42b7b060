package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// age makes the deletion of a project look as if it were so long ago.
func (f *fixture) age(t testing.TB, id string, by time.Duration) {
	t.Helper()
	err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE projects SET deleted_at = deleted_at - $2 WHERE id = $1`, id, int64(by.Seconds()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inspect fails the test where anything is damaged, and returns what nothing needs.
func (f *fixture) inspect(t testing.TB) (orphans int) {
	t.Helper()
	err := f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := f.Inspect(tx, func(found Finding) {
			if found.Harmless {
				orphans++
				return
			}
			t.Errorf("%+v", found)
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return orphans
}

func TestCollect(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		before := testkit.Rows(t, f.DB)
		collect := func(want Collected) {
			t.Helper()
			got, err := f.Collect(t.Context(), tester, Retention{})
			if err != nil || got != want {
				t.Errorf("Collect = %+v, %v, want %+v", got, err, want)
			}
		}
		collect(Collected{})
		f.same(t, before)

		other := f.create(t, "Other").ID
		for _, mark := range []string{"a", "b"} { // one content is shared with the first project
			if _, err := f.Import(t.Context(), tester, Import{Project: other, Upload: small(mark, mark)}); err != nil {
				t.Fatal(explain(err))
			}
		}
		if err := f.Delete(t.Context(), tester, other); err != nil {
			t.Fatal(err)
		}
		f.age(t, other, Kept-time.Hour)
		collect(Collected{})
		if list, err := f.Deleted(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("Deleted = %v, %v", list, err)
		}
		if _, err := f.Undelete(t.Context(), tester, other); err != nil {
			t.Errorf("undelete just before the end: %v", err)
		}
		if diff := cmp.Diff([]string{"b"}, f.secrets(t, other)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		if err := f.Delete(t.Context(), tester, other); err != nil {
			t.Fatal(err)
		}
		f.age(t, other, Kept+time.Second)
		if _, err := f.Undelete(t.Context(), tester, other); !errors.Is(err, ErrNotFound) {
			t.Errorf("undelete after the end: %v", err)
		}
		if list, err := f.Deleted(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("Deleted = %v, %v", list, err)
		}
		// The contents of b, its tree, and two lists of secrets; the tree of a is shared.
		collect(Collected{Projects: 1, Revisions: 2, Secrets: 2, Blobs: 5})
		collect(Collected{})
		after := testkit.Rows(t, f.DB)
		for _, table := range []string{"projects", "revisions", "secrets", "data_keys", "blobs"} {
			if diff := cmp.Diff(before[table], after[table]); diff != "" {
				t.Errorf("%s (-before +after):\n%s", table, diff)
			}
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
		events := f.audits(t, other)
		if events[0] != "project.collect done by Ktester" {
			t.Errorf("audit: %q", events)
		}
	})
}

// What a lost revision needs looks as if nothing needed it.
func TestCollectRefusesWhereARevisionIsLost(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, lost string }{
		{"all of them", `1 = 1`},
		{"the head", `number = 3`},
		{"one between", `number = 2`},
		{"the oldest", `number = 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				for _, mark := range []string{"a", "b", "c"} {
					f.load(t, small(mark, mark))
				}
				err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
					if _, err := tx.Exec(`UPDATE revisions SET created_at = created_at - 7200`); err != nil {
						return err
					}
					_, err := tx.Exec(`DELETE FROM revisions WHERE ` + tt.lost)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				before := testkit.Rows(t, f.DB)
				for _, keep := range []Retention{{}, {Newest: 1}} {
					if got, err := f.Collect(t.Context(), tester, keep); err == nil || got != (Collected{}) {
						t.Errorf("Collect with %+v = %+v, %v", keep, got, err)
					}
				}
				f.same(t, before)
			})
		})
	}
}

// An import stores a content that is there already, and is not yet committed,
// when a collection comes that does not see who needs it.
func TestCollectWaitsForAnImport(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		c, err := f.codec()
		if err != nil {
			t.Fatal(err)
		}
		content := []byte("shared")
		tree := snapshot.Tree{"notes.txt": snapshot.Sum(content)}
		spare := []blob{c.encode(snapshot.Sum(content), content)}
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return insertBlobs(tx, spare) })
		if err != nil {
			t.Fatal(err)
		}
		collected := make(chan error, 1)
		rev := Revision{Number: 1, Digest: tree.Digest(), secretsDigest: snapshot.Sum([]byte("[]")), CreatedAt: time.Now()}
		err = f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if err := insertRevision(tx, f.id, rev); err != nil {
				return err
			}
			blobs := append([]blob{c.encode(rev.Digest, tree.Manifest()), c.encode(rev.secretsDigest, []byte("[]"))}, spare...)
			if err := insertBlobs(tx, blobs); err != nil {
				return err
			}
			go func() {
				_, err := f.process().Collect(context.WithoutCancel(t.Context()), tester, Retention{})
				collected <- err
			}()
			if f.DB.Kind() == store.SQLite {
				return nil // it queues for the one writer, or comes after it
			}
			for waiting := false; !waiting; {
				err := tx.QueryRow(`SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'blobs'::regclass`).Scan(&waiting)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, <-collected); err != nil {
			t.Fatal(err)
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
	})
}

// Projects come and go with the same contents, while others import them.
func TestCollectWhileOthersImport(t *testing.T) {
	t.Parallel()
	const rounds = 15
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		var busy atomic.Int32
		busy.Store(2)
		errs := together(3, func(i int) error {
			s := f.process()
			if i == 2 {
				for busy.Load() > 0 {
					if _, err := s.Collect(t.Context(), tester, Retention{}); err != nil && !errors.Is(err, store.ErrBusy) {
						return err
					}
				}
				return nil
			}
			defer busy.Add(-1)
			for n := range rounds {
				p, err := s.Create(t.Context(), tester, New{Name: "Short"})
				if err != nil {
					return err
				}
				for _, mark := range []string{"a", "b"} {
					if _, err = s.Import(t.Context(), tester, Import{Project: p.ID, Upload: small(mark, mark)}); err != nil && !errors.Is(err, store.ErrBusy) {
						return fmt.Errorf("import: %w", explain(err))
					}
				}
				if n%3 == 2 {
					continue // it stays
				}
				if err := s.Delete(t.Context(), tester, p.ID); err != nil {
					return err
				}
				f.age(t, p.ID, Kept+time.Minute)
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Collect(t.Context(), tester, Retention{}); err != nil {
			t.Fatal(err)
		}
		if n := f.inspect(t); n != 0 {
			t.Errorf("%d orphans", n)
		}
	})
}

// Whatever has a project goes with it: by a foreign key that deletes it along, or
// because purge names its table. The audit stays.
func TestEveryTableGoesWithItsProject(t *testing.T) {
	t.Parallel()
	named := []string{"audit", "audit_chains", "revisions", "secrets", "confirmations", "import_keys", "policies", "approvals", "data_keys"}
	err := testkit.Store(t).Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		tables, err := tx.Tables()
		goes := map[string]bool{"projects": true}
		for range tables { // so often that the longest chain is followed
			for _, table := range tables {
				parents, failed := store.Collect(tx, func(row store.Scanner) (name string, err error) { return name, row.Scan(&name) },
					`SELECT f."table" FROM pragma_foreign_key_list($1) f JOIN pragma_table_info($1) c ON c.name = f."from"
					WHERE f.on_delete = 'CASCADE' GROUP BY f.id, f."table" HAVING MIN(c."notnull") = 1`, table.Name)
				err = errors.Join(err, failed)
				goes[table.Name] = goes[table.Name] || slices.ContainsFunc(parents, func(name string) bool { return goes[name] })
			}
		}
		for _, table := range tables {
			if slices.Contains(table.Columns, "project") && !goes[table.Name] && !slices.Contains(named, table.Name) {
				t.Errorf("rows of %s stay when their project is collected", table.Name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
