package infra

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"postern/internal/snapshot"
)

// A folder has a file for each entity and an index of them; the data groups
// them by a member.
type folder struct {
	kind, prefix, placeholder string
	group                     string // the member of an entity that is its group
	index, member             string
	file                      string // a pattern, with %s for the name of the file
	keys                      []string
	fill                      map[string]any // members that an entity must have in its file
}

type filed struct {
	slug string
	doc  map[string]any
}

// all returns the entities in the order of the index.
func (f folder) all(doc func(path string) map[string]any) []filed {
	var out []filed
	slugs, _ := texts(doc(f.index)[f.member])
	for _, slug := range slugs {
		if d := doc(fmt.Sprintf(f.file, slug)); d != nil {
			out = append(out, filed{slug, d})
		}
	}
	return out
}

func (f folder) stored(w *writer) []filed {
	return f.all(func(path string) map[string]any {
		d, _ := w.was(path).(map[string]any)
		return d
	})
}

func (f folder) settle(w *writer, pointer string, v any) {
	groups, ok := v.(map[string]any)
	if !ok {
		return // write says so
	}
	stored := f.stored(w)
	taken := map[string]string{}
	for _, group := range sortedKeys(groups) {
		if groups[group] == nil {
			continue
		}
		var same []map[string]any
		for _, s := range stored {
			if text(s.doc, f.group) == group {
				same = append(same, s.doc)
			}
		}
		here := pointer + "/" + escape(group)
		e := entities{kind: f.kind, prefix: f.prefix, placeholder: f.placeholder}
		if !e.settle(w, here, groups[group], same, group) {
			continue
		}
		for i, item := range objectsOf(groups[group]) {
			at := here + "/" + number(i)
			if other, twice := taken[text(item, "name")]; twice {
				w.breach(at+"/name", "must not be the name of another %s (%s)", f.kind, Path(other))
			}
			taken[text(item, "name")] = at
		}
	}
}

func (f folder) write(w *writer, pointer string, v any) {
	groups, ok := v.(map[string]any)
	if !ok {
		w.breach(pointer, "must be of type object")
		return
	}
	var sent []map[string]any
	for _, group := range sortedKeys(groups) {
		if groups[group] == nil {
			continue
		}
		here := pointer + "/" + escape(group)
		items, ok := w.objects(here, groups[group])
		if !ok {
			return
		}
		for i, item := range items {
			if got, there := item[f.group]; there && got != group {
				w.breach(here+"/"+number(i)+"/"+f.group, "must be %q, as the list that it is in", group)
			}
			item[f.group] = group
			for k, v := range f.fill {
				if item[k] == nil {
					item[k] = snapshot.Clone(v)
				}
			}
			w.mark(item, mark{at: here + "/" + number(i)})
		}
		sent = append(sent, items...)
	}
	f.place(w, pointer, sent, func(group string) bool { return groups[group] != nil })
}

// place gives each entity its file. A file keeps its name as long as its entity
// does.
func (f folder) place(w *writer, pointer string, sent []map[string]any, replaced func(group string) bool) {
	used := map[string]bool{f.member: true} // the name of the index
	slugs := []string{}
	done := map[string]bool{}
	for _, s := range f.stored(w) {
		id := text(s.doc, "id")
		item := entry(sent, "id", id)
		switch {
		case item == nil && replaced(text(s.doc, f.group)):
			continue
		case item == nil:
			w.doc(fmt.Sprintf(f.file, s.slug))
		case text(item, "name") != text(s.doc, "name"):
			f.join(item, s.doc)
			continue // renamed: its file is another one
		default:
			f.join(item, s.doc)
			w.out[fmt.Sprintf(f.file, s.slug)] = item
			done[id] = true
		}
		used[s.slug] = true
		slugs = append(slugs, s.slug)
	}
	for _, item := range sent {
		if done[text(item, "id")] {
			continue
		}
		maps.DeleteFunc(item, func(k string, v any) bool { return v == nil && f.fill[k] == nil })
		slug := free(kebab(text(item, "name")), f.kind, used)
		w.out[fmt.Sprintf(f.file, slug)] = item
		slugs = append(slugs, slug)
	}
	index := w.doc(f.index)
	index[f.member] = anys(slugs)
	w.mark(index, mark{at: pointer, whole: true})
}

// join gives an entity what only its stored form has.
func (f folder) join(item, stored map[string]any) {
	carry(item, stored, f.keys, "")
	for k, v := range f.fill {
		if was, there := stored[k]; there && was == nil && reflect.DeepEqual(item[k], v) {
			item[k] = nil // as it was: both say nothing
		}
	}
}

// free returns a name that is not used yet, and takes it.
func free(name, fallback string, used map[string]bool) string {
	if name == "" {
		name = fallback
	}
	try := name
	for i := 2; used[try]; i++ {
		try = fmt.Sprintf("%s-%d", name, i)
	}
	used[try] = true
	return try
}

func (f folder) read(r *reader) any {
	out := map[string]any{}
	for _, s := range f.all(r.doc) {
		group := text(s.doc, f.group)
		list, _ := out[group].([]any)
		item, _ := snapshot.Clone(s.doc).(map[string]any)
		for k, v := range f.fill {
			if was, there := item[k]; there && was == nil {
				item[k] = snapshot.Clone(v)
			}
		}
		out[group] = append(list, item)
	}
	return out
}

// themes are documents by the name of their file; their index holds what they
// have in common.
type themes struct{ index, member, file string }

func (themes) settle(*writer, string, any) {}

func (t themes) write(w *writer, pointer string, v any) {
	obj, _ := v.(map[string]any)
	all, ok := obj[t.member].(map[string]any)
	if !ok {
		w.breach(pointer+"/"+t.member, "must be of type object")
		return
	}
	index := w.doc(t.index)
	maps.Copy(index, obj)
	if refs, _ := obj["references"].(map[string]any); len(refs) == 0 {
		delete(index, "references")
	}
	was, _ := w.was(t.index).(map[string]any)
	before, _ := texts(was[t.member])
	order := []string{}
	for _, name := range before {
		if _, there := all[name]; there || snapshot.Builtin("style", name) {
			order = append(order, name)
		}
	}
	for _, name := range sortedKeys(all) {
		doc, ok := all[name].(map[string]any)
		if !ok || !machineID(name) {
			w.breach(pointer+"/"+t.member+"/"+escape(name), "must be an object under a name of letters, digits, - and _")
			continue
		}
		w.mark(doc, mark{at: pointer + "/" + t.member + "/" + escape(name)})
		w.out[fmt.Sprintf(t.file, name)] = doc
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		w.doc(fmt.Sprintf(t.file, name))
	}
	index[t.member] = anys(order)
	w.mark(index, mark{at: pointer})
}

func (t themes) read(r *reader) any {
	index := r.doc(t.index)
	if index == nil {
		return nil
	}
	out, _ := snapshot.Clone(index).(map[string]any)
	all := map[string]any{}
	names, _ := texts(index[t.member])
	for _, name := range names {
		if doc := r.doc(fmt.Sprintf(t.file, name)); doc != nil {
			all[name] = snapshot.Clone(doc)
		}
	}
	out[t.member] = all
	if out["references"] == nil {
		out["references"] = map[string]any{}
	}
	return out
}
