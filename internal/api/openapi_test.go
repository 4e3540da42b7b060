package api

import (
	"bytes"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
)

// The description has every route, each reference in it leads somewhere, and
// anybody may read it.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	w := b.send(t, "GET", openAPIPath, "", "Authorization", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	var got struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			ID        string         `json:"operationId"`
			Summary   string         `json:"summary"`
			Responses map[string]any `json:"responses"`
			Body      any            `json:"requestBody"`
			Takes     []struct {
				Name     string `json:"name"`
				In       string `json:"in"`
				Required bool   `json:"required"`
			} `json:"parameters"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.OpenAPI != "3.1.0" {
		t.Errorf("openapi = %q", got.OpenAPI)
	}
	ids := map[string]string{}
	routes := b.routes()
	for _, r := range routes {
		op, ok := got.Paths[r.path][strings.ToLower(r.method)]
		if !ok || op.Summary != r.summary || op.Responses["200"] == nil || op.Responses["default"] == nil {
			t.Errorf("%s %s: %+v", r.method, r.path, op)
		}
		if (op.Body != nil) != (r.method != "GET" && r.method != "DELETE") {
			t.Errorf("%s %s: body %v", r.method, r.path, op.Body)
		}
		var filled []string
		for _, p := range op.Takes {
			if p.In == "path" && p.Required {
				filled = append(filled, "{"+p.Name+"}")
			}
		}
		if diff := cmp.Diff(regexp.MustCompile(`\{[^}]*\}`).FindAllString(r.path, -1), filled); diff != "" {
			t.Errorf("%s %s: what fills the path (-want +got):\n%s", r.method, r.path, diff)
		}
		if was := ids[op.ID]; was != "" || op.ID == "" {
			t.Errorf("%s %s and %s have one id: %q", r.method, r.path, was, op.ID)
		}
		ids[op.ID] = r.path
	}
	if len(ids) != len(routes) {
		t.Errorf("%d operations for %d routes", len(ids), len(routes))
	}
	for _, m := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		if got.Components.Schemas[m[1]] == nil {
			t.Errorf("there is no schema %s", m[1])
		}
	}
	wantFault(t, b.send(t, "POST", openAPIPath, "{}"), 405, "P40501")
}

// What the description says of the body of an import is what the decoder knows:
// a member that it does not know is passed over, and one that it knows is not
// taken with a wrong type.
func TestImportRequestIsWhatIsDecoded(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"files", "excludes", "inputSecrets", "strict", "allowMovedSecrets", "message", "source", "confirmWithin", "plan", "base"} {
		if !strings.Contains(memberNames[importRequest](), " "+p+" ") {
			t.Errorf("the description lacks %s", p)
		}
		if _, err := snapshot.Decode(strings.NewReader(`{"`+p+`":17.5}`), 10); err == nil {
			t.Errorf("the decoder does not know %s", p)
		}
	}
	var b bytes.Buffer
	if err := WriteOpenAPI(&b); err != nil || !strings.HasSuffix(b.String(), "}\n") {
		t.Errorf("WriteOpenAPI: %v", err)
	}
}

// A parameter of a path is in the path and needed, one of a query is not; both say
// what they are.
func TestOpenAPIParameters(t *testing.T) {
	t.Parallel()
	paths, _ := openAPI()["paths"].(object)
	for path, want := range map[string][]object{
		"/v1/mgmt/project/revisions/{number}": {{"name": "number", "in": "path", "required": true, "schema": object{"type": "integer", "minimum": 0}}},
		"/v1/mgmt/project/revisions": {
			{"name": "limit", "in": "query", "schema": object{"type": "integer", "minimum": 0}},
			{"name": "before", "in": "query", "schema": object{"type": "integer", "minimum": 0}},
		},
		"/v1/mgmt/managementkey": {{"name": "id", "in": "query", "schema": object{"type": "string"}}},
	} {
		item, _ := paths[path].(object)
		get, _ := item["get"].(object)
		if diff := cmp.Diff(want, get["parameters"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// memberNames returns the names of the members of T, between blanks.
func memberNames[T any]() string {
	names := " "
	for f := range reflect.TypeFor[T]().Fields() {
		name, _ := member(f)
		names += name + " "
	}
	return names
}
