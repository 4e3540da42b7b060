package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
)

// Whoever reports a failure names it by what is in the answer; the header and
// every line of the log have the same id, and the line says whose request it
// was, by the ids of project and key.
func TestFailureIsFoundInTheLog(t *testing.T) {
	t.Parallel()
	s, log := start(t, settings(t))
	by := audit.Origin{Actor: "test"}
	p, err := s.Projects.Create(t.Context(), by, project.New{Name: "P"})
	if err != nil {
		t.Fatal(err)
	}
	k, token, err := s.Keys.Create(t.Context(), by, mgmtkey.Create{Name: "k", Grants: []mgmtkey.Grant{{Role: mgmtkey.Plan}}})
	if err != nil {
		t.Fatal(err)
	}
	who := "project=" + p.ID + " key=" + k.ID
	for _, tt := range []struct{ name, id, target, auth, want string }{
		{"an unknown key", "", "/v1/mgmt/project/export", "Bearer " + p.ID + ":Kwrong", "code=E111003"},
		{"a role that is too weak", "build-1", "/v1/mgmt/project/import", "Bearer " + p.ID + ":" + token.Reveal(), who + " code=P40301"},
		{"a body that is wrong", "", "//v1/mgmt/project/validate", "Bearer " + p.ID + ":" + token.Reveal(), who + " code=E011001"},
		{"a key where the project belongs", "", "/v1/mgmt/project/validate", "Bearer " + token.Reveal() + ":" + token.Reveal(), "key=" + k.ID + " code=E011001"},
		{"no such call", "", "/v1/none", "", "code=P40401"},
		{"no such page", "", "/none", "", ""},
	} {
		header := http.Header{"Authorization": {tt.auth}}
		if tt.id != "" {
			header.Set(requestIDHeader, tt.id)
		}
		w := ask(s, "POST", tt.target, header)
		var body struct {
			Request string `json:"requestId"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %v: %s", tt.name, err, w.Body)
		}
		id := w.Header().Get(requestIDHeader)
		if id == "" || body.Request != id || tt.id != "" && id != tt.id {
			t.Errorf("%s: %q is in the answer, %q in its header", tt.name, body.Request, id)
		}
		lines := 0
		for line := range strings.Lines(log.String()) {
			if !strings.Contains(line, "request="+id) {
				continue
			}
			lines++
			if strings.Contains(line, `"request failed"`) && !strings.Contains(line, tt.want) {
				t.Errorf("%s: the log has %s, want %s", tt.name, line, tt.want)
			}
		}
		if want := min(len(tt.want), 1) + 1; lines != want {
			t.Errorf("%s: %d lines of the log have the id of the request, want %d:\n%s", tt.name, lines, want, log)
		}
	}
	if strings.Contains(log.String(), token.Reveal()) || strings.Contains(log.String(), token.Reveal()[28:]) {
		t.Error("a key is in the log")
	}
}
