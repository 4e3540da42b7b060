package password_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/password"
	"postern/internal/testkit"
)

// A line is people before a hasher that hashes one password at a time. Each who has
// its turn keeps it until next is called.
type line struct {
	t      *testing.T
	hasher *password.Hasher
	mu     sync.Mutex
	served []string
	busy   []string // who was refused
	gates  []chan struct{}
}

func newLine(t *testing.T, waiting int) *line {
	t.Helper()
	h, err := password.NewHasher(quick, 64<<20, 1, waiting)
	if err != nil {
		t.Fatal(err)
	}
	return &line{t: t, hasher: h}
}

// come lets somebody of a project come, and waits until they stand in line, have
// their turn or are refused.
func (l *line) come(ctx context.Context, name string) {
	l.t.Helper()
	project, _, _ := strings.Cut(name, " ")
	go func() {
		err := l.hasher.Turn(ctx, project, 1, func() {
			gate := make(chan struct{})
			l.mu.Lock()
			l.served, l.gates = append(l.served, name), append(l.gates, gate)
			l.mu.Unlock()
			<-gate
		})
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		if wait, ok := fault.From(err).Details.(limit.Wait); !errors.Is(err, password.ErrBusy) || !ok || wait.Seconds < 1 {
			l.t.Errorf("%s: %v", name, err)
		}
		l.mu.Lock()
		l.busy = append(l.busy, name)
		l.mu.Unlock()
	}()
	synctest.Wait()
}

// next ends the turn that somebody has.
func (l *line) next() {
	l.mu.Lock()
	gate := l.gates[0]
	l.gates = l.gates[1:]
	l.mu.Unlock()
	close(gate)
	synctest.Wait()
}

// finish lets all have their turns, and compares who had one, who was refused, and
// what is counted.
func (l *line) finish(served, busy []string) {
	l.t.Helper()
	for len(l.gates) > 0 {
		l.next()
	}
	if diff := cmp.Diff(served, l.served); diff != "" {
		l.t.Errorf("served (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(busy, l.busy); diff != "" {
		l.t.Errorf("refused (-want +got):\n%s", diff)
	}
	if waiting, refused := l.hasher.Queue(); waiting != 0 || int(refused) != len(busy) {
		l.t.Errorf("at the end %d wait, and %d were refused", waiting, refused)
	}
}

func (l *line) waiting(want int) {
	l.t.Helper()
	if got, _ := l.hasher.Queue(); got != want {
		l.t.Errorf("%d wait, want %d", got, want)
	}
}

func TestTooManyWhoWaitAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, 3)
		for i := range 6 {
			l.come(t.Context(), fmt.Sprint("A ", i))
		}
		l.waiting(3)
		l.next()
		l.come(t.Context(), "A 6") // there is place again
		l.finish([]string{"A 0", "A 1", "A 2", "A 3", "A 6"}, []string{"A 4", "A 5"})
	})
}

// A flood in one project holds up the others by no more than the turn that runs.
func TestProjectsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, 6)
		for i := range 7 {
			l.come(t.Context(), fmt.Sprint("flood ", i))
		}
		l.come(t.Context(), "flood 7")
		l.come(t.Context(), "A 0")
		l.come(t.Context(), "A 1")
		l.come(t.Context(), "B 0")
		l.come(t.Context(), "A 2") // now the flood has two places, too
		l.finish([]string{"flood 0", "flood 1", "A 0", "B 0", "flood 2", "A 1", "flood 3"},
			[]string{"flood 7", "flood 6", "flood 5", "flood 4", "A 2"})
	})
}

// Who leaves gives up the place, and the room of a turn that came too late.
func TestWhoLeavesTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, 2)
		l.come(t.Context(), "A 0")
		ctx, leave := context.WithCancel(t.Context())
		l.come(ctx, "A 1")
		l.come(ctx, "B 1")
		l.waiting(2)
		leave()
		synctest.Wait()
		l.waiting(0)
		l.come(t.Context(), "A 2")
		l.come(t.Context(), "A 3")
		l.finish([]string{"A 0", "A 2", "A 3"}, nil)
	})
}

// Many come, leave and are refused at once, and at the end there is all the room.
func TestTheRoomComesBack(t *testing.T) {
	t.Parallel()
	h, err := password.NewHasher(quick, 64<<20, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%3 == 0 {
				go cancel()
			}
			err := h.Turn(ctx, fmt.Sprint(i%5), 1, func() {})
			if err != nil && !errors.Is(err, password.ErrBusy) && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if waiting, _ := h.Queue(); waiting != 0 {
		t.Errorf("%d wait", waiting)
	}
	h.LeaveLate()
	ran := false
	if err := h.Turn(t.Context(), "A", 64<<20, func() { ran = true }); err != nil || !ran {
		t.Errorf("all the room at once: %v", err)
	}
}

// Whom there is no place for is told so whether there is such a user or not.
func TestABusyHasher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "ann", "right")
		var err error
		if f.Hasher, err = password.NewHasher(quick, 64<<20, 1, 1); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		for range 2 { // one who hashes and one who waits
			go func() { _ = f.Hasher.Turn(ctx, f.shop.ID, 1, func() { <-done }) }()
			synctest.Wait()
		}
		var answers []string
		for _, loginID := range []string{"ann", "nobody"} {
			err := f.signIn(t, loginID, "x")
			answers = append(answers, fault.From(err).Code)
		}
		if !slices.Equal(answers, []string{password.ErrBusy.Code, password.ErrBusy.Code}) {
			t.Errorf("answered with %q", answers)
		}
		cancel()
		close(done)
	})
}
