package doctor_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/doctor"
	"postern/internal/key"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
)

var tester = audit.Origin{Actor: "Ktester"}

// fill makes a project with two revisions, a policy and a signing key, a clone of it, a deleted one and a key.
func fill(t *testing.T, db *store.DB) *secret.Master {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	s := &project.Service{DB: db, Master: master}
	p, err := s.Create(t.Context(), tester, project.New{Name: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	shop := testkit.Shop(t)
	one := 1
	if err := s.SetPolicy(t.Context(), tester, p.ID, project.Policy{MaxRemovals: &one}); err != nil {
		t.Fatal(err)
	}
	if _, err := (&key.Service{DB: db, Projects: s}).Ring(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"one", "two"} {
		up := shop.Upload()
		up.Files["notes.txt"] = []byte(note)
		up.Secrets[0].Value = secret.New("planted " + note)
		if _, err := s.Import(t.Context(), tester, project.Import{Project: p.ID, Upload: up, Key: note}); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := s.Clone(t.Context(), tester, p.ID, project.New{Name: "Gone"})
	if err == nil {
		err = s.Delete(t.Context(), tester, gone.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	keys := &mgmtkey.Service{DB: db}
	if _, _, err := keys.Create(t.Context(), tester, mgmtkey.Create{Name: "key", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}}); err != nil {
		t.Fatal(err)
	}
	return master
}

func TestWholeDatabaseIsWhole(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		master := fill(t, db)
		before := testkit.Rows(t, db)
		r, err := doctor.Examine(t.Context(), db, master)
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() || len(r.Orphans) != 0 {
			t.Errorf("found: %v, %v", r.Problems, r.Orphans)
		}
		if r.Projects != 2 || r.Revisions != 3 || r.Blobs < 50 || r.Secrets == 0 || r.SecretsOpened != r.Secrets || r.Keys != 1 || r.Events != 7 {
			t.Errorf("looked at %+v", r)
		}
		if diff := cmp.Diff(before, testkit.Rows(t, db)); diff != "" {
			t.Errorf("it wrote (-before +after):\n%s", diff)
		}
		if r, err = doctor.Examine(t.Context(), db, nil); err != nil || !r.OK() || r.SecretsOpened != 0 {
			t.Errorf("without a key: %+v, %v", r, err)
		}
		stranger, _, err := secret.NewMaster()
		if err != nil {
			t.Fatal(err)
		}
		if r, err = doctor.Examine(t.Context(), db, stranger); err != nil || len(r.Problems) != 2 || r.Problems[0].Kind != "data key" {
			t.Errorf("with the key of others: %+v, %v", r, err)
		}
	})
}

// Each damage that a row can take is found, and said of the right thing.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	one := func(table, column string) string {
		return ` WHERE ` + column + ` = (SELECT ` + column + ` FROM ` + table + ` ORDER BY ` + column + ` LIMIT 1)`
	}
	// Not the least digest of all: that can be the list of secrets, whose ids are drawn.
	const file = ` WHERE digest = (SELECT digest FROM blobs WHERE size = 3 ORDER BY digest LIMIT 1)`
	tests := []struct {
		name, statement string
		problems        []string // the kinds, each once
		orphans         []string
	}{
		{"a content is changed", `UPDATE blobs SET body = $1` + file, []string{"blob"}, nil},
		{"a content is gone", `DELETE FROM blobs` + file, []string{"revision"}, nil},
		{"a tree is gone", `DELETE FROM blobs WHERE digest = (SELECT digest FROM revisions WHERE parent = 1)`, []string{"revision"}, nil},
		{"a list of secrets is gone", `DELETE FROM blobs WHERE digest = (SELECT secrets FROM revisions WHERE parent = 1)`, []string{"revision"}, nil},
		{"the size of a content is wrong", `UPDATE blobs SET size = size + 1` + file, []string{"blob"}, nil},
		{"a digest is too short", `UPDATE revisions SET digest = $1 WHERE parent = 1`, []string{"revision"}, nil},
		{"a revision is gone", `DELETE FROM revisions WHERE number = 1 AND project IN (SELECT id FROM projects WHERE head = 2)`, []string{"revision"}, nil},
		{"the head is gone", `DELETE FROM revisions WHERE number = 2`, []string{"project"}, nil},
		{"a sealed secret is changed", `UPDATE secrets SET sealed = $1` + one("secrets", "id"), []string{"secret"}, nil},
		{"a fingerprint is changed", `UPDATE secrets SET fingerprint = $1` + one("secrets", "id"), []string{"secret"}, nil},
		{"a secret is moved", `UPDATE secrets SET entity = 'CI9'` + one("secrets", "id"), []string{"revision", "secret"}, nil},
		{"a secret is gone", `DELETE FROM secrets` + one("secrets", "id"), []string{"revision"}, nil},
		{"a data key is gone", `DELETE FROM data_keys WHERE project = (SELECT id FROM projects WHERE head = 2)`, []string{"project", "secret"}, nil},
		{"a data key is changed", `UPDATE data_keys SET wrapped = $1 WHERE project = (SELECT id FROM projects WHERE head = 2)`, []string{"data key"}, nil},
		{"a project is gone", `DELETE FROM projects WHERE head = 2`, []string{"data key", "import key", "policy", "revision", "secret"}, nil},
		{"tags are no JSON", `UPDATE projects SET tags = '[' WHERE head = 2`, []string{"project"}, nil},
		{"an audit record is no JSON", `UPDATE audit SET details = '{'` + one("audit", "id"), []string{"audit", "audit chain"}, nil},
		{"an audit record has no actor", `UPDATE audit SET actor = ''` + one("audit", "id"), []string{"audit", "audit chain"}, nil},
		{"an audit record has no outcome", `UPDATE audit SET outcome = 'perhaps'` + one("audit", "id"), []string{"audit", "audit chain"}, nil},
		{"an audit record has no time", `UPDATE audit SET occurred_at = 0` + one("audit", "id"), []string{"audit", "audit chain"}, nil},
		{"an audit record is gone", `DELETE FROM audit` + one("audit", "id"), []string{"audit chain"}, nil},
		{"the last audit record is gone", `DELETE FROM audit WHERE number = (SELECT MAX(number) FROM audit)`, []string{"audit chain"}, nil},
		{"a key cannot be read", `UPDATE management_keys SET access = '[{"role":"owner"}]'`, []string{"management key"}, nil},
		{"the digest of a key is cut", `UPDATE management_keys SET hash = $1`, []string{"management key"}, nil},
		{"a policy cannot be read", `UPDATE policies SET policy = '{"protected": 7'`, []string{"policy"}, nil},
		{"the answer to an import cannot be read", `UPDATE import_keys SET answer = 'garbage'`, []string{"import key"}, nil},
		{"the answer to an import has no digest", `UPDATE import_keys SET answer = '{"revision":1,"digest":"x"}'`, []string{"import key"}, nil},
		{"the private half of a signing key is gone", `DELETE FROM kept_secrets WHERE kind = 'signingKey'`, []string{"signing key"}, nil},
		{"the public half of a signing key is no key", `UPDATE signing_keys SET public = '{}'`, []string{"signing key"}, nil},
		{"a signing key has the name of another", `UPDATE signing_keys SET kid = 'SKother'`, []string{"signing key"}, nil},
		{"a content that nothing needs", `INSERT INTO blobs (digest, size, encoding, body) SELECT $1, 0, 0, $1`, []string{"blob"}, nil},
	}
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		master := fill(t, db)
		undo := errors.New("undo")
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
					damage(t, tx, tt.statement)
					r, err := doctor.Check(tx, master)
					if err != nil {
						return err
					}
					if diff := cmp.Diff(tt.problems, kinds(r.Problems)); diff != "" {
						t.Errorf("problems (-want +got):\n%s\n%v", diff, r.Problems)
					}
					if diff := cmp.Diff(tt.orphans, kinds(r.Orphans)); diff != "" {
						t.Errorf("orphans (-want +got):\n%s\n%v", diff, r.Orphans)
					}
					return undo
				})
				if !errors.Is(err, undo) {
					t.Fatal(err)
				}
			})
		}
	})
}

func damage(t *testing.T, tx *store.Tx, statement string) {
	t.Helper()
	var args []any
	if strings.Contains(statement, "$") {
		args = append(args, []byte("damaged"))
	}
	res, err := tx.Exec(statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); n == 0 {
		t.Errorf("nothing was damaged: %v", err)
	}
}

func kinds(list []doctor.Finding) []string {
	var out []string
	for _, f := range list {
		if !slices.Contains(out, f.Kind) {
			out = append(out, f.Kind)
		}
	}
	return out
}

// A connector that does not take the audit is told of, and is no damage.
func TestStreamsThatDoNotWorkAreTold(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		s := &project.Service{DB: db, Master: fill(t, db)}
		p, err := s.Create(t.Context(), tester, project.New{Name: "Told"})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Follow(tx, p.ID, []string{"CI1"}) }); err != nil {
			t.Fatal(err)
		}
		if err := s.Rename(t.Context(), tester, p.ID, "Another"); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		due, err := audit.Due(t.Context(), db, now, 2)
		if err != nil || len(due) != 1 {
			t.Fatalf("%v, %v", due, err)
		}
		if ok, err := due[0].Hold(t.Context(), db, "H1", now, now.Add(time.Minute)); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if _, err := due[0].Fail(t.Context(), db, "H1", "the service answered 500", now.Add(time.Hour), now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		r, err := doctor.Examine(t.Context(), db, s.Master)
		if err != nil || !r.OK() {
			t.Fatalf("%+v, %v", r, err)
		}
		want := []doctor.Finding{{Kind: "audit stream", Project: p.ID, At: "CI1", Message: "records that wait: 1; tries that did not work: 1; the last one: the service answered 500"}}
		if diff := cmp.Diff(want, r.Streams); diff != "" {
			t.Errorf("streams (-want +got):\n%s", diff)
		}
	})
}

// What an operator reads of a damaged content is what the guide has a row for.
func TestGuideSaysWhatIsPrinted(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/guides/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, statement, row string }{
		{"no content that unpacks", `UPDATE blobs SET encoding = 1, body = $1`, "| stored content … is damaged |"},
		{"another content", `UPDATE blobs SET encoding = 0, body = $1`, "| stored content … is damaged |"},
		{"another size", `UPDATE blobs SET size = size + 1`, "| stored content … is damaged |"},
	}
	db := testkit.Store(t)
	master := fill(t, db)
	undo := errors.New("undo")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(string(guide), "\n"+tt.row) {
				t.Errorf("the guide has no row %q", tt.row)
			}
			begin, end, _ := strings.Cut(strings.Trim(tt.row, "| "), "…")
			err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				damage(t, tx, tt.statement)
				r, err := doctor.Check(tx, master)
				if err != nil {
					return err
				}
				if r.OK() {
					t.Error("nothing was found")
				}
				for _, f := range r.Problems {
					if f.Kind == "blob" && (!strings.HasPrefix(f.Message, begin) || !strings.Contains(f.Message, end)) {
						t.Errorf("printed: %s", f.Message)
					}
				}
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
		})
	}
}
