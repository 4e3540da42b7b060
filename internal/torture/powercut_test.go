package torture

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

// image is what the files are when the power goes after the first n calls of the
// log: what was synced is there; of what was only written, some.
func image(base map[string][]byte, log []call, n int, some func(call) bool) map[string][]byte {
	synced := map[string]int{} // the last sync of each file
	for i, c := range log[:n] {
		if c.what == "sync" {
			synced[c.file] = i
		}
	}
	files := map[string][]byte{}
	for name, content := range base {
		files[name] = bytes.Clone(content)
	}
	for i, c := range log[:n] {
		last, ok := synced[c.file]
		if c.what == "sync" || !(ok && i < last) && !some(c) {
			continue
		}
		content := files[c.file]
		switch c.what {
		case "delete":
			delete(files, c.file)
			continue
		case "truncate":
			content = append(content, make([]byte, max(0, int(c.at)-len(content)))...)[:c.at]
		case "write":
			content = append(content, make([]byte, max(0, int(c.at)+len(c.data)-len(content)))...)
			copy(content[c.at:], c.data)
		}
		files[c.file] = content
	}
	return files
}

// When the power goes at any moment, what is there then is the revision before
// or the one after, whole; and once an import was acknowledged, it is there.
// The log is moved into the file of the database on the way (a checkpoint).
func TestPowerCut(t *testing.T) {
	t.Parallel()
	b := newBed(t, 3)
	o := b.on(t)
	defer o.DB.Close()
	if answer, err := o.apply(t, b.new); answer != done { // so that there is a log
		t.Fatal(err)
	}
	if answer, err := o.apply(t, b.old); answer != done {
		t.Fatal(err)
	}
	base := read(t, o.dir)
	o.disk.arm(nil)
	o.disk.keep = true
	if answer, err := o.apply(t, b.new); answer != done {
		t.Fatal(err)
	}
	acknowledged := len(o.disk.log)
	o.execute(t, `PRAGMA wal_checkpoint(TRUNCATE)`)
	log := slices.Clone(o.disk.log)
	o.disk.keep = false
	if len(log) == acknowledged {
		t.Fatal("there was no checkpoint")
	}
	seed := setting(t, seedVariable, time.Now().UnixNano())
	t.Logf("to do the same again: %s=%d", seedVariable, seed)
	luck := dice(seed)
	count := tally{}
	for n := range len(log) + 1 {
		for name, some := range map[string]func(call) bool{
			"nothing": func(call) bool { return false },
			"all":     func(call) bool { return true },
			"some":    func(call) bool { return luck.below(2) == 0 },
			"others":  func(call) bool { return luck.below(4) == 0 },
		} {
			found, err := b.at(t, lay(t, image(base, log, n, some)))
			if err != nil || n >= acknowledged && found != isNew {
				t.Fatalf("the power goes after call %d of %d, %s of what was not synced is there: %q, %v", n, len(log), name, found, err)
			}
			count[found]++
		}
	}
	t.Logf("%d images after %d calls, %d of them before the acknowledgement: %v", 4*(len(log)+1), len(log), acknowledged, count)
	if count[isOld] == 0 || count[isNew] == 0 {
		t.Error("the power went at no interesting moment")
	}
}

// A disk that says that it wrote or synced and did not can lose what was
// acknowledged: nobody above it can know. But nothing wrong is ever given out:
// what is there is one revision, whole, or an error that says that it is damaged.
func TestDiskLies(t *testing.T) {
	t.Parallel()
	b := newBed(t, 3)
	count := tally{}
	for n := 1; ; n++ {
		o := b.on(t)
		seen := 0
		o.disk.arm(func(c call) verdict {
			if c.what == "write" || c.what == "sync" || c.what == "truncate" || c.what == "delete" {
				if seen++; seen == n {
					return drops
				}
			}
			return happens
		})
		answer, err := o.apply(t, b.new)
		hit, hits := o.disk.first, o.disk.hits
		o.disk.arm(nil)
		next, crash, restart, bad := o.after(t)
		_ = o.DB.Close() // it may be closed
		switch {
		case hits == 0:
			t.Logf("each of %d calls only seemed to happen: %v", n-1, count)
			if !maps.Equal(count, tally{}) && count["as if nothing had been"] == 0 {
				t.Error("no call was dropped")
			}
			return
		case errors.Is(bad, errServed):
			t.Errorf("call %d, %s of %s, is dropped: the answer is %s (%v), then %v", n, hit.what, hit.file, answer, err, bad)
		case bad != nil:
			count["said to be damaged"]++
		case answer == done && (next != isNew || crash != isNew || restart != isNew):
			count["acknowledged and lost"]++
		default:
			count["as if nothing had been"]++
		}
	}
}
