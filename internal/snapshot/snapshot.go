// Package snapshot owns the portable form of a project and the one table of
// what such a snapshot may hold: which files each section has (sections.go)
// and what a value in them may be (schema/).
//
// The way in is decode (bytes of any carrier to files), then Check (all
// problems at once, and the configuration that would result); the way out is
// Export. Everything that needs a fact about a section derives it from the
// table: checks, merging, secrets, references, excludes and the reference
// docs.
//
// The package knows no database and no HTTP. It sees secrets only on their way
// in, and hands them on as secret.Text; storing them is the business of
// package project.
package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// Version is the newest version of the format that this package reads and the
// one that it writes.
const Version = 5

// Digest is the SHA-256 of a file in canonical form.
type Digest [sha256.Size]byte

// Sum returns the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// String returns d in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Files are the files of a snapshot by path, each in canonical form: JSON as
// RFC 8785 has it but for integers, text as it is, images decoded.
type Files map[string][]byte

// Paths returns the paths in order.
func (f Files) Paths() []string { return sortedKeys(f) }

// Tree names the content of every file of a configuration.
type Tree map[string]Digest

// Manifest returns the tree as text, a line a file in the order of their
// paths. Equal configurations have equal manifests, whatever the order and
// the spelling that they came in.
func (t Tree) Manifest() []byte {
	var b strings.Builder
	b.Grow(len(t) * 100)
	for _, path := range sortedKeys(t) {
		digest := t[path]
		b.WriteString(hex.EncodeToString(digest[:]))
		b.WriteByte(' ')
		b.WriteString(path)
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// Digest returns the digest of the whole configuration.
func (t Tree) Digest() Digest { return Sum(t.Manifest()) }

// digests returns those of its files.
func (t Tree) digests() map[Digest]bool {
	out := make(map[Digest]bool, len(t))
	for _, digest := range t {
		out[digest] = true
	}
	return out
}

// ParseDigest reads what String wrote.
func ParseDigest(text string) (d Digest, err error) {
	if len(text) != hex.EncodedLen(len(d)) {
		return d, errDigest
	}
	_, err = hex.Decode(d[:], []byte(text))
	return d, err
}

var errDigest = errors.New("it is no digest")

// ParseManifest reads what Manifest wrote.
func ParseManifest(manifest []byte) (Tree, bool) {
	t := Tree{}
	for line := range strings.Lines(string(manifest)) {
		digest, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var d Digest
		if !ok || len(digest) != hex.EncodedLen(len(d)) {
			return nil, false
		}
		if _, err := hex.Decode(d[:], []byte(digest)); err != nil {
			return nil, false
		}
		t[path] = d
	}
	// A digest is one of bytes: a manifest that is written otherwise is another.
	return t, bytes.Equal(t.Manifest(), manifest)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
