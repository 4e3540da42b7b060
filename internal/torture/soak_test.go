package torture

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/internal/store"
	"postern/internal/testkit"
)

// soakVariable says how long the soak takes, such as "1h". Without it there is none.
const soakVariable = "POSTERN_SOAK"

// What a soak does, and what it must not go beyond. Contents come from a bounded
// set, so all that may grow is what is kept on purpose: a revision with its tree,
// and a record of the audit.
const (
	soakClients   = 4
	soakPace      = 50 * time.Millisecond // of each client
	soakLives     = 12                    // how often the server is started
	soakContents  = 20
	mostRevision  = 12 << 10 // bytes in the database
	mostRecord    = 2 << 10
	mostMore      = 1.25     // the memory of the last lives over that of the first
	mostLog       = 64 << 20 // bytes of the write-ahead log
	memoryGranule = 16 << 20 // a difference below this is none
)

// A reading is what is measured at the end of one life of the server.
type reading struct {
	memory    int64 // the most that the process had, in bytes
	data, log int64 // bytes of the database and its write-ahead log
	revisions int64
	records   int64
}

// A server that imports, exports, forgets and starts again for a long time takes
// no more memory at the end than at the beginning, and its database grows by
// what is kept on purpose only.
func TestSoak(t *testing.T) {
	t.Parallel()
	text := os.Getenv(soakVariable)
	if text == "" {
		t.Skipf("%s says how long it takes", soakVariable)
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	_, _, binary := prepare(t)
	testkit.Databases(t, func(t *testing.T, url string) {
		v := &victim{binary: binary, dir: t.TempDir(), database: url, notes: 8, lengths: map[string]time.Duration{}}
		var all []reading
		for life := range soakLives {
			v.start(t)
			v.live(t, life, length/soakLives)
			now := v.read(t)
			all = append(all, now)
			t.Logf("life %2d: %4d MB of memory, %5.1f MB of data, %5.1f MB of log, %6d revisions, %6d records of the audit",
				life+1, now.memory>>20, float64(now.data)/1e6, float64(now.log)/1e6, now.revisions, now.records)
			v.stop(t)
		}
		judge(t, all)
		v.start(t)
		v.current = nil
		db := v.open(t)
		defer db.Close()
		v.examine(t, db)
		v.kill(t)
	})
}

// live keeps the server busy for a while.
func (v *victim) live(t *testing.T, life int, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for c := range soakClients {
		group.Go(func() error {
			pace := time.NewTicker(soakPace)
			defer pace.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return nil
				case <-pace.C:
				}
				if err := v.work(t, c, life*1_000+n); err != nil {
					return err
				}
			}
		})
	}
	group.Go(func() error { // what operators do beside
		for n := 0; ctx.Err() == nil; n++ {
			v.litter(t)
			v.must(t, "Took away 1 project", "collect", "--database", v.database)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// work makes one request. Another client may have changed the project meanwhile.
func (v *victim) work(t *testing.T, client, n int) error {
	w := v.next((n*soakClients + client) % soakContents)
	path, body := "/v1/mgmt/project/snapshot/export", []byte("{}")
	switch n % 5 {
	case 0, 1: // a change, and the same again
		path, body = "/v1/mgmt/project/snapshot/import", v.body(t, v.next((n/5*soakClients+client)%soakContents), true)
	case 2:
		path, body = "/v1/mgmt/project/snapshot/validate", v.body(t, w, true)
	case 3:
		path, body = "/v1/mgmt/audit/search", []byte(`{"size":50}`)
	}
	got := v.post(t, path, body)
	if got.status != http.StatusOK && got.status != http.StatusConflict {
		return fmt.Errorf("%s: %d %s", path, got.status, got.body)
	}
	return nil
}

// stop ends the server as an operator does.
func (v *victim) stop(t *testing.T) {
	t.Helper()
	if err := v.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := v.process.Wait(); err != nil {
		t.Fatalf("the server does not end well: %v", err)
	}
}

// read measures the server and its database.
func (v *victim) read(t *testing.T) (r reading) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(v.process.Process.Pid), "status"))
	if err != nil {
		t.Skipf("how much memory a process takes is not to be had here: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			r.memory = kb << 10
		}
	}
	db := v.open(t)
	defer db.Close()
	size := `SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)
		- (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)`
	if db.Kind() == store.Postgres {
		v.vacuum(t)
		size = `SELECT CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`
	} else if info, err := os.Stat(v.database + "-wal"); err == nil {
		r.log = info.Size()
	}
	err = db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for into, query := range map[*int64]string{&r.data: size, &r.revisions: `SELECT COUNT(*) FROM revisions`, &r.records: `SELECT COUNT(*) FROM audit`} {
			if err := tx.QueryRow(query).Scan(into); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// vacuum does what PostgreSQL does by itself, once a minute: it makes the room of
// what was deleted free for what comes.
func (v *victim) vacuum(t *testing.T) {
	t.Helper()
	db, _ := connect(t, v.database)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `VACUUM`); err != nil {
		t.Fatal(err)
	}
}

// judge compares the last third of the lives with the first.
func judge(t *testing.T, all []reading) {
	t.Helper()
	third := len(all) / 3
	memory := func(some []reading) int64 {
		var list []int64
		for _, r := range some {
			list = append(list, r.memory)
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	first, last := memory(all[:third]), memory(all[len(all)-third:])
	if float64(last) > mostMore*float64(first) && last-first > memoryGranule {
		t.Errorf("the memory grows: %d MB in the first lives, %d MB in the last", first>>20, last>>20)
	}
	from, to := all[third], all[len(all)-1]
	may := (to.revisions-from.revisions)*mostRevision + (to.records-from.records)*mostRecord
	if grown := to.data - from.data; grown > may {
		t.Errorf("the database grew by %d bytes for %d revisions and %d records; %d are the most",
			grown, to.revisions-from.revisions, to.records-from.records, may)
	}
	if to.log > mostLog {
		t.Errorf("the write-ahead log has %d bytes", to.log)
	}
}
