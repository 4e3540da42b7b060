package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// each visits the compiled schema of a name and every one below it, with words
// for where it stands.
func each(name string, visit func(where string, w *keywords)) {
	seen := map[*jsonschema.Schema]bool{}
	eachSchema(schemas().compiled[name], seen, func(s *jsonschema.Schema) {
		for _, e := range s.Extensions {
			if _, ok := e.(ext); ok {
				visit(fmt.Sprint(s.Location), keywordsOf(s))
			}
		}
	})
}

func TestSectionsAreDeclaredOnce(t *testing.T) {
	t.Parallel()
	sections, patterns := map[string]bool{}, map[string]bool{}
	for _, s := range Sections {
		if sections[s.Name] || s.Title == "" || s.Doc == "" {
			t.Errorf("section %q is there twice, or has no title or sentence", s.Name)
		}
		sections[s.Name] = true
		for _, f := range s.Files {
			if patterns[f.Pattern] {
				t.Errorf("pattern %s is there twice", f.Pattern)
			}
			patterns[f.Pattern] = true
			sample := strings.NewReplacer("{id}", "an-id", "{slug}", "a-slug", "{flow}", "a-flow", "{name}", "a.png").Replace(f.Pattern)
			if at, ok := locate(sample); !ok || at.File.Pattern != f.Pattern {
				t.Errorf("the path %s belongs to %v, not to %s", sample, at.File, f.Pattern)
			}
			for _, variable := range patternVariables(f.Pattern) {
				if at, _ := locate(sample); f.Schema != "" {
					if _, index := governor(at, variable); index == nil {
						t.Errorf("no index lists the {%s} of %s", variable, f.Pattern)
					}
				}
			}
		}
	}
}

func TestEveryRowHasAnExample(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, name := range []string{"shop", "edge", "empty-sections"} {
		for path := range example(t, name).Files {
			if at, ok := locate(path); ok {
				used[at.File.Pattern] = true
			}
		}
	}
	var without []string
	for _, s := range Sections {
		for _, f := range s.Files {
			if !used[f.Pattern] {
				without = append(without, f.Pattern)
			}
		}
	}
	// No flow of a widget is known; they are read like other flows.
	want := []string{"widgets/flows/{flow}/metadata.json", "widgets/flows/{flow}/contents.json", "widgets/flows/{flow}/screen-{slug}.json"}
	if diff := cmp.Diff(want, without); diff != "" {
		t.Errorf("rows without an example (-want +got):\n%s", diff)
	}
}

// secretsWithoutGroup are credentials that inputSecrets have no group for: they
// are given in the file.
var secretsWithoutGroup = []string{"applications clientSecret"}

func TestSchemasKeepTheirRules(t *testing.T) {
	t.Parallel()
	for name, doc := range schemas().docs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkSchema(t, "", doc)
		})
	}
}

func checkSchema(t *testing.T, at string, v any) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			checkSchema(t, fmt.Sprintf("%s/%d", at, i), item)
		}
	case map[string]any:
		for _, banned := range []string{"oneOf", "anyOf", "not", "dependentSchemas", "patternProperties"} {
			if _, there := v[banned]; there {
				t.Errorf("%s has %s, which the walker does not read", at, banned)
			}
		}
		if v["additionalProperties"] == false {
			t.Errorf("%s refuses other members; they are kept with a warning", at)
		}
		if _, is := v["x-secret"]; is && v["writeOnly"] != true {
			t.Errorf("%s is a secret and not writeOnly", at)
		}
		conditional := strings.Contains(at, "/if") || strings.Contains(at, "/then") || strings.Contains(at, "/else")
		props, _ := v["properties"].(map[string]any)
		for k, p := range props {
			if title, doc := child(p, "title"), child(p, "description"); !conditional && (isZero(title) || isZero(doc)) {
				t.Errorf("%s/properties/%s has no title or no description", at, k)
			}
		}
		for k, sub := range v {
			if k != "default" && k != "examples" && k != "enum" && k != "const" {
				checkSchema(t, at+"/"+k, sub)
			}
		}
	}
}

func TestKeywordsMeanSomething(t *testing.T) {
	t.Parallel()
	kinds, refs := map[string]bool{}, map[string]*refKeyword{}
	schemasOf(func(where string, w *keywords) {
		if w.Entity != nil {
			kinds[w.Entity.Kind] = true
			if w.Entity.Match != "name" && w.Entity.Match != "id" || w.Entity.Match == "name" && w.Entity.Name == "" {
				t.Errorf("%s does not say how its entities are matched", where)
			}
		}
		if w.Ref != nil && !slices.Contains([]string{"id", "name", "either"}, w.Ref.By) {
			t.Errorf("%s refers by %q", where, w.Ref.By)
		}
	})
	maps.Copy(refs, refKeywords())
	for where, w := range refs {
		if !kinds[w.Kind] {
			t.Errorf("%s refers to a %s, which nothing declares", where, w.Kind)
		}
	}
}

// Each secret of the examples and of every connector type belongs to an entity
// in which no other has the word, so that an input secret means one place.
func TestSecretsHaveAPlace(t *testing.T) {
	t.Parallel()
	var groups []string
	for _, g := range SecretGroups {
		groups = append(groups, g.Name)
	}
	for _, s := range Sections {
		for _, f := range s.Files {
			if f.Schema == "" {
				continue
			}
			words := map[string]bool{}
			secretsIn(schemas().compiled[f.Schema], nil, map[*jsonschema.Schema]bool{}, func(e *entityKeyword, w *secretKeyword) {
				switch {
				case e == nil:
					t.Errorf("%s: the secret %s is in no entity", f.Schema, w.Type)
				case !slices.Contains(groups, e.Secrets) && !slices.Contains(secretsWithoutGroup, f.Schema+" "+w.Type):
					t.Errorf("%s: the secret %s of %s is in no group", f.Schema, w.Type, e.Kind)
				}
				words[w.Type] = true
			})
		}
	}
}

// secretsIn visits the secrets below a schema with the entity that encloses each.
func secretsIn(s *jsonschema.Schema, e *entityKeyword, seen map[*jsonschema.Schema]bool, visit func(*entityKeyword, *secretKeyword)) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	defer delete(seen, s) // a shared shape is visited for each that uses it
	w := keywordsOf(s)
	if w.Entity != nil {
		e = w.Entity
	}
	if w.Secret != nil {
		visit(e, w.Secret)
	}
	below := slices.Concat([]*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else, s.Items2020}, s.AllOf, slices.Collect(maps.Values(s.Properties)))
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		below = append(below, sub)
	}
	for _, sub := range below {
		secretsIn(sub, e, seen, visit)
	}
}

func TestEveryConnectorTypeImports(t *testing.T) {
	t.Parallel()
	if n := len(ConnectorTypes()); n != 78 {
		t.Errorf("there are %d connector types, want 78", n)
	}
	for _, kind := range ConnectorTypes() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			configuration := map[string]any{}
			doc := map[string]any{"id": "CI1", "name": "One", "type": kind, "configuration": configuration}
			up := func() *Upload {
				return &Upload{Files: Files{
					"connectors/connectors.json": []byte(`{"connectors":["one"]}`), "connectors/one.json": render(doc),
					"applications.json": []byte(`{"applications":[{"id":"SA1","name":"A"}]}`),
				}}
			}
			// What is required is filled in as the problems ask for it.
			var out *Outcome
			for range 5 {
				out = newTarget().check(t, up())
				fill(doc, schemas().compiled["connector/"+kind], out.Problems)
			}
			var places, asked []string
			for _, p := range out.Problems {
				if p.Code != CodeSecretMissing {
					t.Errorf("a minimal configuration does not import: %s", p)
				}
				places = append(places, p.Pointer)
			}
			for _, m := range out.Missing {
				asked = append(asked, m.Type)
			}
			want := requiredSecrets(doc, kind)
			if diff := cmp.Diff(want, places); diff != "" {
				t.Errorf("places of missing secrets (-want +got):\n%s", diff)
			}
			if len(slices.Compact(slices.Sorted(slices.Values(asked)))) != len(want) {
				t.Errorf("missing secrets %v for %v: two have the same word", asked, want)
			}
			filled := up()
			for _, word := range asked {
				filled.Secrets = append(filled.Secrets, inputs("connectors/CI1//"+word+"=x-"+word)...)
			}
			if out := newTarget().apply(t, filled); len(out.Set) != len(want) {
				t.Errorf("%d secrets are set, want %d", len(out.Set), len(want))
			}
		})
	}
}

// fill puts a value where a problem says that one must be.
func fill(doc map[string]any, s *jsonschema.Schema, list []Problem) {
	for _, p := range list {
		member, ok := strings.CutPrefix(p.Pointer, "/configuration/")
		if !ok || p.Code == CodeSecretMissing || strings.Contains(member, "/") {
			continue
		}
		doc["configuration"].(map[string]any)[member] = sample(s.Properties[member])
	}
}

func sample(s *jsonschema.Schema) any {
	for s.Ref != nil && s.Types == nil {
		s = s.Ref
	}
	if s.Enum != nil {
		return s.Enum.Values[0]
	}
	switch s.Types.ToStrings()[0] {
	case "integer", "number":
		return 1.0
	case "boolean":
		return false
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	if w := keywordsOf(s); w.Ref != nil {
		return "SA1"
	}
	return "https://a.example"
}

// requiredSecrets reads from the schema as written which secrets a
// configuration must have, without the code under test.
func requiredSecrets(doc map[string]any, kind string) []string {
	var out []string
	configuration := doc["configuration"].(map[string]any)
	props, _ := schemas().docs["connector/"+kind+schemaSuffix]["properties"].(map[string]any)
	for _, member := range sortedKeys(props) {
		word, ok := child(props[member], "x-secret").(map[string]any)
		if !ok {
			continue
		}
		when, conditional := word["requiredWhen"].(map[string]any)
		needed := word["required"] == true || conditional
		for other, values := range when {
			got := configuration[other]
			found := slices.ContainsFunc(values.([]any), func(v any) bool { return v == got || isZero(v) && isZero(got) })
			needed = needed && found
		}
		if needed {
			out = append(out, "/configuration/"+member)
		}
	}
	return out
}

func TestManifestsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	sum := Sum(nil).String()
	if tree, ok := ParseManifest([]byte(sum + " a\n" + sum + " b c\n")); !ok || len(tree) != 2 {
		t.Errorf("a manifest is read as %v, %v", tree, ok)
	}
	for name, manifest := range map[string]string{
		"lines out of order":        sum + " b\n" + sum + " a\n",
		"a path twice":              sum + " a\n" + sum + " a\n",
		"capitals":                  strings.ToUpper(sum) + " a\n",
		"no newline at the end":     sum + " a",
		"a carriage return":         sum + " a\r\n\n",
		"a digest that is too long": sum + "00 a\n",
		"a digest that is none":     strings.Repeat("x", 64) + " a\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tree, ok := ParseManifest([]byte(manifest)); ok {
				t.Errorf("%q is read as %v", manifest, tree)
			}
		})
	}
}
