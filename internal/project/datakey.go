package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/secret"
	"postern/internal/store"
)

// ErrOldMaster is a server that was not given the new master key yet.
var ErrOldMaster = fault.New(fault.Unavailable, "P50303",
	"the master key was rotated, and this server still has the older one: give it the new file")

// dataKey is an opened data key of a project; version names its row. A version
// never means another key, so an opened one can be kept.
type dataKey struct {
	version int64
	key     *secret.DataKey
}

// A keyVersion names a data key.
type keyVersion struct {
	project string
	version int64
}

const newestVersion = `SELECT version, wrapped FROM data_keys WHERE project = $1 ORDER BY version DESC LIMIT 1`

// dataKey returns a key to seal with. Another process may have rotated it
// meanwhile: insertSecrets finds out and seals again.
func (s *Service) dataKey(ctx context.Context, project string) (*dataKey, error) {
	if k, ok := s.keys.Load(project); ok {
		return k.(*dataKey), nil
	}
	return s.newestKey(ctx, project)
}

// newestKey returns the key that the project has now, whoever rotated it.
func (s *Service) newestKey(ctx context.Context, project string) (*dataKey, error) {
	k := &dataKey{}
	var wrapped []byte
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&k.version, &wrapped) }, newestVersion, project)
	if err != nil {
		return nil, fmt.Errorf("read data key: %w", err)
	}
	if k.key, err = s.openKey(keyVersion{project, k.version}, wrapped); err != nil {
		return nil, err
	}
	s.keys.Store(project, k)
	return k, nil
}

// openKey opens a wrapped data key, once.
func (s *Service) openKey(name keyVersion, wrapped []byte) (*secret.DataKey, error) {
	if k, ok := s.opened.Load(name); ok {
		return k.(*secret.DataKey), nil
	}
	key, err := s.Master.OpenDataKey(name.project, wrapped)
	if err != nil {
		return nil, fmt.Errorf("open data key of project %s: is this the master key that it was made with? %w", name.project, err)
	}
	s.opened.Store(name, key)
	return key, nil
}

// forget drops what is remembered of the keys of a project.
func (s *Service) forget(project string) {
	s.keys.Delete(project)
	s.opened.Range(func(name, _ any) bool {
		if name.(keyVersion).project == project {
			s.opened.Delete(name)
		}
		return true
	})
}

// insertKey stores a data key, wrapped with the master key that is the newest
// for every process: one that is about to be dropped would take it along.
func (s *Service) insertKey(tx *store.Tx, project string, version int64, wrapped []byte, at time.Time) error {
	primary, err := primaryKey(tx)
	if err != nil {
		return err
	}
	if primary != 0 {
		wrapped, _, err = s.Master.Rewrap(project, wrapped, primary)
		if errors.Is(err, secret.ErrStale) {
			return fmt.Errorf("%w: %w", ErrOldMaster, err)
		}
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(`INSERT INTO data_keys (project, version, wrapped, created_at) VALUES ($1, $2, $3, $4)`,
		project, version, wrapped, at.Unix())
	return err
}

// primaryKey returns the id of the master key that wraps, or 0 where it was
// never rotated.
func primaryKey(tx *store.Tx) (uint32, error) {
	var id uint32
	err := tx.QueryRow(`SELECT primary_id FROM master_key WHERE one = 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// insertSecrets stores values that were sealed with key. Where the key was
// rotated meanwhile they are sealed again, with the one that the project has
// now: the older one opens nothing any more.
func (s *Service) insertSecrets(tx *store.Tx, project string, key *dataKey, fresh []sealedValue) error {
	if len(fresh) == 0 {
		return nil
	}
	name, wrapped := keyVersion{project: project}, []byte{}
	if err := tx.QueryRow(newestVersion, project).Scan(&name.version, &wrapped); err != nil {
		return fmt.Errorf("read data key: %w", err)
	}
	if name.version != key.version {
		next, err := s.openKey(name, wrapped)
		if err != nil {
			return err
		}
		s.keys.Delete(project)
		if fresh, err = resealed(project, fresh, key.key, next); err != nil {
			return err
		}
	}
	now := time.Now().Unix()
	for _, v := range fresh {
		if _, err := tx.Exec(`INSERT INTO secrets (id, project, kind, entity, field, data_key, sealed, created_at, fingerprint) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			v.ID, project, v.Kind, v.Entity, v.Field, name.version, v.body, now, v.fingerprint); err != nil {
			return err
		}
	}
	return nil
}

// resealed returns values that one key sealed, sealed with another.
func resealed(project string, values []sealedValue, from, to *secret.DataKey) ([]sealedValue, error) {
	out := make([]sealedValue, len(values))
	for i, v := range values {
		value, err := from.Open(binding(project, v.StoredSecret), v.body)
		if err != nil {
			return nil, err
		}
		if out[i], err = sealValue(project, to, v.StoredSecret, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}
