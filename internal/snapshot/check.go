package snapshot

import (
	"maps"
	"slices"

	"postern/internal/fault"
)

// ErrInvalid is a snapshot that cannot be imported; its details are the problems.
var ErrInvalid = fault.New(fault.Invalid, "E113007", "the snapshot cannot be imported")

// A Base is the configuration that an upload is held against: that of the
// target, or the zero value for a new project.
type Base struct {
	Tree    Tree
	Secrets []StoredSecret
	// Load returns the content of files of the tree, by digest.
	Load func([]Digest) (map[Digest][]byte, error)
	// Standing is what is known of it, if anything is.
	Standing *Standing
}

// An Outcome is what an import would make of a target.
type Outcome struct {
	Problems []Problem       // in a stable order
	Missing  []MissingSecret // likewise
	Lacking  []StoredSecret  // where those that are missing would be kept

	// The rest is there only if no problem is an error.

	Tree    Tree              // the whole configuration
	Fresh   map[Digest][]byte // the contents in it that the target does not have
	Keep    []StoredSecret    // secrets of the target that stay
	Set     []SecretValue     // secrets that the upload brings
	Carried []StoredSecret    // those of Keep whose destination has changed, by leave
	Changes []Change          // file by file
	Rebound []Rebound         // entities that have another id in the target

	Standing *Standing // of Tree with its secrets, where it is known now
}

// A Rebound is an entity of an upload that gets another id than the upload gives
// it: the one that it has in the target, found by its name, or a new one, because
// there the upload's id is that of another entity.
type Rebound struct {
	Kind string `json:"kind"` // in words
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	New  bool   `json:"new,omitzero"` // the target has no such entity yet
}

// Failed reports whether the upload must be refused.
func (o *Outcome) Failed() bool { return Failed(o.Problems) }

// Check holds an upload against a target and says what is wrong with it and
// what it would make. It takes the upload's files over. The error is one of
// loading the target; everything that is wrong with the upload is a problem.
func Check(up *Upload, base Base, cache *Cache) (*Outcome, error) {
	ps := &problems{list: up.Problems}
	ex := parseExcludes(up.Excludes, ps)
	values := resolve(up, takeBeside(up.Files), ex, ps)
	migrate(up.Files, ps)
	if _, there := base.Tree[versionFile]; !there && up.Files[versionFile] == nil {
		up.Files[versionFile] = render(map[string]any{"version": float64(Version)})
	}
	assets := inlineAssets(up, ps)
	aside := takeExcluded(up.Files, ex)
	c := &checker{up: up, base: base, cache: cache, ex: ex, ps: ps}
	lone, files := up.lone(assets, ps), len(up.Files)
	if lone {
		if out, err := c.stands(); out != nil || err != nil {
			return out, err
		}
	}
	x := newIndexes(up.Files)
	x.dropUnlisted(ps)
	x.checkListed(ps)
	checkKnown(up, ps)

	c.tree = x.stay(base.Tree, ex)
	d, err := c.draft(aside)
	if err != nil {
		return nil, err
	}
	d.bind()
	w := d.world()
	d.rebind(w)
	s := newSealer(d, up, base, ps)
	s.run()
	d.checkRefs(w, ps)
	c.rules(d)
	values.settle()

	out := &Outcome{Problems: ps.sorted(), Missing: sortMissing(s.missing), Lacking: s.lacking}
	if !out.Failed() {
		if err := c.nameAssets(assets, d); err != nil {
			return nil, err
		}
		out.Tree, out.Fresh = d.finish(c.tree, up.Files, base.Tree)
		out.Keep, out.Set, out.Carried = s.keep, s.set, s.carried
		out.Changes = Diff(base.Tree, out.Tree)
		out.Rebound = d.rebound
		if lone {
			out.Standing = d.standing(up, out, base, w, files)
		}
	}
	return out, nil
}

// takeExcluded moves the files of excluded sections out of an upload. Their
// names still say what its ids mean.
func takeExcluded(files Files, ex excludes) Files {
	aside := Files{}
	if len(ex) == 0 {
		return aside
	}
	for path, content := range files {
		if at, ok := locate(path); ok && ex.section(at) {
			aside[path] = content
			delete(files, path)
		}
	}
	return aside
}

// checkKnown reports files that no section has, and assets that nothing uses.
func checkKnown(up *Upload, ps *problems) {
	level := Warning
	if up.Strict {
		level = Error
		for i, p := range ps.list {
			if p.Code == CodeUnlisted {
				ps.list[i].Level = Error
			}
		}
	}
	for _, path := range up.Files.Paths() {
		at, ok := locate(path)
		switch {
		case !ok:
			ps.add(level, path, "", CodeUnknownFile, nearest(path, fixedPaths()), "no section has such a file; it is kept and exported again")
		case at.File.Schema == "":
			ps.add(Warning, path, "", CodeAsset, "", "nothing refers to the asset; it is kept and exported again")
		}
	}
}

// fixedPaths are the paths of the table that have no variable.
func fixedPaths() []string {
	var out []string
	for _, s := range Sections {
		for _, f := range s.Files {
			if len(patternVariables(f.Pattern)) == 0 {
				out = append(out, f.Pattern)
			}
		}
	}
	return out
}

// stay returns the files of the target that an upload leaves: those that it
// neither has nor takes away.
func (x *indexes) stay(base Tree, ex excludes) Tree {
	tree := make(Tree, len(base))
	for path, digest := range base {
		if _, brought := x.files[path]; brought { // its index lists it
			tree[path] = digest
			continue
		}
		if at, _ := locate(path); ex.section(at) || !x.removed(at) {
			tree[path] = digest
		}
	}
	return tree
}

// checker carries one check through its stations.
type checker struct {
	up    *Upload
	base  Base
	cache *Cache
	ex    excludes
	ps    *problems
	tree  Tree // what stays of the target
}

// draft joins the upload's documents with the target's and reads the facts of
// both.
func (c *checker) draft(aside Files) (*draft, error) {
	d := &draft{docs: map[string]*document{}, facts: map[string]*facts{}, was: map[string]*facts{}, kept: map[string]*facts{}, edits: map[string][]edit{}, same: c.up.SameIDs, files: c.up.Files}
	if err := c.readBase(d); err != nil {
		return nil, err
	}
	if err := c.readUpload(d); err != nil {
		return nil, err
	}
	for _, path := range aside.Paths() {
		at, _ := locate(path)
		if doc, err := parse(aside[path]); err == nil && at.File.Schema != "" {
			d.aside = append(d.aside, gather(path, at, doc).entities...)
		}
	}
	return d, nil
}

// readUpload makes the documents of the upload and reads their facts, several at a
// time where they are not known.
func (c *checker) readUpload(d *draft) error {
	var work []*document
	for _, path := range c.up.Files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		d.paths = append(d.paths, path)
		doc := &document{at: at, path: path, content: c.up.Files[path], sum: c.up.sum(path)}
		d.docs[path] = doc
		if f := c.cache.find(path, doc.digest()); f != nil && !c.joins(doc) {
			d.facts[path] = f.clone()
			continue
		}
		work = append(work, doc)
	}
	read := make([]*facts, len(work))
	err := onAll(len(work), func(i int) error {
		doc := work[i]
		if c.joins(doc) {
			if err := c.join(doc); err != nil {
				return err
			}
		}
		read[i] = c.cache.gather(doc)
		doc.tree = nil // values take ten times the room of the text
		return nil
	})
	if err != nil {
		return err
	}
	for i, doc := range work {
		d.facts[doc.path] = read[i]
	}
	for _, path := range d.paths {
		c.report(d.facts[path].problems)
	}
	return nil
}

// report takes the problems of one document over. What is not known is an
// error only if the upload wants to be held to the letter.
func (c *checker) report(list []Problem) {
	for _, p := range list {
		if c.up.Strict && (p.Code == CodeUnknownKey || p.Code == CodeUnknownType) {
			p.Level = Error
		}
		c.ps.list = append(c.ps.list, p)
	}
}

// joins reports whether a file of the upload becomes another document than it is.
func (c *checker) joins(doc *document) bool {
	digest, there := c.base.Tree[doc.path]
	return mergeable(doc.at) && !(there && doc.digest() == digest)
}

// join makes a file of the upload the document that becomes of it.
func (c *checker) join(doc *document) error {
	var old any
	if digest, there := c.base.Tree[doc.path]; there {
		contents, err := c.base.Load(list(digest))
		if err != nil {
			return err
		}
		if old, err = parse(contents[digest]); err != nil {
			return err
		}
	}
	joined := doc.value()
	if doc.at.File.Governs != "" {
		joined = keepBuiltinNames(doc.at, joined, old)
	}
	doc.become(render(merger{ex: c.ex}.document(doc.at, old, joined)))
	return nil
}

// keepBuiltinNames adds to an index what is built in and was listed before.
func keepBuiltinNames(at place, doc, old any) any {
	obj, _ := doc.(map[string]any)
	now, ok := obj[at.File.Lists].([]any)
	if !ok {
		return doc // the schema reports it
	}
	was, _ := child(old, at.File.Lists).([]any)
	for _, name := range was {
		s, _ := name.(string)
		if slices.Contains(builtinIn(at.Section, at.File.Governs), s) && !slices.Contains(now, name) {
			obj[at.File.Lists] = append(now, name)
			now, _ = obj[at.File.Lists].([]any)
		}
	}
	return doc
}

// readBase reads the facts of the target's files.
func (c *checker) readBase(d *draft) error {
	all, err := c.cache.read(c.base)
	if err != nil {
		return err
	}
	for _, path := range sortedKeys(c.base.Tree) {
		f := all[path]
		if f == nil {
			continue
		}
		d.was[path] = f
		d.base = append(d.base, f.entities...)
		_, brought := c.up.Files[path]
		if _, stays := c.tree[path]; stays && !brought {
			d.kept[path] = f
		}
	}
	return nil
}

// world is every entity of the configuration that is being made.
func (d *draft) world() *world {
	w := newWorld()
	for _, file := range sortedKeys(d.kept) {
		for _, e := range d.kept[file].entities {
			w.add(e)
		}
	}
	d.incoming(w.add)
	return w
}

// finish writes the documents that were edited and returns the whole tree and
// the contents that the target does not have.
func (d *draft) finish(tree Tree, files Files, base Tree) (Tree, map[Digest][]byte) {
	old := base.digests()
	out := maps.Clone(tree)
	fresh := map[Digest][]byte{}
	for path, content := range files {
		var digest Digest
		switch doc, edits := d.docs[path], d.edits[path]; {
		case doc == nil:
			digest = Sum(content)
		case len(edits) > 0:
			content = render(apply(doc.value(), edits))
			digest = Sum(content)
		default:
			content, digest = doc.content, doc.digest()
		}
		out[path] = digest
		if !old[digest] {
			fresh[digest] = content
		}
	}
	return out, fresh
}
