package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/store"
	"postern/internal/testkit"
)

const project = "P1"

var rule = limit.Rule{Scope: "otp.verify", Max: 3, Within: time.Hour}

// services returns n servers on one database, which has a project.
func services(t *testing.T, url string, n int) []*limit.Service {
	t.Helper()
	var all []*limit.Service
	for range n {
		all = append(all, &limit.Service{DB: testkit.Open(t, url)})
	}
	run(t, all[0].DB, `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`, project)
	return all
}

func run(t *testing.T, db *store.DB, statement string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// passes compares whether a try passed.
func passes(t *testing.T, err error, want bool, what string) {
	t.Helper()
	if err != nil && !errors.Is(err, limit.ErrExceeded) {
		t.Fatalf("%s: %v", what, err)
	}
	if (err == nil) != want {
		t.Errorf("%s: passes is %t, want %t", what, err == nil, want)
	}
}

// seconds returns how long a refusal says to wait.
func seconds(t *testing.T, err error) int {
	t.Helper()
	wait, ok := fault.From(err).Details.(limit.Wait)
	if !ok {
		t.Fatalf("%v has no time to wait", err)
	}
	return wait.Seconds
}

func tries(t *testing.T, db *store.DB) []int {
	t.Helper()
	out, err := store.Rows(t.Context(), db, func(row store.Scanner) (n int, err error) { return n, row.Scan(&n) }, `SELECT tries FROM limits ORDER BY tries`)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOfManyAtOnceExactlyMaxPass(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		servers := services(t, url, 3)
		many := limit.Rule{Scope: "otp.verify", Max: 17, Within: time.Hour}
		for round, hit := range []func(*limit.Service) error{
			func(s *limit.Service) error { return s.Hit(t.Context(), project, many, "a@example.com") },
			func(s *limit.Service) error { // with an address that all have in common, in either order
				return s.HitAll(t.Context(), project, limit.Attempt{Rule: many, Subject: "b@example.com"},
					limit.Attempt{Rule: limit.Rule{Scope: "address", Max: 1000, Within: time.Hour}, Subject: "192.0.2.1"})
			},
			func(s *limit.Service) error {
				return s.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
					return s.HitIn(tx, project, limit.Attempt{Rule: many, Subject: "c@example.com"})
				})
			},
		} {
			var passed, refused atomic.Int64
			var all sync.WaitGroup
			for i := range 50 {
				all.Go(func() {
					err := hit(servers[i%len(servers)])
					switch {
					case err == nil:
						passed.Add(1)
					case errors.Is(err, limit.ErrExceeded):
						refused.Add(1)
					default:
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			all.Wait()
			if passed.Load() != 17 || refused.Load() != 33 {
				t.Errorf("round %d: %d passed and %d were refused", round, passed.Load(), refused.Load())
			}
		}
		if diff := cmp.Diff([]int{17, 17, 17, 17}, tries(t, servers[0].DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
	})
}

func TestWhoCountsTogether(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		run(t, s.DB, `INSERT INTO projects (id, name, created_at) VALUES ('P2', 'P2', 1)`)
		for range rule.Max {
			passes(t, s.Hit(t.Context(), project, rule, "a"), true, "as often as it may")
		}
		other := rule
		other.Scope = "otp.send"
		for _, tt := range []struct {
			name, project string
			rule          limit.Rule
			subject       string
			want          bool
		}{
			{"once more", project, rule, "a", false},
			{"another subject", project, rule, "b", true},
			{"another scope", project, other, "a", true},
			{"another project", "P2", rule, "a", true},
			{"a rule that lets more pass", project, limit.Rule{Scope: rule.Scope, Max: 4, Within: time.Hour}, "a", true},
			{"a rule that lets none pass", project, limit.Rule{Scope: "never", Within: time.Hour}, "a", false},
		} {
			passes(t, s.Hit(t.Context(), tt.project, tt.rule, tt.subject), tt.want, tt.name)
		}
	})
}

// Time passes by moving the rows.
func TestTriesAreForgottenInTime(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		for range rule.Max {
			passes(t, s.Hit(t.Context(), project, rule, "a"), true, "as often as it may")
		}
		err := s.Hit(t.Context(), project, rule, "a")
		passes(t, err, false, "once more")
		if n := seconds(t, err); n < 3590 || n > 3600 {
			t.Errorf("it says to wait for %d seconds of an hour", n)
		}
		err = s.Hit(t.Context(), project, rule, "a") // which is in mind
		if n := seconds(t, err); n < 3590 || n > 3600 {
			t.Errorf("it says to wait for %d seconds of an hour", n)
		}
		move := func(by time.Duration) *limit.Service {
			run(t, s.DB, `UPDATE limits SET since = since + $1, expires_at = expires_at + $1`, by.Milliseconds())
			return &limit.Service{DB: s.DB} // another server, which has nobody in mind
		}
		passes(t, move(-59*time.Minute).Hit(t.Context(), project, rule, "a"), false, "an hour after the first one, but a minute")
		for range rule.Max {
			passes(t, move(0).Hit(t.Context(), project, limit.Rule{Scope: rule.Scope, Max: 3, Within: time.Minute}, "b"), true, "another subject")
		}
		passes(t, move(-time.Minute).Hit(t.Context(), project, rule, "a"), true, "an hour after the first one")
		if diff := cmp.Diff([]int{1, 3}, tries(t, s.DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		run(t, s.DB, `UPDATE limits SET tries = 3`)
		passes(t, move(40*24*time.Hour).Hit(t.Context(), project, rule, "a"), true, "after the clock was set back by weeks")
		passes(t, move(0).Hit(t.Context(), project, rule, "a"), true, "and again")
		if diff := cmp.Diff([]int{2, 3}, tries(t, s.DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		servers := services(t, url, 2)
		s := servers[0]
		for range rule.Max {
			passes(t, s.Hit(t.Context(), project, rule, "a"), true, "as often as it may")
		}
		passes(t, s.Hit(t.Context(), project, rule, "a"), false, "once more")
		passes(t, s.Hit(t.Context(), project, rule, "b"), true, "another")
		if err := s.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return s.ResetIn(tx, project, rule, "a") }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{1}, tries(t, s.DB)); diff != "" {
			t.Errorf("the tries of another (-want +got):\n%s", diff)
		}
		passes(t, servers[1].Hit(t.Context(), project, rule, "a"), true, "at a server that has refused nothing")
	})
}

// If one is refused, none counts.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		address := limit.Attempt{Rule: limit.Rule{Scope: "address", Max: 2, Within: time.Minute}, Subject: "192.0.2.1"}
		for _, login := range []string{"a", "b", "c", "c", "c", "c"} {
			err := s.HitAll(t.Context(), project, limit.Attempt{Rule: rule, Subject: login}, address)
			passes(t, err, login != "c", login)
		}
		if diff := cmp.Diff([]int{1, 1, 2}, tries(t, s.DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		if err := s.HitAll(t.Context(), project, address, address); err == nil || errors.Is(err, limit.ErrExceeded) {
			t.Errorf("an attempt that counts twice in one place: %v", err)
		}
		if err := s.HitAll(t.Context(), project); err != nil {
			t.Errorf("no attempt at all: %v", err)
		}
		longest := s.HitAll(t.Context(), project, address, limit.Attempt{Rule: limit.Rule{Scope: "never", Within: time.Hour}})
		if n := seconds(t, longest); n != 3600 {
			t.Errorf("of two refusals it says to wait for %d seconds", n)
		}
	})
}

// A transaction that fails for another reason counts nothing, and keeps nobody in
// mind.
func TestInATransaction(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		attempt := limit.Attempt{Rule: rule, Subject: "a"}
		in := func(n int) error {
			return s.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				for range n {
					if err := s.HitIn(tx, project, attempt); err != nil {
						return err
					}
				}
				return nil
			})
		}
		passes(t, in(4), false, "four at once")
		passes(t, in(3), true, "three")
		passes(t, in(1), false, "one more")
	})
}

// What went right forgets the attempts before it, unless they are too many by then.
func TestWhatWentRight(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		one, other := limit.Attempt{Rule: rule, Subject: "a"}, limit.Attempt{Rule: rule, Subject: "b"}
		clear := func() error {
			return s.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return s.ClearIn(tx, project, one, other) })
		}
		passes(t, clear(), true, "nothing was tried")
		for range rule.Max - 1 {
			passes(t, s.HitAll(t.Context(), project, one), true, "as often as it may")
		}
		passes(t, s.HitAll(t.Context(), project, other), true, "another")
		passes(t, clear(), true, "once less than it may")
		if diff := cmp.Diff([]int(nil), tries(t, s.DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		for range rule.Max {
			passes(t, s.HitAll(t.Context(), project, one), true, "as often as it may")
		}
		err := clear()
		passes(t, err, false, "as often as it may, and then right")
		if n := seconds(t, err); n < 1 || n > int(rule.Within.Seconds()) {
			t.Errorf("it says to wait for %d seconds", n)
		}
		if diff := cmp.Diff([]int{rule.Max}, tries(t, s.DB)); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		if _, err := s.DB.Exec(t.Context(), `UPDATE limits SET since = since - $1`, rule.Within.Milliseconds()); err != nil {
			t.Fatal(err)
		}
		passes(t, clear(), true, "after the time")
	})
}

// Nothing in the database says in clear who tried.
func TestSubjectsAreHashed(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		other := rule
		other.Scope = "otp.send"
		passes(t, s.HitAll(t.Context(), project, limit.Attempt{Rule: rule, Subject: "a@example.com"}, limit.Attempt{Rule: other, Subject: "a@example.com"}), true, "both")
		seen, err := store.Rows(t.Context(), s.DB, func(row store.Scanner) (b []byte, err error) { return b, row.Scan(&b) }, `SELECT subject FROM limits`)
		if err != nil || len(seen) != 2 {
			t.Fatal(seen, err)
		}
		if len(seen[0]) != 32 || len(seen[1]) != 32 || cmp.Equal(seen[0], seen[1]) {
			t.Errorf("subjects are %x", seen)
		}
	})
}

func TestOldTriesGo(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		passes(t, s.Hit(t.Context(), project, rule, "a"), true, "one")
		passes(t, s.Hit(t.Context(), project, rule, "b"), true, "another")
		expire := func(want int, left ...int) {
			t.Helper()
			n, err := s.Expire(t.Context())
			if n != want || err != nil {
				t.Errorf("Expire = %d, %v, want %d", n, err, want)
			}
			if diff := cmp.Diff(left, tries(t, s.DB)); diff != "" {
				t.Errorf("tries (-want +got):\n%s", diff)
			}
		}
		expire(0, 1, 1)
		run(t, s.DB, `UPDATE limits SET since = since - 3600000, expires_at = expires_at - 3600000`)
		passes(t, s.Hit(t.Context(), project, rule, "b"), true, "the other again")
		expire(1, 1)
		run(t, s.DB, `DELETE FROM projects WHERE id = $1`, project)
		expire(0)
		err := s.Hit(t.Context(), project, rule, "a")
		if err == nil || errors.Is(err, limit.ErrExceeded) {
			t.Errorf("in a project that is not there: %v", err)
		}
	})
}

// More rows than one transaction deletes.
func TestManyOldTriesGo(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		s := services(t, url, 1)[0]
		run(t, s.DB, `INSERT INTO limits (project, scope, subject, since, tries, expires_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT CAST($1 AS TEXT), 's', CAST(CAST(i AS TEXT) AS BYTEA), 1, 1, 2 FROM n`, project)
		if n, err := s.Expire(t.Context()); n != 2500 || err != nil {
			t.Errorf("Expire = %d, %v", n, err)
		}
	})
}

// Who is over costs no transaction: it is refused even where there is no database
// any more.
func TestAFloodIsRefusedFromMemory(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), t.TempDir()+"/postern.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &limit.Service{DB: db}
	run(t, db, `INSERT INTO projects (id, name, created_at) VALUES ($1, $1, 1)`, project)
	for i := range rule.Max + 1 {
		passes(t, s.Hit(t.Context(), project, rule, "a"), i < rule.Max, "a")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	passes(t, s.Hit(t.Context(), project, rule, "a"), false, "a")
	if err := s.Hit(t.Context(), project, rule, "b"); err == nil || errors.Is(err, limit.ErrExceeded) {
		t.Errorf("b, without a database: %v", err)
	}
}
