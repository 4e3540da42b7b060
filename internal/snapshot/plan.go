package snapshot

import (
	"cmp"
	"maps"
)

// With returns the configuration that an outcome makes of a target. It has no
// secrets.
func (b Base) With(out *Outcome) Base {
	return Base{Tree: out.Tree, Load: func(digests []Digest) (map[Digest][]byte, error) {
		found := map[Digest][]byte{}
		var stored []Digest
		for _, d := range digests {
			if content, ok := out.Fresh[d]; ok {
				found[d] = content
			} else {
				stored = append(stored, d)
			}
		}
		if len(stored) == 0 {
			return found, nil
		}
		contents, err := b.Load(stored)
		maps.Copy(found, contents)
		return found, err
	}}
}

// An EntityKey tells an entity from all others of a configuration.
type EntityKey struct{ Kind, ID string }

// A Described is an entity as people know it, with its credentials.
type Described struct {
	Name  string
	Group string // of its credentials in inputSecrets and missingSecrets

	Section string // that it is in

	types map[string]string
}

// Type is the word for the credential in a field in inputSecrets and
// missingSecrets, or the field itself where it has no credential now.
func (d Described) Type(field string) string { return cmp.Or(d.types[field], field) }

// Describe returns what people know the entities of a configuration by.
func (c *Cache) Describe(base Base) (map[EntityKey]Described, error) {
	all, err := c.read(base)
	if err != nil {
		return nil, err
	}
	out := map[EntityKey]Described{}
	for _, f := range all {
		for _, e := range f.entities {
			if e.ID == "" {
				continue
			}
			d := Described{Name: e.label(), Group: e.word.Secrets, types: map[string]string{}}
			if at, ok := locate(e.file); ok {
				d.Section = at.Section.Name
			}
			for _, field := range e.secrets {
				d.types[field.field] = field.kind()
			}
			out[EntityKey{e.Kind, e.ID}] = d
		}
	}
	return out, nil
}
