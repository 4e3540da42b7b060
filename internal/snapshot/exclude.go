package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// excludable is every exclude key: one a section, and those that the schemas
// declare for single members ("project.domain").
var excludable = sync.OnceValue(func() []string {
	keys := map[string]bool{}
	for _, s := range Sections {
		if s.Name == "format" {
			continue // the version says how to read the rest
		}
		keys[s.Name] = true
		for _, f := range s.Files {
			if f.Schema == "" {
				continue
			}
			for _, p := range schemaOf(&f).Properties {
				for _, k := range keywordsOf(p).Exclude {
					keys[k] = true
				}
			}
		}
	}
	return append(sortedKeys(keys), acceptedExcludes...)
})

// acceptedExcludes are keys of the wire whose settings no longer exist: what
// project.conformanceJwt left untouched is now part of the JWT templates. They
// are taken, and leave nothing untouched.
var acceptedExcludes = []string{"project.conformanceJwt"}

// ExcludeKeys returns every exclude key, in order.
func ExcludeKeys() []string {
	keys := slices.Clone(excludable())
	slices.Sort(keys)
	return keys
}

// excludes is what an import leaves as the target has it.
type excludes map[string]bool

// parseExcludes refuses keys that do not exist: a misspelt one would change
// what was meant to stay.
func parseExcludes(keys []string, ps *problems) excludes {
	ex := excludes{}
	for i, k := range keys {
		if !slices.Contains(excludable(), k) {
			hint := nearest(k, excludable())
			if hint == "" {
				hint = "valid keys: " + strings.Join(ExcludeKeys(), ", ")
			} else {
				hint += " valid keys: " + strings.Join(ExcludeKeys(), ", ")
			}
			ps.add(Error, "", fmt.Sprintf("/excludes/%d", i), CodeExclude, hint, "the exclude key %q does not exist", printablePath(k))
			continue
		}
		ex[k] = true
	}
	return ex
}

// section reports whether the whole section of a file is excluded.
func (ex excludes) section(at place) bool { return at.Section != nil && ex[at.Section.Name] }

// member reports whether a member of a document is excluded on its own.
func (ex excludes) member(w *keywords) bool {
	return slices.ContainsFunc(w.Exclude, func(k string) bool { return ex[k] })
}
