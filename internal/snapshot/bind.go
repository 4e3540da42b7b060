package snapshot

import (
	"path"
	"slices"
	"strconv"

	"postern/internal/ident"
)

// A draft is a configuration that is being made of an upload and a target:
// documents of the upload, joined with those of the target, and the files of
// the target that stay.
type draft struct {
	paths []string // of the documents, in order
	docs  map[string]*document
	facts map[string]*facts // of the same paths; copies, as binding changes them
	aside []*Entity         // entities of the upload whose section is excluded
	same  bool              // ids of the upload are those of the target

	base  []*Entity         // entities that the target has now
	was   map[string]*facts // of the target's files
	kept  map[string]*facts // of those that stay
	files Files             // the upload's own, before they were joined
	edits map[string][]edit

	rebound []Rebound
	bound   map[idKey]*Entity           // by the ids that the upload has for them; they have those of the target
	folders map[string]map[idKey]string // names by the ids that a folder's references give
}

type (
	idKey   struct{ kind, id string }
	nameKey struct{ kind, scope, name string }
)

func (e *Entity) nameKey() nameKey { return nameKey{e.Kind, e.scope, e.Name} }

// incoming visits the entities of the upload in the order of their files.
func (d *draft) incoming(visit func(*Entity)) {
	for _, file := range d.paths {
		for _, e := range d.facts[file].entities {
			visit(e)
		}
	}
}

// bind finds each entity of the upload in the target, by name where the schema
// says so, and gives it the id that it has there. A new entity keeps its id
// unless another one has it already. One that has none needs one if it has
// secrets, which are bound to it.
func (d *draft) bind() {
	d.bound = map[idKey]*Entity{}
	there := map[nameKey]*Entity{}
	for _, e := range d.base {
		if e.Name != "" {
			there[e.nameKey()] = e
		}
	}
	own := d.own()
	var fresh []*Entity
	claimed := map[idKey]bool{} // ids that an entity of the same name or one that stays has
	for _, f := range d.kept {
		for _, e := range f.entities {
			claimed[idKey{e.Kind, e.ID}] = true
		}
	}
	d.incoming(func(e *Entity) {
		if e.word.Match != "name" || e.Name == "" || e.builtin() || own[idKey{e.Kind, e.ID}] {
			claimed[idKey{e.Kind, e.ID}] = true
			return
		}
		if same := there[e.nameKey()]; same != nil && same.ID != "" && !own[idKey{e.Kind, same.ID}] {
			d.assign(e, same.ID, false)
			claimed[idKey{e.Kind, same.ID}] = true
			return
		}
		fresh = append(fresh, e)
	})
	d.name(fresh, claimed)
	d.readFolders()
}

// name settles the ids of entities that the target does not have by name.
func (d *draft) name(fresh []*Entity, claimed map[idKey]bool) {
	var nameless []*Entity
	for _, e := range fresh {
		key := idKey{e.Kind, e.ID}
		switch {
		case e.ID == "" && e.word.Secrets == "" && e.word.Prefix == "":
		case e.ID != "" && !claimed[key]:
			// Either nobody has the id, or the one who has it is gone from the
			// upload: then this is the same entity under a new name.
			claimed[key] = true
		default:
			nameless = append(nameless, e)
		}
	}
	for _, e := range d.base { // whoever gets an id gets the secrets stored under it
		claimed[idKey{e.Kind, e.ID}] = true
	}
	for _, e := range nameless {
		id, prefix := "", e.word.Prefix
		if e.ID != "" {
			prefix = idPrefix(e.ID)
		}
		for n := 0; id == "" || claimed[idKey{e.Kind, id}]; n++ {
			id = ident.Derive(prefix, e.Kind, e.scope, e.Name, e.ID, strconv.Itoa(n))
		}
		claimed[idKey{e.Kind, id}] = true
		d.assign(e, id, true)
	}
}

// own returns the ids of the target that the upload has, where they mean the
// same entities there: what was called otherwise was renamed.
func (d *draft) own() map[idKey]bool {
	out := map[idKey]bool{}
	if !d.same {
		return out
	}
	there := map[idKey]bool{}
	for _, e := range d.base {
		there[idKey{e.Kind, e.ID}] = e.ID != ""
	}
	d.incoming(func(e *Entity) {
		if key := (idKey{e.Kind, e.ID}); there[key] {
			out[key] = true
		}
	})
	return out
}

// idPrefix returns the capital letters that an id begins with.
func idPrefix(id string) string {
	for i, r := range id {
		if r < 'A' || r > 'Z' {
			return id[:min(i, 3)]
		}
	}
	return ""
}

// assign gives an entity its id in the target, which may not have it yet.
func (d *draft) assign(e *Entity, id string, fresh bool) {
	if key := (idKey{e.Kind, e.sourced}); e.sourced != "" && d.means(d.bound[key], e) {
		d.bound[key] = e
	}
	if e.ID == id {
		return
	}
	if e.ID != "" {
		d.rebound = append(d.rebound, Rebound{Kind: KindWords(e.Kind), Name: e.Name, From: e.ID, To: id, New: fresh})
	}
	e.ID = id
	d.edit(e.file, edit{pointer: e.pointer + "/" + escapePointer(e.word.ID), value: id})
}

// means reports whether a reference of the upload means e and not another entity
// with the same id: one that was joined from the target means nothing to it, and
// of two in the upload the first one counts.
func (d *draft) means(other, e *Entity) bool {
	if other == nil {
		return true
	}
	if first, second := d.brought(other), d.brought(e); first != second {
		return second
	}
	return e.file < other.file
}

// brought reports whether the upload itself has an entity.
func (d *draft) brought(e *Entity) bool {
	at, known := locate(e.file)
	doc, err := parse(d.files[e.file])
	return known && err == nil && slices.ContainsFunc(gather(e.file, at, doc).entities, func(o *Entity) bool { return o.Kind == e.Kind && o.scope == e.scope && o.ID == e.sourced })
}

func (d *draft) edit(file string, e edit) { d.edits[file] = append(d.edits[file], e) }

// readFolders notes which names the references of a folder give to ids. The
// ids in a flow may be those of the environment that it was drawn in; the
// names beside them decide.
func (d *draft) readFolders() {
	d.folders = map[string]map[idKey]string{}
	for _, file := range d.paths {
		for _, r := range d.facts[file].refs {
			if !r.keyID {
				continue
			}
			folder := path.Dir(file)
			if d.folders[folder] == nil {
				d.folders[folder] = map[idKey]string{}
			}
			d.folders[folder][idKey{r.word.Kind, r.value}] = r.name
		}
	}
}

// rebind rewrites the references of the upload to the ids of the target.
func (d *draft) rebind(all *world) {
	for _, file := range d.paths {
		for i := range d.facts[file].refs {
			r := &d.facts[file].refs[i]
			id := r.value
			switch {
			case r.keyID:
				if e := all.named(r.word.Kind, r.name); e != nil {
					id = e.ID
				}
			case r.word.By != "name":
				id = d.target(r, all)
			}
			if id != r.value {
				r.value = id
				d.edit(file, edit{pointer: r.pointer, value: r.prefix + id})
			}
		}
	}
}

// target returns the id in the target of what a reference by id means.
func (d *draft) target(r *ref, all *world) string {
	key := idKey{r.word.Kind, r.value}
	if e := d.bound[key]; e != nil {
		return e.ID
	}
	i := slices.IndexFunc(d.aside, func(e *Entity) bool { return e.word.Match == "name" && e.Kind == key.kind && e.ID == key.id })
	if i >= 0 {
		if e := all.exact[d.aside[i].nameKey()]; e != nil {
			return e.ID
		}
	}
	if name, ok := d.folders[path.Dir(r.file)][key]; ok {
		if e := all.named(key.kind, name); e != nil {
			return e.ID
		}
	}
	return r.value
}
