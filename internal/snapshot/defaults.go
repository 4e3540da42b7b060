package snapshot

import "github.com/go-json-experiment/json"

// SchemaDefaults returns, as a JSON object, what the schema of the file at path says
// of members that the file does not have. It is {} for a file without a schema. The
// caller changes nothing in it.
func SchemaDefaults(path string) []byte {
	at, ok := locate(path)
	if !ok || schemaOf(at.File) == nil {
		return []byte("{}")
	}
	cat := schemas()
	if b, ok := cat.defaults.Load(at.File.Schema); ok {
		return b.([]byte)
	}
	out := map[string]any{}
	for name, member := range cat.compiled[at.File.Schema].Properties {
		if member.Default != nil {
			out[name] = *member.Default
		}
	}
	b, err := json.Marshal(out, json.Deterministic(true))
	must(err)
	cat.defaults.Store(at.File.Schema, b)
	return b
}
