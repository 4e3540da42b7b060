package snapshot

import (
	"path"
	"slices"
	"sync"
)

// A world is every entity of a whole configuration, to look references up in.
type world struct {
	ids   map[idKey]*Entity
	exact map[nameKey]*Entity
	names map[string]map[string]*Entity // by kind and name
	local map[string]map[idKey]bool     // by folder
}

func newWorld() *world {
	return &world{
		ids: map[idKey]*Entity{}, exact: map[nameKey]*Entity{},
		names: map[string]map[string]*Entity{}, local: map[string]map[idKey]bool{},
	}
}

func (w *world) add(e *Entity) {
	key := idKey{e.Kind, e.ID}
	w.ids[key] = e
	if e.Name != "" {
		w.exact[e.nameKey()] = e
		if w.names[e.Kind] == nil {
			w.names[e.Kind] = map[string]*Entity{}
		}
		// A name alone means the entity of the whole project, not the one of
		// the same name that belongs to an application.
		if was := w.names[e.Kind][e.Name]; was == nil || was.within != "" {
			w.names[e.Kind][e.Name] = e
		}
	}
	folder := path.Dir(e.file)
	if w.local[folder] == nil {
		w.local[folder] = map[idKey]bool{}
	}
	w.local[folder][key] = true
}

// named returns the entity of a kind with a name, or nil.
func (w *world) named(kind, name string) *Entity { return w.names[kind][name] }

// resolves reports whether a reference names something that exists.
func (w *world) resolves(r ref) bool {
	if r.keyID {
		return w.named(r.word.Kind, r.name) != nil || builtins()[idKey{r.word.Kind, r.name}]
	}
	key := idKey{r.word.Kind, r.value}
	if builtins()[key] {
		return true
	}
	byID, byName := w.ids[key] != nil, w.named(r.word.Kind, r.value) != nil
	if r.word.Scope == "folder" {
		return w.local[path.Dir(r.file)][key]
	}
	switch r.word.By {
	case "id":
		return byID
	case "name":
		return byName
	default:
		return byID || byName
	}
}

// candidates returns what a reference could have meant.
func (w *world) candidates(r ref) []string {
	var out []string
	for name := range w.names[r.word.Kind] {
		out = append(out, name)
	}
	if !r.keyID && r.word.By != "name" {
		for key := range w.ids {
			if key.kind == r.word.Kind {
				out = append(out, key.id)
			}
		}
	}
	for key := range builtins() {
		if key.kind == r.word.Kind {
			out = append(out, key.id)
		}
	}
	return out
}

// builtins is what exists in every project, whether a snapshot lists it or not.
var builtins = sync.OnceValue(func() map[idKey]bool {
	out := map[idKey]bool{}
	var each func(v any)
	each = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if w, ok := v["x-entity"].(map[string]any); ok {
				kind, _ := w["kind"].(string)
				words, _ := w["builtin"].([]any)
				for _, word := range words {
					if s, ok := word.(string); ok {
						out[idKey{kind, s}] = true
					}
				}
			}
			for _, sub := range v {
				each(sub)
			}
		case []any:
			for _, sub := range v {
				each(sub)
			}
		}
	}
	for _, doc := range schemas().docs {
		each(doc)
	}
	return out
})

// checkRefs reports references of the whole configuration that name nothing:
// those of the upload where they stand, and those of what stays where the
// upload takes away what they need.
func (d *draft) checkRefs(w *world, ps *problems) {
	before := sync.OnceValue(func() *world { // of what resolves nobody asks
		was := newWorld()
		for _, e := range d.base {
			was.add(e)
		}
		return was
	})
	for _, file := range d.paths {
		for _, r := range d.facts[file].refs {
			switch {
			case ps.full() && Failed(ps.list):
				return
			case w.resolves(r):
			case before().resolves(r) && !d.says(r):
				r.stillNeeded(Error, ps)
			case before().resolves(r) && d.stood(r):
				r.stillNeeded(r.level(), ps)
			default:
				ps.add(r.level(), file, r.pointer, CodeReference, r.hint(w), "there is no %s %q", KindWords(r.word.Kind), printablePath(r.said()))
			}
		}
	}
	for _, file := range sortedKeys(d.kept) {
		for _, r := range d.kept[file].refs {
			if !w.resolves(r) && before().resolves(r) {
				r.stillNeeded(Error, ps)
			}
		}
	}
}

// stood reports whether the target has the same reference now.
func (d *draft) stood(r ref) bool {
	was := d.was[r.file]
	return was != nil && slices.ContainsFunc(was.refs, func(o ref) bool {
		return o.pointer == r.pointer && o.value == r.value && o.name == r.name
	})
}

// says reports whether the upload itself has the reference. One that it leaves
// out stays as the target has it.
func (d *draft) says(r ref) bool {
	doc, err := parse(d.files[r.file])
	return err != nil || lookupPointer(doc, r.pointer) != nil
}

// stillNeeded reports a reference whose entity the import removes. What stays
// of the target is never broken, not even where a reference that leads nowhere
// would only be a warning in an upload.
func (r ref) stillNeeded(level Level, ps *problems) {
	ps.add(level, r.file, r.pointer, CodeStillNeeded, "change what refers to it too, or keep what it refers to",
		"the import removes the %s %q, to which this still refers", KindWords(r.word.Kind), printablePath(r.said()))
}

func (r ref) level() Level {
	if r.word.Level == string(Warning) {
		return Warning
	}
	return Error
}

func (r ref) said() string {
	if r.keyID {
		return r.name
	}
	return r.value
}

func (r ref) hint(w *world) string { return nearest(r.said(), w.candidates(r)) }

// KindWords writes the kind of an entity as words: "jwtTemplate" is "jwt template".
func KindWords(kind string) string {
	var out []rune
	for _, c := range kind {
		if 'A' <= c && c <= 'Z' {
			out = append(out, ' ', c+'a'-'A')
			continue
		}
		out = append(out, c)
	}
	return string(out)
}
