package snapshot

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema/*.schema.json schema/connector/*.schema.json
var schemaFS embed.FS

const schemaSuffix = ".schema.json"

// schemaBase makes the names of schemas absolute; without it they depend on the
// folder that the program runs in.
const schemaBase = "postern:///"

// catalogue is every schema, compiled.
type catalogue struct {
	docs       map[string]map[string]any     // as written, by file name
	compiled   map[string]*jsonschema.Schema // by name: "roles"
	connectors []string                      // the types that have a schema, in order
	defaults   sync.Map                      // by name, those that somebody asked for: []byte
}

// schemas compiles the embedded schemas once. They are part of the program, so
// a mistake in one is a mistake of the build and panics; a test compiles them.
var schemas = sync.OnceValue(func() *catalogue {
	cat := &catalogue{docs: map[string]map[string]any{}}
	must(fs.WalkDir(schemaFS, "schema", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := schemaFS.ReadFile(p)
		if err != nil {
			return err
		}
		var doc map[string]any
		if err := json.Unmarshal(b, &doc); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		cat.docs[strings.TrimPrefix(p, "schema/")] = doc
		return nil
	}))
	cat.addConnectorTypes()
	cat.compile()
	return cat
})

// compile compiles the schemas: those of connectors, which are more than half
// of the work, beside the others.
func (cat *catalogue) compile() {
	ofConnectors := func(name string) bool {
		return strings.HasPrefix(name, "connector/") || name == "connector"+schemaSuffix
	}
	connectors := make(chan map[string]*jsonschema.Schema)
	go func() { connectors <- cat.compiledOf(ofConnectors) }()
	cat.compiled = cat.compiledOf(func(name string) bool { return !ofConnectors(name) })
	maps.Copy(cat.compiled, <-connectors)
}

// compiledOf compiles some of the schemas, with what they refer to.
func (cat *catalogue) compiledOf(wanted func(name string) bool) map[string]*jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.RegisterVocabulary(vocabulary())
	c.AssertVocabs()
	for name, doc := range cat.docs {
		must(c.AddResource(schemaBase+name, doc))
	}
	out := map[string]*jsonschema.Schema{}
	for name := range cat.docs {
		if !wanted(name) {
			continue
		}
		s, err := c.Compile(schemaBase + name)
		must(err)
		out[strings.TrimSuffix(name, schemaSuffix)] = s
	}
	return out
}

// Prepare compiles the schemas while something else is being done. The first
// check waits for it.
func Prepare() { go schemas() }

// addConnectorTypes makes the schema of a connector choose the schema of its
// configuration by its type: the folder connector/ is the list of types.
func (cat *catalogue) addConnectorTypes() {
	doc := cat.docs["connector"+schemaSuffix]
	all, _ := doc["allOf"].([]any)
	for _, name := range sortedKeys(cat.docs) {
		dir, file := path.Split(name)
		if dir != "connector/" {
			continue
		}
		kind := strings.TrimSuffix(file, schemaSuffix)
		cat.connectors = append(cat.connectors, kind)
		all = append(all, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": kind}}, "required": []any{"type"}},
			"then": map[string]any{"properties": map[string]any{"configuration": map[string]any{"$ref": name}}},
		})
	}
	doc["allOf"] = all
	if kind, ok := child(child(doc, "properties"), "type").(map[string]any); ok {
		kind["x-known"] = toAny(cat.connectors)
	}
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func must(err error) {
	if err != nil {
		panic("snapshot: embedded schemas: " + err.Error())
	}
}

// schemaOf returns the schema of a file, or nil where it has none.
func schemaOf(f *File) *jsonschema.Schema {
	if f == nil || f.Schema == "" {
		return nil
	}
	s := schemas().compiled[f.Schema]
	if s == nil {
		panic("snapshot: no schema " + f.Schema)
	}
	return s
}

// ConnectorTypes returns the connector types that have a schema, in order.
func ConnectorTypes() []string { return slices.Clone(schemas().connectors) }
