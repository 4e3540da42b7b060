package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/mgmtkey"
	pkgproject "postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

var (
	run    = flag.Bool("run-bench", false, "measure, and print a table")
	rounds = flag.Int("rounds", 5, "rounds of each measurement")
	only   = flag.String("only", "", "measure only inputs whose name has this in it")
)

// TestTable prints how long the main job takes beside its floor. A floor and
// the job that it belongs to are measured in turn, round by round.
func TestTable(t *testing.T) {
	if !*run {
		t.Skip("figures come from make bench")
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "input\tbody\tjob\tmedian\tfloor\tratio\tgoal\t")
	for _, s := range sizes {
		if strings.Contains(s.name, *only) {
			measure(t, out, s)
		}
	}
	out.Flush()
}

func measure(t *testing.T, out io.Writer, s size) {
	dir := t.TempDir()
	all := (s.files - 3) / 6
	percent := max(1, all/100)
	var first []byte
	sv := newServer(t, dir)
	way := loopback(t)
	var imports, floors, again, splits, ways, plans, changed, exports, copies, commits []time.Duration
	for round := range *rounds {
		// Content that the server has never seen: it remembers what it knows.
		salt := fmt.Sprint("round ", round)
		first = body(project(s, salt, all))
		floors = append(floors, clock(func() { floor(t, dir, first) }))
		id := sv.project(t)
		imports = append(imports, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", first) }))
		splits = append(splits, clock(func() { split(t, first) }))
		ways = append(ways, clock(func() { way.post(t, id, "/", first) }))
		again = append(again, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", first) }))
		other := body(edited(s, salt, ", edited", percent))
		planned := body(edited(s, salt, ", planned", percent)) // others: what was planned is known to the import
		plans = append(plans, clock(func() { sv.post(t, id, "/v1/mgmt/project/plan", planned) }))
		changed = append(changed, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", other) }))
		commits = append(commits, clock(func() { sv.commit(t, round) }))
		stored := sv.digests(t, id)
		copies = append(copies, clock(func() { sv.copyBlobs(t, stored) }))
		exports = append(exports, clock(func() { sv.post(t, id, "/v1/mgmt/project/export", []byte(`{}`)) }))
	}
	row := func(job string, took, against []time.Duration, goal string) {
		a, b := median(took), median(against)
		fmt.Fprintf(out, "%s\t%.1f MB\t%s\t%s\t%s\t%.1f\t%s\t\n", s.name, float64(len(first))/1e6, job,
			a.Round(100*time.Microsecond), b.Round(100*time.Microsecond), float64(a)/float64(b), goal)
	}
	row("first import", imports, floors, "3")
	row("import again, unchanged", again, splits, "1.5")
	row("the same over HTTP, for nothing", ways, splits, "")
	row("plan, 1 % changed", plans, splits, "2")
	row("import, 1 % changed", changed, splits, "1.7")
	row("smallest commit", commits, splits, "")
	row("export", exports, copies, "2")
}

// clock times f, without the garbage that the benchmark made of its own inputs.
func clock(f func()) time.Duration {
	runtime.GC()
	start := time.Now()
	f()
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.SortFunc(all, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	return all[len(all)/2]
}

// split reads a body strictly as JSON and hashes each file: what any importer
// must do at least.
func split(t *testing.T, b []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	for range 3 { // { "files" {
		if _, err := dec.ReadToken(); err != nil {
			t.Fatal(err)
		}
	}
	for dec.PeekKind() == '"' {
		if _, err := dec.ReadToken(); err != nil {
			t.Fatal(err)
		}
		v, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		sha256.Sum256(v)
	}
}

// floor is split, and one durable write of the whole body.
func floor(t *testing.T, dir string, b []byte) {
	split(t, b)
	durable(t, dir, b)
}

// durable writes a file, to the disk.
func durable(t *testing.T, dir string, b []byte) {
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// A server is the real one, over loopback, on a database file.
type server struct {
	api  *api.Server
	db   *store.DB
	url  string
	key  string
	http *http.Client

	database string // where it is
	master   []byte // what a master key file of it would hold
}

func newServer(t *testing.T, dir string) *server {
	return newServerOn(t, cmp.Or(os.Getenv("POSTERN_BENCH_DATABASE"), filepath.Join(dir, "bench.db")))
}

func newServerOn(t *testing.T, database string) *server {
	db, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	master, masterKey, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	a := &api.Server{Projects: &pkgproject.Service{DB: db, Master: master, Log: log}, Keys: &mgmtkey.Service{DB: db}, Log: log, Limits: api.Limits{MaxBody: 1 << 30}}
	h := httptest.NewServer(a.Handler())
	t.Cleanup(h.Close)
	_, key, err := a.Keys.Create(t.Context(), audit.Origin{Actor: "bench"}, mgmtkey.Create{Name: "bench", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}})
	if err != nil {
		t.Fatal(err)
	}
	return &server{api: a, db: db, url: h.URL, key: key.Reveal(), http: h.Client(), database: database, master: masterKey}
}

// loopback is a server that reads a body and answers: what the way over HTTP costs,
// client included. It is part of each job, and of none of the floors.
func loopback(t *testing.T) *server {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(h.Close)
	return &server{url: h.URL, http: h.Client()}
}

func (s *server) project(t *testing.T) string {
	p, err := s.api.Projects.Create(t.Context(), audit.Origin{Actor: "bench"}, pkgproject.New{Name: "Bench"})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

func (s *server) post(t *testing.T, id, path string, b []byte) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+id+":"+s.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		t.Fatalf("%s: %d %s", path, resp.StatusCode, text)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}

// commit is the smallest transaction that is durable: one number in one row. An
// import that changes anything has one commit at least.
func (s *server) commit(t *testing.T, n int) {
	err := s.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE management_keys SET last_used_at = last_used_at + $1`, 1+n%2)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// digests returns what the head of a project consists of, each content once.
func (s *server) digests(t *testing.T, id string) []snapshot.Digest {
	files, _, err := s.api.Projects.Export(t.Context(), id, "raw")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[snapshot.Digest]bool{}
	for _, content := range files {
		seen[snapshot.Sum(content)] = true
	}
	return slices.Collect(maps.Keys(seen))
}

// copyBlobs reads blobs, two hundred at a time, unpacks each, checks its digest and
// copies it out: what any export must do at least.
func (s *server) copyBlobs(t *testing.T, digests []snapshot.Digest) {
	zip, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	type blob struct {
		digest, body []byte
		encoding     int
	}
	scan := func(row store.Scanner) (b blob, err error) { return b, row.Scan(&b.digest, &b.encoding, &b.body) }
	for batch := range slices.Chunk(digests, 200) {
		var marks strings.Builder
		var args []any
		for i, d := range batch {
			fmt.Fprintf(&marks, ",$%d", i+1)
			args = append(args, d[:])
		}
		blobs, err := store.Rows(t.Context(), s.db, scan, `SELECT digest, encoding, body FROM blobs WHERE digest IN (`+marks.String()[1:]+`)`, args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blobs {
			content := b.body
			if b.encoding == 1 {
				if content, err = zip.DecodeAll(b.body, nil); err != nil {
					t.Fatal(err)
				}
			}
			if sum := sha256.Sum256(content); !bytes.Equal(sum[:], b.digest) {
				t.Fatal("a content is damaged")
			}
			if _, err := io.Discard.Write(bytes.Clone(content)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
