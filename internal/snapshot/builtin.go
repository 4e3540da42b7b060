package snapshot

import "slices"

// BuiltIn returns the names, or else the ids, of the entities of a kind that every
// project has, sorted: the schemas say which.
func BuiltIn(kind string) []string {
	var out []string
	for key := range builtins() {
		if key.kind == kind {
			out = append(out, key.id)
		}
	}
	slices.Sort(out)
	return out
}
