package snapshot

import "strings"

// moves finds entities that are files and are in another file now, as after a
// rename: what they have in common is the id. It returns their older paths by the
// newer ones, and those older paths.
func (c *comparison) moves() (was map[string]string, gone map[string]bool) {
	was, gone = map[string]string{}, map[string]bool{}
	there := map[idKey]string{} // paths of what is gone; blank where two have one id
	for _, path := range c.from.Paths() {
		if _, stays := c.to[path]; stays {
			continue
		}
		if key, ok := declaredIn(path, c.from[path]); ok {
			if _, twice := there[key]; twice {
				path = ""
			}
			there[key] = path
		}
	}
	if len(there) == 0 {
		return was, gone
	}
	for _, path := range c.to.Paths() {
		if _, stayed := c.from[path]; stayed {
			continue
		}
		key, ok := declaredIn(path, c.to[path])
		if old := there[key]; ok && old != "" {
			was[path], gone[old] = old, true
			delete(there, key)
		}
	}
	return was, gone
}

// declaredIn names the entity that a whole file is, where its id is not that of
// the file.
func declaredIn(path string, content []byte) (idKey, bool) {
	at, ok := locate(path)
	if !ok || at.File.Schema == "" {
		return idKey{}, false
	}
	w := keywordsOf(schemaOf(at.File)).Entity
	if w == nil || strings.HasPrefix(w.ID, "$") || strings.HasPrefix(w.ID, "=") {
		return idKey{}, false
	}
	doc, err := parse(content)
	id, _ := child(doc, w.ID).(string)
	return idKey{w.Kind, id}, err == nil && id != ""
}

// move compares an entity that is in another file now. Its differences say in
// which one it was, and there is one at least.
func (c *comparison) move(old, path string) {
	c.at, _ = locate(path)
	c.path = path
	was, errWas := parse(c.from[old])
	now, errNow := parse(c.to[path])
	start := len(c.out)
	if errWas == nil && errNow == nil { // moves has read them
		c.compare(c.root(was), c.root(now))
	}
	if len(c.out) == start {
		c.note(c.root(now), Changed, nil) // where it is means nothing for security
	}
	for i := range c.out[start:] {
		c.out[start+i].Was = old
	}
}
