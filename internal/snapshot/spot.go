package snapshot

import (
	"slices"
	"strings"
)

// A Finder finds where in the files of a snapshot the things are that
// differences are about. The files are not those that were compared: ids may be
// others there, and what lists hold may stand in another order.
type Finder struct {
	files Files
	spots map[string]map[spot]string
}

// NewFinder makes a finder of some files, which must not change while it is used.
func NewFinder(files Files) *Finder {
	return &Finder{files: files, spots: map[string]map[spot]string{}}
}

// A spot is a value of a document by what people know it by.
type spot struct {
	kind, key string // of its entity: the kind in words, and the id or the name
	field     string // in its entity, or in the file where it has none
}

// Find returns the file and the JSON pointer (RFC 6901) of what a difference is
// about, or of the nearest thing around it that is there: of what is removed, the
// list that names it no more. The pointer is blank for a whole file. Where
// nothing of it is there, the file is the one that the difference names.
func (f *Finder) Find(d Difference) (file, pointer string) {
	if f.files[d.File] == nil {
		return f.index(d.File)
	}
	all := f.read(d.File)
	for field := d.Field; ; field = field[:max(strings.LastIndexByte(field, '/'), 0)] {
		for _, key := range []string{d.Name, d.ID} {
			if at, ok := all[spot{d.Kind, key, field}]; ok && (key != "" || d.Kind == "") {
				return d.File, at
			}
		}
		if field == "" {
			return d.File, ""
		}
	}
}

// FindSecret returns the file and the JSON pointer of the place for a secret, or
// of the entity that lacks it; blank where no file has it.
func (f *Finder) FindSecret(m MissingSecret) (file, pointer string) {
	for _, path := range f.files.Paths() {
		at, ok := locate(path)
		doc, err := parse(f.files[path])
		if !ok || err != nil || at.File.Schema == "" {
			continue
		}
		for _, e := range gather(path, at, doc).entities {
			if e.word.Secrets != m.Group || e.label() != m.Name && e.ID != m.ID {
				continue
			}
			file, pointer = path, e.pointer
			for _, s := range e.secrets {
				if s.kind() == m.Type {
					return path, s.pointer
				}
			}
		}
	}
	return file, pointer
}

// index finds the list that would name a file.
func (f *Finder) index(path string) (file, pointer string) {
	at, ok := locate(path)
	if !ok {
		return path, ""
	}
	x := newIndexes(f.files)
	for _, v := range at.Vars {
		by, row := governor(at, v.name)
		if list, there := x.of(by, row); there && !list.has[v.value] {
			return by, "/" + escapePointer(row.Lists)
		}
	}
	return path, ""
}

// read notes every value of a file. Of two with one name the first counts.
func (f *Finder) read(path string) map[spot]string {
	if all, ok := f.spots[path]; ok {
		return all
	}
	all := map[spot]string{}
	f.spots[path] = all
	at, ok := locate(path)
	doc, err := parse(f.files[path])
	if !ok || at.File.Schema == "" || err != nil {
		return all
	}
	c := &comparison{from: f.files, to: f.files, at: at, path: path}
	walkDeclared(c, c.root(doc), func(g *frame) {
		s, keys := spot{field: g.field}, []string{""}
		if e := g.entity; e != nil && !strings.HasPrefix(e.word.ID, "=") {
			s.kind, keys = KindWords(e.Kind), []string{e.Name, e.ID}
		}
		for _, key := range slices.Compact(keys) {
			s.key = key
			if _, twice := all[s]; !twice {
				all[s] = g.pointer
			}
		}
	})
	return all
}
