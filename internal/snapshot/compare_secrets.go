package snapshot

// A Comparison is what an import of an upload into a target would change.
type Comparison struct {
	Differences []Difference
	Missing     []MissingSecret // what the import would need besides
}

// CompareImport says what an import of an upload would change in the project
// that an import of another upload makes. It returns no comparison where one of
// the two is refused; the outcomes say why.
func CompareImport(from, to *Upload) (c *Comparison, target, outcome *Outcome, err error) {
	cache := &Cache{}
	base, target, err := StandIn(from, cache)
	if err != nil || target.Failed() {
		return nil, target, nil, err
	}
	outcome, err = Suppose(to, base, cache)
	if err != nil || outcome.Failed() {
		return nil, target, outcome, err
	}
	was, err := contentsOf(target, Base{})
	if err != nil {
		return nil, nil, nil, err
	}
	now, err := contentsOf(outcome, base)
	if err != nil {
		return nil, nil, nil, err
	}
	list := append(Compare(was, now), compareSecrets(base, target, outcome, now)...)
	return &Comparison{Differences: inOrder(list), Missing: outcome.Missing}, target, outcome, nil
}

// contentsOf returns the files of the configuration that an outcome makes.
func contentsOf(out *Outcome, base Base) (Files, error) {
	files := Files{}
	var stored []Digest
	for path, digest := range out.Tree {
		if content, ok := out.Fresh[digest]; ok {
			files[path] = content
			continue
		}
		stored = append(stored, digest)
	}
	if len(stored) == 0 {
		return files, nil
	}
	contents, err := base.Load(stored)
	if err != nil {
		return nil, err
	}
	for path, digest := range out.Tree {
		if _, ok := files[path]; !ok {
			files[path] = contents[digest]
		}
	}
	return files, nil
}

// compareSecrets says which secrets an import would set, replace or lose,
// without their values.
func compareSecrets(base Base, target, out *Outcome, files Files) []Difference {
	stored, given := map[StoredSecret]bool{}, map[StoredSecret]string{}
	for _, s := range base.Secrets {
		stored[StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field}] = true
	}
	for _, s := range target.Set {
		given[StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field}] = s.Value.Reveal()
	}
	var list []Difference
	for _, s := range out.Set {
		key := StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field}
		action := pick(stored[key], Changed, Created)
		switch value := s.Value.Reveal(); {
		case value == supposed && stored[key]:
			action = Removed // it is not carried over to where it would be sent
		case value == supposed, value == given[key]:
			continue // it is missing, or the same
		}
		list = append(list, secretDifference(key, action, files))
	}
	for _, s := range out.Carried {
		list = append(list, secretDifference(s, Removed, files))
	}
	return list
}

// secretDifference finds the entity that a secret belongs to.
func secretDifference(s StoredSecret, action Action, files Files) Difference {
	d := Difference{Kind: KindWords(s.Kind), ID: s.Entity, Field: s.Field, Label: s.Field, Action: action, Hidden: true}
	if action != Created {
		d.Risks = list(riskOf(riskSealed, Ask, ""))
	}
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		doc, err := parse(files[path])
		if err != nil {
			continue
		}
		c := &comparison{at: at, path: path}
		walkDeclared(c, c.root(doc), func(f *frame) {
			if e := f.entity; e != nil && e.Kind == s.Kind && e.ID == s.Entity && f.field == s.Field {
				d.Section, d.File, d.Name, d.Label = at.Section.Name, path, e.Name, f.label()
			}
		})
		if d.File != "" {
			return d
		}
	}
	return d
}

// walkDeclared visits every value that a schema describes, with its entity.
func walkDeclared(c *comparison, f *frame, visit func(*frame)) {
	visit(f)
	switch v := f.value.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if subs := f.member(k); len(subs) > 0 {
				walkDeclared(c, c.sub(f, v[k], k, k, subs), visit)
			}
		}
	case []any:
		for i := range v {
			walkDeclared(c, c.item(f, v, i), visit)
		}
	}
}
