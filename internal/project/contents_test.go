package project

import (
	"bytes"
	"encoding/binary"
	"testing"

	"postern/internal/snapshot"
)

// numbered is a content of that many bytes like no other.
func numbered(n, size int) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b, uint64(n))
	return b
}

func TestContentsAreBounded(t *testing.T) {
	t.Parallel()
	const each = maxContents / 64
	var c contents
	hot := numbered(-1, each)
	held := func(content []byte) bool {
		d, out := snapshot.Sum(content), map[snapshot.Digest][]byte{}
		absent := c.take([]snapshot.Digest{d}, out)
		if len(absent)+len(out) != 1 || len(out) == 1 && !bytes.Equal(out[d], content) {
			t.Fatalf("got %d contents and %d absent of one digest", len(out), len(absent))
		}
		return len(out) == 1
	}
	one := func(content []byte) map[snapshot.Digest][]byte {
		return map[snapshot.Digest][]byte{snapshot.Sum(content): content}
	}
	c.keep(one(hot), false)
	for n := range 300 {
		c.keep(one(numbered(n, each)), false)
		size := 0
		for _, some := range []map[snapshot.Digest][]byte{c.recent, c.older} {
			for _, content := range some {
				size += len(content)
			}
		}
		if size > maxContents {
			t.Fatalf("%d bytes are held after %d contents, more than %d", size, n, maxContents)
		}
		if !held(numbered(n, each)) || !held(hot) {
			t.Fatalf("what was kept or asked for last is forgotten after %d contents", n)
		}
	}
	if held(numbered(0, each)) {
		t.Error("what nobody asked for is still held")
	}
	c.keep(one(numbered(1000, maxContents/2+1)), false)
	if held(numbered(1000, maxContents/2+1)) || !held(hot) {
		t.Error("a project that is larger than what is held drives out what others use")
	}
}

// What a body consists of is written over when the body is read on: what is kept of it is
// a copy.
func TestContentsOfABodyAreCopied(t *testing.T) {
	t.Parallel()
	var c contents
	body := []byte(`{"a":1}{"b":2}`)
	part := body[:7]
	d, out := snapshot.Sum(part), map[snapshot.Digest][]byte{}
	c.keep(map[snapshot.Digest][]byte{d: part}, true)
	body[5] = '9'
	if c.take([]snapshot.Digest{d}, out); snapshot.Sum(out[d]) != d {
		t.Errorf("what is held has become %s", out[d])
	}
}
