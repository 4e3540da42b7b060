package infra

import (
	"maps"
	"strconv"

	"postern/internal/snapshot"
)

func number(i int) string { return strconv.Itoa(i) }

// A container is an object that is always there and holds areas.
type container struct{}

func (container) settle(*writer, string, any) {}
func (container) write(*writer, string, any)  {}
func (container) read(*reader) any            { return map[string]any{} }

// words are values of a snapshot by the words that the data has for them.
type words map[string]any

// A document is an object that has the members of a file, but for those that
// are told here. A member that is missing stays as it is.
type document struct {
	file     string
	words    map[string]words
	services []service
	hide     []string // members that the data does not have
	always   bool     // there even where the file is not
}

// A service is who sends messages, and what they say: two members of a
// document.
type service struct {
	provider, templates string
	rename              map[string]string // members of a template: data to file
	active              string            // the member that names the active one; "" where a template says so itself
}

const builtinSender = "Descope"

// providers are the members that name who sends messages.
func providers() []string {
	var out []string
	for _, a := range areas {
		if d, ok := a.shape.(document); ok {
			for _, s := range d.services {
				out = append(out, s.provider)
			}
		}
	}
	return out
}

func (d document) settle(w *writer, pointer string, v any) {
	obj, ok := v.(map[string]any)
	if !ok {
		return // write says so
	}
	stored, _ := w.was(d.file).(map[string]any)
	for _, s := range d.services {
		if v := obj[s.templates]; v != nil {
			templates := entities{kind: "messageTemplate", prefix: "MT"}
			templates.settle(w, pointer+"/"+s.templates, v, objectsOf(stored[s.templates]), "")
		}
	}
}

func (d document) write(w *writer, pointer string, v any) {
	obj, ok := v.(map[string]any)
	if !ok {
		w.breach(pointer, "must be of type object")
		return
	}
	doc := map[string]any{}
	w.out[d.file] = doc // what it leaves out stays
	w.mark(doc, mark{at: pointer})
	for _, k := range sortedKeys(obj) {
		v := obj[k]
		if table, ok := d.words[k]; ok {
			if word, isText := v.(string); isText && table[word] != nil {
				v = table[word]
			}
		}
		doc[k] = v
	}
	for _, s := range d.services {
		s.write(w, pointer, doc, d.file)
	}
}

// write puts the templates of a service beside those that are built in.
func (s service) write(w *writer, pointer string, doc map[string]any, file string) {
	list, provider := doc[s.templates], doc[s.provider]
	delete(doc, s.templates)
	here := pointer + "/" + s.templates
	if _, sent := doc[s.provider]; sent && (provider == "" || provider == nil) {
		w.breach(pointer+"/"+s.provider, "must name a connector or be %q", builtinSender)
	}
	if list == nil {
		return
	}
	items, ok := w.objects(here, list)
	if !ok {
		return
	}
	if _, sent := doc[s.provider]; !sent && len(items) > 0 {
		w.breach(pointer+"/"+s.provider, "must name a connector or be %q where there are templates", builtinSender)
	}
	active, back := "", map[string]string{}
	for k, stored := range s.rename {
		back[stored] = k
	}
	var own []any
	for i, item := range items {
		if item["active"] == true {
			active = text(item, "id")
			if provider == builtinSender {
				w.breach(here+"/"+number(i)+"/active", "must be false where %s is %q", s.provider, builtinSender)
			}
		}
		for _, member := range []string{"name", "subject"} {
			_, known := item[member]
			if needed := member == "name" || s.provider == mail.provider || s.rename[member] != ""; needed && (!known || item[member] == "") {
				w.breach(here+"/"+number(i)+"/"+member, "must be there")
			}
		}
		entry := map[string]any{}
		for k, v := range item {
			if stored, ok := s.rename[k]; ok {
				k = stored
			}
			entry[k] = v
		}
		if s.active != "" {
			delete(entry, "active")
		}
		w.mark(entry, mark{at: here + "/" + number(i), rename: back})
		own = append(own, entry)
	}
	stored, _ := w.was(file).(map[string]any)
	all := []any{}
	for _, item := range objectsOf(stored[s.templates]) {
		if builtinTemplate(item) {
			kept, _ := snapshot.Clone(item).(map[string]any)
			if s.active == "" {
				kept["active"] = active == ""
			}
			all = append(all, kept)
		}
	}
	doc[s.templates] = append(all, own...)
	if s.active != "" {
		doc[s.active] = active
	}
}

// builtinTemplate reports whether a stored template is the one that every
// project has. It may lack an id and a name.
func builtinTemplate(t map[string]any) bool {
	id, name := text(t, "id"), text(t, "name")
	return id == "" && name == "" || snapshot.Builtin("messageTemplate", id) || snapshot.Builtin("messageTemplate", name)
}

func (d document) read(r *reader) any {
	stored := r.doc(d.file)
	if stored == nil && !d.always {
		return nil
	}
	out := map[string]any{}
	maps.Copy(out, snapshot.Defaults(d.file))
	for k, v := range stored {
		out[k] = snapshot.Clone(v)
	}
	for _, k := range d.hide {
		delete(out, k)
	}
	for k, table := range d.words {
		for word, v := range table {
			if out[k] == v {
				out[k] = word
			}
		}
	}
	for _, s := range d.services {
		s.read(r, stored, out)
	}
	for k := range out {
		if unit, ok := out[k+"Unit"]; ok && unit == "" { // not set
			delete(out, k)
			delete(out, k+"Unit")
		}
	}
	return out
}

func (s service) read(r *reader, stored, out map[string]any) {
	if v, ok := out[s.provider].(string); ok {
		out[s.provider] = r.sender(v)
	}
	if _, ok := stored[s.templates]; !ok {
		return
	}
	list := []any{}
	for _, item := range objectsOf(stored[s.templates]) {
		if builtinTemplate(item) {
			continue
		}
		entry, _ := snapshot.Clone(item).(map[string]any)
		for k, name := range s.rename {
			if v, ok := entry[name]; ok {
				delete(entry, name)
				entry[k] = v
			}
		}
		if s.active != "" {
			entry["active"] = text(stored, s.active) == text(entry, "id")
		}
		list = append(list, entry)
	}
	out[s.templates] = list
}

// sender writes who sends messages as the data has it.
func (r *reader) sender(v string) string {
	if v == "" {
		return builtinSender
	}
	for _, a := range areas {
		f, ok := a.shape.(folder)
		if !ok {
			continue
		}
		for _, c := range f.all(r.doc) {
			if text(c.doc, "id") == v { // without its type
				return text(c.doc, f.group) + ":" + v
			}
		}
	}
	return v
}

// A value is one member of a file.
type value struct{ file, member string }

func (value) settle(*writer, string, any) {}

func (l value) write(w *writer, pointer string, v any) {
	doc := map[string]any{l.member: v}
	w.mark(doc, mark{at: pointer, whole: true})
	w.out[l.file] = doc
}

func (l value) read(r *reader) any {
	if v, ok := r.doc(l.file)[l.member]; ok && v != "" {
		return v
	}
	return nil
}
