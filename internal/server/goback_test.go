package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// domains is an upload of the trusted domains.
func domains(text, within string) project.Import {
	up := &snapshot.Upload{Files: snapshot.Files{"project.json": []byte(`{"trustedDomains":"` + text + `"}`)}, Within: within}
	return project.Import{Upload: up}
}

// A head whose time ended while no server ran goes back when one starts; one
// whose time ends later goes back then.
func TestGoesBackInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, settings(t))
		ctx, by := t.Context(), audit.Origin{Actor: "test"}
		p, err := s.Projects.Create(ctx, by, project.New{Name: "Shop"})
		if err != nil {
			t.Fatal(err)
		}
		load := func(text, within string) {
			t.Helper()
			in := domains(text, within)
			in.Project = p.ID
			if _, err := s.Projects.Import(ctx, by, in); err != nil {
				t.Fatal(err)
			}
		}
		wants := func(text string) {
			t.Helper()
			files, _, err := s.Projects.Export(ctx, p.ID, snapshot.FormatSplit)
			if err != nil || !strings.Contains(string(files["project.json"]), text) {
				t.Errorf("%s, %v; want %s", files["project.json"], err, text)
			}
		}
		load("a.example", "")
		load("b.example", "10m")
		time.Sleep(11 * time.Minute) // of the bubble's clock
		wants("b.example")
		stop := s.background(ctx)
		synctest.Wait()
		time.Sleep(2 * time.Second)
		wants("a.example")

		load("c.example", "1m")
		time.Sleep(58 * time.Second)
		wants("c.example")
		time.Sleep(4 * time.Second)
		wants("a.example")
		stop()
		if body := ask(s, "GET", "/metrics", nil).Body.String(); !strings.Contains(body, "postern_went_back_total 2") {
			t.Errorf("the metrics: %s", body)
		}
	})
}
