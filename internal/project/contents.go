package project

import (
	"bytes"
	"sync"

	"postern/internal/snapshot"
)

// maxContents bounds the contents that are remembered, in bytes.
const maxContents = 16 << 20

// contents remembers what was stored or read lately, unpacked and found to be what its
// digest says: a configuration is read back soon after it was imported, to be compared,
// planned against or exported. A content is named by its digest, so what is remembered
// is never out of date; who may read it is decided by the tree that names it.
// Nobody changes what it gives out. Its zero value is empty and ready.
type contents struct {
	mu     sync.Mutex
	recent map[snapshot.Digest][]byte
	older  map[snapshot.Digest][]byte // what was recent until that had half of the bytes
	size   int                        // of recent, in bytes
}

// take moves the contents with these digests that are remembered into out, and returns
// the digests of the others.
func (c *contents) take(digests []snapshot.Digest, out map[snapshot.Digest][]byte) (absent []snapshot.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range digests {
		content, ok := c.recent[d]
		if !ok {
			if content, ok = c.older[d]; !ok {
				absent = append(absent, d)
				continue
			}
			c.put(d, content)
		}
		out[d] = content
	}
	return absent
}

// keep remembers contents, unless there are so many that they would drive out all
// others. Those that are parts of something larger, of a body, are copied; nobody changes
// the others from now on.
func (c *contents) keep(all map[snapshot.Digest][]byte, parts bool) {
	size := 0
	for _, content := range all {
		size += len(content)
	}
	if size > maxContents/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, content := range all {
		if _, known := c.recent[d]; known {
			continue
		}
		if parts {
			content = bytes.Clone(content)
		}
		c.put(d, content)
	}
}

func (c *contents) put(d snapshot.Digest, content []byte) {
	if c.recent == nil || c.size+len(content) > maxContents/2 {
		c.older, c.recent, c.size = c.recent, map[snapshot.Digest][]byte{}, 0
	}
	c.recent[d] = content
	c.size += len(content)
}
