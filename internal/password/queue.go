package password

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"postern/internal/limit"
)

// ErrBusy refuses a password because too many others wait to be hashed. Its details
// are a limit.Wait.
var ErrBusy = limit.ErrExceeded.WithMessage("too many passwords wait to be compared; try again in a moment")

// busyFor is how many seconds who is refused is asked to wait.
const busyFor = 2

// A queue lets as much be done at once as there is room for. Whoever else comes waits
// for a turn: the projects take turns, and within one who came first has it first. So
// a flood in one project does not hold up the sign-ins of the others.
//
// No more than most wait. Who comes then is refused, unless another project has the
// longer line: the last one of that gives way.
type queue struct {
	mu      sync.Mutex
	room    int64 // that is free
	most    int
	waiting int
	lines   map[string][]*waiter // by project; none is empty
	turns   []string             // the projects of lines, the next one first
	refused uint64
}

// A waiter stands in line. It is told once: nil for its turn, or ErrBusy.
type waiter struct {
	project string
	room    int64
	told    chan error
}

// enter waits for a turn with so much room, for as long as ctx lasts. Whoever has it
// must leave.
func (q *queue) enter(ctx context.Context, project string, room int64) error {
	q.mu.Lock()
	if q.waiting == 0 && q.room >= room {
		q.room -= room
		q.mu.Unlock()
		return nil
	}
	if q.waiting >= q.most && !q.displace(project) {
		q.refused++
		q.mu.Unlock()
		return ErrBusy.With(limit.Wait{Seconds: busyFor})
	}
	w := &waiter{project, room, make(chan error, 1)}
	q.join(w)
	q.mu.Unlock()
	select {
	case err := <-w.told:
		return err
	case <-ctx.Done():
		q.quit(w)
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

// leave gives room back.
func (q *queue) leave(room int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room += room
	q.grant()
}

// join puts w at the end of the line of its project.
func (q *queue) join(w *waiter) {
	if len(q.lines[w.project]) == 0 {
		q.turns = append(q.turns, w.project)
	}
	q.lines[w.project] = append(q.lines[w.project], w)
	q.waiting++
}

// remove takes the waiter at a place out of the line of a project.
func (q *queue) remove(project string, at int) {
	q.waiting--
	if q.lines[project] = slices.Delete(q.lines[project], at, at+1); len(q.lines[project]) > 0 {
		return
	}
	delete(q.lines, project)
	q.turns = slices.DeleteFunc(q.turns, func(p string) bool { return p == project })
}

// quit takes out a waiter who does not want to wait any more. A turn that it got just
// now is given back.
func (q *queue) quit(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := slices.Index(q.lines[w.project], w); at >= 0 {
		q.remove(w.project, at)
	} else if <-w.told == nil {
		q.room += w.room
	}
	q.grant()
}

// displace makes place for one more of a project by refusing the last of the longest
// line, if that stays no shorter than the one of the project becomes.
func (q *queue) displace(project string) bool {
	longest := project
	for _, p := range q.turns {
		if len(q.lines[p]) > len(q.lines[longest]) {
			longest = p
		}
	}
	last := len(q.lines[longest]) - 1
	if last <= len(q.lines[project]) {
		return false
	}
	q.lines[longest][last].told <- ErrBusy.With(limit.Wait{Seconds: busyFor})
	q.remove(longest, last)
	q.refused++
	return true
}

// grant lets those in whose turn it is. One who needs more room than there is lets
// nobody overtake, or it would wait for ever.
func (q *queue) grant() {
	for len(q.turns) > 0 {
		project := q.turns[0]
		w := q.lines[project][0]
		if w.room > q.room {
			return
		}
		q.room -= w.room
		q.turns = append(q.turns[1:], project)
		q.remove(project, 0)
		w.told <- nil
	}
}

// state returns how many wait and how many were refused.
func (q *queue) state() (waiting int, refused uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.refused
}
