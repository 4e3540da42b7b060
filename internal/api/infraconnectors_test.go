package api

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
)

// infraMissing is how a refusal names a member, or a secret, that must be there.
var infraMissing = regexp.MustCompile(`(must be there|is missing)[^(]*\(data\.connectors\.[^.]+\.0\.configuration\.([A-Za-z0-9_.]+)`)

// A connector of every type is taken once it has what the refusals ask for, and
// is found again.
func TestInfraTakesEveryConnector(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	for _, kind := range snapshot.ConnectorTypes() {
		t.Run(kind, func(t *testing.T) {
			configuration := map[string]any{}
			switch kind { // what no address does for
			case "ping-directory":
				configuration["port"] = 636
			case "sql":
				configuration["engineName"] = "mysql"
			}
			for range 5 { // what is asked for may ask for more
				text, err := json.Marshal(configuration)
				if err != nil {
					t.Fatal(err)
				}
				w := b.manage(t, http.MethodPost, "", whole(infraConnector(kind, string(text))))
				if w.Code == http.StatusOK {
					var out managed
					if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || !strings.HasPrefix(fmt.Sprint(lookup(out.Data, "connectors."+kind+".0.id")), "CI") {
						t.Errorf("%v: %s", err, w.Body)
					}
					if strings.Contains(w.Body.String(), "s3cret") {
						t.Errorf("a secret is read back: %s", w.Body)
					}
					return
				}
				missing := infraMissing.FindAllStringSubmatch(w.Body.String(), -1)
				if w.Code != http.StatusBadRequest || len(missing) == 0 {
					t.Fatalf("%s: %d %s", text, w.Code, w.Body)
				}
				for _, m := range missing {
					value := "https://example.com" // most of them take it
					if m[1] == "is missing" {
						value = "s3cret"
					}
					put(configuration, strings.Split(m[2], "."), value)
				}
			}
			t.Errorf("%v does not do", configuration)
		})
	}
}

// put gives the member at a path a value.
func put(in map[string]any, path []string, value string) {
	for _, name := range path[:len(path)-1] {
		if _, there := in[name].(map[string]any); !there {
			in[name] = map[string]any{}
		}
		in, _ = in[name].(map[string]any)
	}
	in[path[len(path)-1]] = value
}
