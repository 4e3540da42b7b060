package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Revision is one state of a project's configuration. It never changes.
type Revision struct {
	Number    int64
	Digest    snapshot.Digest // of the tree; equal configurations have equal ones
	Parent    int64
	CreatedAt time.Time
	Author    string // the id of the key that made it
	Message   string

	secretsDigest snapshot.Digest
}

// A state is a revision with what it consists of.
type state struct {
	project  Project
	revision Revision // the zero value before the first import
	tree     snapshot.Tree
	secrets  []snapshot.StoredSecret
}

// head reads the current state of a project.
func (s *Service) head(ctx context.Context, id string) (*state, error) {
	var st *state
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		st, err = s.readHead(tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read project: %w", err)
	}
	return st, nil
}

func (s *Service) readHead(tx *store.Tx, id string) (*state, error) {
	p, err := get(tx, id)
	if err != nil {
		return nil, err
	}
	st := &state{project: p, tree: snapshot.Tree{}}
	if p.Head == 0 {
		return st, nil
	}
	if st.revision, err = readRevision(tx, id, p.Head); err != nil {
		return nil, err
	}
	c, err := s.codec()
	if err != nil {
		return nil, err
	}
	blobs, err := c.loadBlobs(tx, []snapshot.Digest{st.revision.Digest, st.revision.secretsDigest})
	if err != nil {
		return nil, err
	}
	tree, ok := snapshot.ParseManifest(blobs[st.revision.Digest])
	if !ok {
		return nil, fmt.Errorf("the tree of revision %d is damaged", p.Head)
	}
	st.tree = tree
	return st, json.Unmarshal(blobs[st.revision.secretsDigest], &st.secrets)
}

func readRevision(tx *store.Tx, id string, number int64) (Revision, error) {
	r := Revision{Number: number}
	var digest, secrets []byte
	var created int64
	err := tx.QueryRow(`SELECT digest, secrets, parent, created_at, author, message FROM revisions WHERE project = $1 AND number = $2`, id, number).
		Scan(&digest, &secrets, &r.Parent, &created, &r.Author, &r.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("revision %d is missing", number)
	}
	copy(r.Digest[:], digest)
	copy(r.secretsDigest[:], secrets)
	r.CreatedAt = time.Unix(created, 0)
	return r, err
}

// insertRevision writes a revision and makes it the head, if the head is still
// the one that it was made from.
func insertRevision(tx *store.Tx, id string, r Revision, summary string) error {
	moved, err := tx.Exec(`UPDATE projects SET head = $2 WHERE id = $1 AND head = $3 AND deleted_at = 0`, id, r.Number, r.Parent)
	if err != nil {
		return err
	}
	if n, err := moved.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrConflict, err)
	}
	_, err = tx.Exec(`INSERT INTO revisions (project, number, digest, secrets, parent, created_at, author, message, summary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, r.Number, r.Digest[:], r.secretsDigest[:], r.Parent, r.CreatedAt.Unix(), r.Author, r.Message, summary)
	return err
}

// base is what an upload is held against.
func (s *Service) base(ctx context.Context, st *state) snapshot.Base {
	return snapshot.Base{Tree: st.tree, Secrets: st.secrets, Load: func(digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
		return s.load(ctx, digests)
	}}
}

func (s *Service) load(ctx context.Context, digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
	c, err := s.codec()
	if err != nil {
		return nil, err
	}
	var out map[snapshot.Digest][]byte
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		out, err = c.loadBlobs(tx, digests)
		return err
	})
	return out, err
}
