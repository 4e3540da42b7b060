package snapshot

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"postern/internal/secret"
)

// A generator draws projects from the table: files, entities that refer to each
// other, settings, long texts, unknown members, secrets. What it draws is
// valid, so that an import of it must succeed.
type generator struct {
	t       *rapid.T
	ids     map[string][]string // drawn entities, by kind
	names   map[string][]string
	secrets []InputSecret
	count   int
}

// secretMark is in every secret that is drawn.
const secretMark = "x-planted-"

// project draws the upload of a project that uses every section.
func project(t *rapid.T) *Upload {
	g := &generator{t: t, ids: map[string][]string{}, names: map[string][]string{}}
	files := Files{}
	for _, s := range Sections {
		if s.Name == "format" || s.Name == "assets" {
			continue
		}
		for _, f := range s.Files {
			if f.Lists == "" && len(patternVariables(f.Pattern)) == 0 {
				g.file(files, f, f.Pattern)
			}
			if f.Lists != "" && len(patternVariables(f.Pattern)) == 0 {
				g.folder(files, s, f)
			}
		}
	}
	files[versionFile] = render(map[string]any{"version": float64(Version)})
	g.connect(files)
	return &Upload{Files: files, Secrets: g.secrets}
}

// folder draws an index and what it lists.
func (g *generator) folder(files Files, s Section, index File) {
	listed := []any{}
	for i := range rapid.IntRange(1, 2).Draw(g.t, index.Pattern) {
		name := fmt.Sprintf("%s-%d", g.word(), i)
		listed = append(listed, name)
		for _, f := range s.Files {
			variables := patternVariables(f.Pattern)
			path, ok := substitute(f.Pattern, vars{{index.Governs, name}})
			if !ok || len(variables) != 1 {
				continue
			}
			g.file(files, f, path)
			if f.Lists == "" {
				continue
			}
			// An index inside of the folder, as of a flow's screens.
			for _, part := range s.Files {
				if inner, ok := substitute(part.Pattern, vars{{index.Governs, name}, {f.Governs, "one"}}); ok && len(patternVariables(part.Pattern)) == 2 {
					g.file(files, part, inner)
				}
			}
			doc, _ := parse(files[path])
			doc.(map[string]any)[f.Lists] = []any{"one"}
			files[path] = render(doc)
		}
	}
	g.file(files, index, index.Pattern)
	doc, _ := parse(files[index.Pattern])
	doc.(map[string]any)[index.Lists] = listed
	files[index.Pattern] = render(doc)
}

func (g *generator) file(files Files, f File, path string) {
	doc := g.value([]*jsonschema.Schema{schemaOf(&f)}, 0).(map[string]any)
	if rapid.IntRange(0, 5).Draw(g.t, "unknown") == 0 {
		doc["zzLater"] = []any{"kept", nil, 1.5, strings.Repeat("long ", rapid.IntRange(0, 200).Draw(g.t, "length"))}
	}
	files[path] = render(doc)
}

// expandAll joins a schema with what it refers to, without its conditions:
// those are met afterwards, as the problems ask for it.
func expandAll(subs []*jsonschema.Schema) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, s := range subs {
		for ; s != nil; s = s.Ref {
			out = append(out, s)
		}
	}
	return out
}

func (g *generator) value(subs []*jsonschema.Schema, depth int) any {
	subs = expandAll(subs)
	for _, s := range subs {
		if s.Enum != nil {
			return rapid.SampledFrom(s.Enum.Values).Draw(g.t, "enum")
		}
		if w := keywordsOf(s); w.Ref != nil || w.Secret != nil || w.RefKeys != nil {
			if w.RefKeys != nil {
				return map[string]any{}
			}
			return "" // a reference is made when everything is there
		}
		if w := keywordsOf(s); len(w.Known) > 0 {
			return rapid.SampledFrom(w.Known).Draw(g.t, "known")
		}
	}
	switch typeDrawn(subs) {
	case "object":
		return g.object(subs, depth)
	case "array":
		return g.array(subs, depth)
	case "integer", "number":
		return g.number(subs)
	case "boolean":
		return rapid.Bool().Draw(g.t, "bool")
	case "string":
		return g.text(subs)
	default:
		return rapid.SampledFrom([]any{"any", 1.0, nil, []any{"x"}}).Draw(g.t, "any")
	}
}

func typeDrawn(subs []*jsonschema.Schema) string {
	for _, s := range subs {
		if s.Types != nil {
			return s.Types.ToStrings()[0]
		}
	}
	return ""
}

func (g *generator) object(subs []*jsonschema.Schema, depth int) map[string]any {
	out := map[string]any{}
	for _, s := range subs {
		for _, k := range sortedKeys(s.Properties) {
			if slices.Contains(s.Required, k) || depth < 4 && rapid.IntRange(0, 2).Draw(g.t, k) == 0 {
				out[k] = g.value([]*jsonschema.Schema{s.Properties[k]}, depth+1)
			}
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && depth < 4 {
			for range rapid.IntRange(0, 2).Draw(g.t, "members") {
				out[g.word()] = g.value([]*jsonschema.Schema{sub}, depth+1)
			}
		}
	}
	// What depends on the members drawn so far, as the configuration of a
	// connector on its type.
	for _, s := range subs {
		for _, branch := range expand(s, out, nil) {
			for _, k := range branch.Required { // what else must be there then, and not blank
				if p := s.Properties[k]; p != nil && p.Enum != nil && (out[k] == nil || out[k] == "") {
					out[k] = p.Enum.Values[len(p.Enum.Values)-1]
				}
			}
			for _, k := range sortedKeys(branch.Properties) {
				if p := branch.Properties[k]; p.Ref != nil && len(p.Ref.Properties) > 0 && !slices.Contains(subs, branch) && depth < 4 {
					out[k] = g.value([]*jsonschema.Schema{p}, depth+1)
				}
			}
		}
	}
	for _, s := range subs {
		if w := keywordsOf(s).Entity; w != nil {
			g.entity(w, out)
		}
	}
	return out
}

// entity gives what was drawn an id and a name of its own.
func (g *generator) entity(w *entityKeyword, obj map[string]any) {
	g.count++
	if !strings.ContainsAny(w.ID[:1], "$=") {
		obj[w.ID] = fmt.Sprintf("%s%03d", strings.ToUpper(w.Kind[:2]), g.count)
		g.ids[w.Kind] = append(g.ids[w.Kind], obj[w.ID].(string))
	}
	if w.Name != "" {
		obj[w.Name] = fmt.Sprintf("%s %d", g.word(), g.count)
		g.names[w.Kind] = append(g.names[w.Kind], obj[w.Name].(string))
	}
}

func (g *generator) array(subs []*jsonschema.Schema, depth int) []any {
	out := []any{}
	for _, s := range subs {
		if s.Items2020 == nil {
			continue
		}
		least := 0
		if s.MinItems != nil {
			least = *s.MinItems
		}
		for range rapid.IntRange(least, max(2, least)).Draw(g.t, "items") {
			item := g.value([]*jsonschema.Schema{s.Items2020}, depth+1)
			if !slices.ContainsFunc(out, func(x any) bool { return fmt.Sprint(x) == fmt.Sprint(item) }) && item != any("") {
				out = append(out, item)
			}
		}
	}
	return out
}

func (g *generator) number(subs []*jsonschema.Schema) any {
	low, high := 0.0, 1000.0
	for _, s := range subs {
		if s.Minimum != nil {
			low, _ = s.Minimum.Float64()
			high = max(high, low)
		}
		if s.Maximum != nil {
			high, _ = s.Maximum.Float64()
		}
		if keywordsOf(s).Duration != nil {
			return *s.Default
		}
	}
	if typeDrawn(subs) == "number" {
		return rapid.Float64Range(low, high).Draw(g.t, "number")
	}
	return float64(rapid.IntRange(int(low), int(high)).Draw(g.t, "integer"))
}

func (g *generator) text(subs []*jsonschema.Schema) any {
	least, most := 0, 700
	for _, s := range subs {
		if s.Default != nil && (s.Pattern != nil || rapid.IntRange(0, 3).Draw(g.t, "default") == 0) {
			return *s.Default
		}
		if s.MinLength != nil {
			least = *s.MinLength
		}
		if s.MaxLength != nil {
			most = *s.MaxLength
		}
	}
	switch rapid.IntRange(0, 5).Draw(g.t, "text") {
	case 0:
		if most >= 700 {
			return strings.Repeat(g.word()+" ", 700)[:600]
		}
	case 1:
		if most >= 40 {
			return "data:image/png;base64,eA=="
		}
	case 2:
		if most >= 20 {
			return "<é & \u2028 \"" + g.word()
		}
	}
	return (g.word() + strings.Repeat("x", least))[:min(most, max(least, 3))]
}

func (g *generator) word() string {
	return rapid.SampledFrom([]string{"amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath"}).Draw(g.t, "word")
}

// connect makes what was drawn one project: references name something, secrets
// are given, and what the problems ask for is filled in or left out.
func (g *generator) connect(files Files) {
	for round := range 10 {
		up := &Upload{Files: maps.Clone(files), Secrets: g.secrets}
		out, err := Check(up, Base{}, &Cache{})
		if err != nil {
			g.t.Fatal(err)
		}
		if !out.Failed() {
			break
		}
		for _, p := range out.Problems {
			switch {
			case p.Level != Error:
			case round > 6 && p.Code != CodeSecretMissing && len(locateVars(p.File)) == 0:
				files[p.File] = []byte(`{}`) // mending leads nowhere
			default:
				g.mend(files, p)
			}
		}
		for _, m := range out.Missing {
			g.count++
			g.secrets = append(g.secrets, m.given(fmt.Sprint(secretMark, g.count)))
		}
	}
	g.refer(files)
}

// given is a missing secret with a value.
func (m MissingSecret) given(value string) InputSecret {
	return InputSecret{Group: m.Group, ID: m.ID, Type: m.Type, Value: secret.New(value)}
}

func (g *generator) mend(files Files, p Problem) {
	doc, err := parse(files[p.File])
	if err != nil || p.Code == CodeSecretMissing {
		return
	}
	if p.Code == CodeRule { // of two that contradict each other neither is set
		for _, k := range []string{"testUserFixedAuthToken", "testUserFixedAuthVerifierRegex", "testUserAllowFixedAuth", "hideSsoSuiteOidc", "ssoSuiteForceDomainVerification"} {
			delete(doc.(map[string]any), k)
		}
	}
	parent, _ := path.Split(p.Pointer)
	if _, is := lookupPointer(doc, strings.TrimSuffix(parent, "/")).([]any); is && len(parent) > 1 {
		files[p.File] = render(apply(doc, list(edit{pointer: strings.TrimSuffix(parent, "/"), value: []any{}})))
		return // an item goes with its list
	}
	edit := edit{pointer: p.Pointer, remove: p.Code != CodeRequired, value: "https://a.example"}
	if p.Code == CodeType { // the text that was filled in before does not do
		edit.remove, edit.value = false, []any{}
		if strings.Contains(p.Message, "object") {
			edit.value = map[string]any{}
		}
	}
	files[p.File] = render(apply(doc, list(edit)))
}

// refer puts references to drawn entities where a schema has one.
func (g *generator) refer(files Files) {
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		doc, err := parse(files[path])
		if err != nil {
			g.t.Fatal(err)
		}
		var edits []edit
		walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
			for _, w := range f.words {
				if w.Ref == nil || w.Ref.Form == "flow-url" || f.value != any("") {
					continue
				}
				known := g.ids[w.Ref.Kind]
				if w.Ref.By == "name" {
					known = g.names[w.Ref.Kind]
				}
				if len(known) > 0 && rapid.Bool().Draw(g.t, "refer") {
					edits = append(edits, edit{pointer: f.pointer, value: rapid.SampledFrom(known).Draw(g.t, "to")})
				}
			}
		})
		files[path] = render(apply(doc, edits))
	}
}

func locateVars(path string) vars {
	at, _ := locate(path)
	return at.Vars
}
