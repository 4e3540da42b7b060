package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// No box lies on another, and nothing is outside of the picture, for every flow
// that we have.
func TestDraw(t *testing.T) {
	t.Parallel()
	list := []snapshot.Flow{
		{Name: "nothing"},
		{Name: "a loop", Steps: []snapshot.Step{{Key: "1", Ways: []snapshot.Way{{To: "1"}, {To: "2"}}}, {Key: "2", Ways: []snapshot.Way{{To: "1"}, {To: "gone"}}}}},
		{Name: "nobody leads to it", Steps: []snapshot.Step{{Key: "1"}, {Key: "2"}, {Key: "3", Ways: []snapshot.Way{{To: "2"}}}}},
	}
	for _, s := range testkit.Samples(t) {
		list = append(list, snapshot.Flows(s.Files, s.Files)...)
	}
	if len(list) < 8 {
		t.Fatalf("there are %d flows only", len(list))
	}
	for _, f := range list {
		p := draw(f)
		if len(p.Boxes) != len(f.Steps) {
			t.Errorf("%s: %d boxes for %d steps", f.Name, len(p.Boxes), len(f.Steps))
		}
		for i, a := range p.Boxes {
			if a.X < 0 || a.Y < 0 || a.X+boxWidth > p.Width || a.Y+boxHeight > p.Height {
				t.Errorf("%s: %s is outside of the picture", f.Name, a.Key)
			}
			for _, b := range p.Boxes[:i] {
				if a.X < b.X+boxWidth && b.X < a.X+boxWidth && a.Y < b.Y+boxHeight && b.Y < a.Y+boxHeight {
					t.Errorf("%s: %s lies on %s", f.Name, a.Key, b.Key)
				}
			}
		}
	}
	row := map[string]int{}
	for _, b := range draw(list[1]).Boxes {
		row[b.Key] = b.Y
	}
	if row["1"] >= row["2"] {
		t.Error("a step does not stand below the one that leads to it")
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"#fff": true, "#B5532A": true, "#b5532acc": true, "rgb(1, 2, 3)": true, "hsla(120, 50%, 50%, .3)": true,
		"": false, "red": false, "#12345": false, `#fff"/><script>`: false, "url(https://evil.example)": false, "rgb(1)\"": false,
	} {
		if got := colourOf(text) != "" && swatch(text) != ""; got != want {
			t.Errorf("%q is a colour: %v", text, got)
		}
	}
}

// What a difference hides is in no page.
func TestHiddenStaysHidden(t *testing.T) {
	t.Parallel()
	views := sectionsOf([]snapshot.Difference{
		{Section: "connectors", File: "connectors/a.json", Kind: "connector", ID: "CI1", Name: "A", Action: snapshot.Changed, Field: "configuration/token", Label: "Token", Hidden: true},
		{Section: "connectors", File: "connectors/a.json", Kind: "connector", ID: "CI1", Name: "A", Action: snapshot.Changed, Field: "configuration/url", From: jsontext.Value(`"a\nb"`), To: jsontext.Value(`"a\nc"`)},
		{Section: "connectors", File: "connectors/b.json", Kind: "connector", ID: "CI2", Name: "B", Action: snapshot.Removed},
		{File: "other.txt", Action: snapshot.Created},
	})
	if len(views) != 2 || len(views[0].Entities) != 2 || views[0].Fields != 3 || views[1].Title != "Files that no section has" {
		t.Fatalf("the sections are %+v", views)
	}
	token, text := views[0].Entities[0].Fields[0], views[0].Entities[0].Fields[1]
	if !token.Hidden || token.From.There || token.To.There || len(text.Lines) != 2 {
		t.Errorf("the fields are %+v", views[0].Entities[0].Fields)
	}
	if got := fmt.Sprint(views[0].Entities[1].Action, views[1].Entities[0].Action); got != "removed created" && got != "removedcreated" {
		t.Errorf("the actions are %q", got)
	}
}

// A page has room for so much of what is new or gone, and says what it leaves out.
func TestContentIsBounded(t *testing.T) {
	t.Parallel()
	one := snapshot.Difference{Section: "roles", File: "a.json", Kind: "role", Name: "A", Action: snapshot.Created, Content: jsontext.Value(`{"b":1}`)}
	big := snapshot.Difference{Section: "roles", File: "b.json", Kind: "role", Name: "B", Action: snapshot.Removed, Parts: []snapshot.Part{{File: "c.json", Content: jsontext.Value(`"` + strings.Repeat("x", maxContent) + `"`)}}}
	got := sectionsOf([]snapshot.Difference{one, big})[0].Entities
	if len(got) != 2 || len(got[0].Content) != 1 || got[0].Content[0].Text != "{\n  \"b\": 1\n}" {
		t.Fatalf("the first has %+v", got[0].Content)
	}
	if c := got[1].Content; len(c) != 1 || !c[0].Long || c[0].Text != "" || c[0].File != "c.json" {
		t.Errorf("the second has %d bytes in %d parts", len(c[0].Text), len(c))
	}
}
