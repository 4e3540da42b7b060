// Package project owns projects and their configuration: revisions that never
// change, the import that makes them, export, clone, and the compiled
// configuration that the rest of the server reads.
//
// What a snapshot may hold, and what an upload would make of a target, is the
// business of package snapshot. Who may do what is decided by the edges, before
// they call.
package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// What callers are told. ErrNotFound is one answer for a project that does not
// exist and for one that is not theirs.
var (
	ErrNotFound    = fault.New(fault.NotFound, "E011008", "Project not found")
	ErrName        = fault.New(fault.Invalid, "E011003", "Request is invalid: the name must have 1 to 100 characters on one line")
	ErrEnvironment = fault.New(fault.Invalid, "E011003", `Request is invalid: the environment must be "" or "production"`)
	ErrTags        = fault.New(fault.Invalid, "E011003", "Request is invalid: there may be at most 50 tags of 1 to 50 characters")
	ErrConflict    = fault.New(fault.Conflict, "P40901", "the project was changed meanwhile; nothing of this import was applied")
	ErrPrecond     = fault.New(fault.Conflict, "P41201", "the project is not at the revision that If-Match names; nothing was applied")
)

// A Project is one identity project.
type Project struct {
	ID          string
	Name        string
	Environment string // "" or "production"
	Tags        []string
	CreatedAt   time.Time
	Head        int64     // the number of the current revision; 0 before the first
	DeletedAt   time.Time // zero for a project in use
}

// New is what a new project is made of.
type New struct {
	Name        string
	Environment string
	Tags        []string
}

// Service keeps projects. Its zero value with a database and a master key is
// ready.
type Service struct {
	DB     *store.DB
	Master *secret.Master
	Log    *slog.Logger
	// Effects are what other owners of data say of a plan. They are set before the
	// service is used.
	Effects []Effects
	// Obeyed are what other owners of data do in the transaction that makes a
	// configuration the one of its project. They are set likewise.
	Obeyed []func(*store.Tx, *Config) error
	// Made are what other owners of data do in the transaction that makes a project.
	// They are set likewise.
	Made []func(tx *store.Tx, project string) error
	// MayApprove reports whether a key may approve plans of a project now. It is set
	// likewise; without it no approval counts.
	MayApprove func(ctx context.Context, key, project string) (bool, error)

	codecs  codecOnce
	facts   snapshot.Cache
	trees   trees
	keys    sync.Map // project id → *dataKey, the newest that is known
	opened  sync.Map // keyVersion → *secret.DataKey
	bare    bare
	configs sync.Map // project id → *Config
	running sync.Map // project id → seen
	past    sync.Map // atRevision → *Config
}

func (n New) check() error {
	if err := checkName(n.Name); err != nil {
		return err
	}
	if n.Environment != "" && n.Environment != "production" {
		return ErrEnvironment
	}
	return checkTags(n.Tags)
}

func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > 100 || !utf8.ValidString(name) || strings.TrimSpace(name) == "" || hasControl(name) {
		return ErrName
	}
	return nil
}

func checkTags(tags []string) error {
	if len(tags) > 50 {
		return ErrTags
	}
	for _, t := range tags {
		if n := utf8.RuneCountInString(t); n == 0 || n > 50 || !utf8.ValidString(t) || hasControl(t) {
			return ErrTags
		}
	}
	return nil
}

// hasControl reports whether s would steer a terminal or a log: move the
// cursor, break the line or turn the direction.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	})
}

// Create makes an empty project.
func (s *Service) Create(ctx context.Context, by audit.Origin, in New) (Project, error) {
	if err := in.check(); err != nil {
		return Project{}, err
	}
	p := Project{ID: ident.New("P"), Name: in.Name, Environment: in.Environment, Tags: uniqueTags(in.Tags), CreatedAt: time.Now()}
	wrapped, _, err := s.Master.NewDataKey(p.ID)
	if err != nil {
		return Project{}, err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := s.insert(tx, p, wrapped); err != nil {
			return err
		}
		e := by.Event("project.create", audit.Done)
		e.Project, e.Details = p.ID, map[string]any{"name": p.Name}
		return audit.Record(tx, e)
	})
	if err != nil {
		return Project{}, fmt.Errorf("create project: %w", err)
	}
	return p, nil
}

// uniqueTags returns the tags in their order, each once, and never nil.
func uniqueTags(tags []string) []string {
	out := []string{}
	for _, t := range tags {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// insert writes a project with its first data key, and what it has from then on.
func (s *Service) insert(tx *store.Tx, p Project, wrapped []byte) error {
	tags, err := json.Marshal(p.Tags)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO projects (id, name, environment, tags, created_at) VALUES ($1, $2, $3, $4, $5)`,
		p.ID, p.Name, p.Environment, string(tags), p.CreatedAt.Unix()); err != nil {
		return err
	}
	if err := s.insertKey(tx, p.ID, 1, wrapped, p.CreatedAt); err != nil {
		return err
	}
	for _, fn := range s.Made {
		if err := fn(tx, p.ID); err != nil {
			return err
		}
	}
	return nil
}

const columns = `id, name, environment, tags, created_at, head, deleted_at`

// scan reads a project, and what else a statement reads after its columns.
func scan(row store.Scanner, more ...any) (Project, error) {
	var p Project
	var tags string
	var created, deleted int64
	if err := row.Scan(append([]any{&p.ID, &p.Name, &p.Environment, &tags, &created, &p.Head, &deleted}, more...)...); err != nil {
		return Project{}, err
	}
	if deleted != 0 {
		p.DeletedAt = time.Unix(deleted, 0)
	}
	p.CreatedAt = time.Unix(created, 0)
	return p, json.Unmarshal([]byte(tags), &p.Tags)
}

func scanOne(row store.Scanner) (Project, error) { return scan(row) }

func get(tx *store.Tx, id string) (Project, error) {
	if !ident.Valid("P", id) {
		return Project{}, ErrNotFound // PostgreSQL refuses to look for what is no text
	}
	p, err := scan(tx.QueryRow(`SELECT `+columns+` FROM projects WHERE id = $1 AND deleted_at = 0`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Project{}, ErrNotFound
	}
	return p, err
}

// Get returns a project.
func (s *Service) Get(ctx context.Context, id string) (Project, error) {
	var p Project
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		p, err = get(tx, id)
		return err
	})
	return p, err
}

// List returns every project, the oldest first.
func (s *Service) List(ctx context.Context) ([]Project, error) {
	var all []Project
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		all, err = store.Collect(tx, scanOne, `SELECT `+columns+` FROM projects WHERE deleted_at = 0`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	slices.SortFunc(all, func(a, b Project) int { return strings.Compare(a.ID, b.ID) }) // ids sort by time
	return all, nil
}

// Rename gives a project another name.
func (s *Service) Rename(ctx context.Context, by audit.Origin, id, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.change(ctx, by, id, "project.rename", map[string]any{"name": name}, `UPDATE projects SET name = $2 WHERE id = $1`, name)
}

// SetTags replaces the tags of a project.
func (s *Service) SetTags(ctx context.Context, by audit.Origin, id string, tags []string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	unique := uniqueTags(tags)
	text, err := json.Marshal(unique)
	if err != nil {
		return err
	}
	return s.change(ctx, by, id, "project.tags", map[string]any{"tags": unique}, `UPDATE projects SET tags = $2 WHERE id = $1`, string(text))
}

// Delete takes a project out of use. Its rows stay, so that it can be brought
// back for a while.
func (s *Service) Delete(ctx context.Context, by audit.Origin, id string) error {
	err := s.change(ctx, by, id, "project.delete", nil, `UPDATE projects SET deleted_at = $2 WHERE id = $1`, time.Now().Unix())
	if err == nil {
		s.forget(id)
		s.configs.Delete(id)
	}
	return err
}

// change runs one statement on a project that exists, and records it.
func (s *Service) change(ctx context.Context, by audit.Origin, id, action string, details map[string]any, statement string, arg any) error {
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(statement, id, arg); err != nil {
			return err
		}
		e := by.Event(action, audit.Done)
		e.Project, e.Details = id, details
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}
