package infra

import (
	"maps"
	"slices"
	"strings"

	"postern/internal/ident"
	"postern/internal/snapshot"
)

// minted is what a placeholder turned out to be.
type minted struct{ id, kind string } // kind is the type of a connector

const placeholderPrefix = "ref:"

// entities are entries of a list that names or ids tell apart.
type entities struct {
	kind        string // as the one table has it
	prefix      string // of new ids
	placeholder string // the word of its placeholders, "" for none
}

// settle gives each entry of a list the id that it will have: the one that it
// brings, or that of the stored entry of its name, or a new one. It reports
// whether v is a list of objects.
func (e entities) settle(w *writer, pointer string, v any, stored []map[string]any, kind string) bool {
	items, ok := w.objects(pointer, v)
	if !ok {
		return false
	}
	taken := map[string]bool{}
	for _, item := range items {
		taken[text(item, "id")] = true
	}
	for i, item := range items {
		here := pointer + "/" + number(i)
		id, name := text(item, "id"), text(item, "name")
		for _, word := range []string{id, name} {
			if word != "" && snapshot.Builtin(e.kind, word) {
				w.breach(here, "%q is built in and is not listed here", word)
			}
		}
		settled := id
		if id == "" || strings.HasPrefix(id, placeholderPrefix) {
			j := slices.IndexFunc(stored, func(s map[string]any) bool {
				return name != "" && text(s, "name") == name && text(s, "id") != "" && !taken[text(s, "id")]
			})
			if j >= 0 {
				settled = text(stored[j], "id")
			} else {
				settled = ident.New(e.prefix)
			}
			taken[settled] = true
		}
		if strings.HasPrefix(id, placeholderPrefix) {
			w.mint(here+"/id", id, e.placeholder, minted{settled, kind})
		}
		item["id"] = settled
	}
	return true
}

// mint notes what a placeholder means.
func (w *writer) mint(pointer, placeholder, word string, m minted) {
	if word == "" || !strings.HasPrefix(placeholder, placeholderPrefix+word+":") {
		w.breach(pointer, "must be an id or a placeholder of its kind")
		return
	}
	if _, twice := w.minted[placeholder]; twice {
		w.breach(pointer, "must not be a placeholder that another entry has")
	}
	w.minted[placeholder] = m
}

// resolve replaces the placeholders in the data.
func (w *writer) resolve(pointer, member string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			v[k] = w.resolve(pointer+"/"+escape(k), k, v[k])
		}
	case []any:
		for i := range v {
			v[i] = w.resolve(pointer+"/"+number(i), "", v[i])
		}
	case string:
		if !isPlaceholder(v) {
			return v
		}
		m, ok := w.minted[v]
		if !ok {
			w.breach(pointer, "names %q, which nothing in the request defines", v)
			return v
		}
		if slices.ContainsFunc(providers(), func(p string) bool { return p == member }) {
			return m.kind + ":" + m.id
		}
		return m.id
	}
	return v
}

// isPlaceholder recognises "ref:connector:12".
func isPlaceholder(s string) bool {
	rest, ok := strings.CutPrefix(s, placeholderPrefix)
	word, n, two := strings.Cut(rest, ":")
	digits := n != "" && !strings.ContainsFunc(n, func(r rune) bool { return r < '0' || r > '9' })
	return ok && two && digits && slices.Contains([]string{"connector", "role", "jwttemplate", "list"}, word)
}

// objects returns a list of objects, or reports what is none.
func (w *writer) objects(pointer string, v any) ([]map[string]any, bool) {
	items, ok := v.([]any)
	if !ok {
		w.breach(pointer, "must be of type array")
		return nil, false
	}
	out := make([]map[string]any, len(items))
	for i, item := range items {
		obj, isObject := item.(map[string]any)
		if !isObject {
			w.breach(pointer+"/"+number(i), "must be of type object")
			ok = false
		}
		out[i] = obj
	}
	return out, ok
}

// objectsOf returns the objects of a stored list.
func objectsOf(v any) []map[string]any {
	items, _ := v.([]any)
	var out []map[string]any
	for _, item := range items {
		if obj, ok := item.(map[string]any); ok {
			out = append(out, obj)
		}
	}
	return out
}

// carry gives an entry the members of the stored one that the data has no word
// for. In an entry null is as missing: clients write an empty list so.
func carry(entry, stored map[string]any, keys []string, prefix string) {
	maps.DeleteFunc(entry, func(_ string, v any) bool { return v == nil })
	for _, k := range sortedKeys(stored) {
		_, has := entry[k]
		deeper := slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, prefix+k+"/") })
		if !has && !deeper && !slices.Contains(keys, prefix+k) {
			entry[k] = snapshot.Clone(stored[k])
		}
	}
	for _, k := range sortedKeys(entry) {
		obj, isObject := entry[k].(map[string]any)
		if isObject && slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, prefix+k+"/") }) {
			was, _ := stored[k].(map[string]any)
			carry(obj, was, keys, prefix+k+"/")
		}
	}
}
