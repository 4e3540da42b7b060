package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// maxCached bounds a cache, in documents; the facts of one take about 1 KB.
const maxCached = 50_000

// A Cache remembers the facts of documents that are stored, so that an import
// need not read the whole target again. It holds no secret, and is safe for
// concurrent use. The zero value is empty and ready.
type Cache struct {
	mu        sync.Mutex
	facts     map[cacheKey]*facts
	canonical map[Digest]traits // documents that are in canonical form
}

// traits are what is remembered of the bytes of a document.
type traits struct {
	size  int
	plain bool // see isPlain
}

// recognise returns what is known of a document, where it is found to be in canonical
// form without being put into it. In doubt it is not.
func (c *Cache) recognise(doc []byte) (summed, bool) {
	digest := Sum(doc)
	if was, known := c.knows(digest); known {
		return summed{doc, digest, was.plain}, true
	}
	if alreadyCanonical(doc) {
		return c.learn(doc, digest), true
	}
	return summed{}, false
}

// knows reports whether a document with that digest was in canonical form before.
func (c *Cache) knows(digest Digest) (was traits, known bool) {
	if c == nil {
		return traits{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known = c.canonical[digest]
	return was, known
}

// learn remembers a document in canonical form.
func (c *Cache) learn(doc []byte, digest Digest) summed {
	known := summed{doc, digest, isPlain(doc)}
	if c == nil {
		return known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.canonical == nil || len(c.canonical) > maxCached {
		c.canonical = map[Digest]traits{}
	}
	c.canonical[digest] = traits{len(doc), known.plain}
	return known
}

type cacheKey struct {
	path   string
	digest Digest
}

// read returns the facts of every document of a configuration by path, and
// loads those that it does not remember.
func (c *Cache) read(base Base) (map[string]*facts, error) {
	out := make(map[string]*facts, len(base.Tree))
	var wanted []string
	c.mu.Lock()
	for path, digest := range base.Tree {
		if f := c.facts[cacheKey{path, digest}]; f != nil {
			out[path] = f
			continue
		}
		wanted = append(wanted, path)
	}
	c.mu.Unlock()
	slices.Sort(wanted)
	for batch := range slices.Chunk(wanted, 256) {
		if err := c.load(base, batch, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Cache) load(base Base, paths []string, out map[string]*facts) error {
	var digests []Digest
	for _, path := range paths {
		if at, ok := locate(path); ok && at.File.Schema != "" {
			digests = append(digests, base.Tree[path])
		}
	}
	if len(digests) == 0 {
		return nil
	}
	contents, err := base.Load(digests)
	if err != nil {
		return err
	}
	for _, path := range paths {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		digest := base.Tree[path]
		doc, err := parseOutline(contents[digest], schemaOf(at.File))
		if err != nil {
			return fmt.Errorf("stored file %s: %w", path, err)
		}
		out[path] = c.keep(cacheKey{path, digest}, gather(path, at, doc))
	}
	return nil
}

// find returns the facts of a document that it remembers; else nil.
func (c *Cache) find(path string, digest Digest) *facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts[cacheKey{path, digest}]
}

// gather returns the facts of a document of an upload, as a copy: binding
// gives its entities other ids.
func (c *Cache) gather(doc *document) *facts { return c.factsOf(doc).clone() }

// factsOf returns the facts of a document. Nobody changes them.
func (c *Cache) factsOf(doc *document) *facts {
	if f := c.find(doc.path, doc.digest()); f != nil {
		return f
	}
	return c.keep(cacheKey{doc.path, doc.digest()}, gather(doc.path, doc.at, doc.described()))
}

func (c *Cache) keep(key cacheKey, f *facts) *facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.facts == nil || len(c.facts) > maxCached {
		c.facts = map[cacheKey]*facts{}
	}
	c.facts[key] = f
	return f
}

func (f *facts) clone() *facts {
	out := &facts{entities: make([]*Entity, len(f.entities)), refs: slices.Clone(f.refs), problems: f.problems}
	for i, e := range f.entities {
		copied := *e
		out.entities[i] = &copied
	}
	return out
}

func patternVariables(pattern string) []string {
	var out []string
	for seg := range strings.SplitSeq(pattern, "/") {
		if _, rest, ok := strings.Cut(seg, "{"); ok {
			name, _, _ := strings.Cut(rest, "}")
			out = append(out, name)
		}
	}
	return out
}
