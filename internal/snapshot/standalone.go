package snapshot

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A SchemaFile is the schema of some of the files of a snapshot.
type SchemaFile struct {
	Name  string   // "flow-metadata"
	Paths []string // as globs; one with "!" before it is an exception
}

// SchemaFiles returns the schemas of the files of a snapshot, in the order of
// the table, and then those of the files that travel with it.
func SchemaFiles() []SchemaFile {
	var out []SchemaFile
	for _, s := range append(slices.Clone(Sections), Section{Files: Beside}) {
		for _, f := range s.Files {
			if f.Schema == "" {
				continue
			}
			i := slices.IndexFunc(out, func(o SchemaFile) bool { return o.Name == f.Schema })
			if i < 0 {
				i = len(out)
				out = append(out, SchemaFile{Name: f.Schema})
			}
			out[i].Paths = append(out[i].Paths, globOf(f.Pattern))
			for _, other := range s.Files {
				if at, ok := locate(other.Pattern); ok && other.Pattern != f.Pattern && at.File.Pattern == other.Pattern && matches(f.Pattern, other.Pattern) {
					out[i].Paths = append(out[i].Paths, "!"+globOf(other.Pattern))
				}
			}
		}
	}
	return out
}

// globOf writes a pattern with "*" for its variables.
func globOf(pattern string) string {
	segs := splitPattern(pattern)
	for i, seg := range segs {
		if before, rest, ok := strings.Cut(seg, "{"); ok {
			_, after, _ := strings.Cut(rest, "}")
			segs[i] = before + "*" + after
		}
	}
	return strings.Join(segs, "/")
}

// matches reports whether a pattern takes a path, too.
func matches(pattern, path string) bool {
	a, b := splitPattern(pattern), splitPattern(path)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if _, ok := cutSegment(a[i]).match(b[i]); !ok {
			return false
		}
	}
	return true
}

// SchemaNames returns the name of every schema that Schema writes: those of
// files, and those of the configurations of connectors.
func SchemaNames() []string {
	var out []string
	for _, f := range SchemaFiles() {
		out = append(out, f.Name)
	}
	for _, kind := range ConnectorTypes() {
		out = append(out, "connector/"+kind)
	}
	return out
}

// Schema returns a schema as one document of plain JSON Schema 2020-12, with
// everything that it refers to inside: what editors and validators understand.
// It returns false where there is none of that name.
func Schema(name string) ([]byte, bool) {
	if !slices.Contains(SchemaNames(), name) {
		return nil, false
	}
	b := bundle{root: name + schemaSuffix, defs: map[string]any{}}
	doc, _ := b.plain(b.root, schemas().docs[b.root]).(map[string]any)
	doc["$id"] = path.Base(b.root)
	if len(b.defs) > 0 {
		doc["$defs"] = b.defs
	}
	out, err := json.Marshal(doc, json.Deterministic(true), jsontext.WithIndent("  "))
	must(err)
	return append(out, '\n'), true
}

// A bundle is a schema with those that it refers to.
type bundle struct {
	root string         // the file that it is made of
	defs map[string]any // what it refers to, by the names that they get in it
	asIs bool           // in a condition: it asks what a value is, and a placeholder is none of that
}

// plain copies a part of a schema file without our own keywords, and with its
// references pointing into the bundle.
func (b *bundle) plain(file string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, sub := range v {
			switch {
			case k == "x-known":
				out["examples"] = sub // editors offer them
			case strings.HasPrefix(k, "x-"), k == "$id", k == "$defs":
			case k == "$ref":
				out[k] = "#/$defs/" + b.refer(file, sub)
			case k == "properties":
				members, _ := sub.(map[string]any)
				all := make(map[string]any, len(members))
				for name, member := range members {
					all[name] = b.plain(file, member)
					if v["x-settings"] == true {
						all[name] = orNull(all[name])
					}
					if !b.asIs {
						all[name] = orPlaceholder(member, all[name])
					}
				}
				out[k] = all
			case k == "items" || k == "additionalProperties":
				if out[k] = b.plain(file, sub); !b.asIs {
					out[k] = orPlaceholder(sub, out[k])
				}
			case k == "if":
				was := b.asIs
				b.asIs = true
				out[k] = b.plain(file, sub)
				b.asIs = was
			case k == "default", k == "const", k == "enum", k == "examples":
				out[k] = sub
			default:
				out[k] = b.plain(file, sub)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, sub := range v {
			out[i] = b.plain(file, sub)
		}
		return out
	default:
		return v
	}
}

// orNull lets a member of a settings object be null, which resets it.
func orNull(v any) any {
	member, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if kind, ok := member["type"].(string); ok {
		member["type"] = []any{kind, "null"}
	}
	if words, ok := member["enum"].([]any); ok {
		member["enum"] = append(slices.Clone(words), nil)
	}
	return member
}

// refer puts what a reference names into the bundle, and returns its name there.
func (b *bundle) refer(file string, ref any) string {
	text, _ := ref.(string)
	target, fragment, _ := strings.Cut(text, "#")
	if target = path.Join(path.Dir(file), target); strings.HasPrefix(text, "#") {
		target = file
	}
	def := strings.TrimPrefix(fragment, "/$defs/")
	name := def
	if target != b.root {
		name = strings.Trim(strings.ReplaceAll(strings.TrimSuffix(target, schemaSuffix), "/", "-")+"-"+def, "-")
	}
	if _, there := b.defs[name]; !there {
		var what any = schemas().docs[target]
		if def != "" {
			what = child(child(what, "$defs"), def)
		}
		b.defs[name] = nil // it may refer to itself
		copied, _ := orPlaceholder(what, b.plain(target, what)).(map[string]any)
		delete(copied, "$schema")
		b.defs[name] = maps.Clone(copied)
	}
	return name
}
