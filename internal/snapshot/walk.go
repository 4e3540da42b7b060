package snapshot

import (
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A frame is a value on the way from the root of a document to the one that is
// being looked at.
type frame struct {
	up      *frame
	value   any
	pointer string
	key     string               // the member of up that holds value; "" in an array
	field   string               // the path within the nearest entity, by which secrets are bound
	schemas []*jsonschema.Schema // every schema that applies to value
	words   []*keywords          // what they say, those that say something
	entity  *Entity              // the nearest enclosing entity, value itself included
	keys    map[string]int       // of a list of keyed items: how many had a key so far
}

// lookup finds a member in the nearest enclosing object that has it.
func (f *frame) lookup(member string) any {
	for g := f.up; g != nil; g = g.up {
		if obj, ok := g.value.(map[string]any); ok {
			if v, ok := obj[member]; ok {
				return v
			}
		}
	}
	return nil
}

// expand returns s and every schema that it applies to v besides: references,
// conjunctions, and the branch that v takes.
func expand(s *jsonschema.Schema, v any, out []*jsonschema.Schema) []*jsonschema.Schema {
	out = append(out, s)
	if s.Ref != nil {
		out = expand(s.Ref, v, out)
	}
	for _, sub := range s.AllOf {
		out = expand(sub, v, out)
	}
	if s.If != nil {
		branch := s.Then
		if s.If.Validate(v) != nil {
			branch = s.Else
		}
		if branch != nil {
			out = expand(branch, v, out)
		}
	}
	return out
}

// enter makes the frame of a value that the given schemas describe.
func enter(up *frame, v any, key, segment string, subs []*jsonschema.Schema) *frame {
	f := &frame{up: up, value: v, key: key}
	if up != nil {
		f.pointer = up.pointer + "/" + escapePointer(segment)
		f.entity, f.field = up.entity, joinField(up.field, up, segment)
	}
	for _, s := range subs {
		f.schemas = expand(s, v, f.schemas)
	}
	for _, s := range f.schemas {
		if tells(s) {
			f.words = append(f.words, keywordsOf(s))
		}
	}
	return f
}

// joinField is the path of a value within its entity. An item of a list of
// keyed items is named by its key, so that a secret in it stays bound to it
// wherever in the list it stands; of two with one key each has a name still.
func joinField(prefix string, up *frame, segment string) string {
	if list, ok := up.value.([]any); ok {
		if key, _ := child(child(list, segment), "key").(string); key != "" {
			if up.keys == nil {
				up.keys = map[string]int{}
			}
			up.keys[key]++
			segment = KeyedItem(key, up.keys[key])
		}
	}
	if prefix == "" {
		return segment
	}
	return prefix + "/" + segment
}

// KeyedItem names an item of a list of keyed items in the path of a field: the nth
// one, from 1, with that key.
func KeyedItem(key string, nth int) string {
	name := "[" + escapePointer(key) + "]"
	if nth > 1 {
		name += strconv.Itoa(nth)
	}
	return name
}

// walk visits every value that a schema describes, parents first.
func walk(f *frame, visit func(*frame)) {
	walkBut(func(any, []*jsonschema.Schema) bool { return false }, f, visit)
}

// walkBut is walk, but leaves out the members of objects that skip says.
func walkBut(skip func(any, []*jsonschema.Schema) bool, f *frame, visit func(*frame)) {
	visit(f)
	switch v := f.value.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if subs := f.member(k); len(subs) > 0 && !skip(v[k], subs) {
				walkBut(skip, enter(f, v[k], k, k, subs), visit)
			}
		}
	case []any:
		if subs := f.items(); len(subs) > 0 {
			for i, item := range v {
				walkBut(skip, enter(f, item, "", strconv.Itoa(i), subs), visit)
			}
		}
	}
}

// member returns the schemas of a member of an object.
func (f *frame) member(k string) []*jsonschema.Schema {
	var subs []*jsonschema.Schema
	for _, s := range f.schemas {
		if sub := s.Properties[k]; sub != nil {
			subs = append(subs, sub)
		}
	}
	if len(subs) > 0 {
		return subs
	}
	for _, s := range f.schemas {
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			subs = append(subs, sub)
		}
	}
	return subs
}

func (f *frame) items() []*jsonschema.Schema {
	var subs []*jsonschema.Schema
	for _, s := range f.schemas {
		if s.Items2020 != nil {
			subs = append(subs, s.Items2020)
		}
	}
	return subs
}

// knownKeys returns the members that the schemas of an object know, and false
// where any member is allowed.
func (f *frame) knownKeys() (map[string]bool, bool) {
	known := map[string]bool{}
	for _, s := range f.schemas {
		if s.AdditionalProperties != nil {
			return nil, false
		}
		for k := range s.Properties {
			known[k] = true
		}
	}
	return known, len(known) > 0
}

// escapePointer escapes one segment of a JSON pointer (RFC 6901).
func escapePointer(k string) string {
	if !strings.ContainsAny(k, "~/") {
		return k
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
}

func unescapePointer(k string) string {
	if !strings.Contains(k, "~") {
		return k
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(k)
}

// An edit replaces, or with remove takes away, the value at a pointer.
type edit struct {
	pointer string
	value   any
	remove  bool
}

// apply changes doc in place and returns it. An edit whose parent is not there
// is left out.
func apply(doc any, edits []edit) any {
	for _, e := range edits {
		segs := strings.Split(strings.TrimPrefix(e.pointer, "/"), "/")
		at := doc
		for _, seg := range segs[:len(segs)-1] {
			at = child(at, unescapePointer(seg))
		}
		last := unescapePointer(segs[len(segs)-1])
		switch at := at.(type) {
		case map[string]any:
			if e.remove {
				delete(at, last)
			} else {
				at[last] = e.value
			}
		case []any:
			if i, err := strconv.Atoi(last); err == nil && i < len(at) {
				at[i] = e.value
			}
		}
	}
	return doc
}

func child(v any, seg string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[seg]
	case []any:
		if i, err := strconv.Atoi(seg); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}
