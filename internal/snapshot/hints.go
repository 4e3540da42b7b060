package snapshot

import (
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// untold reports whether there is nothing to say of a value but its type: it has
// no parts, and no schema of it has a keyword of ours that is about it.
func untold(v any, schemas []*jsonschema.Schema) bool {
	switch v := v.(type) {
	case map[string]any, []any:
		return false
	case string:
		if v == Placeholder {
			return false
		}
	}
	for _, s := range schemas {
		if !hintsOf(s).silent {
			return false
		}
	}
	return true
}

// hints are what is known of a schema before any value is.
type hints struct {
	silent bool     // neither it nor what it applies besides has a keyword of ours
	needed []string // members of it that say something where they are not there, in order
}

// hintsOf returns the hints of a schema that walk reaches.
func hintsOf(s *jsonschema.Schema) *hints { return allHints()[s] }

var allHints = sync.OnceValue(func() map[*jsonschema.Schema]*hints {
	out := map[*jsonschema.Schema]*hints{}
	seen := map[*jsonschema.Schema]bool{}
	for _, root := range schemas().compiled {
		eachSchema(root, seen, func(s *jsonschema.Schema) {
			h := &hints{silent: !slices.ContainsFunc(closure(list(s)), tells)}
			for _, k := range sortedKeys(s.Properties) {
				if slices.ContainsFunc(closure(list(s.Properties[k])), speaksOfAbsence) {
					h.needed = append(h.needed, k)
				}
			}
			out[s] = h
		})
	}
	return out
})

// speaksOfAbsence reports whether a schema says something of a member that is
// not there.
func speaksOfAbsence(s *jsonschema.Schema) bool {
	w := keywordsOf(s)
	return w.Secret != nil || w.RequiredWhen != nil
}
