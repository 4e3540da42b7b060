package snapshot

import (
	"slices"
	"strings"
)

// An index names what its folder holds: flows/flows.json lists flow ids, and a
// flow's metadata.json lists its screens. Only what an index lists is imported.

// substitute puts values for the variables of a pattern; ok is false where one
// is missing.
func substitute(pattern string, values vars) (string, bool) {
	before, rest, has := strings.Cut(pattern, "{")
	if !has {
		return pattern, true
	}
	name, after, _ := strings.Cut(rest, "}")
	value, ok := values.value(name)
	if !ok {
		return "", false
	}
	after, ok = substitute(after, values)
	return before + value + after, ok
}

// governor finds the index that lists the values of a variable of a path.
func governor(at place, variable string) (path string, index *File) {
	for i := range at.Section.Files {
		f := &at.Section.Files[i]
		if f.Governs != variable {
			continue
		}
		if path, ok := substitute(f.Pattern, at.Vars); ok {
			return path, f
		}
	}
	return "", nil
}

// names reads the list of an index.
func names(doc []byte, index *File) []string {
	v, err := parse(doc)
	if err != nil {
		return nil
	}
	items, _ := child(v, index.Lists).([]any)
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// indexes reads the indexes of a set of files as they are asked for. Files may be
// taken out of the set, but none may change.
type indexes struct {
	files Files
	read  map[string]index
}

// An index is what one file lists.
type index struct {
	names []string // in its order
	has   map[string]bool
}

func newIndexes(files Files) *indexes { return &indexes{files: files, read: map[string]index{}} }

// of returns what an index lists, if it is there.
func (x *indexes) of(path string, row *File) (list index, there bool) {
	doc, there := x.files[path]
	if !there {
		return index{}, false
	}
	list, read := x.read[path]
	if !read {
		list = index{names(doc, row), map[string]bool{}}
		for _, name := range list.names {
			list.has[name] = true
		}
		x.read[path] = list
	}
	return list, true
}

// unlisted returns a value of a path that its index does not list, and the path of
// that index, be it there or not. What an index lists that could not be read is not
// known.
func (x *indexes) unlisted(at place, unread map[string]bool) (value, by string, is bool) {
	for _, v := range at.Vars {
		by, row := governor(at, v.name)
		if row == nil || x.files[by] == nil && unread[by] {
			continue
		}
		if list, _ := x.of(by, row); !list.has[v.value] {
			return v.value, by, true
		}
	}
	return "", "", false
}

// dropUnlisted leaves out the files that no index lists, with a warning for
// each folder or file.
func (x *indexes) dropUnlisted(ps *problems) {
	unread := ps.files()
	var drop []string
	for _, path := range x.files.Paths() {
		at, _ := locate(path)
		if value, by, is := x.unlisted(at, unread); is {
			ps.add(Warning, path, "", CodeUnlisted, "add "+value+" to "+by, "no index lists the file; it is not imported")
			drop = append(drop, path)
		}
	}
	for _, path := range drop {
		delete(x.files, path)
	}
}

// checkListed reports names in an index whose files are not there.
func (x *indexes) checkListed(ps *problems) {
	files, unread := x.files, ps.files()
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Lists == "" {
			continue
		}
		list, _ := x.of(path, at.File)
		for i, name := range list.names {
			for _, part := range needed(at, name) {
				row, known := locate(part)
				if _, there := files[part]; there && known || unread[part] {
					continue
				}
				if ps.full() && Failed(ps.list) {
					return
				}
				ps.add(Error, path, "/"+escapePointer(at.File.Lists)+"/"+number(float64(i)), CodeListed,
					nearest(part, alike(files, row)), "lists %q, but %s is not in the snapshot", printablePath(name), printablePath(part))
			}
		}
	}
}

// alike returns the files of one row of the table.
func alike(files Files, row place) []string {
	return slices.DeleteFunc(files.Paths(), func(path string) bool {
		at, ok := locate(path)
		return !ok || at.File != row.File
	})
}

// needed returns the files that must be there for a name in an index.
func needed(index place, name string) []string {
	all := append(slices.Clip(index.Vars), variable{index.File.Governs, name})
	var out []string
	for i := range index.Section.Files {
		f := &index.Section.Files[i]
		if !f.Needed || strings.Count(f.Pattern, "{") != len(all) {
			continue
		}
		if path, ok := substitute(f.Pattern, all); ok {
			out = append(out, path)
		}
	}
	return out
}

// removed reports whether an upload, by what its indexes do not list, takes a
// file of the target away. Entities that are built in stay.
func (x *indexes) removed(at place) bool {
	for _, v := range at.Vars {
		list, present := x.of(governor(at, v.name))
		if present && !list.has[v.value] && !slices.Contains(builtinIn(at.Section, v.name), v.value) {
			return true
		}
	}
	return false
}

// builtinIn returns the ids of a variable of a section that every project has.
func builtinIn(s *Section, variable string) []string {
	for i := range s.Files {
		f := &s.Files[i]
		if f.Schema == "" || !strings.Contains(f.Pattern, "{"+variable+"}") {
			continue
		}
		if w := keywordsOf(schemaOf(f)).Entity; w != nil && w.ID == "$path" {
			return w.Builtin
		}
	}
	return nil
}
