package snapshot

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestSideBySide(t *testing.T) {
	t.Parallel()
	lines := func(text string) []string { return strings.Split(text, " ") }
	for _, tt := range []struct{ name, was, now, want string }{
		{"a line that changed", "a b c", "a x c", "a|a -b|+x c|c"},
		{"a line more", "a c", "a b c", "a|a |+b c|c"},
		{"a line less", "a b c", "a c", "a|a -b| c|c"},
		{"all of it", "a b", "c", "-a|+c -b|"},
		{"moved apart", "a b c d", "b x c e", "-a| b|b |+x c|c -d|+e"},
		{"far from a change", "1 2 3 4 5 6 7 8 a", "1 2 3 4 5 6 7 8 b", "… 6|6 7|7 8|8 -a|+b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, l := range SideBySide(lines(tt.was), lines(tt.now), 3) {
				text := l.From + "|" + l.To
				switch {
				case l.Gap:
					text = "…"
				case l.Gone && l.New:
					text = "-" + l.From + "|+" + l.To
				case l.Gone:
					text = "-" + text
				case l.New:
					text = "|+" + l.To
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(lines(tt.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is in a value is in its lines.
func TestLines(t *testing.T) {
	t.Parallel()
	markup := "<p>" + strings.Repeat("a", longLine) + "</p><p>b</p>"
	for name, tt := range map[string]struct {
		value string
		want  []string
	}{
		"a text":             {`"a\nb \"c\""`, []string{"a", `b "c"`}},
		"a blank text":       {`""`, []string{""}},
		"markup on one line": {`"` + markup + `"`, []string{"<p>" + strings.Repeat("a", longLine) + "</p>", "<p>b</p>"}},
		"a number":           {`12345678901234567890`, []string{"12345678901234567890"}},
		"nothing in it":      {`{"a":{},"b":[]}`, []string{"{", `  "a": {}`, `  "b": []`, "}"}},
		"a document": {`{"a":1,"list":[true,{"x":"y"}],"script":"if (a) {\n}"}`, []string{
			"{", `  "a": 1`, `  "list": [`, "    true", "    {", `      "x": "y"`, "    }", "  ]", `  "script":`, "    | if (a) {", "    | }", "}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Lines(jsontext.Value(tt.value))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A reviewer sees what is in things that are new or gone, and no credential.
func TestWhatIsNewIsTold(t *testing.T) {
	t.Parallel()
	from := Files{"roles.json": []byte(`{"roles":[{"id":"R1","name":"old","permissions":["a"]}]}`)}
	to := Files{
		"roles.json":                 []byte(`{"roles":[{"id":"R2","name":"new","permissions":["b"]}]}`),
		"connectors/mail.json":       []byte(`{"id":"CI1","name":"Mail","type":"smtp","configuration":{"host":"smtp.example","password":"hunter2","pasword":"hunter3"}}`),
		"flows/one/metadata.json":    []byte(`{"name":"One"}`),
		"flows/one/contents.json":    []byte(`{"tasks":{"0":{"name":"first"}}}`),
		"auth/password.json":         []byte(`{"minLength":8}`),
		"somebody/elses.json":        []byte(`{"key":"hunter4"}`),
		"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
	}
	got := map[string]string{}
	for _, d := range Compare(from, to) {
		got[string(d.Action)+" "+d.File+" "+d.Name] = string(d.Content)
		for _, p := range d.Parts {
			got[p.File] = string(p.Content)
		}
	}
	want := map[string]string{
		"removed roles.json old":              `{"id":"R1","name":"old","permissions":["a"]}`,
		"created roles.json new":              `{"id":"R2","name":"new","permissions":["b"]}`,
		"created connectors/mail.json Mail":   `{"configuration":{"host":"smtp.example","password":"(not shown)","pasword":"(not shown)"},"id":"CI1","name":"Mail","type":"smtp"}`,
		"created connectors/connectors.json ": `{"connectors":["mail"]}`,
		"created flows/one/metadata.json One": `{"name":"One"}`,
		"flows/one/contents.json":             `{"tasks":{"0":{"name":"first"}}}`,
		"created auth/password.json ":         `{"minLength":8}`,
		"created somebody/elses.json ":        ``,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
