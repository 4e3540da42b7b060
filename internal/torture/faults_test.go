package torture

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/doctor"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A bed is a database to break, with a project in it that has one revision.
type bed struct {
	master   *secret.Master
	project  string
	old, new *wanted           // old is nil where there is no revision yet
	files    map[string][]byte // those of the database
}

// newBed makes one that was closed, with so many large files.
func newBed(t *testing.T, notes int) *bed {
	t.Helper()
	return makeBed(t, notes, func(b *bed, s *project.Service, dir string) map[string][]byte {
		b.apply(t, s, b.old)
		if err := s.DB.Close(); err != nil {
			t.Fatal(err)
		}
		return read(t, dir)
	})
}

// emptyBed makes one whose project has no revision, killed.
func emptyBed(t *testing.T) *bed {
	t.Helper()
	return makeBed(t, 3, func(b *bed, _ *project.Service, dir string) map[string][]byte {
		b.old = nil
		return read(t, dir)
	})
}

// longBed makes one, killed when its log is nearly as long as SQLite lets it get
// before it moves it into the database: the next import makes it do so.
func longBed(t *testing.T) *bed {
	t.Helper()
	const frame, most = 24 + 4096, 1000
	return makeBed(t, 9, func(b *bed, s *project.Service, dir string) map[string][]byte {
		v := &victim{notes: 1}
		for n := 100; ; n++ {
			b.old = v.next(n)
			b.apply(t, s, b.old)
			files := read(t, dir)
			if left := most - len(files["postern.db-wal"])/frame; left < 40 {
				return files
			}
		}
	})
}

func makeBed(t *testing.T, notes int, put func(b *bed, s *project.Service, dir string) map[string][]byte) *bed {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{notes: notes}
	b := &bed{master: master, old: v.next(0), new: v.next(4)}
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &project.Service{DB: db, Master: master}
	p, err := s.Create(t.Context(), tester, project.New{Name: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	b.project = p.ID
	b.files = put(b, s, dir)
	return b
}

func (b *bed) apply(t *testing.T, s *project.Service, w *wanted) {
	t.Helper()
	if _, err := s.Import(t.Context(), tester, project.Import{Project: b.project, Upload: w.upload()}); err != nil {
		t.Fatal(err)
	}
}

// read returns the files of a folder but what SQLite shares between processes,
// which ends with them.
func read(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range list {
		if strings.HasSuffix(f.Name(), "-shm") || strings.HasSuffix(f.Name(), ".lock") {
			continue
		}
		if out[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// lay puts files into a new folder, on a disk that is watched.
func lay(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "bed")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir, files)
	newDisk(t, dir)
	return dir
}

func fill(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A broken is the open database of a bed, on a disk that is watched.
type broken struct {
	*bed
	dir  string
	disk *disk
	*project.Service
}

func (b *bed) open(t *testing.T, dir string) (*broken, error) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "postern.db"), store.Options{MaxConns: 1})
	if err != nil {
		return nil, err
	}
	return &broken{b, dir, nil, &project.Service{DB: db, Master: b.master}}, nil
}

// on lays the bed and opens it on a disk that is watched.
func (b *bed) on(t *testing.T) *broken {
	t.Helper()
	dir := lay(t, b.files)
	d := newDisk(t, dir)
	o, err := b.open(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	o.disk = d
	return o
}

// The answers to an import.
const (
	done       = "done"
	notApplied = "not applied"
	unknown    = "unknown"
)

func (o *broken) apply(t *testing.T, w *wanted) (string, error) {
	t.Helper()
	_, err := o.Import(t.Context(), tester, project.Import{Project: o.project, Upload: w.upload()})
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, store.ErrOutcomeUnknown):
		return unknown, err
	default:
		return notApplied, err
	}
}

// The states that a project may be in.
const (
	isOld = "old"
	isNew = "new"
)

// errServed is something wrong that was given out as if it were right.
var errServed = errors.New("served")

// state says which of the two revisions the project is at, all of it, or an
// error that says what is wrong.
func (o *broken) state(t *testing.T) (string, error) {
	t.Helper()
	files, rev, err := o.Export(t.Context(), o.project, snapshot.FormatPlain)
	if err != nil {
		return "", err
	}
	for name, w := range map[string]*wanted{isOld: o.old, isNew: o.new} {
		if w == nil && rev.Number == 0 {
			return name, nil
		}
		if w == nil || rev.Digest.String() != w.digest(t) {
			continue
		}
		if !maps.EqualFunc(files, w.files, func(a, b []byte) bool { return string(a) == string(b) }) {
			return "", fmt.Errorf("%w: the files are not those of the revision", errServed)
		}
		value, err := password(t, o.Service, o.project)
		if err != nil {
			return "", err
		}
		if value.Reveal() != w.secret {
			return "", fmt.Errorf("%w: the secret is not that of the revision", errServed)
		}
		return name, nil
	}
	return "", fmt.Errorf("%w: the revision %d is neither", errServed, rev.Number)
}

// after says what is found by the next request, after a crash at this instant,
// and after a restart.
func (o *broken) after(t *testing.T) (next, crash, restart string, err error) {
	t.Helper()
	if next, err = o.state(t); err != nil {
		return "", "", "", fmt.Errorf("the next request: %w", err)
	}
	left := lay(t, read(t, o.dir)) // as a process leaves it that is killed now
	if crash, err = o.at(t, left); err != nil {
		return "", "", "", fmt.Errorf("after a crash: %w", err)
	}
	if err := o.DB.Close(); err != nil {
		return "", "", "", err
	}
	if restart, err = o.at(t, o.dir); err != nil {
		return "", "", "", fmt.Errorf("after a restart: %w", err)
	}
	return next, crash, restart, nil
}

// at opens a folder, looks at all of it, and sees that it takes an import.
func (b *bed) at(t *testing.T, dir string) (string, error) {
	t.Helper()
	o, err := b.open(t, dir)
	if err != nil {
		return "", err
	}
	defer o.DB.Close()
	found, err := o.state(t)
	if err != nil {
		return "", err
	}
	r, err := doctor.Examine(t.Context(), o.DB, b.master)
	if err != nil {
		return "", err
	}
	if !r.OK() {
		return "", fmt.Errorf("damaged: %+v", r.Problems)
	}
	for _, w := range []*wanted{b.new, b.old} {
		if w == nil {
			continue
		}
		if answer, err := o.apply(t, w); answer != done {
			return "", fmt.Errorf("a further import: %w", err)
		}
	}
	return found, nil
}

// tally counts what came of faults, for the log.
type tally map[string]int

// execute runs a statement that is no transaction's.
func (o *broken) execute(t *testing.T, statement string) {
	t.Helper()
	raw, _ := connect(t, filepath.Join(o.dir, "postern.db"))
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
