package password

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSlackIsHeldWhileSomebodyHashes: one that leaves takes nothing from another, who
// comes soon finds it held, and when nobody came for a while it is gone.
func TestSlackIsHeldWhileSomebodyHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlack(1<<20, 1<<30)
		holds := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.held) != want {
				t.Errorf("%s: %d bytes are held, want %d", when, len(s.held), want)
			}
		}
		holds("before anybody came", 0)
		s.enter()
		s.enter()
		holds("while two hash", mostSlack<<20)
		s.leave()
		time.Sleep(2 * restAfter)
		holds("long after one of two left", mostSlack<<20)
		s.leave()
		time.Sleep(restAfter - time.Second)
		holds("shortly after the last one left", mostSlack<<20)
		s.enter()
		time.Sleep(2 * restAfter)
		holds("while one hashes who came in time", mostSlack<<20)
		s.leave()
		time.Sleep(restAfter + time.Second)
		holds("long after the last one left", 0)
		s.enter()
		holds("when somebody comes again", mostSlack<<20)
		s.leave()
		time.Sleep(restAfter + time.Second)
	})
}

// TestSlackIsHalfOfWhatHashesMayTake: no more, however large one hash is.
func TestSlackIsHalfOfWhatHashesMayTake(t *testing.T) {
	if got := newSlack(19<<20, 64<<20).size; got != 32<<20 {
		t.Errorf("of 64 MiB %d bytes are slack, want half", got)
	}
}
