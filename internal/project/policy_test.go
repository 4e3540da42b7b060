package project

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

func codes(err error) []string {
	var out []string
	if err == nil {
		return nil
	}
	if report, ok := fault.From(err).Details.(*Report); ok {
		for _, p := range report.Problems {
			if p.Level == snapshot.Error {
				out = append(out, string(p.Code)+" "+p.File)
			}
		}
	}
	return out
}

func (f *fixture) guard(t testing.TB, p Policy) {
	t.Helper()
	if err := f.SetPolicy(t.Context(), tester, f.id, p); err != nil {
		t.Fatal(err)
	}
}

// What is protected must not change, by an import or by a rollback; all that is
// against the policy is said at once, and what is not protected changes.
func TestWhatIsProtectedStays(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.load(t, small("b", "one"))
		for _, tt := range []struct {
			name    string
			policy  Policy
			refused []string
		}{
			{"nothing is protected", Policy{}, nil},
			{"a setting", Policy{Protected: []snapshot.Protection{"project.trustedDomains"}}, []string{"protected project.json"}},
			{"another setting", Policy{Protected: []snapshot.Protection{"project.domain"}}, nil},
			{"a section", Policy{Protected: []snapshot.Protection{"connectors"}}, []string{"protected connectors/mail.json"}},
			{"another section", Policy{Protected: []snapshot.Protection{"flows"}}, nil},
			{"an entity", Policy{Protected: []snapshot.Protection{"connector:Mail"}}, []string{"protected connectors/mail.json"}},
			{"another entity", Policy{Protected: []snapshot.Protection{"connector:Post"}}, nil},
			{"two things", Policy{Protected: []snapshot.Protection{"project", "connectors"}}, []string{"protected connectors/mail.json", "protected project.json"}},
		} {
			f.guard(t, tt.policy)
			before := testkit.Rows(t, f.DB)
			plan := f.plan(t, small("c", "one"))
			f.same(t, before)
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("c", "one")})
			got := codes(err)
			if diff := cmp.Diff(tt.refused, got); diff != "" || plan.Failed() != (len(tt.refused) > 0) {
				t.Errorf("%s: the import (-want +got):\n%s\nthe plan is refused: %v", tt.name, diff, plan.Failed())
			}
			_, err = f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: 1})
			if len(codes(err)) != len(tt.refused) {
				t.Errorf("%s: the rollback is refused for %v", tt.name, codes(err))
			}
			f.guard(t, Policy{})
			f.load(t, small("b", "one"))
		}
	})
}

// A credential of what is protected must not change either; the same one may come
// again.
func TestWhatIsProtectedKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		for _, what := range []snapshot.Protection{"connectors", "connector:Mail"} {
			f.guard(t, Policy{Protected: []snapshot.Protection{what}})
			f.load(t, small("a", "one"))
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: small("a", "two")})
			if diff := cmp.Diff([]string{"protected "}, codes(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		f.guard(t, Policy{Protected: []snapshot.Protection{"flows", "connector:Post"}})
		f.load(t, small("a", "two"))
	})
}

// Another name is no way round the protection of an entity, whether its file
// changes its name too or not.
func TestWhatIsProtectedKeepsItsName(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, small("a", "one"))
		f.guard(t, Policy{Protected: []snapshot.Protection{"connector:Mail"}})
		for _, file := range []string{"mail", "post"} {
			up := small("a", "one")
			content := strings.Replace(string(up.Files["connectors/mail.json"]), `"name":"Mail"`, `"name":"Post"`, 1)
			delete(up.Files, "connectors/mail.json")
			up.Files["connectors/connectors.json"] = []byte(`{"connectors":["` + file + `"]}`)
			up.Files["connectors/"+file+".json"] = []byte(content)
			_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
			if diff := cmp.Diff([]string{"protected connectors/" + file + ".json"}, codes(err)); diff != "" {
				t.Errorf("in %s.json (-want +got):\n%s", file, diff)
			}
		}
	})
}

// With what is protected left out, the rest is imported.
func TestExcludesAreTheWayRoundAPolicy(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	f.guard(t, Policy{Protected: []snapshot.Protection{"project.trustedDomains"}})
	up := small("b", "one")
	up.Excludes = []string{"project.trustedDomains"}
	f.load(t, up)
	files, _ := f.export(t, f.id, snapshot.FormatPlain)
	if got := string(files["project.json"]); got != `{"trustedDomains":"a.example"}` {
		t.Errorf("project.json is %s", got)
	}
}

func TestNoMoreIsRemovedThanThePolicyAllows(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		up := small("a", "one")
		up.Files["roles.json"] = []byte(`{"roles":[{"name":"one","permissions":[]},{"name":"two","permissions":[]},{"name":"three","permissions":[]}]}`)
		f.load(t, &snapshot.Upload{Files: maps.Clone(up.Files), Secrets: up.Secrets})
		two := 2
		f.guard(t, Policy{MaxRemovals: &two})
		none := &snapshot.Upload{Files: snapshot.Files{"roles.json": []byte(`{"roles":[]}`)}}
		_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: none})
		if diff := cmp.Diff([]string{"too_many_removals "}, codes(err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		f.load(t, &snapshot.Upload{Files: snapshot.Files{"roles.json": []byte(`{"roles":[{"name":"two","permissions":[]}]}`)}})
		zero := 0
		f.guard(t, Policy{MaxRemovals: &zero})
		f.load(t, &snapshot.Upload{Files: snapshot.Files{"roles.json": []byte(`{"roles":[{"name":"two","permissions":[]},{"name":"four","permissions":[]}]}`)}})
	})
}

// What waits to be confirmed goes back though it removes more than an import may.
func TestAPolicyDoesNotKeepAnImportFromGoingBack(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	zero := 0
	f.guard(t, Policy{MaxRemovals: &zero})
	up := small("a", "one")
	up.Files["roles.json"] = []byte(`{"roles":[{"name":"one","permissions":[]}]}`)
	up.Within = "10m"
	f.load(t, up)
	if res, err := f.Undo(t.Context(), tester, f.id, 2); err != nil || res.Revision != 3 {
		t.Errorf("%+v, %v", res, explain(err))
	}
}

func TestAPolicyThatSaysNothingIsRefused(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	minus := -1
	for name, p := range map[string]Policy{
		"no such key":       {Protected: []snapshot.Protection{"flow"}},
		"a blank":           {Protected: []snapshot.Protection{""}},
		"no such kind":      {Protected: []snapshot.Protection{"conector:Mail"}},
		"a kind alone":      {Protected: []snapshot.Protection{"connector:"}},
		"less than nothing": {MaxRemovals: &minus},
		"a control letter":  {Protected: []snapshot.Protection{"connector:\x1b"}},
	} {
		if err := f.SetPolicy(t.Context(), tester, f.id, p); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: got %v, want %v", name, err, ErrPolicy)
		}
	}
	if p, err := f.Policy(t.Context(), f.id); err != nil || !p.indifferent() {
		t.Errorf("%+v, %v", p, err)
	}
}

// No import brings a policy, and a clone has none.
func TestAPolicyIsNoPartOfTheConfiguration(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	_, before := f.export(t, f.id, snapshot.FormatPlain)
	f.guard(t, Policy{Protected: []snapshot.Protection{"connectors"}})
	if _, after := f.export(t, f.id, snapshot.FormatPlain); after.Digest != before.Digest {
		t.Error("the policy is in the export")
	}
	plan := f.plan(t, small("a", "one")).Digest
	f.guard(t, Policy{Protected: []snapshot.Protection{"flows"}})
	if f.plan(t, small("a", "one")).Digest == plan {
		t.Error("a plan under another policy has the same digest")
	}
	p, err := f.Clone(t.Context(), tester, f.id, New{Name: "Copy"})
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := f.Policy(t.Context(), p.ID); err != nil || !policy.indifferent() {
		t.Errorf("the clone has %+v, %v", policy, err)
	}
}
