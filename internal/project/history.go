package project

import (
	"context"
	"errors"
	"fmt"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// A History is a page of the revisions of a project.
type History struct {
	Revisions []Revision // the newest first
	More      bool       // whether older ones follow
	Oldest    int64      // the number of the oldest that is kept; those before it were collected
	Pending   *Pending   // where the head waits to be confirmed
}

// MaxPage is the most revisions that one page has.
const MaxPage = 1000

// Revisions returns the revisions of a project before one, or from the head on
// for 0, at most limit of them: from 1 to MaxPage.
func (s *Service) Revisions(ctx context.Context, id string, before int64, limit int) (*History, error) {
	limit = min(max(limit, 1), MaxPage)
	h := &History{}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		p, err := get(tx, id)
		if err != nil {
			return err
		}
		if before <= 0 || before > p.Head {
			before = p.Head + 1
		}
		if h.Oldest, err = oldest(tx, id); err != nil {
			return err
		}
		if h.Pending, err = readPending(tx, id); err != nil {
			return err
		}
		h.Revisions, err = store.Collect(tx, scanRevision,
			`SELECT `+revisionColumns+` FROM revisions WHERE project = $1 AND number < $2 ORDER BY number DESC LIMIT $3`, id, before, limit+1)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list revisions: %w", err)
	}
	if h.More = len(h.Revisions) > limit; h.More {
		h.Revisions = h.Revisions[:limit]
	}
	return h, nil
}

func oldest(tx *store.Tx, id string) (n int64, err error) {
	return n, tx.QueryRow(`SELECT oldest FROM projects WHERE id = $1`, id).Scan(&n)
}

// A Shown is one revision with what it changed.
type Shown struct {
	Revision
	// Differences are those to its parent. Secrets are in them by their names.
	Differences []snapshot.Difference
	ParentGone  bool     // whether the parent was collected, so that nobody knows the differences
	Pending     *Pending // where it waits to be confirmed
}

// Revision returns one revision with what it changed.
func (s *Service) Revision(ctx context.Context, id string, number int64) (*Shown, error) {
	if number <= 0 {
		return nil, ErrNoRevision
	}
	c, err := s.codec()
	if err != nil {
		return nil, err
	}
	out := &Shown{}
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		st, err := s.readState(tx, id, number)
		if err != nil {
			return err
		}
		out.Revision = st.revision
		if st.pending != nil && st.pending.Revision == number {
			out.Pending = st.pending
		}
		parent := &state{tree: snapshot.Tree{}}
		if out.Parent > 0 {
			parent, err = s.readState(tx, id, out.Parent)
			if errors.Is(err, ErrNoRevision) {
				out.ParentGone = true
				return nil
			}
			if err != nil {
				return err
			}
		}
		load := func(digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
			return c.loadBlobs(tx, digests)
		}
		out.Differences, err = s.facts.CompareStored(
			snapshot.Base{Tree: parent.tree, Secrets: parent.secrets, Load: load},
			snapshot.Base{Tree: st.tree, Secrets: st.secrets, Load: load})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("show revision: %w", err)
	}
	return out, nil
}
