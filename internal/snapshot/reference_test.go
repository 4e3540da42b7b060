package snapshot

import (
	"bytes"
	"strings"
	"testing"
)

// The reference is derived, so nothing that the table declares may be missing
// from it. That the committed page is current is tested beside its generator.
func TestReferenceHasEverything(t *testing.T) {
	t.Parallel()
	page := writtenReference(t)
	for _, s := range Sections {
		for _, f := range s.Files {
			if !strings.Contains(page, "\n### `"+f.Pattern+"`\n") {
				t.Errorf("the file %s is not in the reference", f.Pattern)
			}
			if f.Schema == "" {
				continue
			}
			props, _ := schemas().docs[f.Schema+schemaSuffix]["properties"].(map[string]any)
			for name := range props {
				if !strings.Contains(page, "\n| `"+name+"` | ") {
					t.Errorf("%s: the key %s is not in the reference", f.Pattern, name)
				}
			}
		}
	}
	for _, kind := range ConnectorTypes() {
		if !strings.Contains(page, "\n### `"+kind+"`: ") {
			t.Errorf("the connector type %s is not in the reference", kind)
		}
	}
	for _, key := range ExcludeKeys() {
		if !strings.Contains(page, "\n| `"+key+"` | ") {
			t.Errorf("the exclude key %s is not in the reference", key)
		}
	}
	for _, c := range Codes {
		if !strings.Contains(page, "\n| `"+string(c.Code)+"` | "+cell(c.Doc)+" |\n") {
			t.Errorf("the code %s is not in the reference", c.Code)
		}
	}
	for _, c := range RiskCodes {
		if !strings.Contains(page, "\n| `"+string(c.Code)+"` | ") {
			t.Errorf("the risk code %s is not in the reference", c.Code)
		}
	}
}

// A link into the page leads to a heading of it.
func TestReferenceLinks(t *testing.T) {
	t.Parallel()
	page := writtenReference(t)
	anchors := map[string]bool{}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			anchors[slug(strings.TrimSpace(strings.TrimLeft(line, "# ")))] = true
		}
	}
	for _, part := range strings.Split(page, "](#")[1:] {
		anchor, _, _ := strings.Cut(part, ")")
		if !anchors[anchor] {
			t.Errorf("a link leads to #%s, which no heading is", anchor)
		}
	}
}

// The page says what a row of each kind should say.
func TestReferenceRows(t *testing.T) {
	t.Parallel()
	page := writtenReference(t)
	for what, row := range map[string]string{
		"a range and a destination": "| `port` | integer | `25` | 0 to 65535 | **Port.** The port of the mail server. Destination. |",
		"a secret":                  "| `password` | string |  |  | **Password.** The password of the account. Secret of type `password`, required. |",
		"an order":                  "Weaker the further on in `cookie`, `onBody` or blank: `token_exposed`.",
		"an exclude key":            "**Rotate refresh tokens.** Whether each refresh gives a new refresh token and ends the old one. Weaker when it is switched off: `rotation_off`. Exclude key `project.rotateJwt`. |",
	} {
		if !strings.Contains(page, row) {
			t.Errorf("%s: there is no row %s", what, row)
		}
	}
	for line := range strings.Lines(page) {
		if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "| `") && cells != 3 && cells != 5 && cells != 6 {
			t.Errorf("a row has %d bars: %s", cells, line)
		}
	}
}

func writtenReference(t *testing.T) string {
	t.Helper()
	var b, again bytes.Buffer
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	if err := WriteReference(&again); err != nil || b.String() != again.String() {
		t.Fatalf("the reference differs from one time to the next (%v)", err)
	}
	return b.String()
}
