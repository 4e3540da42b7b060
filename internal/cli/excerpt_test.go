package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/snapshot"
)

// drawn is an excerpt as it is shown.
func drawn(e excerpt) string {
	return e.text + "\n" + strings.Repeat(" ", e.from) + strings.Repeat("^", e.to-e.from)
}

func TestExcerpts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file, doc string
		problem   snapshot.Problem
		want      string // "" is none
	}{
		"a value": {
			"auth/password.json", "{\n  \"minLength\": 2,\n  \"lock\": true\n}",
			snapshot.Problem{Pointer: "/minLength", Code: snapshot.CodeRange},
			"  \"minLength\": 2,\n  ^^^^^^^^^^^^^^",
		},
		"the name of a member, whose value may be anything": {
			"auth/password.json", "{\n\t\"minLenght\": \"hunter2\"}",
			snapshot.Problem{Pointer: "/minLenght", Code: snapshot.CodeUnknownKey},
			" \"minLenght\": \"…\"}\n ^^^^^^^^^^^",
		},
		"a number under a name that nobody knows": {
			"project.json", `{"sessionTokenExpiratio": 4711, "b": true}`,
			snapshot.Problem{Pointer: "/sessionTokenExpiratio", Code: snapshot.CodeUnknownKey},
			`{"sessionTokenExpiratio": …, "b": true}` + "\n ^^^^^^^^^^^^^^^^^^^^^^^",
		},
		"a credential": {
			"connectors/mail.json", `{"type":"smtp","configuration":{"host":"hidden.example","password":"hunter2","port":"x"}}`,
			snapshot.Problem{Pointer: "/configuration/port", Code: snapshot.CodeType},
			`{"type":"smtp","configuration":{"host":"hidden.example","password":"…","port":"x"}}` + "\n" + strings.Repeat(" ", 71) + "^^^^^^^^^^",
		},
		"an object where a credential should be": {
			"connectors/mail.json", `{"type":"smtp","configuration":{"password":{"x":"hunter2"}}}`,
			snapshot.Problem{Pointer: "/configuration/password", Code: snapshot.CodeType},
			`{"type":"smtp","configuration":{"password":{"x":"…"}}}` + "\n" + strings.Repeat(" ", 32) + "^^^^^^^^^^",
		},
		"a document that is none": {
			"lists.json", `{"lists": [}, "password": "hunter2", "n": 12345`,
			snapshot.Problem{Pointer: "/lists", Code: snapshot.CodeJSON},
			`{"lists": [}, "…": "…", "…": …` + "\n           ^",
		},
		"a text that does not end": {
			"lists.json", "{\"lists\": \"hunter2\n}",
			snapshot.Problem{Code: snapshot.CodeJSON},
			"{\"lists\": \"…\"\n          ^^^",
		},
		"a member that is there twice": {
			"roles.json", "{\"roles\": [],\n \"roles\": []}",
			snapshot.Problem{Pointer: "/roles", Code: snapshot.CodeDuplicate},
			` "…": []}` + "\n ^^^",
		},
		"letters of several bytes": {
			"roles.json", `{"roles":[{"name":"東京","description":5}]}`,
			snapshot.Problem{Pointer: "/roles/0/description", Code: snapshot.CodeType},
			`{"roles":[{"name":"東京","description":5}]}` + "\n" + strings.Repeat(" ", 23) + strings.Repeat("^", 15),
		},
		"a place that the file does not have": {
			"roles.json", `{"roles":[]}`, snapshot.Problem{Pointer: "/other/x", Code: snapshot.CodeReference}, "",
		},
		"a file as a whole": {"roles.json", `{"roles":[]}`, snapshot.Problem{Code: snapshot.CodeUnknownFile}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, ok := newPage(test.file, []byte(test.doc)).excerpt(test.problem)
			got := ""
			if ok {
				got = drawn(e)
			}
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestLongLinesAreCropped(t *testing.T) {
	t.Parallel()
	doc := `{"roles":[` + strings.Repeat(`{"name":"a"},`, 50) + `{"nam":1}` + strings.Repeat(`,{"name":"a"}`, 50) + `]}`
	e, ok := newPage("roles.json", []byte(doc)).excerpt(snapshot.Problem{Pointer: "/roles/50/nam", Code: snapshot.CodeUnknownKey})
	if !ok || utf8.RuneCountInString(e.text) > maxExcerpt+2 {
		t.Fatalf("got %q", e.text)
	}
	if got := string([]rune(e.text)[e.from:e.to]); got != `"nam"` {
		t.Errorf("underlines %q of %q", got, e.text)
	}
}

// Whatever a document is, the place is in it, and no text is shown that no
// schema knows.
func FuzzExcerpt(f *testing.F) {
	f.Add(`{"a": "hunter2", "b": [1, {"c": "hunter2"}]}`, "/b/1/c", false)
	f.Add("{\"a\": \"hunter2\n \"b\": }", "/a", true)
	f.Add(`{"a~/": "x", "a~/": 1}`, "/a~0~1", true)
	f.Add("\xff{\"\\u12\": \"hunter2\\\"\"", "", true)
	f.Fuzz(func(t *testing.T, doc, pointer string, broken bool) {
		p := snapshot.Problem{Pointer: pointer, Code: snapshot.CodeType}
		if broken {
			p.Code = snapshot.CodeJSON
		}
		at := placeOf([]byte(doc), p)
		if at.Line < 1 || at.Line > strings.Count(doc, "\n")+1 || at.Column < 1 || at.Column > len(doc)+1 {
			t.Fatalf("the place %v is not in %q", at, doc)
		}
		pg := newPage("no/such/file.json", []byte(doc))
		e, ok := pg.excerpt(p)
		if !ok {
			return
		}
		if n := utf8.RuneCountInString(e.text); e.from < 0 || e.to <= e.from || e.from > n || e.to > max(n, e.from+1) {
			t.Fatalf("underlines %d to %d of %q", e.from, e.to, e.text)
		}
		if strings.ContainsAny(e.text, "\n\x1b\x00") {
			t.Fatalf("steers the terminal: %q", e.text)
		}
		for _, tok := range pg.tokens {
			text := doc[tok.from:tok.to]
			if !tok.name && len(text) > 6 && text[0] == '"' && !harmless([]byte(text)) && strings.Count(doc, text) == 1 && strings.Contains(e.text, text[1:len(text)-1]) && strings.Count(doc, text[1:len(text)-1]) == 1 {
				t.Fatalf("shows %q: %q", text, e.text)
			}
		}
	})
}
