package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/testkit"
)

const auditEventPath = "/v1/mgmt/audit/event"

// What a backend gives is a record of the same chain, found by what it says, and is
// never taken for one of what the server did.
func TestRecordsThatABackendGives(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "tenant/create", `{"id":"T1","name":"One"}`)
		user := b.join(t, "ada@example.com").User["userId"].(string)
		b.post(t, "user/logout", `{"userId":"`+user+`"}`)
		// as the SDK in Go sends it
		b.did(t, "POST", auditEventPath, `{"userId":"`+user+`","action":"invoice.paid","type":"info","actorId":"clerk-7","data":{"sum":12.5,"of":{"user":"Uother","tenant":"T2"}},"tenantId":"T1"}`)
		b.did(t, "POST", auditEventPath, `{"userId":"","action":"user.forceLogout","type":"error","actorId":"clerk-8","data":null,"tenantId":"t1"}`)
		b.did(t, "POST", auditEventPath, `{"action":"alarm%_\"x\"","type":"warn","tenantId":"a%\"_"}`)

		_, all := b.actions(t, `{"actions":["invoice.paid"]}`)
		got := all.Audits[0]
		key := got.Data["reportedBy"]
		if key == nil || !strings.HasPrefix(key.(string), "K") {
			t.Errorf("the key that said so is %v", key)
		}
		got.ID, got.Occurred, got.RemoteAddress = "", "", ""
		want := wireAudit{
			ProjectID: b.project, UserID: user, Action: "invoice.paid", ExternalIDs: []string{"ada@example.com"}, Tenants: []string{"T1"}, Type: "info", ActorID: "clerk-7",
			Data: map[string]any{"reportedBy": key, "sum": 12.5, "of": map[string]any{"user": "Uother", "tenant": "T2"}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the record (-want +got):\n%s", diff)
		}

		const paid, logout, alarm = "invoice.paid info", "user.forceLogout error", `alarm%_"x" warn`
		for body, want := range map[string][]string{
			`{"userIds":["` + user + `"]}`:                                     {paid, "user.logout info", "UserCreated info", "LoginSucceed info"},
			`{"userIds":["Uother"]}`:                                           nil,
			`{"userIds":["` + strings.ToLower(user) + `"]}`:                    nil,
			`{"tenants":["T1"]}`:                                               {paid},
			`{"tenants":["t1","T2"]}`:                                          {logout},
			`{"tenants":["a%\"_"]}`:                                            {alarm},
			`{"tenants":["a__"]}`:                                              nil,
			`{"actorIds":["clerk-7","clerk-8"]}`:                               {logout, paid},
			`{"actions":["user.forceLogout"]}`:                                 {logout},
			`{"levels":["warn"],"tenants":["a%\"_"]}`:                          {alarm},
			`{"excludedActions":["invoice.paid"],"userIds":["` + user + `"]}`:  {"user.logout info", "UserCreated info", "LoginSucceed info"},
			`{"tenants":["T1"],"noTenants":true,"userIds":["` + user + `"]}`:   {paid, "user.logout info", "UserCreated info", "LoginSucceed info"},
			`{"tenants":["x"],"noTenants":true,"actions":["invoice.paid"]}`:    nil,
			`{"text":"uother"}`:                                                {paid},
			`{"actorIds":["` + key.(string) + `"],"actions":["invoice.paid"]}`: {paid},
		} {
			got, _ := b.actions(t, body)
			slices.Sort(got) // logins have whole seconds, so that whatever was in the same one may stand on either side
			slices.Sort(want)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: found %q, want %q", body, got, want)
			}
		}

		// In the chain of the project, under a name that nothing of the server has.
		events, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: b.project, Limit: 10})
		if err != nil || !slices.ContainsFunc(events, func(e audit.Event) bool { return e.Action == "reported.user.forceLogout" && e.Actor == key }) {
			t.Errorf("%+v, %v", events, err)
		}
		verify := &audit.Verifier{}
		if err := b.Projects.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error { return audit.Export(tx, verify.Next) }); err != nil || len(verify.Breaks) > 0 {
			t.Errorf("the chain is broken: %+v, %v", verify.Breaks, err)
		}

		long := strings.Repeat("x", 20<<10)
		for _, body := range []string{
			`{}`, `{"action":"a","actorId":"x","tenantId":"T1"}`, `{"action":"a","type":"debug"}`, `{"action":"","type":"info"}`, `{"action":"a\nb","type":"info"}`,
			`{"action":"a","type":"info","userId":"` + long + `"}`, `{"action":"a","type":"info","data":{"x":"` + long + `"}}`, `{"action":"a","type":"info","data":[1]}`,
			`{"action":"` + long + `","type":"info"}`,
		} {
			wantFault(t, b.send(t, "POST", auditEventPath, body), 400, "E011003")
		}
		if other := b.other(t); other.audited(t)[0] != "project.create" {
			t.Error("another project has the records")
		}
	})
}
