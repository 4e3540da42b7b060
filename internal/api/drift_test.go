package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Drift over the wire: the three values, the name of the key that did it, and
// lists that are never null.
func TestDriftOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		files := func(length string) snapshot.Files {
			return snapshot.Files{"auth/password.json": []byte(`{"minLength":` + length + `}`)}
		}
		other := b.project + ":" + b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import, Projects: []string{b.project}})
		b.send(t, "POST", importPath, importBody(t, files("8"), ""))
		b.send(t, "POST", importPath, importBody(t, files("6"), `,"message":"shorter"`), "Authorization", "Bearer "+other)
		ask := func(length, base string) driftAnswer {
			t.Helper()
			w := b.send(t, "POST", "/v1/mgmt/project/drift", importBody(t, files(length), base))
			var out driftAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d %s, %v", w.Code, w.Body, err)
			}
			for name, v := range members(t, w.Body.Bytes()) {
				if v.Kind() == 'n' {
					t.Errorf("%s is null", name)
				}
			}
			return out
		}
		got := ask("12", `,"base":1`)
		if got.State != "diverged" || got.Base.Revision != 1 || got.Head.Revision != 2 || len(got.Fields) != 1 {
			t.Fatalf("%+v", got)
		}
		f := got.Fields[0]
		if string(f.Base) != "8" || string(f.Server) != "6" || string(f.Files) != "12" || f.Side != "both" || len(f.ByFiles) != 1 || len(f.ByServer) != 1 {
			t.Errorf("%+v", f)
		}
		if f.By == nil || f.By.Number != 2 || f.By.Message != "shorter" || f.By.Author.Name == "" || f.By.CreatedTime == 0 {
			t.Errorf("by %+v", f.By)
		}
		for length, row := range map[string]struct{ state, base, files, server string }{
			"6": {"in-sync", "", "", ""}, "8": {"behind", "8", "8", "6"},
		} {
			got := ask(length, "")
			if string(got.State) != row.state || len(got.Fields) > 1 {
				t.Errorf("%s: %+v", length, got)
			}
			for _, f := range got.Fields {
				if string(f.Base) != row.base || string(f.Files) != row.files || string(f.Server) != row.server {
					t.Errorf("%s: %+v", length, f)
				}
			}
		}
		if got := ask("7", `,"base":2`); got.State != "ahead" || string(got.Fields[0].Base) != "6" || got.Fields[0].By != nil {
			t.Errorf("%+v", got)
		}
		if got := ask(`"many"`, ""); got.State != "" || len(got.Details) == 0 {
			t.Errorf("what would be refused: %+v", got)
		}
		wantFault(t, b.send(t, "POST", "/v1/mgmt/project/drift", importBody(t, files("7"), "")), 404, "P40404")
		wantFault(t, b.send(t, "POST", "/v1/mgmt/project/drift", importBody(t, files("7"), `,"base":3`)), 404, "P40402")
		w := b.send(t, "POST", exportPath, `{"revision":1}`)
		if got := w.Header().Get("Postern-Revision"); got != "1" || !strings.Contains(w.Body.String(), "8") {
			t.Errorf("an export of revision 1 says it is of %q", got)
		}
	})
}
