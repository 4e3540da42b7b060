package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Collected says what a collection took away.
type Collected struct {
	Projects  int `json:"projects"`  // deleted more than Kept ago
	Revisions int `json:"revisions"` // theirs, and those that the retention lets go
	Secrets   int `json:"secrets"`   // that only these had
	Blobs     int `json:"blobs"`     // contents that no revision needs
}

// blobsAtOnce bounds the contents that one transaction deletes: imports wait
// for it.
const blobsAtOnce = 2000

// treesAtOnce bounds the trees that are in memory; one of a large project has
// some hundred kilobytes.
const treesAtOnce = 50

// Collect takes away what nothing needs: projects that were deleted more than
// Kept ago, with all that is theirs, revisions that need not be kept, and then
// the contents that no revision of any project needs. It is safe beside imports,
// in this process or another.
func (s *Service) Collect(ctx context.Context, by audit.Origin, keep Retention) (Collected, error) {
	var done Collected
	var due []string
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		due, err = store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
			`SELECT id FROM projects WHERE deleted_at <> 0 AND deleted_at <= $1`, time.Now().Add(-Kept).Unix())
		return err
	})
	for _, id := range due {
		if err == nil {
			err = s.purge(ctx, by, id, &done)
		}
	}
	if err == nil {
		err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
			return errors.Join(forgetAnswers(tx), forgetApprovals(tx), forgetProposals(tx))
		})
	}
	if err == nil {
		err = s.retain(ctx, by, keep, &done)
	}
	if err == nil {
		done.Blobs, err = s.collectBlobs(ctx)
	}
	if err != nil {
		return done, fmt.Errorf("collect: %w", err)
	}
	return done, nil
}

// purge deletes a project with all that is its own, if it is still due.
func (s *Service) purge(ctx context.Context, by audit.Origin, id string, done *Collected) error {
	var now Collected
	err := s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) error {
		now = Collected{}
		for _, t := range []struct {
			table string
			where string
			n     *int
		}{
			{"projects", `id = $1 AND deleted_at <> 0 AND deleted_at <= $2`, &now.Projects},
			{"revisions", `project = $1`, &now.Revisions},
			{"secrets", `project = $1`, &now.Secrets},
			{"confirmations", `project = $1`, new(int)},
			{"import_keys", `project = $1`, new(int)},
			{"policies", `project = $1`, new(int)},
			{"approvals", `project = $1`, new(int)},
			{"data_keys", `project = $1`, new(int)},
		} {
			args := []any{id}
			if t.table == "projects" {
				args = append(args, time.Now().Add(-Kept).Unix())
			}
			res, err := tx.Exec(`DELETE FROM `+t.table+` WHERE `+t.where, args...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if *t.n = int(n); now.Projects == 0 {
				return nil // it was brought back, or another process was here
			}
		}
		e := by.Event("project.collect", audit.Done)
		e.Project, e.Details = id, map[string]any{"revisions": now.Revisions, "secrets": now.Secrets}
		return audit.Record(tx, e)
	})
	if err != nil {
		return err
	}
	s.forget(id)
	s.configs.Delete(id)
	done.Projects, done.Revisions, done.Secrets = done.Projects+now.Projects, done.Revisions+now.Revisions, done.Secrets+now.Secrets
	return nil
}

// A need is what the revisions need, as far as it was read.
type need struct {
	codec *codec
	read  map[string]int64         // project id → its newest revision that was read
	trees map[snapshot.Digest]bool // that were read
	blobs map[snapshot.Digest]bool
}

// all adds what every revision needs that is there now.
func (n *need) all(tx *store.Tx) error {
	return n.add(tx, func(note func(revisionRow) error) error {
		return store.Each(tx, scanNeed, note, needColumns)
	})
}

// newer adds what the revisions need that came since. A revision moves the head
// of its project, so only projects whose head has moved are looked at.
func (n *need) newer(tx *store.Tx) error {
	heads, err := store.Collect(tx, func(row store.Scanner) (p Project, err error) { return p, row.Scan(&p.ID, &p.Head) },
		`SELECT id, head FROM projects`)
	if err != nil {
		return err
	}
	return n.add(tx, func(note func(revisionRow) error) error {
		for _, p := range heads {
			if p.Head <= n.read[p.ID] {
				continue
			}
			if err := store.Each(tx, scanNeed, note, needColumns+` WHERE project = $1 AND number > $2`, p.ID, n.read[p.ID]); err != nil {
				return err
			}
		}
		return nil
	})
}

const needColumns = `SELECT project, number, digest, secrets FROM revisions`

func scanNeed(row store.Scanner) (r revisionRow, err error) {
	return r, row.Scan(&r.project, &r.number, &r.digest, &r.secretDigest)
}

// add adds what the revisions need that each gives to its argument. A tree that
// was read before is not read again: it never changes. What was read counts only
// when all of it was, since a transaction may run again.
func (n *need) add(tx *store.Tx, each func(note func(revisionRow) error) error) error {
	read, trees := map[string]int64{}, map[snapshot.Digest]bool{}
	err := each(func(r revisionRow) error {
		var tree, list snapshot.Digest
		if copy(tree[:], r.digest) != len(tree) || copy(list[:], r.secretDigest) != len(list) {
			return fmt.Errorf("revision %d of %s is damaged: postern doctor tells more", r.number, r.project)
		}
		n.blobs[list] = true
		if !n.trees[tree] {
			trees[tree] = true
		}
		read[r.project] = max(read[r.project], r.number)
		return nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(trees)), treesAtOnce) {
		contents, err := n.codec.unpacked(tx, some)
		if err != nil {
			return err
		}
		for tree, content := range contents {
			files, ok := snapshot.ParseManifest(content)
			if !ok {
				return fmt.Errorf("the tree %s is damaged: postern doctor tells more", tree)
			}
			n.trees[tree], n.blobs[tree] = true, true
			for _, d := range files {
				n.blobs[d] = true
			}
		}
	}
	maps.Copy(n.read, read)
	return nil
}

// collectBlobs deletes contents that no revision needs. Most of the work is done
// beside everybody else. Then, with nobody else writing contents, what came
// since is looked at, and what is still not needed goes.
func (s *Service) collectBlobs(ctx context.Context) (int, error) {
	c, err := s.codec()
	if err != nil {
		return 0, err
	}
	n := &need{codec: c, read: map[string]int64{}, trees: map[snapshot.Digest]bool{}, blobs: map[snapshot.Digest]bool{}}
	var spare []snapshot.Digest
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := complete(tx, ""); err != nil {
			return err
		}
		if err := n.all(tx); err != nil {
			return err
		}
		return store.Each(tx, func(row store.Scanner) (b []byte, err error) { return b, row.Scan(&b) }, func(b []byte) error {
			var d snapshot.Digest
			if copy(d[:], b) == len(b) && !n.blobs[d] {
				spare = append(spare, d)
			}
			return nil
		}, `SELECT digest FROM blobs`)
	})
	if err != nil {
		return 0, err
	}
	total := 0
	for some := range slices.Chunk(spare, blobsAtOnce) {
		gone := 0
		err := s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			if err := tx.Alone("blobs"); err != nil {
				return err
			}
			if err := complete(tx, ""); err != nil {
				return err
			}
			if err := n.newer(tx); err != nil {
				return err
			}
			gone, err = deleteBlobs(tx, slices.DeleteFunc(slices.Clone(some), func(d snapshot.Digest) bool { return n.blobs[d] }))
			return err
		})
		if err != nil {
			return total, err
		}
		total += gone
	}
	return total, nil
}

// complete refuses to go on where a project, or any of them for "", lacks a revision
// from its oldest to its head: what only that one needs would be taken for what
// nothing needs.
func complete(tx *store.Tx, id string) error {
	var lacks string
	err := tx.QueryRow(`SELECT id FROM projects p WHERE (id = $1 OR $1 = '') AND head >= oldest AND head - oldest + 1 <>
		(SELECT COUNT(*) FROM revisions r WHERE r.project = p.id AND r.number BETWEEN p.oldest AND p.head) ORDER BY id LIMIT 1`, id).Scan(&lacks)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("revisions of %s are missing, nothing more is taken away: postern doctor tells more", lacks)
}

func deleteBlobs(tx *store.Tx, digests []snapshot.Digest) (int, error) {
	total := 0
	for batch := range slices.Chunk(digests, rowsPerStatement) {
		marks, args := parameters(batch)
		res, err := tx.Exec(`DELETE FROM blobs WHERE digest IN (`+marks+`)`, args...)
		if err != nil {
			return total, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return total, err
		}
		total += int(n)
	}
	return total, nil
}
