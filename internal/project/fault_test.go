package project

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// Each thing that is done is one transaction, and its record is part of it:
// where any statement fails, nothing was done.
func TestNothingIsAppliedWhereAStatementFails(t *testing.T) {
	t.Parallel()
	imports := func(ctx context.Context, f *fixture) error {
		_, err := f.Import(ctx, tester, Import{Project: f.id, Upload: small("b", "new")})
		return err
	}
	clones := func(ctx context.Context, f *fixture) error {
		_, err := f.Clone(ctx, tester, f.id, New{Name: "Copy"})
		return err
	}
	creates := func(ctx context.Context, f *fixture) error {
		_, err := f.Create(ctx, tester, New{Name: "More"})
		return err
	}
	tests := []struct {
		name, table, event string
		do                 func(context.Context, *fixture) error
	}{
		{"import moves the head", "projects", "UPDATE", imports},
		{"import adds the revision", "revisions", "INSERT", imports},
		{"import adds contents", "blobs", "INSERT", imports},
		{"import adds secrets", "secrets", "INSERT", imports},
		{"import is recorded", "audit", "INSERT", imports},
		{"clone adds the project", "projects", "INSERT", clones},
		{"clone moves the head", "projects", "UPDATE", clones},
		{"clone adds its key", "data_keys", "INSERT", clones},
		{"clone adds the revision", "revisions", "INSERT", clones},
		{"clone adds the list of its secrets", "blobs", "INSERT", clones},
		{"clone adds secrets", "secrets", "INSERT", clones},
		{"clone is recorded", "audit", "INSERT", clones},
		{"create adds the project", "projects", "INSERT", creates},
		{"create adds its key", "data_keys", "INSERT", creates},
		{"create is recorded", "audit", "INSERT", creates},
		{"rename is recorded", "audit", "INSERT", func(ctx context.Context, f *fixture) error {
			return f.Rename(ctx, tester, f.id, "Renamed")
		}},
		{"tags are recorded", "audit", "INSERT", func(ctx context.Context, f *fixture) error {
			return f.SetTags(ctx, tester, f.id, []string{"x"})
		}},
		{"delete is recorded", "audit", "INSERT", func(ctx context.Context, f *fixture) error {
			return f.Delete(ctx, tester, f.id)
		}},
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "old"))
		for _, tt := range tests {
			before := testkit.Rows(t, f.DB)
			config, err := f.Config(t.Context(), f.id)
			if err != nil {
				t.Fatal(err)
			}
			testkit.FailOn(t, f.DB, tt.table, tt.event)
			err = tt.do(t.Context(), f)
			if err == nil || fault.From(err) != fault.ErrInternal {
				t.Errorf("%s: got %v, want an error that is not for callers", tt.name, err)
			}
			testkit.Mend(t, f.DB, tt.table)
			f.same(t, before)
			if now, err := f.Config(t.Context(), f.id); err != nil || now != config {
				t.Errorf("%s: another configuration is served, %v", tt.name, err)
			}
		}
		for _, tt := range tests[len(tests)-4:] {
			if err := tt.do(t.Context(), f); err != nil {
				t.Errorf("%s: without the fault: %v", tt.name, err)
			}
		}
	})
}

// countdown is a context that ends when it was looked at so many times. The
// database looks at it before and after each statement, so that counting up
// ends an import everywhere.
type countdown struct {
	context.Context
	left   atomic.Int64
	cancel context.CancelFunc
}

func newCountdown(ctx context.Context, n int) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(int64(n))
	return c
}

func (c *countdown) look() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *countdown) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

func (c *countdown) Err() error {
	c.look()
	return c.Context.Err()
}

func TestNothingIsAppliedWhereTheCallerGoes(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "old"))
		before := testkit.Rows(t, f.DB)
		for n := 1; ; n++ {
			ctx := newCountdown(t.Context(), n)
			res, err := f.Import(ctx, tester, Import{Project: f.id, Upload: small("b", "new")})
			ctx.cancel()
			if err == nil {
				if n < 20 {
					t.Errorf("the import was done after %d looks at its context: it was not watched", n)
				}
				if res.Revision != 2 {
					t.Errorf("got %+v", res)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%d: got %v, want %v", n, err, context.Canceled)
			}
			if diff := cmp.Diff(before, testkit.Rows(t, f.DB)); diff != "" {
				t.Fatalf("%d: an import that was broken off wrote (-before +after):\n%s", n, diff)
			}
		}
		if diff := cmp.Diff([]string{"new"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
	})
}

// The record of a refused import outlives the patience of its caller: who tries
// and hangs up must still be seen.
func TestRefusalIsRecordedThoughTheCallerGoes(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.refused(ctx, tester, Import{Project: f.id}, &snapshot.Outcome{})
	want := []string{"project.create done by Ktester", "project.import refused by Ktester"}
	if diff := cmp.Diff(want, f.audits(t, f.id)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestRefusalThatCannotBeRecordedIsStillARefusal(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		testkit.FailOn(t, f.DB, "audit", "INSERT")
		for _, log := range []bool{true, false} { // a service without a log works, as its comment says
			if !log {
				f.Log = nil
			}
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: &snapshot.Upload{Files: snapshot.Files{"project.json": []byte(`{"trustedDomains":1}`)}}})
			if !errors.Is(err, snapshot.ErrInvalid) {
				t.Errorf("got %v, want %v", err, snapshot.ErrInvalid)
			}
		}
		if !strings.Contains(f.logs.String(), "refused import not recorded") {
			t.Errorf("the log does not say that a record is lost: %s", f.logs)
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "s"))
	before := testkit.Rows(t, f.DB)
	testkit.Execute(t, f.DB, `PRAGMA max_page_count = 1`) // no more than it has
	large := testkit.Shop(t)
	_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: large.Upload()})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want %v", explain(err), store.ErrFull)
	}
	f.same(t, before)
	testkit.Execute(t, f.DB, `PRAGMA max_page_count = 1000000`)
	if res := f.load(t, large.Upload()); res.Revision != 2 {
		t.Errorf("with room again: %+v", res)
	}
}

func TestConnectionIsLostInTheMiddle(t *testing.T) {
	t.Parallel()
	url := testkit.Postgres(t)
	f := setup(t, url)
	f.load(t, small("a", "s"))
	testkit.Execute(t, f.DB, `CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`)
	for _, table := range []string{"revisions", "blobs", "secrets", "audit"} {
		before := testkit.Rows(t, f.DB)
		testkit.Execute(t, f.DB, `CREATE TRIGGER fail AFTER INSERT ON `+table+` FOR EACH ROW EXECUTE FUNCTION hang_up()`)
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b"+table, "new "+table)})
		want := store.ErrGone
		if table == "audit" {
			want = store.ErrOutcomeUnknown // its row goes in one message with the commit
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", table, err, want)
		}
		testkit.Mend(t, f.DB, table) // over another connection
		f.same(t, before)
	}
	// Every connection, those that wait too.
	other := testkit.Open(t, url)
	testkit.Execute(t, other, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	for range 10 { // as often as there are dead connections to find
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("c", "s2")})
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrGone) {
			t.Errorf("got %v, want %v", err, store.ErrGone)
		}
	}
	if diff := cmp.Diff([]string{"s2"}, f.secrets(t, f.id)); diff != "" {
		t.Errorf("after the connections came back, secrets (-want +got):\n%s", diff)
	}
}

// A file that was taken away still has a name to those that have it open, and
// what they write is lost with it.
func TestSQLiteFileIsTakenAway(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/postern.db"
	f := setup(t, path)
	f.load(t, small("a", "s"))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	apply := func() error {
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "s")})
		return err
	}
	if err := apply(); !errors.Is(err, store.ErrGone) {
		t.Errorf("without its file: got %v, want %v", err, store.ErrGone)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := apply(); !errors.Is(err, store.ErrGone) {
		t.Errorf("with another file: got %v, want %v", err, store.ErrGone)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := apply(); err != nil {
		t.Errorf("with its file again: %v", err)
	}
}

func TestDamagedContentIsDetected(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, statement string }{
		{"the body is another", `UPDATE blobs SET body = $1`},
		{"the body is compressed and is not", `UPDATE blobs SET body = $1, encoding = 1`},
		{"the size is less than nothing", `UPDATE blobs SET size = -1, encoding = 1, body = $1`},
		{"the size is beyond memory", `UPDATE blobs SET size = 1152921504606846976, encoding = 1, body = $1`},
		{"the encoding is not known", `UPDATE blobs SET encoding = 7, body = $1`},
		{"the contents are gone", `DELETE FROM blobs WHERE body <> $1`},
		{"the revision is gone", `DELETE FROM revisions WHERE digest <> $1`},
		{"the digest of the revision is cut", `UPDATE revisions SET digest = $1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				f.load(t, small("a", "s"))
				err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
					_, err := tx.Exec(tt.statement, []byte("nonsense"))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				before := testkit.Rows(t, f.DB)
				f.Service = &Service{DB: f.DB, Master: f.Master, Log: f.Log} // as after a start: nothing is remembered
				_, _, exportErr := f.Export(t.Context(), f.id, snapshot.FormatSplit)
				_, importErr := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "s")})
				_, secretErr := f.Secret(t.Context(), f.id, "connector", "CI1", "configuration/password")
				for what, err := range map[string]error{"Export": exportErr, "Import": importErr, "Secret": secretErr} {
					if err == nil || fault.From(err) != fault.ErrInternal {
						t.Errorf("%s: got %v, want an error that is not for callers", what, err)
					}
				}
				f.same(t, before)
			})
		})
	}
}

// A content that would do as well, but is not the one that the revision names.
func TestReplacedContentIsDetected(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		files, _ := f.export(t, f.id, snapshot.FormatSplit)
		digest := snapshot.Sum(files["project.json"])
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			res, err := tx.Exec(`UPDATE blobs SET encoding = 0, body = $1 WHERE digest = $2`, []byte(`{"trustedDomains":"evil.example"}`), digest[:])
			if n, _ := res.RowsAffected(); n != 1 {
				t.Errorf("%d contents were replaced", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.process().Export(t.Context(), f.id, snapshot.FormatSplit); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("got %v, want an error that says that the content is damaged", err)
		}
	})
}

func TestOtherMasterKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "s"))
		before := testkit.Rows(t, f.DB)
		stranger, _, err := secret.NewMaster()
		if err != nil {
			t.Fatal(err)
		}
		other := &Service{DB: f.DB, Master: stranger, Log: f.Log}
		_, importErr := other.Import(t.Context(), tester, Import{Project: f.id, Upload: small("b", "s2")})
		_, cloneErr := other.Clone(t.Context(), tester, f.id, New{Name: "Copy"})
		_, secretErr := other.Secret(t.Context(), f.id, "connector", "CI1", "configuration/password")
		for what, err := range map[string]error{"Import": importErr, "Clone": cloneErr, "Secret": secretErr} {
			if err == nil || !strings.Contains(err.Error(), "is this the master key that it was made with?") {
				t.Errorf("%s: got %v, want an error that asks for the right master key", what, err)
			}
		}
		f.same(t, before)
	})
}
