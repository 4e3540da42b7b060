//go:build linux

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pkgproject "postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
)

// What an installation with many projects has.
const (
	manyProjects  = 1000
	manyRevisions = 100
	duePercent    = 10 // of the projects, which a collection takes away
)

// TestManyProjects prints how long jobs take in a database with a thousand
// projects of a hundred revisions, beside one with a single such project, and
// what a collection costs there.
func TestManyProjects(t *testing.T) {
	out := newReport(t, "Many projects", "database", "job",
		fmt.Sprintf("with %d x %d", manyProjects, manyRevisions), fmt.Sprintf("with 1 x %d", manyRevisions), "ratio", "goal")
	bin := release(t)
	measureMany(t, out, bin, "SQLite", func() string { return filepath.Join(t.TempDir(), "bench.db") })
	if os.Getenv(testkit.PostgresVariable) != "" {
		measureMany(t, out, bin, "PostgreSQL", func() string { return testkit.Postgres(t) })
	}
}

func measureMany(t *testing.T, out *report, bin, kind string, database func() string) {
	one, many := newServerOn(t, database()), newServerOn(t, database())
	one.fill(t, 1, manyRevisions)
	took := clock(func() { many.fill(t, manyProjects, manyRevisions) })
	t.Logf("%s is filled in %s", kind, took.Round(time.Second))
	all := jobs(t, bin, one, many)
	for _, j := range all {
		out.row(kind, j.name, median(j.many), median(j.one), ratio(median(j.many), median(j.one)), "1")
	}
	took, most := once(t, bin, "collect", "--database", many.database)
	out.row(kind, "collect, nothing due", took, "", "", megabytes(most))
	many.age(t, manyProjects*duePercent/100)
	took, most = once(t, bin, "collect", "--database", many.database)
	out.row(kind, fmt.Sprintf("collect, %d projects due", manyProjects*duePercent/100), took, "", "", megabytes(most))
}

// A job is measured in both databases, in turn.
type job struct {
	name      string
	one, many []time.Duration
}

func jobs(t *testing.T, bin string, one, many *server) []*job {
	var list []*job
	at := map[string]*job{}
	note := func(name string, sv *server, took time.Duration) {
		j := at[name]
		if j == nil {
			j = &job{name: name}
			at[name] = j
			list = append(list, j)
		}
		if sv == one {
			j.one = append(j.one, took)
		} else {
			j.many = append(j.many, took)
		}
	}
	keys := map[*server]string{one: one.keyFile(t), many: many.keyFile(t)}
	flows := (sizes[0].files - 3) / 6
	turn := []*server{one, many}
	for range 2 * *rounds { // each goes first as often
		slices.Reverse(turn)
		salt := time.Now().String() // content that neither has seen
		first, other := body(project(sizes[0], salt, flows)), body(edited(sizes[0], salt, ", edited", 1))
		for _, sv := range turn {
			id := sv.project(t)
			post := func(path string, b []byte) time.Duration { return clock(func() { sv.post(t, id, path, b) }) }
			note("first import, 95 files", sv, post("/v1/mgmt/project/import", first))
			note("import, 1 % changed", sv, post("/v1/mgmt/project/import", other))
			note("export", sv, post("/v1/mgmt/project/export", []byte(`{}`)))
			note("clone", sv, post("/v1/mgmt/project/clone", []byte(`{"name":"Clone"}`)))
			p, took := serve(t, bin, sv.database, keys[sv])
			p.stop(t)
			note("start to ready", sv, took)
		}
	}
	return list
}

// age makes projects look deleted long enough ago to be collected.
func (s *server) age(t *testing.T, n int) {
	list, err := s.api.Projects.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-pkgproject.Kept - time.Hour).Unix()
	err = s.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for _, p := range list[:n] {
			if _, err := tx.Exec(`UPDATE projects SET deleted_at = $2 WHERE id = $1`, p.ID, long); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
