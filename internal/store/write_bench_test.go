package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/store"
	"postern/internal/testkit"
)

// clients are how many write at once in these benchmarks.
const clients = 16

// share runs n times fn, in all, by clients goroutines, each with its own number.
func share(b *testing.B, fn func(client int) error) {
	b.Helper()
	var all sync.WaitGroup
	work := make(chan struct{}, b.N)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	cpu := processor(b)
	b.ResetTimer()
	for c := range clients {
		all.Go(func() {
			for range work {
				if err := fn(c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64((processor(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processor returns the time that the process has had on processors: what others
// do on the machine is not in it.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite is a durable change of one row by each of 16 clients, each in a
// row of its own.
func BenchmarkWrite(b *testing.B) {
	on := func(b *testing.B, url string) {
		db, err := store.Open(b.Context(), url, store.Options{MaxConns: clients})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		write := func(fn func(tx *store.Tx) error) error {
			return db.Write(b.Context(), func(_ context.Context, tx *store.Tx) error { return fn(tx) })
		}
		for c := range clients {
			if err := write(func(tx *store.Tx) error { return insertProject(tx, fmt.Sprint("P", c)) }); err != nil {
				b.Fatal(err)
			}
		}
		share(b, func(c int) error {
			return write(func(tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE projects SET head = head + 1 WHERE id = $1`, fmt.Sprint("P", c))
				return err
			})
		})
	}
	b.Run(store.SQLite, func(b *testing.B) { on(b, filepath.Join(b.TempDir(), "postern.db")) })
	b.Run(store.Postgres, func(b *testing.B) { on(b, testkit.Postgres(b)) })
}

// BenchmarkWriteFloor is the same on a bare database, by one loop that commits
// for all who wait.
func BenchmarkWriteFloor(b *testing.B) {
	path := filepath.Join(b.TempDir(), "floor.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(4000)&_pragma=synchronous(full)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE projects (id TEXT NOT NULL PRIMARY KEY, head BIGINT NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	for c := range clients {
		if _, err := db.Exec(`INSERT INTO projects VALUES ($1, 0)`, fmt.Sprint("P", c)); err != nil {
			b.Fatal(err)
		}
	}
	update, err := db.Prepare(`UPDATE projects SET head = head + 1 WHERE id = $1`)
	if err != nil {
		b.Fatal(err)
	}
	type ask struct {
		client int
		done   chan error
	}
	asks := make(chan ask, clients)
	defer close(asks)
	go func() {
		for first := range asks {
			all := []ask{first}
			for more := true; more; {
				select {
				case a := <-asks:
					all = append(all, a)
				default:
					more = false
				}
			}
			err := commitAll(db, update, all, func(a ask) string { return fmt.Sprint("P", a.client) })
			for _, a := range all {
				a.done <- err
			}
		}
	}()
	share(b, func(c int) error {
		a := ask{client: c, done: make(chan error, 1)}
		asks <- a
		return <-a.done
	})
}

func commitAll[T any](db *sql.DB, update *sql.Stmt, all []T, id func(T) string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	for _, a := range all {
		if _, err := tx.Stmt(update).Exec(id(a)); err != nil { //nolint:sqlclosecheck // the end of the transaction does
			return err
		}
	}
	return tx.Commit()
}
