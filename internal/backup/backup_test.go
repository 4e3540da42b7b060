package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/backup"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var tester = audit.Origin{Actor: "Ktester"}

// fixture is a filled database and its master key.
type fixture struct {
	db     *store.DB
	master *secret.Master
	file   []byte
	*project.Service
	id string
}

func fill(t *testing.T, db *store.DB) *fixture {
	t.Helper()
	master, file, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{db: db, master: master, file: file, Service: &project.Service{DB: db, Master: master}}
	p, err := f.Create(t.Context(), tester, project.New{Name: "Tést \u00a0", Tags: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	f.id = p.ID
	f.load(t, "one")
	f.load(t, "two")
	keys := &mgmtkey.Service{DB: db}
	if _, _, err := keys.Create(t.Context(), tester, mgmtkey.Create{Name: "key", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}}); err != nil {
		t.Fatal(err)
	}
	f.people(t)
	return f
}

// people makes a tenant and a user with everything that refers to them.
func (f *fixture) people(t *testing.T) {
	t.Helper()
	err := f.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(`INSERT INTO tenants (project, id, name, created_at, modified_at) VALUES ($1, 'hill', 'Hill', 1, 1)`, f.id); err != nil {
			return err
		}
		u := &user.User{
			Project: f.id, LoginIDs: []string{"ann@shop.example", "ann"}, Email: "ann@shop.example", Custom: map[string]any{"shelf": "two"},
			Roles: []string{"ROL1"}, Tenants: []user.Membership{{Tenant: "hill", Roles: []string{"ROL2"}}},
		}
		if err := user.Create(tx, u); err != nil {
			return err
		}
		return f.Keep(tx, project.Place{Project: f.id, Kind: "totp", Entity: u.ID, User: u.ID}, secret.New("planted seed"))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) load(t *testing.T, note string) {
	t.Helper()
	up := testkit.Shop(t).Upload()
	up.Files["notes.txt"] = []byte(note)
	up.Secrets[0].Value = secret.New("planted " + note)
	if _, err := f.Import(t.Context(), tester, project.Import{Project: f.id, Upload: up}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) backup(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := backup.Write(t.Context(), f.db, &b, "test"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// data is the rows of the tables that a restore must bring back as they were:
// the audit and master_key get one more, goose counts its own.
func data(t *testing.T, db *store.DB) map[string][]string {
	t.Helper()
	rows := testkit.Rows(t, db)
	for _, name := range []string{"audit", "audit_chains", "master_key", "goose_db_version"} {
		delete(rows, name)
	}
	return rows
}

// A backup of either database restores into either.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := fill(t, db)
		taken := f.backup(t)
		for i, b := range [][]byte{[]byte("planted"), f.file, []byte("PRIVATE")} {
			if bytes.Contains(taken, b) {
				t.Errorf("secret %d is in the backup", i)
			}
		}
		into := map[string]*store.DB{"a file": testkit.Store(t)}
		if db.Kind() == store.Postgres {
			into["a server"] = testkit.Open(t, testkit.Postgres(t))
		}
		for name, other := range into {
			sum, report, err := backup.Restore(t.Context(), other, bytes.NewReader(taken), backup.Options{Master: f.master, By: tester})
			if err != nil {
				t.Fatalf("into %s: %v %v", name, err, report)
			}
			if sum.Rows["projects"] != 1 || sum.Rows["revisions"] != 2 || sum.Database != db.Kind() || report.SecretsOpened != report.Secrets {
				t.Errorf("into %s: %+v %+v", name, sum, report)
			}
			if diff := cmp.Diff(data(t, db), data(t, other)); diff != "" {
				t.Errorf("into %s (-was +is):\n%s", name, diff)
			}
			// And on to the next one, the other way round, with servers on it.
			g := &fixture{db: other, master: f.master, file: f.file, Service: &project.Service{DB: other, Master: f.master}, id: f.id}
			g.load(t, "three")
			again := testkit.Open(t, t.TempDir()+"/again.db")
			if _, _, err := backup.Restore(t.Context(), again, bytes.NewReader(g.backup(t)), backup.Options{Master: f.master, By: tester}); err != nil {
				t.Errorf("and on: %v", err)
			}
		}
	})
}

// The other way: what SQLite wrote restores into PostgreSQL.
// A plan of the one database can be applied to the other: the same input has the
// same digest on both, its secrets included.
func TestPlanOfTheOtherDatabase(t *testing.T) {
	t.Parallel()
	f := fill(t, testkit.Open(t, filepath.Join(t.TempDir(), "postern.db")))
	other := testkit.Open(t, testkit.Postgres(t))
	if _, _, err := backup.Restore(t.Context(), other, bytes.NewReader(f.backup(t)), backup.Options{Master: f.master, By: tester}); err != nil {
		t.Fatal(err)
	}
	there := &project.Service{DB: other, Master: f.master}
	upload := func(value string) *snapshot.Upload {
		up := testkit.Shop(t).Upload()
		up.Files["notes.txt"] = []byte("three")
		up.Secrets[0].Value = secret.New(value)
		return up
	}
	seen := map[snapshot.Digest]bool{}
	for _, value := range []string{"planted two", "planted three", "planted four"} {
		here, err := f.Plan(t.Context(), project.Import{Project: f.id, Upload: upload(value)})
		if err != nil || here.Failed() {
			t.Fatal(here, err)
		}
		plan, err := there.Plan(t.Context(), project.Import{Project: f.id, Upload: upload(value)})
		if err != nil || plan.Digest != here.Digest || seen[here.Digest] {
			t.Errorf("%s: %s and %s, %v", value, here.Digest, plan.Digest, err)
		}
		seen[here.Digest] = true
	}
	up := upload("planted four")
	here, err := f.Plan(t.Context(), project.Import{Project: f.id, Upload: upload("planted four")})
	if err != nil {
		t.Fatal(err)
	}
	up.Plan = here.Digest.String()
	if res, err := there.Import(t.Context(), tester, project.Import{Project: f.id, Upload: up}); err != nil || res.Digest != here.Result {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestFromFileToServer(t *testing.T) {
	t.Parallel()
	other := testkit.Open(t, testkit.Postgres(t))
	f := fill(t, testkit.Store(t))
	if _, _, err := backup.Restore(t.Context(), other, bytes.NewReader(f.backup(t)), backup.Options{Master: f.master, By: tester}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data(t, f.db), data(t, other)); diff != "" {
		t.Errorf("rows (-was +is):\n%s", diff)
	}
}

// A backup is one state, whatever is written while it is taken.
func TestBackupWhileOthersWrite(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := fill(t, db)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			var err error
			for n := 0; err == nil && ctx.Err() == nil; n++ {
				up := testkit.Shop(t).Upload()
				up.Files["notes.txt"] = fmt.Appendf(nil, "%d", n)
				up.Secrets[0].Value = secret.New(fmt.Sprintf("planted %d", n))
				_, err = f.Import(t.Context(), tester, project.Import{Project: f.id, Upload: up})
				if err == nil && n%3 == 0 {
					_, err = f.RotateKey(t.Context(), tester, f.id)
				}
			}
			done <- err
		}()
		for range 5 {
			into := testkit.Open(t, t.TempDir()+"/copy.db")
			_, report, err := backup.Restore(t.Context(), into, bytes.NewReader(f.backup(t)), backup.Options{Master: f.master, By: tester})
			if err != nil {
				t.Errorf("%v: %v", err, report)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Nothing of a file that is damaged anywhere, or cut off anywhere, is written.
func TestDamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	f := fill(t, testkit.Store(t))
	taken := f.backup(t)
	into := testkit.Store(t)
	restore := func(name string, b []byte) {
		_, _, err := backup.Restore(t.Context(), into, bytes.NewReader(b), backup.Options{Master: f.master, By: tester})
		if !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	step := max(len(taken)/150, 1)
	for at := 0; at < len(taken); at += step {
		restore(fmt.Sprintf("cut off after %d bytes", at), taken[:at])
		broken := bytes.Clone(taken)
		broken[at] ^= 0x40
		restore(fmt.Sprintf("byte %d is another", at), broken)
	}
	restore("one byte is missing", taken[:len(taken)-1])
	restore("there is more", append(bytes.Clone(taken), 0))
	restore("twice", append(bytes.Clone(taken), taken...))
	restore("no backup", []byte("PK\x03\x04 and so on, long enough"))
	err := into.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		tables, err := tx.Tables()
		for _, table := range tables {
			var n int
			if err := tx.QueryRow(`SELECT count(*) FROM ` + table.Name).Scan(&n); err != nil || n > 0 {
				t.Errorf("%s has %d rows, %v", table.Name, n, err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := fill(t, testkit.Store(t))
		taken := f.backup(t)
		g := fill(t, db)
		before := testkit.Rows(t, db)
		restore := func(o backup.Options) error {
			o.By = tester
			_, _, err := backup.Restore(t.Context(), db, bytes.NewReader(taken), o)
			return err
		}
		if err := restore(backup.Options{Master: f.master}); !errors.Is(err, backup.ErrNotEmpty) {
			t.Errorf("into a database that is not empty: %v", err)
		}
		if err := restore(backup.Options{Master: g.master, Empty: true}); !errors.Is(err, backup.ErrUnsound) {
			t.Errorf("with another master key: %v", err)
		}
		if diff := cmp.Diff(before, testkit.Rows(t, db)); diff != "" {
			t.Errorf("the database has changed (-before +after):\n%s", diff)
		}
		if err := restore(backup.Options{Master: f.master, Empty: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data(t, f.db), data(t, db)); diff != "" {
			t.Errorf("rows (-was +is):\n%s", diff)
		}
	})
}

// What was damaged when the backup was made is restored only by somebody who
// says so.
func TestDamageInTheSource(t *testing.T) {
	t.Parallel()
	f := fill(t, testkit.Store(t))
	err := f.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM secrets WHERE id = (SELECT min(id) FROM secrets)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	taken := f.backup(t)
	into := testkit.Store(t)
	_, report, err := backup.Restore(t.Context(), into, bytes.NewReader(taken), backup.Options{Master: f.master, By: tester})
	if !errors.Is(err, backup.ErrUnsound) || report == nil || report.OK() {
		t.Errorf("got %v", err)
	}
	if _, _, err = backup.Restore(t.Context(), into, bytes.NewReader(taken), backup.Options{Master: f.master, By: tester, AcceptDamage: true}); err != nil {
		t.Errorf("where it is accepted: %v", err)
	}
}

// A backup from before a rotation of the master key restores with a file that
// still has the older key, and servers go on with the newer one.
func TestBackupFromBeforeARotation(t *testing.T) {
	t.Parallel()
	f := fill(t, testkit.Store(t))
	if _, err := f.Rewrap(t.Context(), tester); err != nil { // the older key is the one to use, for now
		t.Fatal(err)
	}
	taken := f.backup(t)
	next, err := secret.AddMasterKey(f.file)
	if err != nil {
		t.Fatal(err)
	}
	both, err := secret.LoadMaster(next)
	if err != nil {
		t.Fatal(err)
	}
	into := testkit.Store(t)
	if _, _, err := backup.Restore(t.Context(), into, bytes.NewReader(taken), backup.Options{Master: both, By: tester}); err != nil {
		t.Fatal(err)
	}
	s := &project.Service{DB: into, Master: both}
	if _, err := s.Create(t.Context(), tester, project.New{Name: "New"}); err != nil {
		t.Error(err)
	}
	if _, older, pinned, err := s.Wrapped(t.Context()); older != 0 || !pinned || err != nil {
		t.Errorf("%d keys need the older one, %t, %v", older, pinned, err)
	}
	if files, _, err := s.Export(t.Context(), f.id, snapshot.FormatSplit); err != nil || len(files) == 0 {
		t.Errorf("export: %d files, %v", len(files), err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("POSTERN-BACKUP1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := backup.Check(bytes.NewReader(b)); err != nil && !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%v", err)
		}
	})
}
