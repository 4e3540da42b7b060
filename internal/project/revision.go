package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/signature"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Revision is one state of a project's configuration. It never changes.
type Revision struct {
	Number      int64
	Digest      snapshot.Digest // of the tree; equal configurations have equal ones
	Parent      int64           // the number of the one that it was made from; 0 for the first
	CreatedAt   time.Time
	Author      string // the id of the key that made it
	Kind        Kind
	Message     string
	Summary     string // what changed, in numbers: "2 created, 1 removed"
	Source      snapshot.Source
	Environment string            // whose values its placeholders got; blank for none
	SignedBy    *signature.Signer // whose signature was found to fit; nil where there was none

	secretsDigest snapshot.Digest
}

// ErrNoRevision is a number that no revision of the project has.
var ErrNoRevision = fault.New(fault.NotFound, "P40402", "the project has no such revision; it was never made, or was collected")

// A state is a revision with what it consists of.
type state struct {
	project  Project
	revision Revision // the zero value before the first import
	tree     snapshot.Tree
	secrets  []snapshot.StoredSecret
	pending  *Pending // what waits to be confirmed, or nil
	policy   Policy
	standing *snapshot.Standing
	signer   *signature.Signer // of what is about to be imported

	contents  map[snapshot.Digest][]byte // of the tree, where all of it was read
	destroyed []snapshot.StoredSecret    // those of a rollback's target that are not in secrets any more
}

// head reads the current state of a project.
func (s *Service) head(ctx context.Context, id string) (*state, error) {
	var st *state
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		st, err = s.readState(tx, id, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read project: %w", err)
	}
	return st, nil
}

// readState reads a project at one of its revisions, or at its head for 0.
func (s *Service) readState(tx *store.Tx, id string, number int64) (*state, error) {
	st, err := readRow(tx, id, number)
	if err != nil || st.revision.Number == 0 {
		return st, err
	}
	if s.trees.fill(st) {
		return st, nil
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
		return nil, fmt.Errorf("the tree of revision %d is damaged", st.revision.Number)
	}
	st.tree = tree
	if err := json.Unmarshal(blobs[st.revision.secretsDigest], &st.secrets); err != nil {
		return nil, err
	}
	s.trees.keep(id, st.revision, st.tree, st.secrets)
	return st, nil
}

// withRest is a project with one of its revisions, what waits to be confirmed in it and
// its policy, in one statement: each one is a way to PostgreSQL and back.
var withRest = `SELECT ` + store.Of("p", columns) + `, COALESCE(o.policy, ''),
	COALESCE(c.revision, 0), COALESCE(c.goes_back_to, 0), COALESCE(c.deadline, 0), COALESCE(c.failure, ''), ` + revisionOrNone + `
	FROM projects p LEFT JOIN confirmations c ON c.project = p.id LEFT JOIN policies o ON o.project = p.id
	LEFT JOIN revisions r ON r.project = p.id AND r.number = COALESCE(NULLIF(CAST($2 AS BIGINT), 0), p.head)
	WHERE p.id = $1 AND p.deleted_at = 0`

// readRow reads what one row says of a project at one of its revisions, or at its head
// for 0: that has no number before the first import.
func readRow(tx *store.Tx, id string, number int64) (*state, error) {
	if !ident.Valid("P", id) {
		return nil, ErrNotFound // PostgreSQL refuses to look for what is no text
	}
	st, pending, deadline, policy, rev := &state{tree: snapshot.Tree{}}, &Pending{}, int64(0), "", storedRevision{}
	var err error
	st.project, err = scan(tx.QueryRow(withRest, id, number),
		append([]any{&policy, &pending.Revision, &pending.GoesBackTo, &deadline, &pending.Failure}, rev.targets()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if pending.Revision != 0 {
		pending.At = time.Unix(deadline, 0)
		st.pending = pending
	}
	switch {
	case rev.Number == 0 && st.project.Head != 0 && (number == 0 || number == st.project.Head):
		return nil, fmt.Errorf("revision %d, the head, is missing", st.project.Head)
	case rev.Number == 0 && number != 0:
		return nil, ErrNoRevision
	case rev.Number != 0:
		if st.revision, err = rev.revision(); err != nil {
			return nil, err
		}
	}
	st.policy, err = parsePolicy(policy)
	return st, err
}

// An origin is where a revision comes from, as it is stored: what whoever sent it
// says, and what was found to be true.
type origin struct {
	snapshot.Source
	Environment string            `json:"environment,omitzero"`
	SignedBy    *signature.Signer `json:"signedBy,omitzero"`
}

const (
	revisionColumns = `number, digest, secrets, parent, created_at, author, kind, message, summary, source`

	// revisionOrNone is revisionColumns of a row that need not be there.
	revisionOrNone = `COALESCE(r.number, 0), r.digest, r.secrets, COALESCE(r.parent, 0), COALESCE(r.created_at, 0),
	COALESCE(r.author, ''), COALESCE(r.kind, ''), COALESCE(r.message, ''), COALESCE(r.summary, ''), COALESCE(r.source, '')`
)

// A storedRevision is a revision as it is read, column by column.
type storedRevision struct {
	Revision

	digest, secrets []byte
	created         int64
	source          string
}

func (r *storedRevision) targets() []any {
	return []any{&r.Number, &r.digest, &r.secrets, &r.Parent, &r.created, &r.Author, &r.Kind, &r.Message, &r.Summary, &r.source}
}

func (r *storedRevision) revision() (Revision, error) {
	copy(r.Digest[:], r.digest)
	copy(r.secretsDigest[:], r.secrets)
	r.CreatedAt = time.Unix(r.created, 0)
	var from origin
	err := json.Unmarshal([]byte(r.source), &from)
	r.Source, r.Environment, r.SignedBy = from.Source, from.Environment, from.SignedBy
	return r.Revision, err
}

func scanRevision(row store.Scanner) (Revision, error) {
	var r storedRevision
	if err := row.Scan(r.targets()...); err != nil {
		return Revision{}, err
	}
	return r.revision()
}

func readRevision(tx *store.Tx, id string, number int64) (Revision, error) {
	r, err := scanRevision(tx.QueryRow(`SELECT `+revisionColumns+` FROM revisions WHERE project = $1 AND number = $2`, id, number))
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNoRevision
	}
	return r, err
}

// insertRevision writes a revision and makes it the head, if the head is still
// the one that it was made from.
func insertRevision(tx *store.Tx, id string, r Revision) error {
	moved, err := tx.Exec(`UPDATE projects SET head = $2 WHERE id = $1 AND head = $3 AND deleted_at = 0`, id, r.Number, r.Parent)
	if err != nil {
		return err
	}
	if n, err := moved.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrConflict, err)
	}
	source, err := json.Marshal(origin{r.Source, r.Environment, r.SignedBy})
	if err != nil {
		return err
	}
	if err := tx.Tell(headMoved, id); err != nil {
		return err
	}
	return tx.Later(`INSERT INTO revisions (project, `+revisionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, r.Number, r.Digest[:], r.secretsDigest[:], r.Parent, r.CreatedAt.Unix(), r.Author, r.Kind, r.Message, r.Summary, string(source))
}

// base is what an upload is held against.
func (s *Service) base(ctx context.Context, st *state) snapshot.Base {
	return snapshot.Base{Tree: st.tree, Secrets: st.secrets, Standing: st.standing, Load: func(digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
		if st.contents != nil {
			return st.contents, nil
		}
		return s.load(ctx, digests)
	}}
}

func (s *Service) load(ctx context.Context, digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
	c, err := s.codec()
	if err != nil {
		return nil, err
	}
	out := make(map[snapshot.Digest][]byte, len(digests))
	if digests = c.lately.take(digests, out); len(digests) == 0 {
		return out, nil
	}
	read := s.DB.Read
	if len(digests) <= rowsPerStatement {
		read = s.DB.ReadCommitted // one statement sees one state by itself
	}
	err = read(ctx, func(_ context.Context, tx *store.Tx) error {
		absent, err := c.loadBlobs(tx, digests)
		maps.Copy(out, absent)
		return err
	})
	return out, err
}
