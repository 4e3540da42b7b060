package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page on security names tests as "package.TestName". One that was renamed or taken
// away must not go on to be a promise.
func TestTheTestsOfSecurityExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z]+)\\.(Test[A-Za-z0-9]+)`").FindAllSubmatch(page, -1)
	if len(named) < 40 {
		t.Errorf("the page names %d tests only", len(named))
	}
	texts := map[string]string{}
	for _, n := range named {
		folder := string(n[1])
		if _, ok := texts[folder]; !ok {
			files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				texts[folder] += string(text)
			}
		}
		if !strings.Contains(texts[folder], "func "+string(n[2])+"(t *testing.T)") {
			t.Errorf("there is no test %s.%s", folder, n[2])
		}
	}
}
