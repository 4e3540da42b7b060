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
	heads map[string]snapshot.Tree // by project: what the head was that was last looked at
	files int
}

// A treeKey names the files and the secrets of a revision.
type treeKey struct{ tree, secrets snapshot.Digest }

type knownTree struct {
	tree     snapshot.Tree
	secrets  []snapshot.StoredSecret
	standing *snapshot.Standing
}

// fill gives a state what its revision consists of, if that is remembered.
func (t *trees) fill(st *state) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.known[treeKey{st.revision.Digest, st.revision.secretsDigest}]
	if ok {
		st.tree, st.secrets, st.standing = k.tree, slices.Clone(k.secrets), k.standing // a rollback takes some secrets out
		if st.revision.Number == st.project.Head {
			t.heads[st.project.ID] = k.tree
		}
	}
	return ok
}

// likely returns what the files of a project are likely to be; nil where nobody knows.
func (t *trees) likely(project string) snapshot.Tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heads[project]
}

// stand remembers what a check of a revision against itself finds.
func (t *trees) stand(r Revision, standing *snapshot.Standing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := treeKey{r.Digest, r.secretsDigest}
	if k, ok := t.known[key]; ok && standing != nil {
		k.standing = standing
		t.known[key] = k
	}
}

func (t *trees) keep(project string, r Revision, tree snapshot.Tree, secrets []snapshot.StoredSecret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := treeKey{r.Digest, r.secretsDigest}
	if k, ok := t.known[key]; ok {
		t.heads[project] = k.tree
		return
	}
	if len(tree) > maxTrees {
		return
	}
	if t.known == nil || t.files+len(tree) > maxTrees {
		t.known, t.heads, t.files = map[treeKey]knownTree{}, map[string]snapshot.Tree{}, 0
	}
	t.known[key], t.heads[project] = knownTree{tree: tree, secrets: slices.Clone(secrets)}, tree
	t.files += len(tree)
}
