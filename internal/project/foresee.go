package project

import "postern/internal/snapshot"

// Configs returns the configurations before and after, for owners of data that
// settings decide about. They are of no revision, and have no name of the project.
// Both are nil where nobody can know what the import would make.
func (p Planned) Configs() (before, after *Config, err error) {
	if before, err = foresee(p.before); before == nil || err != nil {
		return nil, nil, err
	}
	if after, err = foresee(p.after); after == nil || err != nil {
		return nil, nil, err
	}
	before.Project, after.Project = p.Project, p.Project
	return before, after, nil
}

// foresee compiles a tree, or returns nil where that would be refused.
func foresee(b snapshot.Base) (*Config, error) {
	c := &Config{Digest: b.Tree.Digest(), Connectors: map[string]Connector{}}
	all := append(sources(), connectors(b.Tree)...)
	var wanted []snapshot.Digest
	for _, src := range all {
		if digest, ok := b.Tree[src.path]; ok {
			wanted = append(wanted, digest)
		}
	}
	contents := map[snapshot.Digest][]byte{}
	if len(wanted) > 0 {
		var err error
		if contents, err = b.Load(wanted); err != nil {
			return nil, err
		}
	}
	for _, src := range all {
		read, problems := src.read(contents[b.Tree[src.path]])
		if len(problems) > 0 {
			return nil, nil
		}
		src.use(c, read)
	}
	return c, nil
}
