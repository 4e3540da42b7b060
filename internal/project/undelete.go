package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/store"
)

// Kept is how long a deleted project can be brought back. After that it may be
// collected at any time.
const Kept = 30 * 24 * time.Hour

// kept reports whether a project that was deleted can be brought back at now.
func (p Project) kept(now time.Time) bool { return now.Before(p.DeletedAt.Add(Kept)) }

// Undelete brings a deleted project back, as it was.
func (s *Service) Undelete(ctx context.Context, by audit.Origin, id string) (Project, error) {
	if !ident.Valid("P", id) {
		return Project{}, ErrNotFound
	}
	var p Project
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		p, err = scan(tx.QueryRow(`SELECT `+columns+` FROM projects WHERE id = $1 AND deleted_at <> 0`, id))
		if errors.Is(err, sql.ErrNoRows) || err == nil && !p.kept(time.Now()) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE projects SET deleted_at = 0 WHERE id = $1`, id); err != nil {
			return err
		}
		p.DeletedAt = time.Time{}
		e := by.Event("project.undelete", audit.Done)
		e.Project = id
		return audit.Record(tx, e)
	})
	if err != nil {
		return Project{}, fmt.Errorf("undelete project: %w", err)
	}
	return p, nil
}

// Deleted returns the projects that can be brought back, the oldest first.
func (s *Service) Deleted(ctx context.Context) ([]Project, error) {
	var all []Project
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		all, err = store.Collect(tx, scanOne, `SELECT `+columns+` FROM projects WHERE deleted_at <> 0`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deleted projects: %w", err)
	}
	now := time.Now()
	all = slices.DeleteFunc(all, func(p Project) bool { return !p.kept(now) })
	slices.SortFunc(all, func(a, b Project) int { return strings.Compare(a.ID, b.ID) }) // ids sort by time
	return all, nil
}
