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
	Vars    map[string]string
}

// A row is a pattern of the table, cut into its segments.
type row struct {
	place
	segs []string
}

// rows is the table by the first segment of the pattern, so that a path is
// compared with few of them.
var rows = sync.OnceValue(func() map[string][]row {
	out := map[string][]row{}
	for i := range Sections {
		s := &Sections[i]
		for j := range s.Files {
			segs := splitPattern(s.Files[j].Pattern)
			out[segs[0]] = append(out[segs[0]], row{place{Section: s, File: &s.Files[j]}, segs})
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
	for _, r := range rows()[first] {
		if vars, ok := r.match(path); ok {
			at := r.place
			at.Vars = vars
			return at, true
		}
	}
	return place{}, false
}

// match returns the values that a path gives to the variables of a pattern.
func (r *row) match(path string) (vars map[string]string, ok bool) {
	if strings.Count(path, "/") != len(r.segs)-1 {
		return nil, false
	}
	vars = map[string]string{}
	for _, pattern := range r.segs {
		var seg string
		seg, path, _ = strings.Cut(path, "/")
		name, value, ok := matchSegment(pattern, seg)
		if !ok {
			return nil, false
		}
		if name != "" {
			vars[name] = value
		}
	}
	return vars, true
}

// entityID is the id that the path itself gives to the entity in the file.
func (p place) entityID() string {
	for _, name := range []string{"flow", "id", "slug"} {
		if v, ok := p.Vars[name]; ok {
			return v
		}
	}
	return ""
}
