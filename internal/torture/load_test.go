package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// What a load is: how long, how many sign-ins and refreshes a second, and how long it
// is from one import and from one restart to the next.
const (
	loadVariable     = "POSTERN_LOAD"
	signInsVariable  = "POSTERN_LOAD_SIGN_INS"
	refreshVariable  = "POSTERN_LOAD_REFRESHES"
	importsVariable  = "POSTERN_LOAD_IMPORT_EVERY"
	restartsVariable = "POSTERN_LOAD_RESTART_EVERY"
)

// robotCode is the code of test users, who are sent nothing.
const robotCode = "424242"

const (
	loadClients  = 64   // of each kind: more do not wait for an answer at once
	loadPeople   = 8000 // who are users before the load begins
	loadSessions = 500  // of theirs, which there are then
	loadNew      = 10   // each so-many-th who signs in is new
)

// A load is what people do at three nodes, and what is done to these meanwhile.
type load struct {
	n        *nodes
	until    time.Time
	sessions chan string // refresh tokens, each of which nobody uses just now

	signIns, refreshes work
}

// work is one thing that people do, so often a second.
type work struct {
	rate  int64
	begun atomic.Int64

	mu   sync.Mutex
	took []time.Duration // from when it was due
}

// do does the work at its rate until the time is over, whoever is slow: what is due
// waits for a client and not for the answer before it. It stops at the first error.
func (l *load) do(ctx context.Context, group *errgroup.Group, w *work, one func(i int64) error) {
	start := time.Now()
	for range loadClients {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := w.begun.Add(1) - 1
				due := start.Add(time.Duration(i) * time.Second / time.Duration(w.rate))
				if due.After(l.until) || time.Now().After(l.until) {
					w.begun.Add(-1)
					return nil
				}
				pause(ctx, time.Until(due))
				if err := one(i); err != nil {
					return err
				}
				w.mu.Lock()
				w.took = append(w.took, time.Since(due))
				w.mu.Unlock()
			}
			return nil
		})
	}
}

// String says how much of the work was done, and how long those waited who were
// quicker than one half, 99 of 100 and all.
func (w *work) String() string {
	slices.Sort(w.took)
	if len(w.took) == 0 {
		return "none"
	}
	at := func(share float64) time.Duration {
		return w.took[int(share*float64(len(w.took)-1))].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d, of %d a second wanted: %s, %s, %s", len(w.took), w.rate, at(0.5), at(0.99), at(1))
}

// pair is what a sign-in or a refresh answers.
type pair struct {
	Session string `json:"sessionJwt"`
	Refresh string `json:"refreshJwt"`
}

// person is the login id of one of the people.
func person(i int64) string { return fmt.Sprintf("robot%d@example.com", i%loadPeople) }

// join makes the people, and signs some of them in.
func (l *load) join(ctx context.Context) error {
	const batch = 500
	for first := int64(0); first < loadPeople; first += batch {
		var users []any
		for i := range int64(batch) {
			users = append(users, map[string]any{"loginId": person(first + i), "email": person(first + i), "test": true})
		}
		if err := l.n.call(ctx, "/v1/mgmt/user/create/batch", l.n.v.key, map[string]any{"users": users}, &map[string]any{}); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range int64(loadSessions) {
		group.Go(func() error { return l.signIn(ctx, "signin", person(i)) })
	}
	return group.Wait()
}

// signIn asks for a code and shows it. The session is another one to refresh.
func (l *load) signIn(ctx context.Context, how, who string) error {
	login := map[string]any{"loginId": who}
	if err := l.n.call(ctx, "/v1/auth/otp/"+how+"/email", "", login, &map[string]any{}); err != nil {
		return err
	}
	login["code"] = robotCode
	var now pair
	if err := l.n.call(ctx, "/v1/auth/otp/verify/email", "", login, &now); err != nil {
		return err
	}
	l.sessions <- now.Refresh
	return nil
}

// refresh uses the token that nobody has used for longest.
func (l *load) refresh(ctx context.Context) error {
	select {
	case token := <-l.sessions:
		return l.renew(ctx, token)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *load) renew(ctx context.Context, token string) error {
	var now pair
	if err := l.n.call(ctx, "/v1/auth/refresh", token, map[string]any{}, &now); err != nil {
		return err
	}
	if now.Refresh == "" || now.Refresh == token {
		return errors.New("the refresh token is not rotated")
	}
	l.sessions <- now.Refresh
	return nil
}

// People sign in and refresh at three nodes in turn, with imports meanwhile, while
// one node after the other is stopped and started. Nobody sees an error that trying
// again does not hide, and no session is lost.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	length, importEvery, restartEvery := span(t, loadVariable, 6*time.Second), span(t, importsVariable, 200*time.Millisecond), span(t, restartsVariable, 300*time.Millisecond)
	l := &load{n: open(t, 2*loadClients)}
	l.signIns.rate, l.refreshes.rate = setting(t, signInsVariable, 20), setting(t, refreshVariable, 200)
	l.sessions = make(chan string, loadSessions+2*l.signIns.rate*int64(length/time.Second+1))
	if err := l.n.configure(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := l.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.n.retried.Store(0)
	used := l.n.processor()
	l.until = time.Now().Add(length)
	var imports, restarts atomic.Int64
	group, running := errgroup.WithContext(t.Context())
	l.do(running, group, &l.signIns, func(i int64) error {
		if i%loadNew == 0 {
			return l.signIn(running, "signup-in", fmt.Sprintf("robot-new-%d@example.com", i))
		}
		return l.signIn(running, "signin", person(i))
	})
	l.do(running, group, &l.refreshes, func(int64) error { return l.refresh(running) })
	meanwhile := func(every time.Duration, count *atomic.Int64, one func(i int) error) {
		group.Go(func() error {
			for pause(running, every); time.Now().Before(l.until) && running.Err() == nil; pause(running, every) {
				if err := one(int(count.Load())); err != nil {
					return err
				}
				count.Add(1)
			}
			return nil
		})
	}
	meanwhile(importEvery, &imports, func(i int) error { return l.n.configure(running, i+1) })
	meanwhile(restartEvery, &restarts, func(i int) error { return l.n.restart(running, i%len(l.n.all)) })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("in %s: sign-ins %s; refreshes %s; %d imports, %d restarts; %d calls were tried again; the nodes used %s of processor time",
		length, &l.signIns, &l.refreshes, imports.Load(), restarts.Load(), l.n.retried.Load(), (l.n.processor() - used).Round(10*time.Millisecond))
	if len(l.refreshes.took) == 0 || len(l.signIns.took) == 0 || imports.Load() == 0 || restarts.Load() == 0 {
		t.Error("something of this did not happen")
	}
	l.all(t)
}

// all refreshes every session once more: none is lost.
func (l *load) all(t *testing.T) {
	t.Helper()
	if want := loadSessions + len(l.signIns.took); len(l.sessions) != want {
		t.Errorf("there are %d sessions, want %d", len(l.sessions), want)
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(loadClients)
	for range len(l.sessions) {
		group.Go(func() error { return l.renew(ctx, <-l.sessions) })
	}
	if err := group.Wait(); err != nil {
		t.Error("a session is lost:", err)
	}
}

// processor returns the processor time that the nodes have used; 0 where it cannot be
// read.
func (n *nodes) processor() time.Duration {
	all := time.Duration(n.used.Load())
	for _, at := range n.all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", at.process.Process.Pid))
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		for _, field := range strings.Fields(rest)[11:13] { // utime and stime, in ticks of 10 ms
			ticks, _ := strconv.ParseInt(field, 10, 64)
			all += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return all
}

// span is a length of time in a variable of the environment.
func span(t *testing.T, variable string, usual time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return length
}
