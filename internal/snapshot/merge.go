package snapshot

import (
	"maps"
	"slices"
)

// merger joins a document of an upload with the one that the target has, by
// the rules of the schema: a settings object keeps the members that the upload
// does not have, null resets one to its default, an excluded member stays as
// it is, and what is built in is never lost.
type merger struct {
	ex excludes
}

// document returns what becomes of a file whose content in the target is old
// (nil where it has none) and in the upload new.
func (m merger) document(at place, old, new any) any {
	s := schemaOf(at.File)
	if s == nil {
		return new
	}
	return m.value(enter(nil, new, "", "", list(s)), old)
}

// settings reports whether f is an object whose members stay when left out.
func (f *frame) settings() bool {
	return slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Settings })
}

func (m merger) value(f *frame, old any) any {
	switch v := f.value.(type) {
	case map[string]any:
		was, _ := old.(map[string]any)
		if f.settings() {
			return m.settings(f, v, was)
		}
		return m.object(f, v, was)
	case []any:
		was, _ := old.([]any)
		return keepBuiltinItems(f, v, was)
	default:
		return v
	}
}

func (m merger) settings(f *frame, v, was map[string]any) map[string]any {
	out := maps.Clone(was)
	if out == nil {
		out = map[string]any{}
	}
	for _, k := range sortedKeys(v) {
		sub := enter(f, v[k], k, k, f.member(k))
		switch {
		case m.excluded(sub):
		case v[k] == nil && !sub.nullable():
			if d, ok := sub.fallback(); ok {
				out[k] = m.value(enter(f, d, k, k, f.member(k)), was[k]) // what is built in stays
			} else {
				delete(out, k)
			}
		default:
			out[k] = m.value(sub, was[k])
		}
	}
	return out
}

func (m merger) excluded(f *frame) bool { return slices.ContainsFunc(f.words, m.ex.member) }

// object takes the members of the upload, and of a map of entities also those
// built in that it leaves out.
func (m merger) object(f *frame, v, was map[string]any) map[string]any {
	out := make(map[string]any, len(v))
	for _, k := range sortedKeys(v) {
		out[k] = m.value(enter(f, v[k], k, k, f.member(k)), was[k])
	}
	for _, k := range sortedKeys(was) {
		if _, there := v[k]; there {
			continue
		}
		for _, w := range enter(f, was[k], k, k, f.member(k)).words {
			if w.Entity != nil && w.Entity.ID == "$key" && slices.Contains(w.Entity.Builtin, k) {
				out[k] = was[k]
			}
		}
	}
	return out
}

// keepBuiltinItems adds what is built in and missing from a list to its end.
func keepBuiltinItems(f *frame, v, was []any) []any {
	for i, item := range was {
		id := builtinID(f, was, i)
		if id == "" {
			continue
		}
		has := slices.ContainsFunc(v, func(other any) bool {
			return builtinID(f, []any{other}, 0) == id
		})
		if !has {
			v = append(slices.Clone(v), item)
		}
	}
	return v
}

// builtinID returns the id or name under which a list's item is built in.
func builtinID(f *frame, items []any, i int) string {
	obj, _ := items[i].(map[string]any)
	for _, w := range enter(f, items[i], "", number(float64(i)), f.items()).words {
		if w.Entity == nil {
			continue
		}
		for _, member := range []string{w.Entity.ID, w.Entity.Name} {
			if s, ok := obj[member].(string); ok && slices.Contains(w.Entity.Builtin, s) {
				return s
			}
		}
	}
	return ""
}

// nullable reports whether null is a value of its own here.
func (f *frame) nullable() bool {
	for _, s := range f.schemas {
		if s.Types != nil && slices.Contains(s.Types.ToStrings(), "null") {
			return true
		}
	}
	return len(f.schemas) == 0 // an unknown key is kept as it is
}

// fallback returns the default that the schema declares.
func (f *frame) fallback() (any, bool) {
	for _, s := range f.schemas {
		if s.Default != nil {
			return *s.Default, true
		}
	}
	return nil, false
}
