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

// rows is the table by the first segment of the pattern, so that a path is
// compared with few of them.
var rows = sync.OnceValue(func() map[string][]place {
	out := map[string][]place{}
	for i := range Sections {
		s := &Sections[i]
		for j := range s.Files {
			first, _, _ := strings.Cut(s.Files[j].Pattern, "/")
			out[first] = append(out[first], place{Section: s, File: &s.Files[j]})
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b place) int {
			return strings.Count(a.File.Pattern, "{") - strings.Count(b.File.Pattern, "{")
		})
	}
	return out
})

// locate finds the row of a path.
func locate(path string) (place, bool) {
	first, _, _ := strings.Cut(path, "/")
	segs := splitPattern(path)
next:
	for _, row := range rows()[first] {
		pattern := splitPattern(row.File.Pattern)
		if len(pattern) != len(segs) {
			continue
		}
		row.Vars = map[string]string{}
		for i, seg := range segs {
			name, value, ok := matchSegment(pattern[i], seg)
			if !ok {
				continue next
			}
			if name != "" {
				row.Vars[name] = value
			}
		}
		return row, true
	}
	return place{}, false
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
