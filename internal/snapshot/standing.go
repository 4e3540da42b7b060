package snapshot

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
)

// A Standing is what a check finds of a configuration that is held against itself,
// where that is known before it is made: most of what is imported is what the target
// has already. It belongs to one tree with its secrets.
type Standing struct {
	manner
	problems []Problem // none of them is an error
}

// A manner is what an upload says of how it is to be checked.
type manner struct{ strict, moved, same bool }

func (up *Upload) manner() manner { return manner{up.Strict, up.AllowMoved, up.SameIDs} }

// lone reports whether nothing but its files and its manner decides what becomes
// of an upload, once its assets are in their documents and its placeholders have
// their values: one that got none is a problem, or in a section that is left out.
func (up *Upload) lone(assets *inlined, ps *problems) bool {
	return !up.Stored && len(up.Excludes) == 0 && len(ps.list) == 0 && !assets.kept()
}

// kept reports whether the index of assets is a part of the configuration, as it is where
// it says what nobody else would know.
func (in *inlined) kept() bool {
	return len(in.texts) > 0 || in.indexed && len(in.used) == 0
}

// stands returns the outcome of an upload that is the target, but for documents that
// say of themselves what they said before; else nil. No entity, reference,
// secret or name of a file differs, so whatever holds two of them together finds what it
// found of the target.
func (c *checker) stands() (*Outcome, error) {
	s := c.base.Standing
	if s == nil || s.manner != c.up.manner() || len(c.up.Secrets) > 0 || len(c.up.Files) != len(c.base.Tree) {
		return nil, nil
	}
	var other []*document
	for path, content := range c.up.Files {
		was, there := c.base.Tree[path]
		doc := &document{path: path, content: content, sum: c.up.sum(path)}
		switch {
		case !there:
			return nil, nil
		case doc.digest() != was:
			other = append(other, doc)
		}
	}
	other, ok, err := c.sayTheSame(other)
	if !ok || err != nil {
		return nil, err
	}
	out := &Outcome{Problems: slices.Clone(s.problems), Tree: c.base.Tree, Fresh: map[Digest][]byte{}, Keep: slices.Clone(c.base.Secrets), Standing: s}
	if len(other) == 0 {
		return out, nil
	}
	old := c.base.Tree.digests()
	out.Tree = maps.Clone(c.base.Tree)
	for _, doc := range other {
		out.Tree[doc.path] = doc.digest()
		if !old[doc.digest()] {
			out.Fresh[doc.digest()] = doc.content
		}
	}
	out.Changes = Diff(c.base.Tree, out.Tree)
	return out, nil
}

// sayTheSame returns those of the documents that become others than the target has, and
// whether their facts are those of the target's at the same places, and nobody
// needs more of them.
func (c *checker) sayTheSame(docs []*document) (other []*document, ok bool, err error) {
	for _, doc := range docs {
		at, known := locate(doc.path)
		if !known || at.File.Schema == "" || at.File.Lists != "" || ruled(at) {
			return nil, false, nil
		}
		doc.at = at
	}
	same := make([]bool, len(docs))
	err = onAll(len(docs), func(i int) error {
		doc, was := docs[i], c.base.Tree[docs[i].path]
		if c.joins(doc) {
			if err := c.join(doc); err != nil {
				return err
			}
		}
		same[i] = reflect.DeepEqual(c.cache.factsOf(doc), c.cache.find(doc.path, was)) // unlike, where these are not known
		doc.tree = nil
		return nil
	})
	if err != nil || slices.Contains(same, false) {
		return nil, false, err
	}
	return slices.DeleteFunc(docs, func(doc *document) bool { return doc.digest() == c.base.Tree[doc.path] }), true, nil
}

// ruled reports whether there are rules for the values of a file.
func ruled(at place) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.schema == at.File.Schema })
}

// standing returns that of what an outcome makes, if it is known; files is how many the upload
// had before any was left out.
//
// It is where the outcome is that of the target against itself: what nothing changes leads
// no secret elsewhere, and gives no entity another id without an edit. And it is where
// nothing at all was said of files that are all there is: then each entity finds
// itself by its name, each reference leads where it led and each secret stays.
func (d *draft) standing(up *Upload, out *Outcome, base Base, w *world, files int) *Standing {
	if files != len(up.Files) || files != len(out.Tree) || len(d.edits) > 0 || d.relisted(up.Files) {
		return nil
	}
	itself := len(out.Changes) == 0 && len(out.Set) == 0 && sameSecrets(out.Keep, base.Secrets)
	if itself || len(out.Problems) == 0 && d.distinct(out, w) {
		return &Standing{up.manner(), out.Problems}
	}
	return nil
}

// sameSecrets reports whether two lists have the same secrets, each of them once.
func sameSecrets(a, b []StoredSecret) bool {
	inA, inB := map[StoredSecret]bool{}, map[StoredSecret]bool{}
	for _, s := range a {
		inA[s] = true
	}
	for _, s := range b {
		inB[s] = true
	}
	return len(inA) == len(a) && len(inB) == len(b) && maps.Equal(inA, inB)
}

// relisted reports whether an index has become another than the upload's: what files
// there must be was asked of that.
func (d *draft) relisted(files Files) bool {
	for path, doc := range d.docs {
		if doc.at.File.Lists != "" && !bytes.Equal(doc.content, files[path]) {
			return true
		}
	}
	return false
}

// distinct reports whether a name means one entity, and a secret has one that it
// belongs to.
func (d *draft) distinct(out *Outcome, w *world) bool {
	owners := map[idKey]int{}
	for _, s := range out.Keep {
		owners[idKey{s.Kind, s.Entity}] = 0
	}
	clear := true
	d.incoming(func(e *Entity) {
		if n, owns := owners[idKey{e.Kind, e.ID}]; owns {
			owners[idKey{e.Kind, e.ID}] = n + 1
			clear = clear && n == 0
		}
		clear = clear && (e.Name == "" || w.exact[e.nameKey()] == e)
	})
	return clear
}
