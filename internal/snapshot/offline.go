package snapshot

import (
	"maps"
	"slices"

	"postern/internal/secret"
)

// supposed stands for a secret that nobody gave, where nothing is asked but
// what an import would change. No credential has a NUL in it.
const supposed = "\x00supposed"

// Suppose checks an upload as Check does, and leaves it whole. Secrets that are
// missing are supposed to be there: Missing names them, and they are not held
// against the upload. Stored ones are carried along to new destinations.
func Suppose(up *Upload, base Base, cache *Cache) (*Outcome, error) {
	first, err := Check(up.Clone(), base, cache)
	if err != nil || len(first.Missing) == 0 {
		return first, err
	}
	again := up.Clone()
	again.AllowMoved = true
	for _, m := range first.Missing {
		in := InputSecret{Group: m.Group, ID: m.ID, Type: m.Type, Value: secret.New(supposed)}
		if in.ID == "" {
			in.Name = m.Name
		}
		again.Secrets = append(again.Secrets, in)
	}
	out, err := Check(again, base, cache)
	if err != nil {
		return nil, err
	}
	out.Missing = first.Missing
	return out, nil
}

// Clone copies an upload, as a check takes its files over.
func (up *Upload) Clone() *Upload {
	out := *up
	out.Files = maps.Clone(up.Files)
	out.Excludes = slices.Clone(up.Excludes)
	out.Secrets = slices.Clone(up.Secrets)
	out.Problems = slices.Clone(up.Problems)
	return &out
}

// StandIn makes a target of files: the project that an import of them into a
// new one would make. Secrets that the files have or mention count as stored
// there. The outcome says why where there is no such project.
func StandIn(up *Upload, cache *Cache) (Base, *Outcome, error) {
	out, err := Suppose(up, Base{}, cache)
	if err != nil || out.Failed() {
		return Base{}, out, err
	}
	contents := out.Fresh
	base := Base{Tree: out.Tree, Load: func(digests []Digest) (map[Digest][]byte, error) {
		found := make(map[Digest][]byte, len(digests))
		for _, d := range digests {
			found[d] = contents[d]
		}
		return found, nil
	}}
	for _, s := range out.Set {
		base.Secrets = append(base.Secrets, StoredSecret{Kind: s.Kind, Entity: s.Entity, Field: s.Field, ID: s.Kind + "/" + s.Entity + "/" + s.Field})
	}
	return base, out, nil
}
