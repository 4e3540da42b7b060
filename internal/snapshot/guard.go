package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// guards are the exclude keys that would have left alone what a frame, or with
// none a whole file, shows: the keys of what may be protected are those of what
// may be left out.
func (c *comparison) guards(f *frame) []string {
	if c.at.Section == nil {
		return nil
	}
	keys := []string{c.at.Section.Name}
	for g := f; g != nil; g = g.up {
		for _, w := range g.words {
			keys = append(keys, w.Exclude...)
		}
	}
	if f == nil && c.at.File.Schema != "" {
		for name, p := range schemaOf(c.at.File).Properties {
			if c.says(name) {
				keys = append(keys, keywordsOf(p).Exclude...)
			}
		}
	}
	return keys
}

// says reports whether the file has a member, before or after.
func (c *comparison) says(member string) bool {
	for _, content := range [][]byte{c.from[c.path], c.to[c.path]} {
		if doc, err := parse(content); err == nil && child(doc, member) != nil {
			return true
		}
	}
	return false
}

// A Protection names what an import must leave as it is: an exclude key, or an
// entity as its kind and its name, "connector:Mail".
type Protection string

// Check refuses what protects nothing.
func (p Protection) Check() error {
	if kind, name, ok := strings.Cut(string(p), ":"); ok && kind != "" && name != "" {
		known := EntityKinds()
		if slices.Contains(known, kind) || slices.ContainsFunc(known, func(k string) bool { return KindWords(k) == kind }) {
			return nil // an entity that is not there yet may be protected, too
		}
		return fmt.Errorf("%q protects nothing: %q is no kind of entity%s", printablePath(string(p)), printablePath(kind), hintAfter(nearest(kind, known)))
	}
	if slices.Contains(excludable(), string(p)) && !slices.Contains(acceptedExcludes, string(p)) {
		return nil
	}
	return fmt.Errorf("%q protects nothing: it must be an exclude key, or a kind and a name such as %q%s", printablePath(string(p)), "connector:Mail", hintAfter(nearest(string(p), excludable())))
}

func hintAfter(hint string) string {
	if hint == "" {
		return ""
	}
	return "; " + hint
}

// EntityKinds returns the kinds of entities that files declare, sorted.
func EntityKinds() []string { return slices.Clone(entityKinds()) }

var entityKinds = sync.OnceValue(func() []string {
	var out []string
	seen := map[*jsonschema.Schema]bool{}
	for _, s := range schemas().compiled {
		eachSchema(s, seen, func(s *jsonschema.Schema) {
			if e := keywordsOf(s).Entity; e != nil {
				out = append(out, e.Kind)
			}
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
})

// Covers reports whether a difference is of what is protected, under the name that
// it has or that it had.
func (p Protection) Covers(d Difference) bool {
	if kind, name, ok := strings.Cut(string(p), ":"); ok {
		return d.Kind == KindWords(kind) && (d.Name == name || d.formerly == name)
	}
	return slices.Contains(d.guards, string(p))
}

// CoversSecret reports whether a secret is of what is protected: of an entity of a
// kind, with a name, in a section.
func (p Protection) CoversSecret(section, kind, name string) bool {
	if k, n, ok := strings.Cut(string(p), ":"); ok {
		return KindWords(k) == KindWords(kind) && n == name
	}
	return string(p) == section
}

// What names what differs, for a sentence: a field, an entity or a file.
func (d Difference) What() string {
	what := d.File
	if d.Kind != "" {
		what = fmt.Sprintf("the %s %q", d.Kind, d.Name)
	}
	if d.Field != "" {
		what = d.Field + " of " + what
	}
	return printablePath(what)
}
