package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/connector"
	"postern/internal/message"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/testkit"
)

// What was kept is shown to admins of the project alone, and never of production.
func TestOutboxOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.Messages = &connector.Service{DB: b.Projects.DB, Projects: b.Projects, Log: b.Log}
		cfg, err := b.Projects.Config(t.Context(), b.project)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []message.Message{
			{Kind: message.Email, To: "ada@a.example", Subject: "S", HTML: "<p>123456</p>", Text: "123456"},
			{Kind: message.SMS, To: "+12025550143", Text: "654321"},
		} {
			if err := b.Messages.Send(t.Context(), cfg, "", m); err != nil {
				t.Fatal(err)
			}
		}
		list := func(query string) []wireKept {
			t.Helper()
			w := b.send(t, http.MethodGet, "/v1/mgmt/outbox"+query, "")
			var out outboxAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK || out.Messages == nil {
				t.Fatalf("%s: %d %s", query, w.Code, w.Body)
			}
			for i := range out.Messages {
				if at := time.Unix(out.Messages[i].CreatedTime, 0); time.Since(at) > time.Minute || out.Messages[i].ID == "" {
					t.Errorf("message %q at %s", out.Messages[i].ID, at)
				}
				out.Messages[i].ID, out.Messages[i].CreatedTime = "", 0
			}
			return out.Messages
		}
		mail := wireKept{Kind: "email", To: "ada@a.example", Subject: "S", HTML: "<p>123456</p>", Text: "123456"}
		text := wireKept{Kind: "sms", To: "+12025550143", Text: "654321"}
		for query, want := range map[string][]wireKept{
			"": {text, mail}, "?to=ada@a.example": {mail}, "?to=%2B12025550143": {text}, "?limit=1": {text}, "?to=nobody@a.example": {},
		} {
			if diff := cmp.Diff(want, list(query)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", query, diff)
			}
		}
		if w := b.send(t, http.MethodGet, "/v1/mgmt/outbox?limit=x", ""); w.Code != http.StatusBadRequest {
			t.Errorf("a limit that is no number: %d %s", w.Code, w.Body)
		}
		weak := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import})
		if w := b.send(t, http.MethodGet, "/v1/mgmt/outbox", "", "Authorization", "Bearer "+b.project+":"+weak); w.Code != http.StatusForbidden {
			t.Errorf("with a key that may import: %d %s", w.Code, w.Body)
		}
		p, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Live", Environment: "production"})
		if err != nil {
			t.Fatal(err)
		}
		if w := b.send(t, http.MethodGet, "/v1/mgmt/outbox", "", "Authorization", "Bearer "+p.ID+":"+b.key); w.Code != http.StatusForbidden {
			t.Errorf("of a project in production: %d %s", w.Code, w.Body)
		}
	})
}
