package project

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Export returns the files of the current configuration and its revision. It
// holds no secret.
func (s *Service) Export(ctx context.Context, id string, format snapshot.Format) (snapshot.Files, Revision, error) {
	return s.ExportRevision(ctx, id, 0, format)
}

// ExportRevision returns the files of a revision, or of the head for 0. All of it
// is read in one state of the database: the revision may be collected meanwhile.
func (s *Service) ExportRevision(ctx context.Context, id string, number int64, format snapshot.Format) (snapshot.Files, Revision, error) {
	st, files, err := s.whole(ctx, id, number, nil)
	if err != nil {
		return nil, Revision{}, fmt.Errorf("export: %w", err)
	}
	return snapshot.Render(files, format), st.revision, nil
}

// whole reads a revision, or the head for 0, with all of its files. What also
// reads, where it is there, is read in the same state of the database.
func (s *Service) whole(ctx context.Context, id string, number int64, also func(*store.Tx, *state) error) (*state, snapshot.Files, error) {
	c, err := s.codec()
	if err != nil {
		return nil, nil, err
	}
	var st *state
	if also == nil {
		if st, err = s.remembered(ctx, c, id, number); err != nil {
			return nil, nil, err
		}
	}
	if st == nil {
		err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
			if st, err = s.readState(tx, id, number); err != nil {
				return err
			}
			st.contents, err = c.loadBlobs(tx, distinct(st.tree))
			if err == nil && also != nil {
				err = also(tx, st)
			}
			return err
		})
	}
	if err != nil {
		return nil, nil, err
	}
	files := make(snapshot.Files, len(st.tree))
	for path, digest := range st.tree {
		files[path] = st.contents[digest]
	}
	return st, files, nil
}

// remembered returns a revision with its contents where only its row must be read, else
// nil: one statement sees one state of the database without a transaction.
func (s *Service) remembered(ctx context.Context, c *codec, id string, number int64) (st *state, err error) {
	err = s.DB.ReadCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		st, err = readRow(tx, id, number)
		return err
	})
	if err != nil || st.revision.Number != 0 && !s.trees.fill(st) {
		return nil, err
	}
	digests := distinct(st.tree)
	st.contents = make(map[snapshot.Digest][]byte, len(digests))
	if absent := c.lately.take(digests, st.contents); len(absent) > 0 {
		return nil, nil
	}
	return st, nil
}

// distinct returns the digests of a tree, each once.
func distinct(tree snapshot.Tree) []snapshot.Digest {
	seen := make(map[snapshot.Digest]struct{}, len(tree))
	for _, digest := range tree {
		seen[digest] = struct{}{}
	}
	return slices.Collect(maps.Keys(seen))
}

// Clone makes a new project with the configuration and the secrets of another.
// Contents are shared; secrets are sealed anew, under the key of the copy.
func (s *Service) Clone(ctx context.Context, by audit.Origin, id string, in New) (Project, error) {
	if err := in.check(); err != nil {
		return Project{}, err
	}
	st, err := s.head(ctx, id)
	if err != nil {
		return Project{}, err
	}
	p := Project{ID: ident.New("P"), Name: in.Name, Environment: in.Environment, Tags: uniqueTags(in.Tags), CreatedAt: time.Now()}
	wrapped, key, err := s.Master.NewDataKey(p.ID)
	if err != nil {
		return Project{}, err
	}
	list, fresh := []snapshot.StoredSecret{}, []sealedValue{}
	for _, place := range st.secrets {
		value, err := s.open(ctx, id, place)
		if err != nil {
			return Project{}, fmt.Errorf("clone secret: %w", err)
		}
		place.ID = ident.New("SV")
		sealed, err := sealValue(p.ID, key, place, value)
		if err != nil {
			return Project{}, fmt.Errorf("clone secret: %w", err)
		}
		list, fresh = append(list, place), append(fresh, sealed)
	}
	config, err := s.copied(ctx, st, p)
	if err != nil {
		return Project{}, fmt.Errorf("clone project: %w", err)
	}
	if err := s.writeClone(ctx, by, st, p, config, wrapped, list, fresh); err != nil {
		return Project{}, fmt.Errorf("clone project: %w", err)
	}
	return p, nil
}

// copied returns the configuration of a state as that of a project that is to have it.
func (s *Service) copied(ctx context.Context, st *state, p Project) (*Config, error) {
	if st.revision.Number == 0 || len(s.Obeyed) == 0 {
		return nil, nil // nobody asks for it
	}
	config, known := s.configs.Load(st.project.ID)
	if !known || config.(*Config).Revision != st.revision.Number {
		var err error
		if config, err = s.compileStored(ctx, st); err != nil {
			return nil, err
		}
	}
	of := *config.(*Config)
	of.Project, of.Name, of.Environment, of.Revision = p.ID, p.Name, p.Environment, 1
	return &of, nil
}

func (s *Service) writeClone(ctx context.Context, by audit.Origin, st *state, p Project, config *Config, wrapped []byte, list []snapshot.StoredSecret, fresh []sealedValue) error {
	c, err := s.codec()
	if err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	rev := Revision{
		Number: 1, Digest: st.revision.Digest, secretsDigest: snapshot.Sum(text), CreatedAt: p.CreatedAt,
		Author: by.Actor, Kind: KindClone, Message: "clone of " + st.project.ID, Summary: "clone",
	}
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		// While it is there, nothing of it is collected.
		if _, err := get(tx, st.project.ID); err != nil {
			return err
		}
		if err := s.insert(tx, p, wrapped); err != nil {
			return err
		}
		if st.revision.Number > 0 {
			if err := insertRevision(tx, p.ID, rev); err != nil {
				return err
			}
			if err := insertBlobs(tx, []blob{c.encode(rev.secretsDigest, text)}); err != nil {
				return err
			}
			if err := s.insertSecrets(tx, p.ID, &dataKey{version: 1}, fresh); err != nil {
				return err
			}
			if err := s.obey(tx, config); err != nil {
				return err
			}
		}
		e := by.Event("project.clone", audit.Done)
		e.Project, e.Details = p.ID, map[string]any{"from": st.project.ID, "revision": st.revision.Number}
		return audit.Record(tx, e)
	})
}
