package infra

import (
	"slices"

	"postern/internal/ident"
	"postern/internal/snapshot"
)

// A list is a list in a file, or those of its entries that are marked.
type list struct {
	file, member string
	kind         string
	prefix       string
	placeholder  string
	named        bool // entries have no id but their name
	tag, tagged  string
	with         string // a member that an entry of the area has
	without      string // a member that an entry of the area does not have
	keys         []string
	parts        map[string]string // lists of entities in an entry, with the prefix of their ids
	client       bool              // the entry is a client with an id and a secret
}

// mine reports whether a stored entry belongs to the area.
func (l list) mine(item any) bool {
	obj, ok := item.(map[string]any)
	if !ok || snapshot.Builtin(l.kind, text(obj, "id")) || snapshot.Builtin(l.kind, text(obj, "name")) {
		return false
	}
	switch {
	case l.tag != "":
		return text(obj, l.tag) == l.tagged
	case l.with != "":
		_, has := obj[l.with].(map[string]any)
		return has
	case l.without != "":
		return text(obj, l.without) == ""
	}
	return true
}

func (l list) stored(doc any) []map[string]any {
	obj, _ := doc.(map[string]any)
	return slices.DeleteFunc(objectsOf(obj[l.member]), func(item map[string]any) bool { return !l.mine(item) })
}

func (l list) settle(w *writer, pointer string, v any) {
	stored := l.stored(w.was(l.file))
	if l.named {
		return
	}
	e := entities{kind: l.kind, prefix: l.prefix, placeholder: l.placeholder}
	if !e.settle(w, pointer, v, stored, "") {
		return
	}
	for i, item := range objectsOf(v) {
		was := entry(stored, "id", text(item, "id"))
		for _, part := range sortedKeys(l.parts) {
			if sub := item[part]; sub != nil {
				entities{kind: l.kind + "/" + part, prefix: l.parts[part]}.settle(w, pointer+"/"+number(i)+"/"+part, sub, objectsOf(was[part]), "")
			}
		}
	}
}

func entry(list []map[string]any, member, value string) map[string]any {
	for _, item := range list {
		if text(item, member) == value && value != "" {
			return item
		}
	}
	return nil
}

func (l list) write(w *writer, pointer string, v any) {
	items, ok := w.objects(pointer, v)
	if !ok {
		return
	}
	key := "id"
	if l.named {
		key = "name"
	}
	stored := l.stored(w.was(l.file))
	for i, item := range items {
		here := pointer + "/" + number(i)
		was := entry(stored, key, text(item, key))
		if l.client {
			l.asClient(w, here, item, was)
		}
		carry(item, was, l.keys, "")
		if l.tag != "" {
			item[l.tag] = l.tagged
		}
		if _, has := item[l.with].(map[string]any); l.with != "" && !has {
			w.breach(here+"/"+l.with, "must be of type object")
		}
		w.mark(item, mark{at: here})
	}
	doc := w.doc(l.file)
	was, _ := doc[l.member].([]any)
	next := []any{} // entries keep their places as far as there are as many
	for _, item := range was {
		switch {
		case !l.mine(item):
			next = append(next, item)
		case len(items) > 0:
			next = append(next, items[0])
			items = items[1:]
		}
	}
	for _, item := range items {
		next = append(next, item)
	}
	doc[l.member] = next
}

// asClient settles the id and the secret with which an application shows who
// it is: both are made where a new one brings none, and the id never changes.
func (l list) asClient(w *writer, pointer string, item, was map[string]any) {
	settings, ok := item[l.with].(map[string]any)
	if !ok {
		return
	}
	old, _ := was[l.with].(map[string]any)
	id := text(settings, "clientId")
	switch {
	case id != "" && text(old, "clientId") != "" && id != text(old, "clientId"):
		w.breach(pointer+"/"+l.with+"/clientId", "must not change; remove the application and make another one")
	case id == "" && text(old, "clientId") == "":
		settings["clientId"] = ident.New("")
	case id == "":
		delete(settings, "clientId")
	}
	if was == nil && text(settings, "clientSecret") == "" && settings["clientType"] != "public" {
		made := ident.Random(43)
		settings["clientSecret"] = made
		w.request.once = append(w.request.once, once{
			area: "/applications/" + l.with, id: text(item, "id"), member: "/" + l.with + "/clientSecret", value: made,
		})
	}
}

func (l list) read(r *reader) any {
	out := []any{}
	for _, item := range l.stored(r.doc(l.file)) {
		entry, _ := snapshot.Clone(item).(map[string]any)
		if l.tag != "" {
			delete(entry, l.tag)
		}
		out = append(out, entry)
	}
	return out
}
