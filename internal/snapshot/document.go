package snapshot

import (
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A document is a file of the upload that a schema describes, as it becomes
// part of the target. It is parsed when somebody needs its values: most
// documents of most imports are taken over as they are.
type document struct {
	at      place
	path    string
	content []byte // in canonical form, before edits
	tree    any    // parsed; nil until it is needed
	sum     Digest // of content, once it is known
}

// digest returns the digest of the content.
func (d *document) digest() Digest {
	if d.sum == (Digest{}) {
		d.sum = Sum(d.content)
	}
	return d.sum
}

// become replaces the content.
func (d *document) become(content []byte) { d.content, d.tree, d.sum = content, nil, Digest{} }

// value returns the document's values, to read or to edit.
func (d *document) value() any {
	if d.tree == nil {
		v, err := parse(d.content)
		if err != nil {
			panic("snapshot: a canonical document does not parse: " + err.Error())
		}
		d.tree = v
	}
	return d.tree
}

// described returns those of the document's values that its schema describes, to
// gather its facts from.
func (d *document) described() any {
	if d.tree != nil {
		return d.tree
	}
	v, err := parseOutline(d.content, schemaOf(d.at.File))
	if err != nil {
		panic("snapshot: a canonical document does not parse: " + err.Error())
	}
	return v
}

// mergeable reports whether what a file becomes depends on what the target
// has: whether its schema has settings objects or entities that are built in.
func mergeable(at place) bool {
	return mergeables()[at.File.Schema] || at.File.Governs != "" && len(builtinIn(at.Section, at.File.Governs)) > 0
}

var mergeables = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for name, s := range schemas().compiled {
		seen := map[*jsonschema.Schema]bool{}
		eachSchema(s, seen, func(s *jsonschema.Schema) {
			w := keywordsOf(s)
			if w.Settings || w.Entity != nil && w.Entity.ID != "$path" && len(w.Entity.Builtin) > 0 {
				out[name] = true
			}
		})
	}
	return out
})

// eachSchema visits a schema and every one below it.
func eachSchema(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool, visit func(*jsonschema.Schema)) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	visit(s)
	for _, sub := range []*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else, s.Items2020} {
		eachSchema(sub, seen, visit)
	}
	for _, sub := range s.AllOf {
		eachSchema(sub, seen, visit)
	}
	for _, sub := range s.Properties {
		eachSchema(sub, seen, visit)
	}
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		eachSchema(sub, seen, visit)
	}
}
