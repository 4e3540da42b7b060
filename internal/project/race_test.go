package project

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// together runs fn n times at once and returns the errors, in the order of n.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wait.Wait()
	return errs
}

// Two imports that were made from the same revision: one wins, the other gets a
// conflict and has written nothing. The checks are done before the race, so that
// each round is one.
func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	const rounds = 40
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("first", "first"))
		for round := range rounds {
			var ready [2]func() error
			marks := [2]string{fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)}
			for i, mark := range marks {
				in := Import{Project: f.id, Upload: small(mark, mark)}
				c, err := f.check(t.Context(), in)
				if err != nil || c.config == nil {
					t.Fatal(err)
				}
				st, out := c.st, c.out
				next, err := f.seal(t.Context(), st, out)
				if err != nil {
					t.Fatal(err)
				}
				ready[i] = func() error {
					_, err := f.commit(t.Context(), tester, in, st, nil, out, next)
					return err
				}
			}
			before := testkit.Rows(t, f.DB)
			errs := together(2, func(i int) error { return ready[i]() })
			winner, loser := 0, 1
			if errs[0] != nil {
				winner, loser = 1, 0
			}
			if errs[winner] != nil || !errors.Is(errs[loser], ErrConflict) {
				t.Fatalf("round %d: %v; want one winner and one %v", round, errs, ErrConflict)
			}
			after := testkit.Rows(t, f.DB)
			for table, added := range map[string]int{"revisions": 1, "secrets": 1, "audit": 1, "projects": 0, "data_keys": 0} {
				if n := len(after[table]) - len(before[table]); n != added {
					t.Errorf("round %d: %d rows more in %s, want %d", round, n, table, added)
				}
			}
			if diff := cmp.Diff([]string{marks[winner]}, f.secrets(t, f.id)); diff != "" {
				t.Fatalf("round %d: secrets (-want +got):\n%s", round, diff)
			}
			want := `{"trustedDomains":"` + marks[winner] + `.example"}`
			files, rev := f.export(t, f.id, snapshot.FormatSplit)
			if got := string(files["project.json"]); got != want || rev.Number != int64(round+2) {
				t.Fatalf("round %d: revision %d is %s, want %s", round, rev.Number, got, want)
			}
		}
	})
}

// The same from outside, where the two may also come one after the other: then
// the tag of the revision that both saw makes the outcome certain.
func TestTwoImportsAtOnceWithIfMatch(t *testing.T) {
	t.Parallel()
	const rounds = 20
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		for round := range rounds {
			_, rev := f.export(t, f.id, snapshot.FormatSplit)
			errs := together(3, func(i int) error {
				mark := fmt.Sprintf("m%d-%d", round, i)
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small(mark, mark), IfMatch: rev.Digest.String()})
				return err
			})
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPrecond):
					t.Errorf("round %d: %v", round, explain(err))
				}
			}
			if won != 1 {
				t.Fatalf("round %d: %d imports won: %v", round, won, errs)
			}
			if _, now := f.export(t, f.id, snapshot.FormatSplit); now.Number != rev.Number+1 {
				t.Fatalf("round %d: revision %d after %d", round, now.Number, rev.Number)
			}
		}
	})
}

// Fifty imports that were made from the same revision: in each round one wins, and
// the others get a conflict; nothing of theirs is there, and the chain of the
// audit is whole.
func TestFiftyImportsAtOnce(t *testing.T) {
	t.Parallel()
	const importers, rounds = 50, 4
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("first", "first"))
		for round := range rounds {
			_, rev := f.export(t, f.id, snapshot.FormatSplit)
			errs := together(importers, func(i int) error {
				mark := fmt.Sprintf("m%d-%d", round, i)
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small(mark, mark), IfMatch: rev.Digest.String()})
				return err
			})
			winner := -1
			for i, err := range errs {
				switch {
				case err == nil && winner < 0:
					winner = i
				case err == nil:
					t.Errorf("round %d: %d and %d won", round, winner, i)
				case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPrecond):
					t.Errorf("round %d: %v", round, explain(err))
				}
			}
			mark := fmt.Sprintf("m%d-%d", round, winner)
			if diff := cmp.Diff([]string{mark}, f.secrets(t, f.id)); diff != "" || winner < 0 {
				t.Fatalf("round %d: the secrets after %s won (-want +got):\n%s", round, mark, diff)
			}
			files, now := f.export(t, f.id, snapshot.FormatSplit)
			if got := string(files["project.json"]); got != `{"trustedDomains":"`+mark+`.example"}` || now.Number != rev.Number+1 {
				t.Fatalf("round %d: revision %d after %d is %s, and %s won", round, now.Number, rev.Number, got, mark)
			}
		}
		f.inspect(t)
		f.wantChained(t, rounds+1)
	})
}

// wantChained sees that the audit has so many imports, and no break.
func (f *fixture) wantChained(t *testing.T, imports int) {
	t.Helper()
	err := f.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		v, err := audit.Verify(tx, nil)
		if err == nil && len(v.Breaks) > 0 {
			t.Errorf("the audit is broken: %+v", v.Breaks)
		}
		return err
	})
	_, done, found := audit.Find(t.Context(), f.DB, audit.Search{Project: f.id, Actions: []string{"project.import"}, Outcomes: []string{audit.Done}})
	if err != nil || found != nil || done != imports {
		t.Errorf("the audit has %d imports, want %d; %v, %v", done, imports, err, found)
	}
}

// Imports of different projects do not get in each other's way, though their
// contents are the same blobs.
func TestTwentyImportersOfTwentyProjects(t *testing.T) {
	t.Parallel()
	const importers, rounds = 20, 3
	testkit.Databases(t, func(t *testing.T, url string) {
		db, err := store.Open(t.Context(), url, store.Options{MaxConns: importers + 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		f := setupOn(t, db)
		var ids []string
		for i := range importers {
			ids = append(ids, f.create(t, fmt.Sprint("Project ", i)).ID)
		}
		errs := together(importers, func(i int) error {
			for round := range rounds {
				mark := fmt.Sprint("round", round) // the same contents everywhere
				if _, err := f.Import(t.Context(), tester, Import{Project: ids[i], Upload: small(mark, fmt.Sprintf("%s of %d", mark, i))}); err != nil {
					return err
				}
			}
			return nil
		})
		for i, err := range errs {
			if err != nil {
				t.Errorf("importer %d: %v", i, explain(err))
				continue
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("round%d of %d", rounds-1, i)}, f.secrets(t, ids[i])); diff != "" {
				t.Errorf("secrets of project %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

// A reader sees one revision or another, never parts of two, and never one that
// is older than what it saw before.
func TestReadersSeeWholeRevisions(t *testing.T) {
	t.Parallel()
	const revisions = 30
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, whole(0))
		ctx, cancel := context.WithCancel(t.Context())
		errs := together(4, func(i int) error {
			if i == 0 {
				defer cancel()
				for n := 1; n <= revisions; n++ {
					if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: whole(n)}); err != nil {
						return explain(err)
					}
				}
				return nil
			}
			var last int64
			for ctx.Err() == nil {
				if err := f.readWhole(t.Context(), &last); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if _, rev := f.export(t, f.id, snapshot.FormatSplit); rev.Number != revisions+1 {
			t.Errorf("revision %d, want %d", rev.Number, revisions+1)
		}
	})
}

// whole is a configuration whose every part says which one it is.
func whole(n int) *snapshot.Upload {
	mark := fmt.Sprintf("n%d", n)
	up := small(mark, mark)
	up.Files["lists.json"] = []byte(`{"lists":[]}`)
	up.Files["notes.txt"] = []byte(mark)
	return up
}

// readWhole reads a project in every way and compares the parts.
func (f *fixture) readWhole(ctx context.Context, last *int64) error {
	files, rev, err := f.Export(ctx, f.id, snapshot.FormatSplit)
	if err != nil {
		return err
	}
	mark := fmt.Sprintf("n%d", rev.Number-1)
	if rev.Number < *last {
		return fmt.Errorf("revision %d after %d", rev.Number, *last)
	}
	*last = rev.Number
	if got := string(files["notes.txt"]); got != mark {
		return fmt.Errorf("notes.txt of revision %d is of %s", rev.Number, got)
	}
	if got := string(files["project.json"]); got != `{"trustedDomains":"`+mark+`.example"}` {
		return fmt.Errorf("project.json of revision %d is %s", rev.Number, got)
	}
	config, err := f.Config(ctx, f.id)
	if err != nil {
		return err
	}
	if config.Revision < rev.Number {
		return fmt.Errorf("the configuration is of revision %d after %d", config.Revision, rev.Number)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("n%d.example", config.Revision-1)}, config.Settings.TrustedDomains); diff != "" {
		return fmt.Errorf("the configuration of revision %d (-want +got):\n%s", config.Revision, diff)
	}
	value, err := f.Secret(ctx, f.id, "connector", "CI1", "configuration/password")
	if err != nil {
		return err
	}
	var n int64
	if _, err := fmt.Sscanf(value.Reveal(), "n%d", &n); err != nil {
		return fmt.Errorf("the secret of revision %d: %w", rev.Number, err)
	}
	if n+1 < rev.Number {
		return fmt.Errorf("the secret is of revision %d after %d", n+1, rev.Number)
	}
	return nil
}

// Whoever is late must not put an older configuration before a newer one.
func TestSwapKeepsTheNewest(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	newest := &Config{Project: f.id, Revision: 9}
	f.swap(&Config{Project: f.id, Revision: 8})
	f.swap(newest)
	f.swap(&Config{Project: f.id, Revision: 7})
	if got, _ := f.configs.Load(f.id); got != newest {
		t.Errorf("revision %d is served after revision 9", got.(*Config).Revision)
	}
	// An import makes its configuration the one that is served, ready compiled.
	f.load(t, small("a", "s"))
	other := f.create(t, "Other").ID
	if _, err := f.Import(t.Context(), tester, Import{Project: other, Upload: small("a", "s")}); err != nil {
		t.Fatal(explain(err))
	}
	if got, ok := f.configs.Load(other); !ok || got.(*Config).Revision != 1 {
		t.Errorf("after an import the configuration %v is served", got)
	}
}
