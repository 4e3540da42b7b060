package torture

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/project"
	"postern/internal/store"
)

// A moment is something that the server, or a command beside it, is killed in.
type moment struct {
	name    string
	stopped bool // it is a command that works without the server
	// before makes what the moment needs.
	before func(v *victim, t *testing.T)
	// run does it until it is killed after delay; 0 lets it end.
	run func(v *victim, t *testing.T, delay time.Duration)
	// again does it to the end when the server is up, which must work.
	again func(v *victim, t *testing.T)
	// became is what the project may be afterwards beside what it was.
	became func(v *victim) *wanted
}

// moments are all of them but the import, which has a test of its own with more
// rounds, and the migration, which needs a database of its own each time.
func moments() []moment {
	return []moment{
		{name: "start-up", stopped: true, run: func(v *victim, t *testing.T, delay time.Duration) {
			v.command(t, delay, v.serve()...)
		}},
		{name: "collection", before: (*victim).litter, run: func(v *victim, t *testing.T, delay time.Duration) {
			v.command(t, delay, "collect", "--database", v.database)
		}, again: func(v *victim, t *testing.T) {
			v.must(t, "Took away ", "collect", "--database", v.database)
			v.nothingSpare(t)
		}},
		{name: "rotation of the data key", run: func(v *victim, t *testing.T, delay time.Duration) {
			if delay > 0 {
				defer time.AfterFunc(delay, func() { _ = v.process.Process.Kill() }).Stop()
			}
			v.post(t, "/v1/mgmt/project/key/rotate", []byte("{}"))
		}, again: func(v *victim, t *testing.T) {
			if got := v.post(t, "/v1/mgmt/project/key/rotate", []byte("{}")); got.status != http.StatusOK {
				t.Errorf("rotate again: %d %s", got.status, got.body)
			}
		}},
		{name: "rotation of the master key", run: func(v *victim, t *testing.T, delay time.Duration) {
			v.command(t, delay, "key", "rotate-master", "--database", v.database, "--master-key-file", v.masterKey())
		}, again: func(v *victim, t *testing.T) {
			v.must(t, "Wrapped ", "key", "rotate-master", "--database", v.database, "--master-key-file", v.masterKey())
			v.must(t, "Took ", "key", "rotate-master", "--database", v.database, "--master-key-file", v.masterKey(), "--drop-old")
			v.saveBackup(t) // the one before does not open any more
		}},
		{name: "restore", stopped: true, run: func(v *victim, t *testing.T, delay time.Duration) {
			v.command(t, delay, "restore", v.backup, "--database", v.database, "--master-key-file", v.masterKey(), "--force-empty")
		}, became: func(v *victim) *wanted { return v.backedUp }},
	}
}

func (v *victim) masterKey() string { return filepath.Join(v.dir, "data", "master.key") }

// command runs a command of the program and kills it after delay; 0 lets it end.
// It returns what the command said.
func (v *victim) command(t *testing.T, delay time.Duration, args ...string) string {
	t.Helper()
	cmd := exec.Command(v.binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if delay > 0 {
		defer time.AfterFunc(delay, func() { _ = cmd.Process.Kill() }).Stop()
	}
	_ = cmd.Wait() // killed or not: what it left is looked at
	return out.String()
}

// must runs a command to its end, which must say something.
func (v *victim) must(t *testing.T, say string, args ...string) {
	t.Helper()
	if out := v.command(t, 0, args...); !strings.Contains(out, say) {
		t.Fatalf("%v says: %s", args, out)
	}
}

// litter makes what a collection takes away: a project that was deleted long ago,
// whose contents nobody else has.
func (v *victim) litter(t *testing.T) {
	t.Helper()
	v.litters++
	w := v.next(1_000_000 + v.litters)
	db := v.open(t)
	defer db.Close()
	s := v.service(t, db)
	p, err := s.Create(t.Context(), tester, project.New{Name: "litter"})
	if err == nil {
		_, err = s.Import(t.Context(), tester, project.Import{Project: p.ID, Upload: w.upload()})
	}
	if err == nil {
		err = s.Delete(t.Context(), tester, p.ID)
	}
	if err == nil {
		err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE projects SET deleted_at = 1 WHERE id = $1`, p.ID)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nothingSpare sees that a collection which ended left nothing that nobody needs.
func (v *victim) nothingSpare(t *testing.T) {
	t.Helper()
	db := v.open(t)
	defer db.Close()
	r := v.examine(t, db)
	if len(r.Orphans) > 0 {
		t.Errorf("after a collection there are %d things that nothing needs: %+v", len(r.Orphans), r.Orphans[0])
	}
}

// saveBackup writes a backup of the database as it is, to restore later.
func (v *victim) saveBackup(t *testing.T) {
	t.Helper()
	v.backup = filepath.Join(v.dir, "postern.backup")
	_ = os.Remove(v.backup) // there is none the first time
	v.must(t, "Wrote ", "backup", v.backup, "--database", v.database)
	v.backedUp, v.acknowledgedThen = v.current, len(v.acknowledged)
}

// during kills a moment, starts the server and looks at what is left.
func (v *victim) during(t *testing.T, m moment, delay time.Duration) {
	t.Helper()
	if m.before != nil {
		m.before(v, t)
	}
	if m.stopped {
		v.kill(t)
	}
	began := time.Now()
	m.run(v, t, delay)
	if delay == 0 {
		v.lengths[m.name] = time.Since(began)
	}
	if !m.stopped {
		v.kill(t)
	}
	v.start(t)
	switch head := v.head(t); {
	case head == v.current.digest(t):
	case m.became != nil && head == m.became(v).digest(t):
		v.current, v.acknowledged = m.became(v), v.acknowledged[:v.acknowledgedThen]
	default:
		t.Fatal("the head is none that it may be")
	}
	v.check(t)
	if m.again != nil {
		m.again(v, t)
	}
	v.checkInside(t)
}

// length says how long a moment takes when nobody kills it.
func (v *victim) length(t *testing.T, m moment) time.Duration {
	t.Helper()
	if m.name == "start-up" {
		return v.startTook // it does not end by itself
	}
	if v.lengths[m.name] == 0 {
		v.during(t, m, 0)
		v.change(t)
	}
	return v.lengths[m.name]
}

// change imports what was never there before.
func (v *victim) change(t *testing.T) {
	t.Helper()
	v.changes++
	v.apply(t, v.next(v.changes))
}

// Killed in any other moment than an import, a server and its commands leave
// what was there, whole, and what was broken off can be done again.
func TestKilledAtOtherMoments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, v *victim, luck *dice, rounds int64) {
		v.notes = 5
		v.start(t)
		v.change(t)
		v.saveBackup(t)
		kills := max(rounds/20, 1)
		for n := range kills {
			for _, m := range moments() {
				v.change(t) // so that there is a new state each time
				most := v.length(t, m) * 5 / 4
				delay := time.Duration(1 + luck.below(int64(most)))
				v.during(t, m, delay)
				if t.Failed() {
					t.Fatalf("kill %d, %v after the begin of the %s, which takes %v", n, delay, m.name, v.lengths[m.name])
				}
			}
		}
		v.kill(t)
		t.Logf("%d kills in each of %d moments", kills, len(moments()))
	})
}
