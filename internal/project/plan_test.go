package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

func (f *fixture) plan(t testing.TB, up *snapshot.Upload) *Plan {
	t.Helper()
	p, err := f.Plan(t.Context(), Import{Project: f.id, Upload: up})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// states are those of the secrets of a plan, by field.
func states(p *Plan) map[string]SecretState {
	out := map[string]SecretState{}
	for _, s := range p.Secrets {
		out[s.ID+" "+s.Field] = s.State
	}
	return out
}

// What a plan says is what the import does, whatever the repository has as a
// snapshot; it writes nothing; and the plan of what was applied is empty.
func TestPlanIsWhatTheImportDoes(t *testing.T) {
	t.Parallel()
	for _, s := range testkit.Samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			testkit.Databases(t, func(t *testing.T, url string) {
				f := setup(t, url)
				f.load(t, small("a", "old"))
				before := testkit.Rows(t, f.DB)
				plan := f.plan(t, s.Upload())
				f.same(t, before)
				if plan.Failed() || !plan.Changed || plan.Base.Number != 1 {
					t.Fatalf("%+v", plan.Report)
				}
				again := f.plan(t, s.Upload())
				if again.Digest != plan.Digest {
					t.Error("the same plan has two digests")
				}
				up := s.Upload()
				up.Plan = plan.Digest.String()
				res := f.load(t, up)
				if res.Digest != plan.Result || !res.Changed {
					t.Errorf("the import made %s, the plan said %s", res.Digest, plan.Result)
				}
				wantNamed(t, res.Changes, plan.Differences)
				empty := f.plan(t, s.Upload())
				if empty.Failed() || empty.Changed || len(empty.Differences) > 0 || empty.Result != res.Digest {
					t.Errorf("the plan of what was applied: changed %v, %v", empty.Changed, empty.Differences)
				}
				for _, p := range empty.Secrets {
					if p.State != SecretSame {
						t.Errorf("%s of %s: %s", p.Field, p.ID, p.State)
					}
				}
			})
		})
	}
}

// wantNamed fails the test for a file that differs and that no difference names:
// by itself, or by the entity in whose folder it lies, where that is new or gone.
func wantNamed(t *testing.T, changes []snapshot.Change, list []snapshot.Difference) {
	t.Helper()
	named, folders := map[string]bool{}, map[string]bool{}
	for _, d := range list {
		named[d.File], named[d.Was] = true, true
		if d.Field == "" && d.Kind != "" && d.Action != snapshot.Changed {
			folders[path.Dir(d.File)] = true
		}
	}
	for _, c := range changes {
		whole := c.Action != snapshot.Changed && (folders[path.Dir(c.File)] || folders[path.Dir(path.Dir(c.File))])
		if !named[c.File] && !whole && c.File != "assets/assets.json" { // the index of the others
			t.Errorf("%s is %s, and the plan does not say so", c.File, c.Action)
		}
	}
}

// Whatever an import would do otherwise than its plan says makes it a conflict,
// and nothing is applied.
func TestImportThatIsNotItsPlanIsRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "old"))
		for name, change := range map[string]func(up *snapshot.Upload){
			"a file changed":    func(up *snapshot.Upload) { up.Files["project.json"] = []byte(`{"trustedDomains":"evil.example"}`) },
			"a file is gone":    func(up *snapshot.Upload) { delete(up.Files, "project.json") },
			"a secret changed":  func(up *snapshot.Upload) { up.Secrets[0].Value = secret.New("another") },
			"a secret is gone":  func(up *snapshot.Upload) { up.Secrets = nil },
			"more is left out":  func(up *snapshot.Upload) { up.Excludes = []string{"project"} },
			"secrets may move":  func(up *snapshot.Upload) { up.AllowMoved = true },
			"it is no digest":   func(up *snapshot.Upload) { up.Plan = "sure" },
			"it is the base":    func(up *snapshot.Upload) { up.Plan = f.head1(t) },
			"the project moved": func(*snapshot.Upload) { f.load(t, small("moved", "old")) },
		} {
			up := small("b", "new")
			up.Plan = f.plan(t, small("b", "new")).Digest.String()
			change(up)
			before := testkit.Rows(t, f.DB)
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
			if !errors.Is(err, ErrPlanned) {
				t.Errorf("%s: got %v, want %v", name, explain(err), ErrPlanned)
			}
			f.same(t, before)
			f.load(t, small("a", "old"))
		}
	})
}

func (f *fixture) head1(t testing.TB) string {
	t.Helper()
	_, rev := f.export(t, f.id, snapshot.FormatPlain)
	return rev.Digest.String()
}

func TestPlanSaysWhatBecomesOfSecrets(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		const field = "CI1 configuration/password"
		want := func(name string, up *snapshot.Upload, state SecretState, ok bool) {
			t.Helper()
			p := f.plan(t, up)
			if got := states(p); got[field] != state || p.Failed() == ok || len(got) != 1 {
				t.Errorf("%s: %v, refused %v; want %s", name, got, p.Failed(), state)
			}
		}
		without := func(up *snapshot.Upload) *snapshot.Upload {
			up.Secrets = nil
			return up
		}
		moved := func(allow bool) *snapshot.Upload {
			up := without(small("a", ""))
			up.Files["connectors/mail.json"] = []byte(`{"configuration":{"fromEmail":"a@example.test","host":"smtp.evil.example","username":"u"},"id":"CI1","name":"Mail","type":"smtp"}`)
			up.AllowMoved = allow
			return up
		}
		want("a first value", small("a", "one"), SecretSet, true)
		want("none at all", without(small("a", "")), SecretMissing, false)
		f.load(t, small("a", "one"))
		want("the same value", small("a", "one"), SecretSame, true)
		want("no value", without(small("a", "")), SecretSame, true)
		want("another value", small("a", "two"), SecretChanges, true)
		want("another destination", moved(false), SecretMoved, false)
		want("another destination, by leave", moved(true), SecretFollows, true)
		want("the entity is removed", &snapshot.Upload{Files: snapshot.Files{"connectors/connectors.json": []byte(`{"connectors":[]}`)}}, SecretRemoved, true)
		if _, err := f.RotateKey(t.Context(), tester, f.id); err != nil {
			t.Fatal(err)
		}
		want("the same value, under another key", small("a", "one"), SecretSame, true)
		testkit.Execute(t, f.DB, `UPDATE secrets SET fingerprint = NULL`)
		want("a value from before there were fingerprints", small("a", "one"), SecretUnknown, true)
		if res := f.load(t, small("a", "one")); res.Changed {
			t.Error("an equal value from before there were fingerprints changes something")
		}
	})
}

// A plan opens no stored secret: it says the same where none opens.
func TestPlanOpensNothing(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		before := f.plan(t, small("b", "two"))
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE secrets SET sealed = $1`, []byte("nonsense"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if after := f.plan(t, small("b", "two")); after.Digest != before.Digest || states(after)["CI1 configuration/password"] != SecretChanges {
			t.Errorf("%+v", after)
		}
		if _, err := f.Validate(t.Context(), Import{Project: f.id, Upload: small("b", "two")}); err != nil {
			t.Error(err)
		}
		if _, err := f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: 1}); err != nil {
			t.Error(err)
		}
		// It is no chance: what opens it says that it is damaged.
		if _, err := f.Secret(t.Context(), f.id, "connector", "CI1", "configuration/password"); err == nil {
			t.Error("nonsense opens")
		}
	})
}

// The plan of an upload that would be refused says what is wrong, and what it
// would change if its secrets were there.
func TestPlanOfWhatIsRefused(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	up := small("b", "x")
	up.Secrets = nil
	up.Files["connectors/connectors.json"] = []byte(`{"connectors":["mail","other"]}`)
	up.Files["connectors/other.json"] = []byte(`{"configuration":{"fromEmail":"a@example.test","host":"other.example.test","username":"u"},"id":"CI2","name":"Other","type":"smtp"}`)
	p := f.plan(t, up)
	if !p.Failed() || p.Digest != (snapshot.Digest{}) || p.Result != (snapshot.Digest{}) || len(p.Missing) != 1 {
		t.Errorf("%+v", p)
	}
	var changes []string
	for _, d := range p.Differences {
		changes = append(changes, string(d.Action)+" "+d.File+" "+d.Field)
	}
	want := []string{"changed project.json trustedDomains", "changed connectors/mail.json configuration/fromName", "created connectors/other.json "}
	for _, w := range want {
		if !slices.Contains(changes, w) {
			t.Errorf("%q is not among %q", w, changes)
		}
	}
	if got := states(p)["CI2 configuration/password"]; got != SecretMissing {
		t.Errorf("the secret is %q", got)
	}
}

// An entity that is found by its name keeps the id that it has, and the plan
// says so.
func TestPlanSaysWhichIDsAreBound(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	up := small("a", "one")
	up.Secrets[0].ID = "CIother"
	up.Files["connectors/mail.json"] = []byte(`{"configuration":{"fromEmail":"a@example.test","fromName":"a","host":"smtp.example.test","username":"u"},"id":"CIother","name":"Mail","type":"smtp"}`)
	p := f.plan(t, up)
	want := []snapshot.Rebound{{Kind: "connector", Name: "Mail", From: "CIother", To: "CI1"}}
	if diff := cmp.Diff(want, p.Rebound); diff != "" || p.Changed {
		t.Errorf("changed %v (-want +got):\n%s", p.Changed, diff)
	}
	renamed := &snapshot.Upload{Files: maps.Clone(small("a", "one").Files), SameIDs: true}
	renamed.Files["connectors/mail.json"] = []byte(`{"configuration":{"fromEmail":"a@example.test","fromName":"a","host":"smtp.example.test","username":"u"},"id":"CI1","name":"Post","type":"smtp"}`)
	p = f.plan(t, renamed)
	if len(p.Differences) != 1 || !p.Differences[0].Renames {
		t.Errorf("a rename: %+v", p.Differences)
	}
}

// A new entity whose id another one has in the target gets an id, and was not
// found there.
func TestPlanSaysWhichIDsAreNew(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	connector := func(id, name string) []byte {
		return fmt.Appendf(nil, `{"configuration":{"fromEmail":"a@example.test","host":"smtp.example.test","username":"u"},"id":%q,"name":%q,"type":"smtp"}`, id, name)
	}
	up := small("a", "one")
	up.Files["connectors/connectors.json"] = []byte(`{"connectors":["mail","second"]}`)
	up.Files["connectors/mail.json"], up.Files["connectors/second.json"] = connector("CI9", "Mail"), connector("CI1", "Second")
	up.Secrets = append(up.Secrets, snapshot.InputSecret{Group: "connectors", ID: "CI9", Type: "password", Value: secret.New("one")})
	p := f.plan(t, up)
	if len(p.Rebound) != 2 || p.Rebound[0].New || p.Rebound[0].To != "CI1" || !p.Rebound[1].New || p.Rebound[1].Name != "Second" {
		t.Errorf("got %+v", p.Rebound)
	}
}

// What an import would be refused for beside its files, a plan is refused for or
// says.
func TestPlanOfWhatMustBeConfirmed(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	up := small("a", "one")
	up.Within = "10m"
	if _, err := f.Plan(t.Context(), Import{Project: f.id, Upload: up}); !errors.Is(err, ErrFirst) {
		t.Errorf("the first revision: got %v, want %v", err, ErrFirst)
	}
	f.load(t, small("a", "one"))
	if p := f.plan(t, small("b", "one")); p.Pending != nil {
		t.Errorf("nothing waits, and the plan says %+v", p.Pending)
	}
	f.try(t, small("b", "one"), "10m")
	if p := f.plan(t, small("c", "one")); p.Failed() || p.Pending == nil || p.Pending.Revision != 2 {
		t.Errorf("%+v, %+v", p.Report, p.Pending)
	}
}

func TestRollbackThatIsNotItsPlanIsRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.load(t, small("b", "two"))
		back := Rollback{Project: f.id, Revision: 1}
		plan, err := f.PlanRollback(t.Context(), back)
		if err != nil {
			t.Fatal(err)
		}
		f.load(t, small("c", "two"))
		back.Plan = plan.Digest.String()
		if _, err := f.Rollback(t.Context(), tester, back); !errors.Is(err, ErrPlanned) {
			t.Errorf("got %v, want %v", err, ErrPlanned)
		}
		if plan, err = f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: 1}); err != nil {
			t.Fatal(err)
		}
		back.Plan = plan.Digest.String()
		if res, err := f.Rollback(t.Context(), tester, back); err != nil || res.Revision != 4 {
			t.Errorf("%+v, %v", res, err)
		}
		if diff := cmp.Diff([]string{"one"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
	})
}
