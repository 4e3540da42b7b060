package project

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Retention says which revisions of a project are kept, besides its head. One
// that any of the two keeps stays. The zero value keeps all.
type Retention struct {
	Newest int           // so many of the newest; 0 says nothing
	For    time.Duration // those that are younger; 0 says nothing
}

// superseded is how long a revision stays after another took its place, whatever
// the retention: requests that began on it end before.
const superseded = time.Hour

// retain takes the revisions of every project away that the retention lets go,
// each project in a transaction, with the secrets that no other revision lists.
func (s *Service) retain(ctx context.Context, by audit.Origin, keep Retention, done *Collected) error {
	if keep == (Retention{}) {
		return nil
	}
	var ids []string
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		ids, err = store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) }, `SELECT id FROM projects WHERE head > oldest`)
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = s.retainIn(ctx, by, id, keep, done)
		}
	}
	return err
}

func (s *Service) retainIn(ctx context.Context, by audit.Origin, id string, keep Retention, done *Collected) error {
	c, err := s.codec()
	if err != nil {
		return err
	}
	var now Collected
	err = s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) error {
		now = Collected{}
		if err := complete(tx, id); err != nil {
			return err
		}
		first, err := keep.first(tx, id, time.Now())
		if err != nil {
			return err
		}
		res, err := tx.Exec(`DELETE FROM revisions WHERE project = $1 AND number < $2`, id, first)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if now.Revisions = int(n); err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(`UPDATE projects SET oldest = $2 WHERE id = $1`, id, first); err != nil {
			return err
		}
		if now.Secrets, err = dropUnlisted(tx, c, id); err != nil {
			return err
		}
		e := by.Event("project.retain", audit.Done)
		e.Project, e.Details = id, map[string]any{"revisions": now.Revisions, "secrets": now.Secrets, "oldest": first}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("older revisions of %s: %w", id, err)
	}
	done.Revisions, done.Secrets = done.Revisions+now.Revisions, done.Secrets+now.Secrets
	return nil
}

// first returns the number of the oldest revision of a project that stays: never
// one after the head, nor after what a head that waits goes back to. What goes is
// a beginning of the history, so that what stays has no holes.
func (keep Retention) first(tx *store.Tx, id string, now time.Time) (int64, error) {
	var head int64
	if err := tx.QueryRow(`SELECT head FROM projects WHERE id = $1`, id).Scan(&head); err != nil {
		return 0, err
	}
	first := head
	if keep.Newest > 0 {
		first = min(first, head-int64(keep.Newest)+1)
	}
	if keep.For > 0 {
		var young int64
		if err := tx.QueryRow(`SELECT coalesce(min(number), $2) FROM revisions WHERE project = $1 AND created_at > $3`, id, head, now.Add(-keep.For).Unix()).Scan(&young); err != nil {
			return 0, err
		}
		first = min(first, young)
	}
	var settled int64 // the last one that took the place of another long enough ago
	if err := tx.QueryRow(`SELECT coalesce(max(number), 0) FROM revisions WHERE project = $1 AND created_at <= $2`, id, now.Add(-superseded).Unix()).Scan(&settled); err != nil {
		return 0, err
	}
	first = min(first, settled)
	if p, err := readPending(tx, id); err != nil {
		return 0, err
	} else if p != nil {
		first = min(first, p.GoesBackTo)
	}
	return first, nil
}

// dropUnlisted deletes the secrets of a project that no revision lists. After a
// rollback a newer revision may list what a collected one did, so all are read.
func dropUnlisted(tx *store.Tx, c *codec, id string) (int, error) {
	lists, err := store.Collect(tx, func(row store.Scanner) (d snapshot.Digest, err error) {
		var b []byte
		err = row.Scan(&b)
		copy(d[:], b)
		return d, err
	}, `SELECT DISTINCT secrets FROM revisions WHERE project = $1`, id)
	if err != nil {
		return 0, err
	}
	contents, err := c.unpacked(tx, lists)
	if err != nil {
		return 0, err
	}
	listed := map[string]bool{}
	for _, content := range contents {
		var list []snapshot.StoredSecret
		if err := json.Unmarshal(content, &list); err != nil {
			return 0, fmt.Errorf("a list of secrets is damaged: postern doctor tells more: %w", err)
		}
		for _, place := range list {
			listed[place.ID] = true
		}
	}
	all, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) }, `SELECT id FROM secrets WHERE project = $1`, id)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, secret := range all {
		if listed[secret] {
			continue
		}
		n++
		if _, err := tx.Exec(`DELETE FROM secrets WHERE id = $1 AND project = $2`, secret, id); err != nil {
			return n, err
		}
	}
	return n, nil
}
