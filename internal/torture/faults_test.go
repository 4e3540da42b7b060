package torture

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

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
	old, new *wanted
	files    map[string][]byte // those of the database, closed
}

func newBed(t *testing.T, notes int) *bed {
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
	s := &project.Service{DB: db, Master: master}
	p, err := s.Create(t.Context(), tester, project.New{Name: "Test"})
	if err == nil {
		_, err = s.Import(t.Context(), tester, project.Import{Project: p.ID, Upload: b.old.upload()})
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b.project, b.files = p.ID, read(t, dir)
	return b
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

// lay puts files into a new folder.
func lay(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "bed")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
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
		if rev.Digest.String() != w.digest(t) {
			continue
		}
		if !maps.EqualFunc(files, w.files, func(a, b []byte) bool { return string(a) == string(b) }) {
			return "", fmt.Errorf("%w: the files are not those of the revision", errServed)
		}
		value, err := o.Secret(t.Context(), o.project, "connector", "CI1", "configuration/password")
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
		if answer, err := o.apply(t, w); answer != done {
			return "", fmt.Errorf("a further import: %w", err)
		}
	}
	return found, nil
}

// tally counts what came of faults, for the log.
type tally map[string]int

// Any one call to the file system may fail in an import. The answer is never
// wrong: what is done is there, what is not applied is not, and where that is
// unknown the next request finds out, for good.
func TestDiskFailsOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, 3)
	whole := b.on(t)
	whole.disk.arm(nil)
	if answer, err := whole.apply(t, b.new); answer != done {
		t.Fatal(err)
	}
	calls := whole.disk.calls()
	if err := whole.DB.Close(); err != nil {
		t.Fatal(err)
	}
	count := tally{}
	for n := 1; n <= calls; n++ {
		o := b.on(t)
		o.disk.arm(func(c call) verdict {
			if c.n == n {
				return failures[c.what]
			}
			return happens
		})
		answer, err := o.apply(t, b.new)
		hit := o.disk.first
		o.disk.arm(nil)
		count[answer]++
		next, crash, restart, bad := o.after(t)
		if bad != nil {
			t.Errorf("call %d, %s of %s, fails: the answer is %s (%v), then %v", n, hit.what, hit.file, answer, err, bad)
			continue
		}
		if answer == done && next != isNew || answer == notApplied && next != isOld || next != crash || next != restart {
			t.Errorf("call %d, %s of %s, fails: the answer is %s (%v); the next request finds the %s revision, after a crash there is the %s one, after a restart the %s one",
				n, hit.what, hit.file, answer, err, next, crash, restart)
		}
	}
	t.Logf("%d calls, each failed once: %v", calls, count)
	if count[unknown] == 0 || count[notApplied] == 0 {
		t.Error("no fault came at an interesting moment")
	}
}

// A disk that is full from some call on refuses all that comes, and the project
// stays what it was. With room again, it goes on.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	b := newBed(t, 3)
	count := tally{}
	for n := 1; ; n++ {
		o := b.on(t)
		writes := 0
		o.disk.arm(func(c call) verdict {
			if c.what == "write" {
				if writes++; writes >= n {
					return sqlite3.SQLITE_FULL
				}
			}
			return happens
		})
		answer, err := o.apply(t, b.new)
		full := o.disk.hits > 0
		o.disk.arm(nil)
		next, crash, restart, bad := o.after(t)
		if bad != nil {
			t.Fatalf("full from write %d on: the answer is %s (%v), then %v", n, answer, err, bad)
		}
		if !full {
			break
		}
		count[answer]++
		if answer == notApplied && !errors.Is(err, store.ErrFull) {
			t.Errorf("full from write %d on: got %v, want %v", n, err, store.ErrFull)
		}
		if answer == done && next != isNew || answer == notApplied && next != isOld || next != crash || next != restart {
			t.Errorf("full from write %d on: the answer is %s (%v), then %s, %s, %s", n, answer, err, next, crash, restart)
		}
	}
	t.Logf("full at each write: %v", count)
}

// Any one call may fail while a server opens its database. It says so, and the
// next start finds everything.
func TestDiskFailsAtStartUp(t *testing.T) {
	t.Parallel()
	b := newBed(t, 1)
	count := tally{}
	for n := 1; ; n++ {
		dir := lay(t, b.files)
		d := newDisk(t, dir)
		d.arm(func(c call) verdict {
			if c.n == n {
				return failures[c.what]
			}
			return happens
		})
		o, err := b.open(t, dir)
		hits := d.hits
		d.arm(nil)
		if err == nil {
			count["opens"]++
			_ = o.DB.Close()
		} else {
			count["does not open"]++
		}
		if found, err := b.at(t, dir); err != nil || found != isOld {
			t.Errorf("call %d fails: the next start finds %q, %v", n, found, err)
		}
		if hits == 0 {
			break
		}
	}
	t.Logf("each call of a start failed once: %v", count)
}

// execute runs a statement that is no transaction's.
func (o *broken) execute(t *testing.T, statement string) {
	t.Helper()
	raw, _ := connect(t, filepath.Join(o.dir, "postern.db"))
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
