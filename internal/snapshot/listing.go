package snapshot

import (
	"maps"
	"slices"
	"strings"
)

// An index names what its folder holds: flows/flows.json lists flow ids, and a
// flow's metadata.json lists its screens. Only what an index lists is imported.

// substitute puts values for the variables of a pattern; ok is false where one
// is missing.
func substitute(pattern string, vars map[string]string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, has := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !has {
			return b.String(), true
		}
		name, after, _ := strings.Cut(rest, "}")
		value, ok := vars[name]
		if !ok {
			return "", false
		}
		b.WriteString(value)
		pattern = after
	}
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

// indexes reads the indexes of a set of files as they are asked for.
type indexes struct {
	files Files
	cache map[string][]string
}

func newIndexes(files Files) *indexes { return &indexes{files: files, cache: map[string][]string{}} }

// lists reports whether the index of a variable of a path is there, and
// whether it lists the path.
func (x *indexes) lists(at place, variable string) (present, listed bool) {
	path, index := governor(at, variable)
	doc, ok := x.files[path]
	if !ok {
		return false, false
	}
	all, ok := x.cache[path]
	if !ok {
		all = names(doc, index)
		x.cache[path] = all
	}
	return true, slices.Contains(all, at.Vars[variable])
}

// dropUnlisted leaves out the files that no index lists, with a warning for
// each folder or file.
func dropUnlisted(files Files, ps *problems) {
	x, unread := newIndexes(files), ps.files()
	var drop []string
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok {
			continue
		}
		for _, variable := range sortedKeys(at.Vars) {
			if _, index := governor(at, variable); index == nil {
				continue
			}
			if _, listed := x.lists(at, variable); !listed {
				by, _ := governor(at, variable)
				if files[by] == nil && unread[by] {
					continue // what it lists is not known
				}
				ps.add(Warning, path, "", CodeUnlisted, "add "+at.Vars[variable]+" to "+by, "no index lists the file; it is not imported")
				drop = append(drop, path)
				break
			}
		}
	}
	for _, path := range drop {
		delete(files, path)
	}
}

// checkListed reports names in an index whose files are not there.
func checkListed(files Files, ps *problems) {
	unread := ps.files()
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Lists == "" {
			continue
		}
		for i, name := range names(files[path], at.File) {
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
	vars := map[string]string{index.File.Governs: name}
	maps.Copy(vars, index.Vars)
	var out []string
	for i := range index.Section.Files {
		f := &index.Section.Files[i]
		if !f.Needed || strings.Count(f.Pattern, "{") != len(vars) {
			continue
		}
		if path, ok := substitute(f.Pattern, vars); ok {
			out = append(out, path)
		}
	}
	return out
}

// removed reports whether an upload, by what its indexes do not list, takes a
// file of the target away. Entities that are built in stay.
func (x *indexes) removed(path string) bool {
	at, ok := locate(path)
	if !ok {
		return false
	}
	for variable, value := range at.Vars {
		present, listed := x.lists(at, variable)
		if present && !listed && !slices.Contains(builtinIn(at.Section, variable), value) {
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
