package bench

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// TestPostgres prints how long the main job takes on PostgreSQL, beside COPY of
// the same contents into a table of the same cluster, without an index, in one
// transaction, and out of it again. It needs a cluster, as other tests do.
func TestPostgres(t *testing.T) {
	out := newReport(t, "On PostgreSQL", "input", "job", "median", "COPY", "ratio", "goal")
	t.Log(newCopier(t).settings(t))
	for _, s := range sizes {
		if strings.Contains(s.name, *only) {
			measurePostgres(t, out, s)
		}
	}
}

func measurePostgres(t *testing.T, out *report, s size) {
	all := (s.files - 3) / 6
	percent := max(1, all/100)
	sv, c := newServerOn(t, testkit.Postgres(t)), newCopier(t)
	var imports, again, changed, exports, clones, ins, outs []time.Duration
	for range *rounds {
		salt := time.Now().String()
		files := project(s, salt, all)
		first, other := body(files), body(edited(s, salt, ", edited", percent))
		c.empty(t)
		ins = append(ins, clock(func() { c.in(t, files) }))
		id := sv.project(t)
		imports = append(imports, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", first) }))
		again = append(again, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", first) }))
		changed = append(changed, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", other) }))
		outs = append(outs, clock(func() { c.out(t) }))
		exports = append(exports, clock(func() { sv.post(t, id, "/v1/mgmt/project/export", []byte(`{}`)) }))
		clones = append(clones, clock(func() { sv.post(t, id, "/v1/mgmt/project/clone", []byte(`{"name":"Clone"}`)) }))
	}
	in, back := median(ins), median(outs)
	out.row(s.name, "first import", median(imports), in, ratio(median(imports), in), "1.5")
	out.row(s.name, "import again, unchanged", median(again), in, ratio(median(again), in), "1.5")
	out.row(s.name, "import, 1 % changed", median(changed), in, ratio(median(changed), in), "1.5")
	out.row(s.name, "export", median(exports), back, ratio(median(exports), back), "1.5")
	out.row(s.name, "clone", median(clones), "", "", "20ms")
}

// A copier moves contents with COPY.
type copier struct{ conn *pgx.Conn }

func newCopier(t *testing.T) *copier {
	conn, err := pgx.Connect(t.Context(), testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return &copier{conn}
}

// settings are those of the cluster that say what a commit promises.
func (c *copier) settings(t *testing.T) string {
	var text string
	err := c.conn.QueryRow(t.Context(), `SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync ' || current_setting('fsync')
		|| ', synchronous_commit ' || current_setting('synchronous_commit')`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// empty makes the table anew.
func (c *copier) empty(t *testing.T) {
	if _, err := c.conn.Exec(t.Context(), `DROP TABLE IF EXISTS contents; CREATE TABLE contents (path TEXT NOT NULL, body BYTEA NOT NULL)`); err != nil {
		t.Fatal(err)
	}
}

func (c *copier) in(t *testing.T, files snapshot.Files) {
	rows := make([][]any, 0, len(files))
	for path, content := range files {
		rows = append(rows, []any{path, content})
	}
	err := pgx.BeginFunc(t.Context(), c.conn, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(t.Context(), pgx.Identifier{"contents"}, []string{"path", "body"}, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *copier) out(t *testing.T) {
	if _, err := c.conn.PgConn().CopyTo(t.Context(), io.Discard, `COPY contents TO STDOUT (FORMAT binary)`); err != nil {
		t.Fatal(err)
	}
}
