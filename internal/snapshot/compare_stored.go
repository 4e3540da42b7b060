package snapshot

import "slices"

// CompareStored says how two stored configurations differ, as Compare does, and
// which secrets one has that the other has not, or has another value of. Of the
// files only those that differ are loaded, and what is needed to name them.
func (c *Cache) CompareStored(from, to Base) ([]Difference, error) {
	was, err := differing(from, to)
	if err != nil {
		return nil, err
	}
	now, err := differing(to, from)
	if err != nil {
		return nil, err
	}
	secrets, err := c.compareStoredSecrets(from, to)
	if err != nil {
		return nil, err
	}
	return inOrder(append(Compare(was, now), secrets...)), nil
}

// differing loads the files of a configuration that are not the same in another,
// with those that declare the entities in whose folders they lie.
func differing(one, other Base) (Files, error) {
	paths := map[string]Digest{}
	for _, ch := range Diff(other.Tree, one.Tree) {
		at, known := locate(ch.File)
		if digest, ok := one.Tree[ch.File]; ok {
			paths[ch.File] = digest
		}
		if !known {
			continue
		}
		if owner, ok := (&comparison{at: at, path: ch.File}).owner(); ok {
			if digest, ok := one.Tree[owner]; ok {
				paths[owner] = digest
			}
		}
	}
	return load(one, paths)
}

// load reads files of a configuration.
func load(base Base, paths map[string]Digest) (Files, error) {
	files := Files{}
	if len(paths) == 0 {
		return files, nil
	}
	seen := map[Digest]bool{}
	var digests []Digest
	for _, digest := range paths {
		if !seen[digest] {
			seen[digest] = true
			digests = append(digests, digest)
		}
	}
	contents, err := base.Load(digests)
	if err != nil {
		return nil, err
	}
	for path, digest := range paths {
		files[path] = contents[digest]
	}
	return files, nil
}

// compareStoredSecrets compares the secrets by their places. A new value has a
// new name in the store.
func (c *Cache) compareStoredSecrets(from, to Base) ([]Difference, error) {
	was, now := map[StoredSecret]string{}, map[StoredSecret]string{}
	for _, s := range from.Secrets {
		was[StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field}] = s.ID
	}
	for _, s := range to.Secrets {
		now[StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field}] = s.ID
	}
	var list []Difference
	note := func(place StoredSecret, action Action, side Base) error {
		files, err := c.declaring(place, side)
		if err != nil {
			return err
		}
		list = append(list, secretDifference(place, action, files))
		return nil
	}
	for _, place := range sortedStored(now) {
		id, had := was[place]
		if had && id == now[place] {
			continue
		}
		if err := note(place, pick(had, Changed, Created), to); err != nil {
			return nil, err
		}
	}
	for _, place := range sortedStored(was) {
		if _, has := now[place]; !has {
			if err := note(place, Removed, from); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// declaring loads the files that declare the entity of a secret.
func (c *Cache) declaring(place StoredSecret, base Base) (Files, error) {
	all, err := c.read(base)
	if err != nil {
		return nil, err
	}
	paths := map[string]Digest{}
	for path, f := range all {
		if slices.ContainsFunc(f.entities, func(e *Entity) bool { return e.Kind == place.Kind && e.ID == place.Entity }) {
			paths[path] = base.Tree[path]
		}
	}
	return load(base, paths)
}
