package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/testkit"
)

func verify(t *testing.T, db *store.DB, kept []audit.Head) *audit.Verifier {
	t.Helper()
	var v *audit.Verifier
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) (err error) {
		v, err = audit.Verify(tx, kept)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func change(t *testing.T, db *store.DB, statement string) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// history records n events of the project.
func history(t *testing.T, db *store.DB, project string, n int) {
	t.Helper()
	for i := range n {
		record(t, db, audit.Event{Project: project, Actor: "K1", Action: "a", Outcome: audit.Done, Details: map[string]any{"n": i}})
	}
}

func TestChainsAreWhole(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		history(t, db, "P1", 3)
		history(t, db, "", 2)
		v := verify(t, db, nil)
		if len(v.Breaks) > 0 || v.Records != 5 || v.Older != 0 || len(v.Heads) != 2 {
			t.Fatalf("%+v", v)
		}
		history(t, db, "P1", 2)
		if v := verify(t, db, v.Heads); len(v.Breaks) > 0 {
			t.Errorf("a chain that went on: %+v", v.Breaks)
		}
	})
}

// A record that was changed, added, moved or taken away is found, and what was
// written before there were chains is not.
func TestBreaksAreFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, statement, message string }{
		{"the actor is changed", `UPDATE audit SET actor = 'K2' WHERE number = 2`, "it was changed"},
		{"the details are changed", `UPDATE audit SET details = '{}' WHERE number = 2`, "it was changed"},
		{"the time is changed", `UPDATE audit SET occurred_at = occurred_at + 1 WHERE number = 2`, "it was changed"},
		{"the project is changed", `UPDATE audit SET project = 'P2' WHERE number = 2`, "missing"},
		{"the hash is changed", `UPDATE audit SET hash = (SELECT hash FROM audit WHERE number = 1) WHERE number = 2`, "it was changed"},
		{"one in the middle is gone", `DELETE FROM audit WHERE number = 2`, "the records 2 to 2 before it are missing"},
		{"the first is gone", `DELETE FROM audit WHERE number = 1`, "the records 1 to 1 before it are missing"},
		{"the last is gone", `DELETE FROM audit WHERE number = 3`, "the chain ends with the record 2"},
		{"all are gone", `DELETE FROM audit`, "the chain ends with the record 0"},
		{"one is taken out of the chain", `UPDATE audit SET number = 0 WHERE number = 2`, "missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				history(t, db, "P1", 3)
				change(t, db, `INSERT INTO audit (id, project, actor, action, outcome, occurred_at) VALUES ('A0', 'P1', 'K1', 'a', 'done', 1)`)
				if v := verify(t, db, nil); len(v.Breaks) > 0 || v.Older != 1 {
					t.Fatalf("before: %+v", v)
				}
				change(t, db, tt.statement)
				v := verify(t, db, nil)
				if !slices.ContainsFunc(v.Breaks, func(b audit.Break) bool { return strings.Contains(b.Message, tt.message) }) {
					t.Errorf("%+v, want %q", v.Breaks, tt.message)
				}
			})
		})
	}
}

// Whoever writes to the database can write all of a chain anew, or cut its end
// off. A head that was kept in another place shows it.
func TestKeptHeadsShowWhatTheDatabaseHides(t *testing.T) {
	t.Parallel()
	db, other := testkit.Store(t), testkit.Store(t)
	history(t, db, "P1", 3)
	kept := verify(t, db, nil).Heads
	history(t, other, "P1", 4) // another history, which is whole
	v := verify(t, other, kept)
	if len(v.Breaks) != 1 || v.Breaks[0].Number != 3 || !strings.Contains(v.Breaks[0].Message, "another record") {
		t.Errorf("a chain written anew: %+v", v.Breaks)
	}
	change(t, db, `DELETE FROM audit WHERE number = 3`)
	change(t, db, `UPDATE audit_chains SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)`)
	if v := verify(t, db, nil); len(v.Breaks) > 0 {
		t.Fatalf("a chain cut with care is not whole by itself: %+v", v.Breaks)
	}
	if v := verify(t, db, kept); len(v.Breaks) != 1 || !strings.Contains(v.Breaks[0].Message, "went further") {
		t.Errorf("a chain that was cut: %+v", v.Breaks)
	}
}

// A chain can be followed without a database, from the lines of an export.
func TestExportedLinesProveTheChain(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	record(t, db, audit.Event{Project: "P1", Actor: "K1", Action: "a", Outcome: audit.Done, Remote: "192.0.2.7", Details: map[string]any{"note": "it’s <b> 1.0", "n": 1e21}})
	history(t, db, "P1", 3)
	var lines []string
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		return audit.Export(tx, func(l audit.Link) error {
			b, err := json.Marshal(l)
			lines = append(lines, string(b))
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	follow := func(lines []string) []audit.Break {
		v := &audit.Verifier{}
		for _, line := range lines {
			var l audit.Link
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if err := v.Next(l); err != nil {
				t.Fatal(err)
			}
		}
		v.End(nil)
		return v.Breaks
	}
	if got := follow(lines); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	lines[1] = strings.Replace(lines[1], `"n":0`, `"n":7`, 1)
	if got := follow(lines); len(got) != 1 || got[0].Number != 2 {
		t.Errorf("a changed line: %+v", got)
	}
}

// Many who record at once make one chain without a fork.
func TestRecordAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		const writers, each = 8, 5
		var all errgroup.Group
		for w := range writers {
			all.Go(func() error {
				for i := range each {
					e := audit.Event{Project: "P1", Actor: fmt.Sprint("K", w), Action: "a", Outcome: audit.Done, Details: map[string]any{"n": i}}
					if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) }); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		v := verify(t, db, nil)
		if diff := cmp.Diff(writers*each, v.Records); diff != "" || len(v.Breaks) > 0 || v.Heads[0].Number != writers*each {
			t.Errorf("%+v", v)
		}
	})
}
