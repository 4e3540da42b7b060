package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// What happens in a project reaches the webhook that its configuration names while the
// server runs, and the metrics count it.
func TestStreamsInTheBackground(t *testing.T) {
	t.Parallel()
	got := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	t.Cleanup(receiver.Close)
	config := settings(t)
	config.AllowPrivate = []string{"127.0.0.1"}
	s, _ := start(t, config)
	p, err := s.Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	stop := s.background(t.Context())
	up := &snapshot.Upload{Files: snapshot.Files{
		"auth/password.json":         []byte(`{"enabled":true}`),
		"connectors/connectors.json": []byte(`{"connectors":["desk"]}`),
		"connectors/desk.json":       fmt.Appendf(nil, `{"id":"CI1","name":"Desk","type":"audit-webhook","configuration":{"baseUrl":%q}}`, receiver.URL),
	}}
	if _, err := s.Projects.Import(t.Context(), audit.Origin{Actor: "test"}, project.Import{Project: p.ID, Upload: up}); err != nil {
		t.Fatal(err)
	}
	if first := <-got; !strings.Contains(first, `"project.import"`) {
		t.Errorf("the first post is %s", first)
	}
	if err := s.Projects.Rename(t.Context(), audit.Origin{Actor: "test"}, p.ID, "Store"); err != nil {
		t.Fatal(err)
	}
	if second := <-got; !strings.Contains(second, `"project.rename"`) {
		t.Errorf("the second post is %s", second)
	}
	r := httptest.NewRequest("POST", "/v1/auth/password/signup", strings.NewReader(`{"loginId":"ada","password":"Correct-horse-12"}`))
	r.Header.Set("Authorization", "Bearer "+p.ID)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for post := <-got; !strings.Contains(post, `"LoginSucceed"`); post = <-got {
		if !strings.Contains(post, `"UserCreated"`) && !strings.Contains(post, `"user.password.set"`) {
			t.Errorf("after a sign-up comes %s", post)
		}
	}
	stop()
	// The last one may have been cut off before its answer was read.
	if body := ask(s, "GET", "/metrics", nil).Body.String(); !regexp.MustCompile(`postern_audit_stream_delivered_total [2-5]\n`).MatchString(body) {
		t.Errorf("the metrics: %s", body)
	}
}
