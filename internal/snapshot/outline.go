package snapshot

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An outline is what schemas say of a value, as far as it decides which parts of
// a document must be read to gather its facts. Most of a large document is not
// described at all: the members of a screen's components are kept as they are.
type outline struct {
	whole   bool                // every part of the value counts
	bare    bool                // nothing but the type of the value counts
	members map[string]*outline // of an object
	rest    *outline            // of the members that members does not name; nil where none is described
	items   *outline            // of a list; nil where they are not described
}

// outlines are those of the schemas of files, by schema.
var outlines = sync.OnceValue(func() map[*jsonschema.Schema]*outline {
	out := map[*jsonschema.Schema]*outline{}
	o := outliner{}
	for _, s := range schemas().compiled {
		out[s] = o.outline(list(s))
	}
	return out
})

// An outliner makes outlines, one for each set of schemas, which may refer to
// themselves.
type outliner map[string]*outline

func (o outliner) outline(schemas []*jsonschema.Schema) *outline {
	all := closure(schemas)
	var key strings.Builder
	for _, s := range all {
		key.WriteString(s.Location + "\n")
	}
	if out := o[key.String()]; out != nil {
		return out
	}
	out := &outline{whole: slices.ContainsFunc(all, readsWhole)}
	o[key.String()] = out
	if out.whole {
		return out
	}
	var rest, items []*jsonschema.Schema
	members := map[string][]*jsonschema.Schema{}
	out.bare = true
	for _, s := range all {
		out.bare = out.bare && !tellsFacts(s) && len(s.Required) == 0 && s.MinItems == nil && s.MaxItems == nil &&
			(s.AdditionalProperties == nil || s.AdditionalProperties == true)
		for k, sub := range s.Properties {
			members[k] = append(members[k], sub)
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			rest = append(rest, sub)
		}
		if s.Items2020 != nil {
			items = append(items, s.Items2020)
		}
	}
	out.bare = out.bare && len(members) == 0 && len(rest) == 0 && len(items) == 0
	if len(rest) > 0 {
		out.rest = o.outline(rest)
	}
	if len(items) > 0 {
		out.items = o.outline(items)
	}
	out.members = make(map[string]*outline, len(members))
	for k, subs := range members {
		out.members[k] = o.outline(slices.Concat(subs, rest))
	}
	return out
}

// closure returns schemas and all that they may apply to the same value, in the
// order of their names.
func closure(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	seen := map[*jsonschema.Schema]bool{}
	var add func(s *jsonschema.Schema)
	add = func(s *jsonschema.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for _, sub := range slices.Concat(s.AllOf, list(s.Ref), list(s.If), list(s.Then), list(s.Else)) {
			add(sub)
		}
	}
	for _, s := range schemas {
		add(s)
	}
	out := make([]*jsonschema.Schema, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) })
	return out
}

// readsWhole reports whether a schema compares or shows a value as a whole, or
// says something that outlines do not know.
func readsWhole(s *jsonschema.Schema) bool {
	w := keywordsOf(s)
	return s.Bool != nil || s.Enum != nil || s.Const != nil || s.UniqueItems || w.Destination || w.Secret != nil || w.RefKeys != nil ||
		s.Not != nil || len(s.AnyOf) > 0 || len(s.OneOf) > 0 || s.MinProperties != nil || s.MaxProperties != nil || s.PropertyNames != nil ||
		len(s.PatternProperties) > 0 || s.Dependencies != nil || s.DependentRequired != nil || s.DependentSchemas != nil ||
		s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.Contains != nil || len(s.PrefixItems) > 0 || s.Items != nil ||
		s.RecursiveRef != nil || s.DynamicRef != nil
}

// parseOutline reads a document in canonical form, but for the objects and lists
// in it that no schema describes: they are there, and empty. What it returns is
// to gather facts from, and for nothing else.
func parseOutline(doc []byte, s *jsonschema.Schema) (any, error) {
	return outlines()[s].read(&splitter{buf: doc, err: io.EOF})
}

// read reads one value, of which no more is looked at than where it ends, if nothing
// of it counts. No outline is one of which nothing is described.
func (o *outline) read(doc *splitter) (any, error) {
	kind, err := doc.next()
	switch {
	case err != nil:
		return nil, err
	case kind == '{' && o != nil && !o.whole && !o.bare:
		return o.readObject(doc)
	case kind == '[' && o != nil && !o.whole && !o.bare:
		return o.readList(doc)
	}
	value, _, err := doc.value()
	switch {
	case err != nil:
		return nil, err
	case o != nil && o.whole:
		return parse(value)
	case kind == '{':
		return map[string]any{}, nil
	case kind == '[':
		return []any{}, nil
	case kind == '"' && bytes.IndexByte(value, '\\') < 0: // most texts
		return string(value[1 : len(value)-1]), nil
	case kind == '-', '0' <= kind && kind <= '9':
		return strconv.ParseFloat(string(value), 64)
	}
	return parse(value)
}

func (o *outline) readObject(doc *splitter) (any, error) {
	out := map[string]any{}
	err := doc.object(func(name string) (err error) {
		sub, ok := o.members[name]
		if !ok {
			sub = o.rest
		}
		out[name], err = sub.read(doc)
		return err
	})
	return out, err
}

func (o *outline) readList(doc *splitter) (any, error) {
	out := []any{}
	err := doc.list(func() error {
		v, err := o.items.read(doc)
		out = append(out, v)
		return err
	})
	return out, err
}
