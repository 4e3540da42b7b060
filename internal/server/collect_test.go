package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"postern/internal/audit"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/store"
)

// The pass in the background takes a project away, says so in the metrics, and
// ends with the server.
func TestCollectInTheBackground(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.CollectEvery = 5 * time.Millisecond
	s, _ := start(t, c)
	by := audit.Origin{Actor: "test"}
	p, err := s.Projects.Create(t.Context(), by, project.New{Name: "Gone"})
	if err == nil {
		err = s.Projects.Delete(t.Context(), by, p.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Projects.Create(t.Context(), by, project.New{Name: "Stays"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attempts.Hit(t.Context(), other.ID, limit.Rule{Scope: "test", Max: 1, Within: time.Millisecond}, "a"); err != nil {
		t.Fatal(err)
	}
	err = s.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE projects SET deleted_at = $2 WHERE id = $1`, p.ID, time.Now().Add(-project.Kept-time.Minute).Unix())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := s.background(t.Context())
	defer stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		body := ask(s, "GET", "/metrics", nil).Body.String()
		if strings.Contains(body, `postern_collected_total{what="project"} 1`) && strings.Contains(body, `postern_collected_total{what="attempt"} 1`) && !strings.Contains(body, `postern_collections_total{outcome="done"} 0`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is collected: %s", body)
		}
	}
}
