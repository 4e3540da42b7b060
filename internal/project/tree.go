package project

import (
	"slices"
	"sync"

	"postern/internal/snapshot"
)

// maxTrees bounds the trees that are remembered, in files; one takes about 200
// bytes.
const maxTrees = 50_000

// trees remembers what revisions consist of. They are named by their digests, so
// what is remembered is never out of date. Nobody changes what it gives out. Its
// zero value is empty and ready.
type trees struct {
	mu    sync.Mutex
	known map[treeKey]knownTree
	files int
}

// A treeKey names the files and the secrets of a revision.
type treeKey struct{ tree, secrets snapshot.Digest }

type knownTree struct {
	tree    snapshot.Tree
	secrets []snapshot.StoredSecret
}

// fill gives a state what its revision consists of, if that is remembered.
func (t *trees) fill(st *state) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[treeKey{st.revision.Digest, st.revision.secretsDigest}]
	if ok {
		st.tree, st.secrets = k.tree, slices.Clone(k.secrets) // a rollback takes some out of it
	}
	return ok
}

func (t *trees) keep(r Revision, tree snapshot.Tree, secrets []snapshot.StoredSecret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := treeKey{r.Digest, r.secretsDigest}
	if _, ok := t.known[key]; ok || len(tree) > maxTrees {
		return
	}
	if t.known == nil || t.files+len(tree) > maxTrees {
		t.known, t.files = map[treeKey]knownTree{}, 0
	}
	t.known[key] = knownTree{tree, slices.Clone(secrets)}
	t.files += len(tree)
}
