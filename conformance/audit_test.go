package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/descope/go-sdk/descope"
)

func TestAuditIsSearched(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.newShop(t)
		client := open(t, s.url, id, s.key)
		records, total, err := client.Audit().SearchAll(t.Context(), &descope.AuditSearchOptions{Actions: []string{"project.import"}, Limit: 10})
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		if total != 1 || len(records) != 1 {
			t.Fatalf("%d of %d records, want the one import", len(records), total)
		}
		r := records[0]
		if r.ProjectID != id || r.Type != "info" || r.ActorID == "" || r.Occurred.IsZero() || r.Data["revision"] != float64(1) {
			t.Errorf("the record is %+v", *r)
		}
		text, err := client.Audit().Search(t.Context(), &descope.AuditSearchOptions{Text: "IMPORT", From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		if err != nil || len(text) != 1 {
			t.Errorf("by text and time: %d records, %v", len(text), err)
		}
		page, total, err := client.Audit().SearchAll(t.Context(), &descope.AuditSearchOptions{ExcludedActions: []string{"project.import"}, Limit: 1, Page: 1})
		if err != nil || total != 1 || len(page) != 0 {
			t.Errorf("a page after the last: %d of %d records, %v", len(page), total, err)
		}
		none, total, err := client.Audit().SearchAll(t.Context(), &descope.AuditSearchOptions{Tenants: []string{"T1"}})
		if err != nil || total != 0 || len(none) != 0 {
			t.Errorf("of a tenant: %d of %d records, %v", len(none), total, err)
		}
		all, total, err := client.Audit().SearchAll(t.Context(), &descope.AuditSearchOptions{Tenants: []string{"T1"}, NoTenants: true})
		if err != nil || total != 2 || len(all) != 2 {
			t.Errorf("of a tenant or of none: %d of %d records, %v", len(all), total, err)
		}
	})
}

func TestRecordsOfAnApplication(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		audit := s.newPlace(t).Management.Audit()
		err := audit.CreateEvent(t.Context(), &descope.AuditCreateOptions{
			UserID: "U1", Action: "till.opened", Type: "warn", ActorID: "the clerk", TenantID: "hill", Data: map[string]any{"till": "7"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, search := range map[string]*descope.AuditSearchOptions{
			"by the action": {Actions: []string{"till.opened"}}, "by the user": {UserIDs: []string{"U1"}}, "by the tenant": {Tenants: []string{"hill"}},
		} {
			found, total, err := audit.SearchAll(t.Context(), search)
			if err != nil || total != 1 || found[0].Action != "till.opened" || found[0].ActorID != "the clerk" || found[0].Data["till"] != "7" {
				t.Errorf("%s: %+v of %d, %v", name, found, total, err)
			}
		}
	})
}

func TestAuditsGoElsewhere(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		s.plant("planted-in-a-webhook")
		desk := newDesk(t)
		err := p.Management.Audit().CreateAuditWebhook(t.Context(), &descope.AuditWebhook{
			Name: "Desk", URL: desk.url, Authentication: &descope.ConnectorHTTPAuthentication{BearerToken: "planted-in-a-webhook"}, HmacSecret: "hush",
			Headers: map[string]string{"X-Desk": "four"}, Filters: []*descope.AuditFilters{{FilterType: "actions", Operator: "includes", Values: []string{"till.opened"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Management.Audit().CreateEvent(t.Context(), &descope.AuditCreateOptions{Action: "till.opened", Type: "info", ActorID: "the clerk", TenantID: "hill"}); err != nil {
			t.Fatal(err)
		}
		got := <-desk.got
		if got.header.Get("Authorization") != "Bearer planted-in-a-webhook" || got.header.Get("X-Desk") != "four" || got.header.Get("X-Descope-Webhook-S256") != signed("hush", got.body) {
			t.Errorf("the desk is called with %v", got.header)
		}
		var events []struct {
			Action, ActorID string
			Occurred        int64
			Tenants         []string
		}
		if err := json.Unmarshal(got.body, &events); err != nil || len(events) != 1 || events[0].Action != "till.opened" || events[0].ActorID != "the clerk" || events[0].Occurred == 0 || !slices.Equal(events[0].Tenants, []string{"hill"}) {
			t.Errorf("the desk is told %s, %v", got.body, err)
		}
		for _, file := range mustExport(t, s.admin(t, p.id)) {
			if hook, ok := file.(map[string]any); ok && hook["type"] == "audit-webhook" && hook["name"] == "Desk" {
				return
			}
		}
		t.Error("the webhook is no connector of the project")
	})
}

func TestAnalyticsCount(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		p.otpUser(t, "ann@shop.example")
		found, err := p.Management.Analytics().Search(t.Context(), &descope.AnalyticsSearchOptions{GroupByAction: true, GroupByMethod: true})
		if err != nil || !slices.ContainsFunc(found, func(r *descope.AnalyticRecord) bool {
			return r.Action == "LoginSucceed" && r.Method == "email" && r.Cnt == 1
		}) {
			for _, r := range found {
				t.Logf("%+v", *r)
			}
			t.Errorf("the sign-in is not counted: %v", err)
		}
	})
}

// A desk is what an application has to be told of the audit.
type desk struct {
	url string
	got chan told
}

type told struct {
	header http.Header
	body   []byte
}

func newDesk(t *testing.T) *desk {
	d := &desk{got: make(chan told, 8)}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d.got <- told{r.Header, body}
	}))
	t.Cleanup(s.Close)
	d.url = s.URL + "/in"
	return d
}

func signed(key string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
