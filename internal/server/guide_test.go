package server

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func guide(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The guide has a row for every metric that the server gives, and no others.
func TestGuideHasEveryMetric(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what is known of the process is that of Linux")
	}
	s, _ := start(t, settings(t))
	ask(s, "GET", "/healthz", nil) // a metric by route appears with its first route
	body := ask(s, "GET", "/metrics", nil).Body.String()
	names := func(pattern, text string) []string {
		var out []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return out
	}
	given := names(`(?m)^# TYPE ([a-z_]+) `, body)
	if len(given) < 20 {
		t.Fatalf("only %d metrics are found", len(given))
	}
	if diff := cmp.Diff(given, names("(?m)^\\| `((?:postern|go|process|promhttp)_[a-z_]+)` \\| [^|]+ \\| [^|]{10,} \\|$", guide(t))); diff != "" {
		t.Errorf("metrics (-server +guide):\n%s", diff)
	}
}

// The guide names every setting of the server by its variable.
func TestGuideHasEverySetting(t *testing.T) {
	t.Parallel()
	text := guide(t)
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Tuning]()} {
		for f := range typ.Fields() {
			if name := f.Tag.Get("env"); name != "" && !strings.Contains(text, "`"+name+"`") {
				t.Errorf("the guide lacks %s", name)
			}
		}
	}
}

// The guide names the pages beside the API.
func TestGuideHasEveryPage(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	for path := range s.pages() {
		if path != "/" && !strings.Contains(guide(t), "`"+path+"`") {
			t.Errorf("the guide lacks %s", path)
		}
	}
}
