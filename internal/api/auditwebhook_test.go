package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/testkit"
)

const auditWebhookPath = "/v2/mgmt/connector/audit/web/set"

// A webhook that an SDK sets is a connector of the configuration, found again by its
// name; its credentials are sealed, and stay where they are not given.
func TestAuditWebhooksAreSet(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "connectors/connectors.json", `{"connectors":["mail"]}`,
			"connectors/mail.json", `{"id":"CI1","name":"Mail","type":"smtp","configuration":{"fromEmail":"a@shop.example","host":"mail.example","port":25,"username":"u","password":"p"}}`)
		set := func(body string) { b.did(t, "POST", auditWebhookPath, body) }
		hooks := func() (out []map[string]any) {
			files := read[struct {
				Files map[string]any `json:"files"`
			}](t, b.send(t, "POST", "/v1/mgmt/project/export", `{"format":"plain"}`)).Files
			for path, file := range files {
				if doc, ok := file.(map[string]any); ok && doc["type"] == "audit-webhook" && strings.HasPrefix(path, "connectors/") {
					out = append(out, doc)
				}
			}
			if files["connectors/mail.json"] == nil {
				t.Error("the other connector is gone")
			}
			return out
		}
		// as the SDK in Go sends it
		set(`{"name":"Desk","description":"Who did what","url":"https://desk.example/in","authentication":{"apiKey":{"key":"X-Key","token":"swordfish"}},
			"hmacSecret":"hush","headers":{"X-B":"open","X-A":"sesame"},"insecure":false,"filters":[{"filterType":"actions","operator":"includes","values":["user.create"]},{"filterType":"all"}]}`)
		first := hooks()
		if len(first) != 1 || !strings.HasPrefix(first[0]["id"].(string), "CI") {
			t.Fatalf("there are %v", first)
		}
		want := map[string]any{
			"baseUrl": "https://desk.example/in", "insecure": false,
			"auditFilters": []any{map[string]any{"key": "actions", "operator": "includes", "values": []any{"user.create"}}},
		}
		got := first[0]["configuration"].(map[string]any)
		for _, name := range []string{"authentication", "headers", "hmacSecret"} {
			delete(got, name)
		}
		if diff := cmp.Diff(want, got); diff != "" || first[0]["description"] != "Who did what" {
			t.Errorf("settings (-want +got):\n%s%v", diff, first)
		}
		out := b.send(t, "POST", "/v1/mgmt/project/export", `{"format":"plain"}`).Body.String() + b.logs.String()
		for _, secret := range []string{"swordfish", "hush", "sesame", "open\""} {
			if strings.Contains(out, secret) {
				t.Errorf("%s is shown", secret)
			}
		}

		set(`{"name":"Desk","url":"https://desk.example/in","authentication":{"apiKey":{"key":"X-Key"}},"headers":{"X-A":""}}`)
		again := hooks()
		if len(again) != 1 || again[0]["id"] != first[0]["id"] || again[0]["description"] != "" {
			t.Errorf("set again: %v", again)
		}
		wantFault(t, b.send(t, "POST", auditWebhookPath, `{"name":"Desk","url":"https://elsewhere.example/","authentication":{"apiKey":{"key":"X-Key"}}}`), 400, "E113007")
		set(`{"name":"Desk 2","url":"https://desk.example/in","authentication":{"bearerToken":"t"}}`)
		set(`{"name":"desk-2","url":"https://desk.example/in","authentication":{"basic":{"username":"u","password":"p"}}}`)
		if n := len(hooks()); n != 3 {
			t.Errorf("%d webhooks", n)
		}
		for _, body := range []string{
			`{}`, `{"name":"—","url":"https://desk.example/"}`, `{"name":"Mail","url":"https://desk.example/"}`,
			`{"name":"x","url":"https://desk.example/","authentication":{"bearerToken":"t","basic":{"username":"u","password":"p"}}}`,
		} {
			wantFault(t, b.send(t, "POST", auditWebhookPath, body), 400, "E011003")
		}
		wantFault(t, b.send(t, "POST", auditWebhookPath, `{"name":"x"}`), 400, "E113007")
		wantFault(t, b.send(t, "POST", auditWebhookPath, `{"name":"x","url":"https://desk.example/","filters":[{"filterType":"levels","operator":"includes","values":["a"]}]}`), 400, "E113007")
	})
}
