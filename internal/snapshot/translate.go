package snapshot

import "maps"

// What a carrier needs that has the same configuration in a shape of its own:
// documents as values, and facts of the one table.

// ParseDocument reads a document that is in canonical form.
func ParseDocument(doc []byte) (any, error) { return parse(doc) }

// NewDocument writes a value, of the kinds that ParseDocument returns, as a
// document in canonical form.
func NewDocument(v any) []byte { return render(v) }

// Builtin reports whether every project has an entity of that kind by that id
// or name.
func Builtin(kind, word string) bool { return builtins()[idKey{kind, word}] }

// Defaults returns what the members of a file are where they are left out: a
// copy, for those whose schema declares a default.
func Defaults(path string) map[string]any {
	out := map[string]any{}
	at, _ := locate(path)
	s := schemaOf(at.File)
	if s == nil {
		return out
	}
	for k, p := range s.Properties {
		if p.Default != nil {
			out[k] = Clone(*p.Default)
		}
	}
	return out
}

// Clone returns a copy of a parsed document that shares nothing with it.
func Clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for k := range out {
			out[k] = Clone(out[k])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = Clone(v[i])
		}
		return out
	default:
		return v
	}
}
