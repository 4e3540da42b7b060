package torture

import (
	"errors"
	"os"
	"slices"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/store"
	"postern/internal/testkit"
)

// A wound is a way in which a disk fails.
type wound struct {
	name    string
	calls   []string // that can fail so; all of them where it is nil
	verdict verdict  // what becomes of the call; happens: it fails as such a call does
	lasting bool     // all that come later fail, too, until the answer
}

var changing = []string{"write", "truncate", "sync", "delete"}

var wounds = []wound{
	{"one call fails", nil, happens, false},
	{"one call is done and seems to fail", changing, lies, false},
	{"one write stops half way", []string{"write"}, halves, false},
	{"the disk is full for one write", []string{"write"}, sqlite3.SQLITE_FULL, false},
	{"the disk fails from one call on", nil, happens, true},
	{"the disk is full from one write on", []string{"write"}, sqlite3.SQLITE_FULL, true},
}

// hits returns what makes the n-th of the calls fail.
func (w *wound) hits(n int) func(call) verdict {
	seen := 0
	return func(c call) verdict {
		if w.calls != nil && !slices.Contains(w.calls, c.what) {
			return happens
		}
		if seen++; seen < n || seen > n && !w.lasting {
			return happens
		}
		if w.verdict == happens {
			return failures[c.what]
		}
		return w.verdict
	}
}

// Any call to the file system may fail in an import, in any way. The answer is
// never wrong: what is done is there, what is not applied is not, and where that
// is unknown the next request finds out, for good.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	for _, scene := range []scene{
		{"a first import", emptyBed(t), 1, 1},
		{"a changed import", newBed(t, 3), 1, 1},
		{"an import that makes the log too long", longBed(t), 80, 9}, // what comes before is as in the others
	} {
		everywhere(t, scene, func(t *testing.T, w *wound, n int) (string, bool) { return scene.bed.suffer(t, w, n) })
	}
}

// Any call may fail, in any way, while a server opens its database and closes it
// again. It says so or it works, and the next start finds everything.
func TestDiskFailsAtStartUp(t *testing.T) {
	t.Parallel()
	for _, scene := range []scene{
		{"closed before", newBed(t, 1), 1, 1},
		{"killed before", emptyBed(t), 1, 1},
		{"killed before, with a long log", longBed(t), 1, 97},
	} {
		everywhere(t, scene, func(t *testing.T, w *wound, n int) (string, bool) { return scene.bed.wake(t, w, n) })
	}
}

// wake opens and closes while the n-th call fails, and says whether there was
// one.
func (b *bed) wake(t *testing.T, w *wound, n int) (answer string, hit bool) {
	t.Helper()
	dir := lay(t, b.files)
	d := newDisk(t, dir)
	d.arm(w.hits(n))
	answer = "does not open"
	if o, err := b.open(t, dir); err == nil {
		answer = "opens"
		_ = o.DB.Close() // it may say that it could not tidy up
	}
	hits := d.hits
	d.arm(nil)
	if found, err := b.at(t, dir); err != nil || found != isOld {
		t.Fatalf("at %d: it %s, and the next start finds the %q revision, %v", n, answer, found, err)
	}
	return answer, hits > 0
}

// A scene is something that a disk may fail in.
type scene struct {
	name       string
	bed        *bed
	from, step int // the calls to try, where not all are
}

// everywhere tries a scene with every wound, at one call after the other.
func everywhere(t *testing.T, s scene, try func(t *testing.T, w *wound, n int) (answer string, hit bool)) {
	t.Helper()
	switch {
	case os.Getenv(roundsVariable) != "":
		s.from, s.step = 1, 1
	case testkit.Race:
		s.step *= 5 // no fault shows a race that there is not without it
	}
	for _, w := range wounds {
		t.Run(s.name+", "+w.name, func(t *testing.T) {
			t.Parallel()
			points, count := 0, tally{}
			for n := s.from; ; n += s.step {
				answer, hit := try(t, &w, n)
				if !hit {
					break
				}
				points++
				count[answer]++
			}
			t.Logf("%d points: %v", points, count)
		})
	}
}

// suffer imports while the n-th call fails, and says whether there was one.
func (b *bed) suffer(t *testing.T, w *wound, n int) (answer string, hit bool) {
	t.Helper()
	o := b.on(t)
	o.disk.arm(w.hits(n))
	answer, err := o.apply(t, b.new)
	first, hits := o.disk.first, o.disk.hits
	o.disk.arm(nil)
	next, crash, restart, bad := o.after(t)
	if bad != nil {
		t.Fatalf("at %d, %s of %s: the answer is %s (%v), then %v", n, first.what, first.file, answer, err, bad)
	}
	if answer == done && next != isNew || answer == notApplied && next != isOld || next != crash || next != restart {
		t.Errorf("at %d, %s of %s: the answer is %s (%v); the next request finds the %s revision, after a crash there is the %s one, after a restart the %s one",
			n, first.what, first.file, answer, err, next, crash, restart)
	}
	if w.verdict == sqlite3.SQLITE_FULL && answer == notApplied && !errors.Is(err, store.ErrFull) {
		t.Errorf("at %d: got %v, want %v", n, err, store.ErrFull)
	}
	return answer, hits > 0
}
