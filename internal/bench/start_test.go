//go:build linux

package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// settle is how long a server is left alone before its memory is read.
const settle = 2 * time.Second

// TestStart prints what the program costs before it does anything, and how long
// short jobs take: the released program, started as its users start it.
func TestStart(t *testing.T) {
	out := newReport(t, "Start, memory, size", "what", "of", "median", "goal")
	bin := release(t)
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	out.row("binary", "static and stripped", megabytes(info.Size()), "40 MB")
	startOn(t, out, bin, "SQLite", func(dir string) string { return filepath.Join(dir, "postern.db") })
	if os.Getenv(testkit.PostgresVariable) != "" {
		startOn(t, out, bin, "PostgreSQL", func(string) string { return testkit.Postgres(t) })
	}
	measureClone(t, out)
	measureCheck(t, out, bin)
}

// startOn measures starts on a new database and on one with a large project.
func startOn(t *testing.T, out *report, bin, kind string, database func(dir string) string) {
	dir := t.TempDir()
	var fresh, existing []time.Duration
	for range *rounds {
		p, took := serve(t, bin, database(t.TempDir()), filepath.Join(t.TempDir(), "master.key"))
		fresh = append(fresh, took)
		p.stop(t)
	}
	sv := newServerOn(t, database(dir))
	key := sv.keyFile(t)
	sv.post(t, sv.project(t), "/v1/mgmt/project/import", body(project(sizes[2], "", 0)))
	var idle int64
	for round := range *rounds {
		p, took := serve(t, bin, sv.database, key)
		existing = append(existing, took)
		if round == 0 {
			time.Sleep(settle)
			idle = p.resident()
		}
		p.stop(t)
	}
	out.row("start to ready", "a new database, "+kind, median(fresh), "150ms")
	out.row("start to ready", "3000 files, "+kind, median(existing), "150ms")
	out.row("idle memory", "3000 files, "+kind, megabytes(idle), "40 MB")
}

func serve(t *testing.T, bin, database, key string) (*process, time.Duration) {
	t.Helper()
	return launch(t, "/readyz", bin, func(address string) []string {
		return []string{"serve", "--listen", address, "--database", database, "--master-key-file", key, "--make-master-key", "--log-level", "error"}
	})
}

// keyFile writes the master key into a file, as operators have it.
func (s *server) keyFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, s.master, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func measureClone(t *testing.T, out *report) {
	sv := newServer(t, t.TempDir())
	id := sv.project(t)
	sv.post(t, id, "/v1/mgmt/project/import", body(project(sizes[2], "", 0)))
	var clones []time.Duration
	for range *rounds {
		clones = append(clones, clock(func() { sv.post(t, id, "/v1/mgmt/project/clone", []byte(`{"name":"Clone"}`)) }))
	}
	out.row("clone", "3000 files, SQLite", median(clones), "20ms")
}

func measureCheck(t *testing.T, out *report, bin string) {
	dir := t.TempDir()
	if _, err := snapshot.WriteFolder(dir, project(sizes[0], "", 0)); err != nil {
		t.Fatal(err)
	}
	var checks []time.Duration
	for range *rounds {
		took, _ := once(t, bin, "check", dir)
		checks = append(checks, took)
	}
	out.row("postern check", "a folder of 95 files", median(checks), "100ms")
}
