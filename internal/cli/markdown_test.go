package cli

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// What files say is text in a comment, and nothing that a forge acts on.
func TestMarkdownIsText(t *testing.T) {
	t.Parallel()
	plan := &client.Plan{OK: true, Changed: true, Digest: "abc", Changes: []snapshot.Difference{{
		Section: "authorization", File: "roles.json", Kind: "role", Name: "</details><img src=x> @admin `x` [y](z)\n# h", Action: snapshot.Created,
		Effects: []snapshot.Effect{{Code: "c", Message: "1 refers to it now: flow \"</details><img src=x> @admin `x` [y](z)\n# h\".", Count: 1}},
	}}, Effects: []snapshot.Effect{{Code: "c", Message: "`x` @admin </details><img src=x>"}}, Rebound: []snapshot.Rebound{{Kind: "role", Name: "</details><img src=x>", From: "`x`", To: "[y](z)"}}}
	var b strings.Builder
	if err := writeMarkdown(&b, plan); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, bad := range []string{"<img", "</details><", " @admin", "`x`", "[y](", "\n# h"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q is in the comment:\n%s", bad, out)
		}
	}
	if strings.Count(out, "<details") != strings.Count(out, "</details>") || !strings.Contains(out, "<details><summary>Roles and permissions (1)</summary>") || strings.Count(out, "<details>") != 2 || !strings.Contains(out, "Plan `abc`") {
		t.Errorf("the comment is\n%s", out)
	}
}

// What weakens security is seen without unfolding anything, however much changes.
func TestMarkdownSaysWhatIsWeaker(t *testing.T) {
	t.Parallel()
	plan := &client.Plan{OK: true, Changed: true}
	for i := range 5000 {
		plan.Changes = append(plan.Changes, snapshot.Difference{Section: "password", File: "auth/password.json", Field: fmt.Sprintf("f%d", i), Action: snapshot.Changed})
	}
	plan.Changes[4000].Risks = []snapshot.Risk{{Code: "other_code", Level: snapshot.Ask, Message: "may be wider"}}
	plan.Changes[4999].Risks = []snapshot.Risk{{Code: "some_code", Level: snapshot.Weakens, Message: "is <b>weaker"}}
	var b strings.Builder
	if err := writeMarkdown(&b, plan); err != nil {
		t.Fatal(err)
	}
	shown, _, _ := strings.Cut(b.String(), "<details")
	want := "- **weaker** auth/password.json: is &lt;b&gt;weaker (some\\_code)\n- look: auth/password.json: may be wider (other\\_code)\n"
	if !strings.Contains(shown, want) {
		t.Errorf("%q is not in\n%s", want, shown)
	}
}

// Who reads only the comment sees that the project takes no import now.
func TestMarkdownSaysWhatIsOfTheWhole(t *testing.T) {
	t.Parallel()
	for _, plan := range []*client.Plan{{OK: true}, {OK: true, Changed: true}, {}} {
		plan.Effects = []snapshot.Effect{{Code: "waits_for_confirmation", Message: "Revision 7 waits.", Count: 1}}
		var b strings.Builder
		if err := writeMarkdown(&b, plan); err != nil {
			t.Fatal(err)
		}
		if want := "\n\n**Note:** Revision 7 waits.\n\n"; !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// A comment has an end, however much changes, and says how much is left.
func TestMarkdownIsBounded(t *testing.T) {
	t.Parallel()
	plan := &client.Plan{OK: true, Changed: true, Digest: strings.Repeat("d", 64)}
	for i := range 5000 {
		plan.Changes = append(plan.Changes, snapshot.Difference{
			Section: "flows", File: fmt.Sprintf("flows/f%d/contents.json", i), Action: snapshot.Changed, Field: "startTask",
			From: jsontext.Value(`"` + strings.Repeat("é", 200) + `"`), To: jsontext.Value(`"b"`),
		})
	}
	var b strings.Builder
	if err := writeMarkdown(&b, plan); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if n := len(out); n > maxComment || n < maxComment/2 || !utf8.ValidString(out) {
		t.Errorf("the comment has %d bytes", n)
	}
	if !strings.Contains(out, "more lines") || strings.Count(out, "<details") != strings.Count(out, "</details>") || !strings.HasSuffix(out, "d`\n") {
		t.Errorf("the comment ends with %q", out[len(out)-200:])
	}
}

// Texts that change stand line by line, and nothing in them ends the block that
// they stand in.
func TestMarkdownHasHunks(t *testing.T) {
	t.Parallel()
	change := func(from, to string) snapshot.Difference {
		return snapshot.Difference{Section: "flows", File: "flows/f/contents.json", Field: "script", Label: "Script", Action: snapshot.Changed, From: jsontext.Value(from), To: jsontext.Value(to)}
	}
	long := strings.Repeat("x", maxValue)
	for name, tt := range map[string]struct {
		d    snapshot.Difference
		want string
	}{
		"a line that changed":       {change(`"a\nb\n`+long+`"`, `"a\nc\n`+long+`"`), "- flows/f/contents.json: Script\n  ```diff\n    a\n  - b\n  + c\n    " + long + "\n  ```"},
		"what would end the block":  {change(`"a `+long+`"`, "\"```\\n````\\n</details>@admin\""), "- flows/f/contents.json: Script\n  `````diff\n  - a " + long + "\n  + ```\n  + ````\n  + </details>@admin\n  `````"},
		"a line without an end":     {change(`"b"`, `"`+strings.Repeat("y", 2000)+`"`), "- flows/f/contents.json: Script\n  ```diff\n  - b\n  + " + strings.Repeat("y", wideLine-2) + "… (2002 characters)\n  ```"},
		"what fits on a line":       {change(`"a"`, `"b"`), "- flows/f/contents.json: Script: \"a\" → \"b\""},
		"many lines":                {change(`"b"`, `"`+strings.Repeat(`y\n`, 100)+`"`), "- flows/f/contents.json: Script\n  ```diff\n  - b\n" + strings.Repeat("  + y\n", 59) + "  … and 42 more lines\n  ```"},
		"a credential is not shown": {snapshot.Difference{File: "connectors/a.json", Field: "token", Action: snapshot.Changed, Hidden: true}, "- connectors/a.json: token: changes (not shown)"},
		"what is in a new thing": {
			snapshot.Difference{File: "flows/f/metadata.json", Kind: "flow", Name: "F", Action: snapshot.Created, Content: jsontext.Value(`{"a":1}`), Parts: []snapshot.Part{{File: "flows/f/contents.json", Content: jsontext.Value(`2`)}}},
			"- created flow \"F\"\n  ```diff\n  + {\n  +   \"a\": 1\n  + }\n    flows/f/contents.json\n  + 2\n  ```",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := changeLine(tt.d); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
