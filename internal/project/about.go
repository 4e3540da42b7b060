package project

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// CreateFrom makes a project with the configuration of an upload, both or
// neither. It refuses what Import refuses, in the same words.
func (s *Service) CreateFrom(ctx context.Context, by audit.Origin, kind Kind, about New, up *snapshot.Upload) (Project, *Result, error) {
	in := Import{Upload: up, Kind: kind, About: &about}
	if err := in.checkWords(); err != nil {
		return Project{}, nil, err
	}
	p := Project{ID: ident.New("P"), Name: about.Name, Environment: about.Environment, Tags: uniqueTags(about.Tags), CreatedAt: time.Now()}
	st := &state{project: p, tree: snapshot.Tree{}}
	in.Project = p.ID
	if err := st.allows(in); err != nil {
		return Project{}, nil, err
	}
	out, config, err := s.against(ctx, st, in)
	if err != nil {
		return Project{}, nil, err
	}
	if out.Failed() {
		return Project{}, nil, snapshot.ErrInvalid.With(&Report{out.Problems, out.Missing})
	}
	wrapped, key, err := s.Master.NewDataKey(p.ID)
	if err != nil {
		return Project{}, nil, err
	}
	in.first = func(tx *store.Tx) error {
		if err := s.insert(tx, p, wrapped); err != nil {
			return err
		}
		e := by.Event("project.create", audit.Done)
		e.Project, e.Details = p.ID, map[string]any{"name": p.Name}
		return audit.Record(tx, e)
	}
	s.keys.Store(p.ID, &dataKey{version: 1, key: key})
	next, err := s.seal(ctx, st, out)
	if err == nil {
		_, err = s.commit(ctx, by, in, st, config, out, next)
	}
	if err != nil {
		s.keys.Delete(p.ID)
		return Project{}, nil, fmt.Errorf("create project: %w", err)
	}
	p.Head, config.Revision = 1, 1
	s.swap(config)
	return p, &Result{Revision: 1, Digest: out.Tree.Digest(), Changed: true, Changes: out.Changes, Warnings: out.Problems}, nil
}

// describe makes the project what an import says about it, where the import
// changes nothing else.
func (s *Service) describe(ctx context.Context, by audit.Origin, in Import, st *state) error {
	if !in.changes(st.project) && in.undoes == nil {
		return nil
	}
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := in.settle(tx); err != nil {
			return err
		}
		return describe(tx, by, in, st)
	})
	if err != nil {
		return fmt.Errorf("project.update: %w", err)
	}
	return nil
}

func (in Import) changes(p Project) bool {
	a := in.About
	return a != nil && (a.Name != p.Name || a.Environment != p.Environment || !slices.Equal(uniqueTags(a.Tags), p.Tags))
}

func describe(tx *store.Tx, by audit.Origin, in Import, st *state) error {
	if !in.changes(st.project) {
		return nil
	}
	if _, err := get(tx, in.Project); err != nil {
		return err
	}
	tags := uniqueTags(in.About.Tags)
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE projects SET name = $2, environment = $3, tags = $4 WHERE id = $1`, in.Project, in.About.Name, in.About.Environment, string(text)); err != nil {
		return err
	}
	e := by.Event("project.update", audit.Done)
	e.Project, e.Details = in.Project, map[string]any{"name": in.About.Name, "environment": in.About.Environment, "tags": tags}
	return audit.Record(tx, e)
}
