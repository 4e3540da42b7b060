package snapshot

import "github.com/go-json-experiment/json"

// SchemaDefaults returns, as a JSON object, what the schema of the file at path says
// of members that the file does not have. It is {} for a file without a schema.
func SchemaDefaults(path string) []byte {
	out := map[string]any{}
	if at, ok := locate(path); ok {
		if s := schemaOf(at.File); s != nil {
			for name, member := range s.Properties {
				if member.Default != nil {
					out[name] = *member.Default
				}
			}
		}
	}
	b, err := json.Marshal(out, json.Deterministic(true))
	must(err)
	return b
}
