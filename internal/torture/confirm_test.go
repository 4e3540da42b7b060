package torture

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/store"
)

// said is what the server acknowledged before it was killed.
type said struct{ imported, confirmed, undone bool }

// A wait is a moment of an import that must be confirmed.
type wait struct {
	name string
	// run imports w, and kills the server in the moment.
	run func(v *victim, t *testing.T, w *wanted, luck *dice) said
}

const confirmPath = "/v1/mgmt/project/confirm"

func waits() []wait {
	return []wait{
		{"the import", func(v *victim, t *testing.T, w *wanted, luck *dice) said {
			return said{imported: v.askAndKill(t, "/v1/mgmt/project/snapshot/import", v.waitingBody(t, w), v.within(luck, "import"))}
		}},
		{"the deadline", func(v *victim, t *testing.T, w *wanted, luck *dice) said {
			v.applyAndWait(t, w)
			at := time.Now().Truncate(time.Second).Add(time.Second)
			v.deadline(t, at)
			// The server looks each second, counted from a moment of its start.
			looks := v.ready.Add(at.Sub(v.ready).Truncate(time.Second) + time.Second)
			spread := time.Duration(luck.below(int64(v.startTook*3/2))) - v.startTook
			process := v.process.Process
			time.AfterFunc(time.Until(looks)+spread, func() { _ = process.Kill() })
			v.gone(t)
			return said{imported: true}
		}},
		{"going back at a start", func(v *victim, t *testing.T, w *wanted, luck *dice) said {
			v.applyAndWait(t, w)
			v.kill(t)
			v.deadline(t, time.Unix(1, 0))
			v.command(t, v.startTook/2+time.Duration(luck.below(int64(v.startTook*2))), v.serve()...)
			return said{imported: true}
		}},
		{"the confirmation", func(v *victim, t *testing.T, w *wanted, luck *dice) said {
			body := fmt.Appendf(nil, `{"revision":%d}`, v.applyAndWait(t, w))
			return said{imported: true, confirmed: v.askAndKill(t, confirmPath, body, v.within(luck, "confirm"))}
		}},
		{"the undoing", func(v *victim, t *testing.T, w *wanted, luck *dice) said {
			body := fmt.Appendf(nil, `{"revision":%d,"undo":true}`, v.applyAndWait(t, w))
			return said{imported: true, undone: v.askAndKill(t, confirmPath, body, v.within(luck, "import"))}
		}},
	}
}

// within draws a moment of something whose length is known.
func (v *victim) within(luck *dice, what string) time.Duration {
	return time.Duration(luck.below(int64(v.lengths[what] * 5 / 4)))
}

// waitingBody is that of an import that waits for long.
func (v *victim) waitingBody(t *testing.T, w *wanted) []byte {
	t.Helper()
	body := bytes.TrimSuffix(bytes.TrimSpace(v.body(t, w, true)), []byte("}"))
	return append(body, `,"confirmWithin":"1h"}`...)
}

// applyAndWait makes an import that must be confirmed, and returns its number.
func (v *victim) applyAndWait(t *testing.T, w *wanted) int64 {
	t.Helper()
	began := time.Now()
	got := v.post(t, "/v1/mgmt/project/snapshot/import", v.waitingBody(t, w))
	var out struct {
		Revision int64     `json:"revision"`
		Pending  *struct{} `json:"pending"`
	}
	if err := json.Unmarshal(got.body, &out); err != nil || got.status != http.StatusOK || out.Pending == nil {
		t.Fatalf("import: %d %s, %v", got.status, got.body, err)
	}
	v.lengths["import"] = time.Since(began)
	return out.Revision
}

// deadline changes until when whatever waits may be confirmed.
func (v *victim) deadline(t *testing.T, at time.Time) {
	t.Helper()
	db := v.open(t)
	defer db.Close()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE confirmations SET deadline = $2 WHERE project = $1`, v.project, at.Unix())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waits reports whether the killed server left an import that waits.
func (v *victim) waits(t *testing.T) bool {
	t.Helper()
	v.settle(t)
	db := v.open(t)
	defer db.Close()
	waiting, err := v.service(t, db).Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(waiting) > 0
}

// settled lets whatever still waits go back, and waits until that is done.
func (v *victim) settled(t *testing.T) {
	t.Helper()
	v.deadline(t, time.Unix(1, 0))
	db := v.open(t)
	defer db.Close()
	s := v.service(t, db)
	late := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := s.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(waiting) == 0 {
			return
		}
		select {
		case <-late:
			t.Fatalf("after a minute it has not gone back: %+v", waiting)
		case <-tick.C:
		}
	}
}

// since returns what was made after a revision, the newest first.
func (v *victim) since(t *testing.T, db *store.DB, last int64) []project.Revision {
	t.Helper()
	h, err := v.service(t, db).Revisions(t.Context(), v.project, 0, project.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range h.Revisions {
		if r.Number == last {
			return h.Revisions[:i]
		}
	}
	t.Fatalf("revision %d is gone", last)
	return nil
}

// A number of each thing that can become of an import that must be confirmed.
type fates struct {
	none   int // it was not applied
	stayed int // it was confirmed
	before int // it had gone back when the server was killed
	after  int // it went back after the next start
}

// judge sees that an import was not applied, stays by a confirmation, or has gone
// back, once and whole, with one record of each in the audit, and that this is
// what was acknowledged.
func (v *victim) judge(t *testing.T, w *wanted, ok said, mayStay, waited bool, last int64, count *fates) int64 {
	t.Helper()
	db := v.open(t)
	defer db.Close()
	made := v.since(t, db, last)
	records := v.records(t, db, last+1)
	want := map[string]int{}
	old := v.current
	switch {
	case len(made) == 0 && !ok.imported:
		count.none++
	case len(made) == 1 && mayStay && !ok.undone && made[0].Kind == project.KindImport:
		count.stayed++
		v.current = w
		want = map[string]int{"project.import": 1, "project.confirm": 1}
	case len(made) == 2 && !ok.confirmed && made[0].Kind == project.KindRollback && made[1].Kind == project.KindImport && made[0].Digest.String() == old.digest(t):
		if waited {
			count.after++
		} else {
			count.before++
		}
		want = map[string]int{"project.import": 1, "project.rollback": 1}
	default:
		t.Errorf("%+v was acknowledged, and it became %+v", ok, made)
	}
	if fmt.Sprint(records) != fmt.Sprint(want) {
		t.Errorf("the audit has %v, want %v", records, want)
	}
	if head := v.head(t); head != v.current.digest(t) {
		t.Errorf("the head is %s", head)
	}
	v.check(t)
	value, err := password(t, v.service(t, db), v.project)
	if err != nil || value.Reveal() != v.current.secret {
		t.Errorf("the secret is %q, want %q; %v", value.Reveal(), v.current.secret, err)
	}
	return last + int64(len(made))
}

// records counts what the audit has about an import and what became of it.
func (v *victim) records(t *testing.T, db *store.DB, revision int64) map[string]int {
	t.Helper()
	events, _, err := audit.Find(t.Context(), db, audit.Search{Project: v.project, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range events {
		member := "revision"
		if e.Action == "project.rollback" {
			member = "undoes"
		}
		if fmt.Sprint(e.Details[member]) == fmt.Sprint(revision) {
			out[e.Action]++
		}
	}
	return out
}

// A server that is killed while an import waits to be confirmed, at its deadline
// and while it goes back, has in the end either what was confirmed or what was
// there before, once, whole, and with its record.
func TestKilledWhileAConfirmationWaits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, v *victim, luck *dice, rounds int64) {
		v.notes = 5
		v.start(t)
		v.apply(t, v.next(0))
		last := v.applyAndWait(t, v.next(1))
		began := time.Now()
		if got := v.post(t, confirmPath, fmt.Appendf(nil, `{"revision":%d}`, last)); got.status != http.StatusOK {
			t.Fatalf("confirm: %d %s", got.status, got.body)
		}
		v.lengths["confirm"], v.current = time.Since(began), v.next(1)
		kills := max(rounds/20, 1)
		fate := map[string]*fates{}
		for n := range kills {
			for i, m := range waits() {
				if fate[m.name] == nil {
					fate[m.name] = &fates{}
				}
				w := v.next(int(2+n*int64(len(waits()))) + i)
				ok := m.run(v, t, w, luck)
				waited := v.waits(t)
				v.start(t)
				v.settled(t)
				last = v.judge(t, w, ok, m.name == "the confirmation", waited, last, fate[m.name])
				if t.Failed() {
					t.Fatalf("kill %d in %s", n, m.name)
				}
			}
			if n%10 == 9 || n == kills-1 {
				v.whole(t)
			}
		}
		v.kill(t)
		for name, f := range fate {
			t.Logf("%d kills in %s: %d not applied, %d confirmed, %d had gone back, %d went back afterwards", kills, name, f.none, f.stayed, f.before, f.after)
		}
	})
}

// whole looks at all of the database, the chains of the audit with it.
func (v *victim) whole(t *testing.T) {
	t.Helper()
	db := v.open(t)
	defer db.Close()
	v.examine(t, db)
	v.count(t, db)
}
