package snapshot

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// What the real export holds of how people sign in is in our own samples, too: each
// key, and each kind of value that it may have, such as a blank text or an asset. So a
// clone without the real export tests the same.
func TestOurSamplesHoldWhatTheRealOneHolds(t *testing.T) {
	t.Parallel()
	real := filepath.Join("..", "..", "..", "shared", "snapshots", "full")
	if _, err := os.Stat(real); err != nil {
		t.Skip("the real export is not beside the checkout")
	}
	ours := map[string]bool{}
	made, err := filepath.Glob(filepath.Join("..", "..", "testdata", "projects", "*", "snapshot.json"))
	if err != nil || len(made) == 0 {
		t.Fatalf("no projects in testdata: %v", err)
	}
	for _, file := range append(made, filepath.Join("..", "..", "examples", "shop", "snapshot.json")) {
		maps.Copy(ours, kinds(t, filepath.Dir(file)))
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds(t, real))) {
		if !ours[kind] {
			t.Errorf("no sample of ours has %s", kind)
		}
	}
}

// kinds are the keys of the files of a folder that say how people sign in, each with
// the kinds of values that it has.
func kinds(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "auth", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"project.json", "attributes.json", "roles.json", "permissions.json", "jwttemplates.json"} {
		files = append(files, filepath.Join(dir, name))
	}
	for _, file := range files {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if os.IsNotExist(err) || name == filepath.Join("auth", "oauth.json") || name == filepath.Join("auth", "sso.json") {
			continue // these two are of sign-ins elsewhere
		}
		var doc any
		if err == nil {
			err = json.Unmarshal(b, &doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		kindsOf(doc, filepath.ToSlash(name)+" ", out)
	}
	return out
}

func kindsOf(v any, at string, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, sub := range v {
			kindsOf(sub, at+"/"+name, out)
		}
		if _, id := v["id"]; !id {
			out[at+": without an id"] = true
		}
	case []any:
		out[at+": a list"] = true
		if len(v) == 0 {
			out[at+": an empty list"] = true
		}
		for _, sub := range v {
			kindsOf(sub, at+"[]", out)
		}
	case string:
		kind := "a text"
		switch {
		case v == "":
			kind = "a blank text"
		case strings.HasPrefix(v, "asset:"):
			kind = "an asset"
		case v == "System" || v == "Descope":
			kind = v
		}
		out[at+": "+kind] = true
	case float64:
		kind := "a number"
		if v == 0 {
			kind = "zero"
		}
		out[at+": "+kind] = true
	case bool:
		out[at+": a boolean"] = true
	}
}
