package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"postern/internal/store"
	"postern/internal/testkit"
)

type writing func(context.Context, *store.Tx) error

// inTurn writes with all of fns, which wait in this order while first writes, and
// returns their errors. A panic is the error "panic", the end of a goroutine is
// "goexit".
func inTurn(ctx context.Context, db *store.DB, first writing, write []func(writing) error, fns ...writing) (errs []error, leader error) {
	db.Patient()
	errs = make([]error, len(fns))
	var all sync.WaitGroup
	started := false // the leader may have to run again
	leader = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if started {
			return first(ctx, tx)
		}
		started = true
		for i, fn := range fns {
			all.Go(func() {
				errs[i] = errors.New("goexit")
				defer func() {
					if recover() != nil {
						errs[i] = errors.New("panic")
					}
				}()
				errs[i] = write[i](fn)
			})
			for db.Waiting() <= i {
				runtime.Gosched()
			}
		}
		return first(ctx, tx)
	})
	all.Wait()
	return errs, leader
}

// plainly returns n times Write.
func plainly(ctx context.Context, db *store.DB, n int) []func(writing) error {
	return slices.Repeat([]func(writing) error{func(fn writing) error { return db.Write(ctx, fn) }}, n)
}

func add(id string) writing {
	return func(_ context.Context, tx *store.Tx) error { return insertProject(tx, id) }
}

func TestOfThoseWhoShareACommit(t *testing.T) {
	t.Parallel()
	const debt = `INSERT INTO limits (project, scope, subject, since, tries, expires_at) VALUES ('nobody', 's', 's', 1, 1, 1)`
	for _, tt := range []struct {
		name  string
		odd   writing // the third of five
		fails string  // its error has this in it; "" for none
		again bool    // the others must run again
	}{
		{"all are done", add("P3"), "", false},
		{"one fails", func(_ context.Context, tx *store.Tx) error {
			return errors.Join(insertProject(tx, "P3"), errBoom)
		}, "boom", false},
		{"one panics", func(_ context.Context, tx *store.Tx) error {
			panic(insertProject(tx, "P3"))
		}, "panic", false},
		{"the goroutine of one ends", func(_ context.Context, tx *store.Tx) error {
			defer runtime.Goexit()
			return insertProject(tx, "P3")
		}, "goexit", false},
		{"one runs into a constraint", func(_ context.Context, tx *store.Tx) error {
			return errors.Join(insertProject(tx, "P3"), insertProject(tx, "P1"))
		}, "constraint", false},
		{"one runs into a constraint and bears it", func(_ context.Context, tx *store.Tx) error {
			if insertProject(tx, "P1") == nil {
				return errors.New("P1 is not there yet")
			}
			return insertProject(tx, "P3")
		}, "", false},
		{"one owes a row when it commits", func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(debt)
			return errors.Join(err, insertProject(tx, "P3"))
		}, "FOREIGN KEY", true},
		{"one owes a row and then has it", func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(debt)
			return errors.Join(err, insertProject(tx, "nobody"), insertProject(tx, "P3"))
		}, "", false},
		{"one owes a row that the next one brings", func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(strings.Replace(debt, "nobody", "P4", 1))
			return errors.Join(err, insertProject(tx, "P3"))
		}, "FOREIGN KEY", true},
		{"one fills the database", func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`PRAGMA max_page_count = 1`); err != nil {
				return err
			}
			defer tx.Exec(`PRAGMA max_page_count = 1000000`) //nolint:errcheck // the test would see
			_, err := tx.Exec(`INSERT INTO blobs (digest, size, encoding, body) VALUES ($1, 0, 0, $2)`, []byte{1}, make([]byte, 1<<20))
			return err
		}, "full", true},
		{"one loses the transaction of all", func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`ROLLBACK`)
			return errors.Join(err, errBoom)
		}, "boom", true},
		{"one loses it and bears it", func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`ROLLBACK; BEGIN`); err != nil {
				return err
			}
			return insertProject(tx, "P3")
		}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Store(t)
			want := []string{"P0", "P1", "P2", "P4", "P5"}
			if tt.fails == "" {
				want = append(want, "P3")
			}
			ran := map[string]int{}
			count := func(id string) writing {
				return func(_ context.Context, tx *store.Tx) error {
					ran[id]++
					return insertProject(tx, id)
				}
			}
			errs, leader := inTurn(t.Context(), db, count("P0"), plainly(t.Context(), db, 5), count("P1"), count("P2"), tt.odd, count("P4"), count("P5"))
			if leader != nil {
				t.Errorf("the leader: %v", leader)
			}
			for i, err := range errs {
				fails := ""
				if i == 2 {
					fails = tt.fails
				}
				if (err == nil) != (fails == "") || err != nil && !strings.Contains(err.Error(), fails) {
					t.Errorf("%d: %v, want %q", i, err, fails)
				}
			}
			got := slices.DeleteFunc(projects(t, db), func(id string) bool { return id == "nobody" })
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("projects (-want +got):\n%s", diff)
			}
			if again := ran["P1"] > 1; again != tt.again || ran["P1"] > 2 || ran["P5"] > 2 {
				t.Errorf("they ran %v times; run again: want %t", ran, tt.again)
			}
		})
	}
}

// Each sees what those before it did, though it is not committed; whoever is not
// in the round does not see it.
func TestTheyShareOneCommitInTheirOrder(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	var seen, outside [][]string
	fns := make([]writing, 4)
	for i := range fns {
		fns[i] = func(_ context.Context, tx *store.Tx) error {
			ids, err := selectProjects(tx)
			seen, outside = append(seen, ids), append(outside, projects(t, db))
			return errors.Join(err, insertProject(tx, fmt.Sprint("P", i+1)))
		}
	}
	write := plainly(t.Context(), db, 4)
	write[2] = func(fn writing) error { return db.WriteLarge(t.Context(), fn) }
	if errs, leader := inTurn(t.Context(), db, add("P0"), write, fns...); errors.Join(append(errs, leader)...) != nil {
		t.Fatal(leader, errs)
	}
	want := [][]string{{"P0"}, {"P0", "P1"}, {"P0", "P1", "P2"}, {"P0", "P1", "P2", "P3"}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("inside (-want +got):\n%s", diff)
	}
	// The third is large: it waits for the commit of those before it, and the
	// fourth for its own.
	if diff := cmp.Diff([][]string{nil, nil, want[2], want[3]}, outside); diff != "" {
		t.Errorf("outside (-want +got):\n%s", diff)
	}
}

func TestContextsOfThoseWhoShareACommit(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	waits, stopWaiting := context.WithCancel(t.Context())
	runs, stopRunning := context.WithCancel(t.Context())
	done, stopDone := context.WithCancel(t.Context())
	defer stopDone()
	as := func(ctx context.Context) func(writing) error {
		return func(fn writing) error { return db.Write(ctx, fn) }
	}
	errs, leader := inTurn(t.Context(), db,
		func(_ context.Context, tx *store.Tx) error {
			stopWaiting()
			return insertProject(tx, "P0")
		},
		[]func(writing) error{as(waits), as(runs), as(done), as(t.Context())},
		add("P1"),
		func(_ context.Context, tx *store.Tx) error {
			err := insertProject(tx, "P2")
			stopRunning()
			if _, late := tx.Exec(`DELETE FROM projects`); !errors.Is(late, context.Canceled) {
				t.Errorf("a statement after the end of the context: %v", late)
			}
			return err
		},
		add("P3"),
		func(_ context.Context, tx *store.Tx) error {
			stopDone() // after its function returned: the commit has begun
			return insertProject(tx, "P4")
		},
	)
	for i, want := range []error{context.Canceled, context.Canceled, nil, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("%d: %v, want %v", i+1, errs[i], want)
		}
	}
	if leader != nil {
		t.Error(leader)
	}
	if diff := cmp.Diff([]string{"P0", "P3", "P4"}, projects(t, db)); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

// One statement has no savepoint of its own: where it fails each learns for itself what
// became of it, and nothing of the others is lost.
func TestStatementsThatShareACommit(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	gone, leave := context.WithCancel(t.Context())
	exec := func(ctx context.Context, query string, args ...any) func(writing) error {
		return func(writing) error {
			n, err := db.Exec(ctx, query, args...)
			if err == nil && n != 1 {
				return fmt.Errorf("%d rows", n)
			}
			return err
		}
	}
	const (
		insert = `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`
		debt   = `INSERT INTO limits (project, scope, subject, since, tries, expires_at) VALUES ('nobody', 's', 's', 1, 1, 1)`
	)
	errs, leader := inTurn(t.Context(), db,
		func(_ context.Context, tx *store.Tx) error {
			leave()
			return insertProject(tx, "P0")
		},
		[]func(writing) error{
			exec(t.Context(), insert, "P1"),
			exec(t.Context(), insert, "P1"),
			exec(t.Context(), debt),
			exec(gone, insert, "P4"),
			exec(t.Context(), insert, "P5"),
			func(fn writing) error { return db.Write(t.Context(), fn) },
		},
		nil, nil, nil, nil, nil, add("P6"),
	)
	for i, want := range []string{"", "UNIQUE", "FOREIGN KEY", "canceled", "", ""} {
		if err := errs[i]; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want %q", i+1, err, want)
		}
	}
	if leader != nil {
		t.Error(leader)
	}
	if diff := cmp.Diff([]string{"P0", "P1", "P5", "P6"}, projects(t, db)); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

// Who must run again comes before who came later.
func TestWhoRunsAgainKeepsItsPlace(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	var order []string
	note := func(id string) writing {
		return func(_ context.Context, tx *store.Tx) error {
			order = append(order, id)
			return insertProject(tx, id)
		}
	}
	var later sync.WaitGroup
	started := false
	errs, leader := inTurn(t.Context(), db, note("P0"), plainly(t.Context(), db, 3), note("P1"),
		func(_ context.Context, tx *store.Tx) error {
			order = append(order, "P2")
			if !started {
				started = true
				later.Go(func() {
					if err := db.WriteLarge(t.Context(), note("P9")); err != nil {
						t.Error(err)
					}
				})
				for db.Waiting() < 2 { // it, and P3
					runtime.Gosched()
				}
			}
			_, err := tx.Exec(`ROLLBACK`)
			return errors.Join(err, errBoom)
		}, note("P3"))
	later.Wait()
	if leader != nil || errs[0] != nil || !errors.Is(errs[1], errBoom) || errs[2] != nil {
		t.Errorf("%v, %v", leader, errs)
	}
	if diff := cmp.Diff([]string{"P0", "P1", "P2", "P0", "P1", "P2", "P3", "P9"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// The leader fails: nothing of it is left, and the next one leads.
func TestTheLeaderFails(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	errs, leader := inTurn(t.Context(), db, func(_ context.Context, tx *store.Tx) error {
		return errors.Join(insertProject(tx, "P0"), errBoom)
	}, plainly(t.Context(), db, 2), add("P1"), add("P2"))
	if !errors.Is(leader, errBoom) || errors.Join(errs...) != nil {
		t.Errorf("%v, %v", leader, errs)
	}
	if diff := cmp.Diff([]string{"P1", "P2"}, projects(t, db)); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

// What was said to be done is done, once, and nothing else.
func TestManyWriteAndSomeFail(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	const writers, rounds = 16, 60
	for w := range writers {
		addProject(t, db, fmt.Sprint("P", w))
	}
	done := make([]int, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				write, odd := db.Write, (w*7+n*3)%11
				if odd == 5 {
					write = db.WriteLarge
				}
				if odd == 6 {
					go cancel()
				}
				err := write(ctx, func(_ context.Context, tx *store.Tx) error {
					if _, err := tx.Exec(`UPDATE projects SET head = head + 1 WHERE id = $1`, fmt.Sprint("P", w)); err != nil {
						return err
					}
					switch odd {
					case 1:
						return errBoom
					case 2:
						cancel()
					case 3:
						_, err := tx.Exec(`INSERT INTO limits (project, scope, subject, since, tries, expires_at) VALUES ('nobody', 's', 's', 1, 1, 1)`)
						return err
					case 4:
						_, err := tx.Exec(`ROLLBACK`)
						return errors.Join(err, errBoom)
					}
					return nil
				})
				cancel()
				if (err == nil) != (odd == 0 || odd == 5 || odd > 6) && odd != 6 {
					t.Errorf("writer %d, round %d: %v", w, n, err)
				}
				if err == nil {
					done[w]++
				}
			}
		})
	}
	all.Wait()
	for w := range writers {
		var head int
		if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&head) }, `SELECT head FROM projects WHERE id = $1`, fmt.Sprint("P", w)); err != nil || head != done[w] {
			t.Errorf("writer %d was told %d times that it is done, and it was %d times, %v", w, done[w], head, err)
		}
	}
}

// When nobody knows what became of the commit, all who are in it are told so.
// Who wrote nothing is not in it.
func TestTheirCommitFails(t *testing.T) {
	t.Parallel()
	url := t.TempDir() + "/postern.db"
	if out, err := command(t, "commit of several with no room to write", url).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := projects(t, testkit.Open(t, url)); len(got) != 0 {
		t.Errorf("projects = %q", got)
	}
}

// commitOfSeveralWithNoRoom runs in a process of its own, as commitWithNoRoom.
func commitOfSeveralWithNoRoom(ctx context.Context, url string) error {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	signal.Ignore(syscall.SIGXFSZ)
	tries := 0
	errs, leader := inTurn(ctx, db, add("P0"), plainly(ctx, db, 3), add("P1"),
		func(_ context.Context, tx *store.Tx) error {
			tries++
			return errors.Join(insertProject(tx, "P2"), errBoom)
		},
		func(_ context.Context, tx *store.Tx) error {
			if err := insertProject(tx, "P3"); err != nil {
				return err
			}
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 0, Max: 1 << 40})
		})
	for _, err := range []error{leader, errs[0], errs[2]} {
		if !errors.Is(err, store.ErrOutcomeUnknown) {
			return fmt.Errorf("the outcome is not unknown: %w", err)
		}
	}
	// It must not be told what it failed of before that is certain, and it cannot be.
	if errors.Is(errs[1], store.ErrOutcomeUnknown) || !errors.Is(errs[1], store.ErrGone) || tries != 1 {
		return fmt.Errorf("who failed hears %w after %d tries", errs[1], tries)
	}
	return nil
}

// A process that is killed has written all that it acknowledged.
func TestKilledWhileManyWrite(t *testing.T) {
	t.Parallel()
	for round := range 5 {
		url := t.TempDir() + "/postern.db"
		cmd := command(t, "write until killed", url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]int{}
		lines, all := bufio.NewScanner(out), 0
		for lines.Scan() {
			acknowledged[lines.Text()]++
			if all++; all == 500+700*round {
				if err := cmd.Process.Kill(); err != nil { // what it has acknowledged until then is in the pipe
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
		db := testkit.Open(t, url)
		for id, n := range acknowledged {
			var head int
			if err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&head) }, `SELECT head FROM projects WHERE id = $1`, id); err != nil || head < n || head > n+1 {
				t.Errorf("round %d: %s was acknowledged %d times and is %d, %v", round, id, n, head, err)
			}
		}
		if all < 500 {
			t.Errorf("round %d: it ended by itself", round)
		}
	}
}

// writeUntilKilled adds one to rows, and says of each time that it is done.
func writeUntilKilled(ctx context.Context, url string) error {
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	var all errgroup.Group
	for w := range 16 {
		all.Go(func() error {
			id := fmt.Sprint("P", w)
			if err := db.Write(ctx, add(id)); err != nil {
				return err
			}
			for {
				err := db.Write(ctx, func(_ context.Context, tx *store.Tx) error {
					_, err := tx.Exec(`UPDATE projects SET head = head + 1 WHERE id = $1`, id)
					return err
				})
				if err != nil {
					return err
				}
				if _, err := os.Stdout.WriteString(id + "\n"); err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}
