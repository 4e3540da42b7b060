package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// staff is an upload of roles, and of a flow that gives one of them.
func staff(roles, given string) *snapshot.Upload {
	up := small("a", "one")
	up.SameIDs = true
	up.Files["permissions.json"] = []byte(`{"permissions":[{"name":"read","description":""}]}`)
	up.Files["roles.json"] = []byte(`{"roles":[` + roles + `]}`)
	up.Files["flows/flows.json"] = []byte(`{"flows":["in"]}`)
	up.Files["flows/in/metadata.json"] = []byte(`{"name":"Sign in","screens":[]}`)
	up.Files["flows/in/contents.json"] = []byte(`{"startTask":"0","tasks":{"0":{"id":"0","name":"Give","type":"automated","action":"update-user-roles","arguments":{"roleNames":{"type":"inline","value":[` + given + `]}}}}}`)
	return up
}

const (
	reader = `{"id":"R2","name":"Reader","permissions":["read"]}`
	writer = `{"id":"R1","name":"Writer","permissions":["read"]}`
	author = `{"id":"R1","name":"Author","permissions":["read"]}`
)

// touched writes what differences do beyond themselves, as lines.
func touched(list []snapshot.Difference, whole []snapshot.Effect) []string {
	var out []string
	for _, d := range list {
		for _, e := range d.Effects {
			out = append(out, fmt.Sprintf("%s %s: %s (%s, %d)", d.Action, d.Name, e.Message, e.Code, e.Count))
		}
	}
	for _, e := range whole {
		out = append(out, fmt.Sprintf("%s (%s, %d)", e.Message, e.Code, e.Count))
	}
	return out
}

// A plan says what refers to what it removes or renames, and which secrets go.
// It writes nothing to find that out.
func TestPlanSaysWhatItTouches(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, staff(writer+","+reader, `"Writer"`))
		bare := func(up *snapshot.Upload) *snapshot.Upload {
			up.Secrets = nil
			up.Files["connectors/connectors.json"] = []byte(`{"connectors":[]}`)
			delete(up.Files, "connectors/mail.json")
			return up
		}
		for name, tt := range map[string]struct {
			up   *snapshot.Upload
			want []string
		}{
			"nothing changes":                           {staff(writer+","+reader, `"Writer"`), nil},
			"what nothing refers to":                    {staff(writer, `"Writer"`), nil},
			"a role that a flow gives":                  {staff(reader, `"Reader"`), []string{`removed Writer: 1 refers to it now: flow "Sign in". (referred_to, 1)`}},
			"every role":                                {staff("", ""), []string{`removed Writer: 1 refers to it now: flow "Sign in". (referred_to, 1)`}},
			"another name":                              {staff(author+","+reader, `"Author"`), []string{`changed Author: 1 refers to it under the new name: flow "Sign in". (referred_to, 1)`}},
			"another name, and nobody left who uses it": {staff(author+","+reader, `"Reader"`), nil},
			"a connector with a secret": {bare(staff(writer+","+reader, `"Writer"`)), []string{
				"removed Mail: 1 stored secret is dropped: password. Older revisions keep it until they are collected or the secret is revoked. (secrets_dropped, 1)",
			}},
		} {
			before := testkit.Rows(t, f.DB)
			p := f.plan(t, tt.up)
			f.same(t, before)
			if diff := cmp.Diff(tt.want, touched(p.Differences, p.Effects)); diff != "" || p.Failed() {
				t.Errorf("%s: refused %v (-want +got):\n%s", name, p.Failed(), diff)
			}
		}
	})
}

// A feature that owns data is asked about each plan and each plan of a rollback.
// What it says is no part of what the plan does, as it changes by the minute.
func TestOwnersOfDataAreAsked(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		f.load(t, staff(reader, `"Reader"`))
		f.load(t, staff(writer+","+reader, `"Reader"`))
		plan := f.plan(t, staff(reader, `"Reader"`))
		if got := touched(plan.Differences, plan.Effects); got != nil {
			t.Errorf("nobody was asked, and the plan says %q", got)
		}
		f.Effects = []Effects{{Owner: "users", Of: func(_ context.Context, p Planned) (out []Told, err error) {
			for i, d := range p.Differences {
				if d.Kind == "role" && d.Action == snapshot.Removed && p.Project == f.id {
					out = append(out, Told{i, snapshot.Effect{Code: "users_lose_role", Message: "4 users lose the role.", Count: 4}})
				}
			}
			return append(out, Told{Whole, snapshot.Effect{Code: "signed_in", Message: "9 users are signed in.", Count: 9}}), nil
		}}}
		want := []string{"removed Writer: 4 users lose the role. (users_lose_role, 4)", "9 users are signed in. (signed_in, 9)"}
		again := f.plan(t, staff(reader, `"Reader"`))
		if diff := cmp.Diff(want, touched(again.Differences, again.Effects)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again.Digest != plan.Digest {
			t.Error("effects are part of the digest")
		}
		back, err := f.PlanRollback(t.Context(), Rollback{Project: f.id, Revision: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, touched(back.Differences, back.Effects)); diff != "" {
			t.Errorf("a rollback (-want +got):\n%s", diff)
		}
	})
}

// An owner that cannot answer, or answers about nothing, makes no plan that looks
// whole.
func TestOwnersThatCannotAnswer(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	for want, of := range map[string]func(context.Context, Planned) ([]Told, error){
		"effects on users: no answer":                 func(context.Context, Planned) ([]Told, error) { return nil, errors.New("no answer") },
		"effects on users: there is no difference 7":  func(context.Context, Planned) ([]Told, error) { return []Told{{Difference: 7}}, nil },
		"effects on users: there is no difference -2": func(context.Context, Planned) ([]Told, error) { return []Told{{Difference: -2}}, nil },
	} {
		f.Effects = []Effects{{Owner: "users", Of: of}}
		if _, err := f.Plan(t.Context(), Import{Project: f.id, Upload: small("b", "one")}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What waits to be confirmed is said of the whole.
func TestPlanSaysWhatWaits(t *testing.T) {
	t.Parallel()
	f := setupOn(t, testkit.Store(t))
	f.load(t, small("a", "one"))
	f.try(t, small("b", "one"), "10m")
	wrong := small("c", "one")
	wrong.Files["roles.json"] = []byte(`{"roles":1}`)
	got := touched(nil, f.plan(t, small("c", "one")).Effects)
	if diff := cmp.Diff(got, touched(nil, f.plan(t, wrong).Effects)); diff != "" {
		t.Errorf("of what is refused (-want +got):\n%s", diff)
	}
	if len(got) != 1 || !strings.HasPrefix(got[0], "Revision 2 waits to be confirmed and goes back to revision 1 at 20") ||
		!strings.HasSuffix(got[0], "postern project confirm 2, with --undo to undo it. (waits_for_confirmation, 1)") {
		t.Errorf("got %q", got)
	}
}
