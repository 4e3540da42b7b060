package snapshot

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
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
	// Canonical form has no member twice; to look for one again costs much.
	dec := jsontext.NewDecoder(bytes.NewBuffer(doc), jsontext.AllowDuplicateNames(true)) // of a buffer it makes no copy
	return outlines()[s].read(dec)
}

// read reads one value. No outline is one of which nothing is described.
func (o *outline) read(dec *jsontext.Decoder) (any, error) {
	if o != nil && o.whole {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		return parse(v)
	}
	switch kind := dec.PeekKind(); kind {
	case '{', '[':
		if o == nil || o.bare {
			return emptyOf(kind), dec.SkipValue()
		}
		if kind == '[' {
			return o.readList(dec)
		}
		return o.readObject(dec)
	default:
		return readScalar(dec)
	}
}

func emptyOf(kind jsontext.Kind) any {
	if kind == '[' {
		return []any{}
	}
	return map[string]any{}
}

func (o *outline) readObject(dec *jsontext.Decoder) (any, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := tok.String()
		sub, ok := o.members[name]
		if !ok {
			sub = o.rest
		}
		if out[name], err = sub.read(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return out, err
}

func (o *outline) readList(dec *jsontext.Decoder) (any, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	out := []any{}
	for dec.PeekKind() != ']' {
		v, err := o.items.read(dec)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := dec.ReadToken()
	return out, err
}

func readScalar(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '"':
		return tok.String(), nil
	case '0':
		return tok.Float()
	case 't', 'f':
		return tok.Bool(), nil
	default:
		return nil, nil //nolint:nilnil // it is null
	}
}
