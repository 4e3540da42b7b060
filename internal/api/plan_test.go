package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const planPath = "/v1/mgmt/project/snapshot/plan"

func (b *bundle) plan(t *testing.T, body string) planAnswer {
	t.Helper()
	w := b.send(t, "POST", planPath, body)
	var out planAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	return out
}

// The plan of the whole example, over the wire: it shows no secret, lists are
// never null, and the import that is given it does it.
func TestPlanOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		shop := testkit.Shop(t)
		var secrets strings.Builder
		groups := map[string][]inputSecret{}
		for _, s := range shop.Secrets {
			groups[s.Group] = append(groups[s.Group], inputSecret{ID: s.ID, Name: s.Name, Type: s.Type, Value: s.Value.Reveal()})
		}
		if err := json.MarshalWrite(&secrets, groups, json.Deterministic(true)); err != nil {
			t.Fatal(err)
		}
		without := importBody(t, shop.Files, "")
		refused := b.plan(t, without)
		if refused.OK || refused.Digest != "" || len(refused.Details) == 0 || refused.Summary.Created == 0 || len(refused.Missing.Connectors) == 0 {
			t.Errorf("without secrets: %+v", refused)
		}
		whole := importBody(t, shop.Files, `,"inputSecrets":`+secrets.String())
		w := b.send(t, "POST", planPath, whole)
		for _, s := range shop.Secrets {
			if strings.Contains(w.Body.String(), s.Value.Reveal()) {
				t.Errorf("the plan shows the %s of %s", s.Type, s.Name)
			}
		}
		for name, v := range members(t, w.Body.Bytes()) {
			if v.Kind() == 'n' {
				t.Errorf("%s is null", name)
			}
		}
		plan := b.plan(t, whole)
		if !plan.OK || !plan.Changed || plan.Base.Revision != 0 || plan.Base.Digest != "" || plan.Summary.Secrets != len(shop.Secrets) {
			t.Errorf("the plan: %+v", plan.Summary)
		}
		wantCalled(t, shop, plan.Secrets)
		body := strings.TrimSuffix(strings.TrimSpace(whole), "}")
		wantFault(t, b.send(t, "POST", importPath, body+`,"plan":"`+strings.Repeat("0", 64)+`"}`), 409, "P40905")
		done := b.send(t, "POST", importPath, body+`,"plan":"`+plan.Digest+`"}`)
		if done.Code != http.StatusOK || !strings.Contains(done.Header().Get("ETag"), plan.Result.Digest) {
			t.Errorf("%d %s", done.Code, done.Body)
		}
		wantFault(t, b.send(t, "POST", importPath, body+`,"plan":"`+plan.Digest+`"}`), 409, "P40905")
		if again := b.plan(t, whole); again.Changed || len(again.Changes) != 0 || again.Summary != (planSummary{}) {
			t.Errorf("the plan of what was applied: %+v", again)
		}
		wantFault(t, b.send(t, "POST", planPath, `{"files":`), 400, "E011001")
	})
}

// wantCalled fails the test where a plan calls a secret otherwise than those who
// give it do.
func wantCalled(t *testing.T, shop testkit.Sample, list []project.PlannedSecret) {
	t.Helper()
	for _, s := range shop.Secrets {
		if !slices.ContainsFunc(list, func(p project.PlannedSecret) bool {
			return p.Group == s.Group && p.ID == s.ID && p.Type == s.Type && p.Name != "" && p.State == project.SecretSet
		}) {
			t.Errorf("the %s of %s %s is not in the plan: %+v", s.Type, s.Group, s.ID, list)
		}
	}
}

func members(t *testing.T, body []byte) map[string]jsontext.Value {
	t.Helper()
	var out map[string]jsontext.Value
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The plan of a rollback has a digest, too.
func TestPlanOfARollbackOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	for _, mark := range []string{"a", "b"} {
		b.send(t, "POST", importPath, importBody(t, snapshot.Files{"project.json": []byte(`{"trustedDomains":"` + mark + `.example"}`)}, ""))
	}
	var plan rollbackAnswer
	w := b.send(t, "POST", rollbackPath, `{"revision":1,"validateOnly":true}`)
	if err := json.Unmarshal(w.Body.Bytes(), &plan); err != nil || plan.Plan == "" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	wantFault(t, b.send(t, "POST", rollbackPath, `{"revision":1,"plan":"other"}`), 409, "P40905")
	if w := b.send(t, "POST", rollbackPath, `{"revision":1,"plan":"`+plan.Plan+`"}`); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What the owner of some data says is in the plan of an import and in that of a
// rollback: beside the change, or beside the whole.
func TestEffectsOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	domains := func(list string) string {
		return importBody(t, snapshot.Files{"project.json": []byte(`{"trustedDomains":"` + list + `"}`)}, "")
	}
	b.send(t, "POST", importPath, domains("a.example"))
	b.send(t, "POST", importPath, domains("b.example"))
	b.Projects.Effects = []project.Effects{{Owner: "users", Of: func(_ context.Context, p project.Planned) ([]project.Told, error) {
		return []project.Told{
			{Difference: 0, Effect: snapshot.Effect{Code: "users_leave", Message: "7 users are at " + string(p.Differences[0].From) + ".", Count: 7}},
			{Difference: project.Whole, Effect: snapshot.Effect{Code: "signed_in", Message: "9 users are signed in.", Count: 9}},
		}, nil
	}}}
	plan := b.plan(t, domains("a.example"))
	var back rollbackAnswer
	w := b.send(t, "POST", rollbackPath, `{"revision":1,"validateOnly":true}`)
	if err := json.Unmarshal(w.Body.Bytes(), &back); err != nil {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	for name, got := range map[string][2][]snapshot.Effect{
		"an import":  {plan.Changes[0].Effects, plan.Effects},
		"a rollback": {back.Differences[0].Effects, back.Effects},
	} {
		want := [2][]snapshot.Effect{{{Code: "users_leave", Message: `7 users are at "b.example".`, Count: 7}}, {{Code: "signed_in", Message: "9 users are signed in.", Count: 9}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A plan that is kept says where somebody else looks at it; one that would be
// refused is not kept.
func TestKeptPlanOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		body := func(rest string) string { return `{"files":{"snapshot.json":{"version":5}` + rest }
		plan := b.plan(t, body(`},"keep":true,"message":"why"}`))
		if want := "/console/projects/" + b.project + "/plans/" + plan.Digest; plan.Page != want {
			t.Errorf("page %q, want %q", plan.Page, want)
		}
		list, err := b.Projects.Proposals(t.Context(), b.project)
		if err != nil || len(list) != 1 || list[0].Plan.String() != plan.Digest || list[0].Message != "why" || list[0].By == "" {
			t.Errorf("kept: %+v, %v", list, err)
		}
		for name, rest := range map[string]string{"refused": `,"roles.json":7},"keep":true}`, "not asked for": `}}`} {
			if got := b.plan(t, body(rest)); got.Page != "" {
				t.Errorf("%s: page %q", name, got.Page)
			}
		}
		if w := b.send(t, "POST", planPath, body(`},"keep":"yes"}`)); w.Code != http.StatusBadRequest {
			t.Errorf("keep as a text: %d %s", w.Code, w.Body)
		}
		if list, err = b.Projects.Proposals(t.Context(), b.project); err != nil || len(list) != 1 {
			t.Errorf("kept at last: %d, %v", len(list), err)
		}
	})
}
