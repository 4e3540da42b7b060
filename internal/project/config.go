package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Config is the compiled configuration of a project: what request handlers
// read instead of the files. It is made before a revision is stored, so what
// would not run is never stored, and it never changes.
type Config struct {
	Project     string
	Name        string // of the project
	Environment string // of the project: "production" or another word
	Revision    int64
	Digest      snapshot.Digest

	Settings     Settings
	Methods      Methods
	Connectors   map[string]Connector // by id
	Roles        []Role
	Permissions  []Permission
	Attributes   Attributes
	JWTTemplates map[string]JWTTemplate // by id
	Applications []Application

	parts map[string]part // what was read of each file, by path
}

// swap makes a configuration the one that new requests read. A sign-in that is
// under way keeps the one that it began with.
func (s *Service) swap(c *Config) {
	for {
		old, loaded := s.configs.LoadOrStore(c.Project, c)
		if !loaded || old.(*Config).Revision > c.Revision || s.configs.CompareAndSwap(c.Project, old, c) {
			return
		}
	}
}

// Config returns the current configuration of a project.
func (s *Service) Config(ctx context.Context, id string) (*Config, error) {
	var p Project
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		p, err = get(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c, ok := s.configs.Load(id); ok && c.(*Config).is(p) {
		return c.(*Config), nil
	}
	st, err := s.head(ctx, id)
	if err != nil {
		return nil, err
	}
	c, err := s.compileStored(ctx, st)
	if err != nil {
		return nil, err
	}
	s.swap(c)
	return c, nil
}

// is reports whether c is what the project has now.
func (c *Config) is(p Project) bool {
	return c.Revision == p.Head && c.Name == p.Name && c.Environment == p.Environment
}

// compileStored compiles a revision that is stored, which compiled before.
func (s *Service) compileStored(ctx context.Context, st *state) (*Config, error) {
	c, problems, err := s.compile(st, s.base(ctx, st), &snapshot.Outcome{Tree: st.tree})
	if err != nil {
		return nil, fmt.Errorf("compile revision %d: %w", st.revision.Number, err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("compile revision %d: %s", st.revision.Number, problems[0])
	}
	return c, nil
}

// Stale bounds how long a node may go on with a configuration that another node
// has replaced.
const Stale = 500 * time.Millisecond

// A seen configuration is one that was the current one at a time.
type seen struct {
	config *Config
	at     time.Time
}

// Running returns the configuration that requests of end users obey: the current
// one of this process, or one that another process replaced within the last Stale.
// So most requests ask the database nothing about it.
func (s *Service) Running(ctx context.Context, id string) (*Config, error) {
	if v, ok := s.running.Load(id); ok && time.Since(v.(seen).at) < Stale {
		if c, ok := s.configs.Load(id); ok && c == v.(seen).config {
			return v.(seen).config, nil
		}
	}
	at := time.Now()
	c, err := s.Config(ctx, id)
	if err != nil {
		s.running.Delete(id)
		return nil, err
	}
	s.running.Store(id, seen{c, at})
	return c, nil
}

// headMoved is the channel on which processes tell each other whose head has moved.
const headMoved = "postern_head"

// Follow obeys what other processes on the same database import as soon as they tell
// of it, until ctx ends. Without it Stale is how long that takes.
func (s *Service) Follow(ctx context.Context) {
	s.DB.Listen(ctx, headMoved, func(id string) {
		if id == "" {
			s.running.Clear()
			return
		}
		s.running.Delete(id)
	})
}

// ConfigAt returns the configuration of a revision, for what began under it. One
// that is not kept any more is answered with the current one.
func (s *Service) ConfigAt(ctx context.Context, id string, revision int64) (*Config, error) {
	now, err := s.Running(ctx, id)
	if err != nil || now.Revision == revision {
		return now, err
	}
	name := atRevision{id, revision}
	if c, ok := s.past.Load(name); ok {
		return c.(*Config), nil
	}
	var st *state
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		st, err = s.readState(tx, id, revision)
		return err
	})
	if errors.Is(err, ErrNoRevision) || revision == 0 {
		return now, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := s.compileStored(ctx, st)
	if err != nil {
		return nil, err
	}
	s.past.Store(name, c)
	time.AfterFunc(pastFor, func() { s.past.Delete(name) })
	return c, nil
}

// atRevision names a revision of a project.
type atRevision struct {
	project  string
	revision int64
}

// pastFor is how long a configuration of the past is remembered: sign-ins that
// began under it end soon.
const pastFor = time.Minute
