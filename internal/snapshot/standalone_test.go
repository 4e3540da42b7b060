package snapshot

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// standalone compiles a schema as others would: alone, and with nothing but
// the standard.
func standalone(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	b, ok := Schema(name)
	if !ok {
		t.Fatalf("there is no schema %s", name)
	}
	if bytes.Contains(b, []byte(`"x-`)) {
		t.Errorf("%s has keywords of our own", name)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("test:///"+name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("test:///" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each schema says the same of every document of the samples, alone or with
// the others.
func TestSchemasStandAlone(t *testing.T) {
	t.Parallel()
	alone := map[string]*jsonschema.Schema{}
	for _, name := range SchemaNames() {
		alone[name] = standalone(t, name)
	}
	for _, name := range []string{"shop", "edge"} {
		up := example(t, name)
		inlineAssets(up, &problems{})
		for file, content := range up.Files {
			at, ok := locate(file)
			if !ok || at.File.Schema == "" {
				continue
			}
			doc, err := parse(content)
			if err != nil {
				t.Fatal(err)
			}
			if err := alone[at.File.Schema].Validate(doc); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for _, wrong := range []any{"text", map[string]any{"id": 1.0, "name": 2.0, "enabled": "x", "type": 3.0}} {
				want, got := schemaOf(at.File).Validate(wrong), alone[at.File.Schema].Validate(wrong)
				if (want == nil) != (got == nil) {
					t.Errorf("%s: together %v, alone %v", file, want, got)
				}
			}
		}
	}
	if err := alone["project"].Validate(map[string]any{"tokenResponseMethod": nil, "domain": nil}); err != nil {
		t.Errorf("null does not reset a setting: %v", err)
	}
	mail := map[string]any{"name": "Mail", "type": "smtp", "configuration": map[string]any{"host": "h", "fromEmail": "a@b.example", "username": "u", "port": 70000.0}}
	if err := alone["connector"].Validate(mail); err == nil {
		t.Error("the type of a connector does not choose the schema of its configuration")
	}
}

// The globs take each path of the samples as the table does.
func TestSchemaPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shop", "edge"} {
		for file := range example(t, name).Files {
			at, ok := locate(file)
			if !ok || at.File.Schema == "" {
				continue
			}
			var got []string
			for _, f := range SchemaFiles() {
				taken := false
				for _, glob := range f.Paths {
					short, not := strings.CutPrefix(glob, "!")
					if fits, err := path.Match(short, file); err != nil {
						t.Fatal(err)
					} else if fits {
						taken = !not
					}
				}
				if taken {
					got = append(got, f.Name)
				}
			}
			if len(got) != 1 || got[0] != at.File.Schema {
				t.Errorf("%s: got %v, want %s", file, got, at.File.Schema)
			}
		}
	}
}

// An editor takes a placeholder where a plain value belongs, and nothing else that
// it did not take before.
func TestSchemasTakePlaceholders(t *testing.T) {
	t.Parallel()
	const place = "${environment.value}"
	smtp := func(k string, v any) map[string]any {
		return map[string]any{"name": "Mail", "type": "smtp", "configuration": map[string]any{"host": "h", "fromEmail": "a@b.example", "username": "u", k: v}}
	}
	for name, tt := range map[string]struct {
		schema string
		doc    any
		ok     bool
	}{
		"in place of a number":             {"auth-password", map[string]any{"minLength": place}, true},
		"in place of a boolean":            {"auth-password", map[string]any{"enabled": place}, true},
		"in place of a word of a list":     {"project", map[string]any{"tokenResponseMethod": place}, true},
		"in place of a text with a form":   {"project", map[string]any{"appUrl": place}, true},
		"in a configuration":               {"connector", smtp("port", place), true},
		"a number in bounds":               {"auth-password", map[string]any{"minLength": 8.0}, true},
		"a number out of bounds":           {"auth-password", map[string]any{"minLength": -1.0}, false},
		"another text for a number":        {"auth-password", map[string]any{"minLength": "8"}, false},
		"a placeholder in a longer text":   {"auth-password", map[string]any{"minLength": place + " "}, false},
		"a word that is none of the list":  {"project", map[string]any{"tokenResponseMethod": "nowhere"}, false},
		"null, which resets a setting":     {"project", map[string]any{"tokenResponseMethod": nil, "enableInactivity": nil}, true},
		"another port out of bounds still": {"connector", smtp("port", 70000.0), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := standalone(t, tt.schema).Validate(tt.doc); (err == nil) != tt.ok {
				t.Errorf("%v: %v", tt.doc, err)
			}
		})
	}
}
