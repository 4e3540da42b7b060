package snapshot

import "maps"

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

// Names returns the names of the entities of a configuration.
func (c *Cache) Names(base Base) (map[EntityKey]string, error) {
	all, err := c.read(base)
	if err != nil {
		return nil, err
	}
	out := map[EntityKey]string{}
	for _, f := range all {
		for _, e := range f.entities {
			if e.ID != "" {
				out[EntityKey{e.Kind, e.ID}] = e.label()
			}
		}
	}
	return out, nil
}
