package conformance

import (
	"testing"

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
		none, total, err := client.Audit().SearchAll(t.Context(), &descope.AuditSearchOptions{Tenants: []string{"T1"}})
		if err != nil || total != 0 || len(none) != 0 {
			t.Errorf("of a tenant: %d of %d records, %v", len(none), total, err)
		}
	})
}
