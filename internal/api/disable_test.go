package api

import (
	"slices"
	"testing"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Who is disabled is logged out, on whatever way: the session token counts no more, and
// nothing is there again when they are enabled. Another change ends nothing.
func TestDisablingLogsOut(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{})
		const ada = `"loginId":"ada@a.example"`
		b.join(t, "ada@a.example")
		signIn := func() tokensOfWire {
			return answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signin", `{`+ada+`}`)
		}
		bob := b.join(t, "bob@a.example")
		for _, tt := range []struct{ name, method, path, body string }{
			{"the status", "POST", "/v1/mgmt/user/update/status", `{` + ada + `,"status":"disabled"}`},
			{"an update", "POST", "/v1/mgmt/user/update", `{` + ada + `,"email":"ada@a.example","status":"disabled"}`},
			{"a patch", "PATCH", "/v1/mgmt/user/patch", `{` + ada + `,"status":"disabled"}`},
			{"a patch of several", "PATCH", "/v1/mgmt/user/patch/batch", `{"users":[{` + ada + `,"status":"disabled"}]}`},
		} {
			in := signIn()
			answer[map[string]any](t, b, "PATCH", "/v1/mgmt/user/patch", `{`+ada+`,"name":"`+tt.name+`"}`)
			if w := b.send(t, "POST", "/v1/auth/validate", "", b.as(in.Session)...); w.Code != 200 {
				t.Errorf("%s: before: %d %s", tt.name, w.Code, w.Body)
			}
			before := b.logouts(t)
			for range 2 { // the second one finds nobody to log out
				answer[map[string]any](t, b, tt.method, tt.path, tt.body)
			}
			if n := b.logouts(t) - before; n != 1 {
				t.Errorf("%s: the audit has %d logouts", tt.name, n)
			}
			wantFault(t, b.send(t, "POST", "/v1/auth/validate", "", b.as(in.Session)...), 401, "E064001")
			answer[map[string]any](t, b, "POST", "/v1/mgmt/user/update/status", `{`+ada+`,"status":"enabled"}`)
			wantFault(t, b.send(t, "POST", "/v1/auth/refresh", "", b.as(in.Refresh)...), 401, "E064001")
		}
		if w := b.send(t, "POST", "/v1/auth/validate", "", b.as(bob.Session)...); w.Code != 200 {
			t.Errorf("somebody else: %d %s", w.Code, w.Body)
		}
	})
}

// logouts is how many logouts by management the audit has.
func (b *bundle) logouts(t *testing.T) (n int) {
	t.Helper()
	events, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: b.project, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Action == "user.logout" {
			n++
		}
	}
	return n
}

// Who manages a tenant logs out whom they disable there, on each of the ways that are
// open to them; where it is refused, the session goes on.
func TestDisablingByWhoManagesATenantLogsOut(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		o := openOffices(t, url)
		anna := o.signedIn(t, "anna")
		const off = `"status":"disabled"`
		for _, tt := range []struct{ name, call, body string }{
			{"the status", "POST user/update/status", `{"loginId":"rita@shop.example",` + off + `}`},
			{"a patch", "PATCH user/patch", `{"loginId":"rita@shop.example",` + off + `}`},
			{"a patch by id", "PATCH user/patch", `{"userId":"` + o.id["rita"] + `",` + off + `}`},
		} {
			in := o.join(t, "rita@shop.example")
			before := o.logouts(t)
			for range 2 { // the second one finds nobody to log out
				if w := o.ask(t, tt.call, "?tenant=north", tt.body, anna); w.Code != 200 {
					t.Fatalf("%s: %d %s", tt.name, w.Code, w.Body)
				}
			}
			events, _, err := audit.Find(t.Context(), o.Projects.DB, audit.Search{Project: o.project, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(events, func(e audit.Event) bool { return e.Action == "user.logout" })
			if n := o.logouts(t) - before; n != 1 || events[at].Actor != o.id["anna"] || events[at].Details["user"] != o.id["rita"] {
				t.Errorf("%s: the audit has %d logouts: %+v", tt.name, n, events)
			}
			wantFault(t, o.send(t, "POST", "/v1/auth/validate", "", o.as(in.Session)...), 401, "E064001")
			o.onUser(t, "update/status", `{"loginId":"rita@shop.example","status":"enabled"}`)
			wantFault(t, o.send(t, "POST", "/v1/auth/refresh", "", o.as(in.Refresh)...), 401, "E064001")
		}
		for _, name := range []string{"sam", "zoe", "bill"} { // of another tenant too, of another one alone, more than Anna may be
			in := o.join(t, name+"@shop.example")
			if w := o.ask(t, "POST user/update/status", "?tenant=north", `{"loginId":"`+name+`@shop.example",`+off+`}`, anna); w.Code == 200 {
				t.Errorf("%s is disabled: %s", name, w.Body)
			}
			if w := o.send(t, "POST", "/v1/auth/validate", "", o.as(in.Session)...); w.Code != 200 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
}
