package snapshot

import (
	"slices"
	"strings"
	"sync"
)

// A Section is one part of a snapshot: what an exclude key leaves untouched.
type Section struct {
	Name  string // the word for it in excludes, plans, commands and metrics
	Title string // what people read
	Doc   string // one sentence for the reference
	Files []File
}

// A File declares the files of one pattern.
type File struct {
	// Pattern is a path with variables: "flows/{id}/metadata.json". A pattern
	// without variables goes before one with.
	Pattern string
	// Schema names the schema of the document; "" is a file that is kept as it is.
	Schema string
	// Lists is the member that names the values of the variable Governs, for
	// an index: only what it lists is imported.
	Lists, Governs string
	// Needed is a file that must be there for each name that an index lists.
	Needed bool
	// Kind replaces the kind of the entity that the schema declares for the
	// whole file, where two sections share a schema.
	Kind string
}

// place is where a path belongs in the table.
type place struct {
	Section *Section
	File    *File
	Vars    vars
}

// vars are the values that a path gives to the variables of its pattern, in the
// order of the pattern.
type vars []variable

type variable struct{ name, value string }

// value returns that of a variable.
func (v vars) value(name string) (value string, ok bool) {
	for _, one := range v {
		if one.name == name {
			return one.value, true
		}
	}
	return "", false
}

// A row is a pattern of the table, cut into its segments.
type row struct {
	place
	segs          []segment
	variables     int
	before, after string // what stands before the first variable and behind the last one
}

func newRow(at place) row {
	var segs []segment
	for _, seg := range splitPattern(at.File.Pattern) {
		segs = append(segs, cutSegment(seg))
	}
	pattern := at.File.Pattern
	before, _, _ := strings.Cut(pattern, "{")
	return row{at, segs, strings.Count(pattern, "{"), before, pattern[strings.LastIndexByte(pattern, '}')+1:]}
}

// rows is the table by the first segment of the pattern, so that a path is
// compared with few of them.
var rows = sync.OnceValue(func() map[string][]row {
	out := map[string][]row{}
	for i := range Sections {
		s := &Sections[i]
		for j := range s.Files {
			first, _, _ := strings.Cut(s.Files[j].Pattern, "/")
			out[first] = append(out[first], newRow(place{Section: s, File: &s.Files[j]}))
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b row) int {
			return strings.Count(a.File.Pattern, "{") - strings.Count(b.File.Pattern, "{")
		})
	}
	return out
})

// locate finds the row of a path. A check asks for every path several times.
func locate(path string) (place, bool) {
	first, _, _ := strings.Cut(path, "/")
	list := rows()[first]
	for i := range list {
		if at, ok := list[i].match(path); ok {
			return at, true
		}
	}
	return place{}, false
}

// match returns the place of a path, with the values that it gives to the
// variables, if it fits the pattern.
func (r *row) match(path string) (place, bool) {
	if !strings.HasPrefix(path, r.before) || !strings.HasSuffix(path, r.after) || strings.Count(path, "/") != len(r.segs)-1 {
		return place{}, false
	}
	at := r.place
	at.Vars = make(vars, 0, r.variables)
	for _, pattern := range r.segs {
		var seg string
		seg, path, _ = strings.Cut(path, "/")
		value, ok := pattern.match(seg)
		if !ok {
			return place{}, false
		}
		if pattern.name != "" {
			at.Vars = append(at.Vars, variable{pattern.name, value})
		}
	}
	return at, true
}

// entityID is the id that the path itself gives to the entity in the file.
func (p place) entityID() string {
	for _, name := range []string{"flow", "id", "slug"} {
		if v, ok := p.Vars.value(name); ok {
			return v
		}
	}
	return ""
}
