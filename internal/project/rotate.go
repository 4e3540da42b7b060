package project

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Rotation says what a rotation of a data key did.
type Rotation struct {
	Version  int64 // of the new key
	Resealed int   // secrets, those of older revisions among them
}

// RotateKey gives a project a new data key, seals every secret of every revision
// with it, and forgets the older keys: all of it in one transaction, beside
// which imports go on.
func (s *Service) RotateKey(ctx context.Context, by audit.Origin, id string) (Rotation, error) {
	wrapped, key, err := s.Master.NewDataKey(id)
	if err != nil {
		return Rotation{}, fmt.Errorf("rotate data key: %w", err)
	}
	var done Rotation
	err = s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if _, err := get(tx, id); err != nil {
			return err
		}
		if done, err = s.rotate(tx, id, wrapped, key); err != nil {
			return err
		}
		e := by.Event("project.key.rotate", audit.Done)
		e.Project, e.Details = id, map[string]any{"version": done.Version, "secrets": done.Resealed}
		return audit.Record(tx, e)
	})
	if err != nil {
		return Rotation{}, fmt.Errorf("rotate data key: %w", err)
	}
	s.forget(id)
	return done, nil
}

func (s *Service) rotate(tx *store.Tx, id string, wrapped []byte, key *secret.DataKey) (Rotation, error) {
	old, err := dataKeys(tx, id)
	if err != nil {
		return Rotation{}, err
	}
	done := Rotation{}
	opened := map[int64]*secret.DataKey{}
	for _, k := range old {
		if opened[k.version], err = s.openKey(keyVersion{id, k.version}, k.wrapped); err != nil {
			return done, err
		}
		done.Version = max(done.Version, k.version)
	}
	done.Version++
	rows, err := store.Collect(tx, scanSealed, `SELECT id, kind, entity, field, data_key, sealed FROM secrets WHERE project = $1 AND revoked_at = 0`, id)
	if err != nil {
		return done, err
	}
	for _, row := range rows {
		place := binding(id, row.place)
		value, err := opened[row.key].Open(place, row.body)
		if err != nil {
			// Whatever is wrong with it, it must not be made to look right, nor
			// be lost with the key that may still open it.
			return done, fmt.Errorf("secret %s does not open: postern doctor tells more: %w", row.place.ID, err)
		}
		next, err := sealValue(id, key, row.place, value)
		if err != nil {
			return done, err
		}
		if _, err := tx.Exec(`UPDATE secrets SET data_key = $2, sealed = $3, fingerprint = $4 WHERE id = $1`, row.place.ID, done.Version, next.body, next.fingerprint); err != nil {
			return done, err
		}
	}
	kept, err := rotateKept(tx, id, opened, done.Version, key)
	if err != nil {
		return done, err
	}
	done.Resealed = len(rows) + kept
	if _, err := tx.Exec(`DELETE FROM data_keys WHERE project = $1`, id); err != nil {
		return done, err
	}
	return done, s.insertKey(tx, id, done.Version, wrapped, time.Now())
}

// A sealedRow is a row of the table of secrets.
type sealedRow struct {
	project string
	place   snapshot.StoredSecret
	key     int64
	body    []byte
	revoked int64

	fingerprint []byte
}

func scanSealed(row store.Scanner) (sealedRow, error) {
	var r sealedRow
	err := row.Scan(&r.place.ID, &r.place.Kind, &r.place.Entity, &r.place.Field, &r.key, &r.body)
	return r, err
}

// A keyRow is a row of the table of data keys.
type keyRow struct {
	project string
	version int64
	wrapped []byte
}

// dataKeys returns the wrapped keys of a project, or of all of them for "".
func dataKeys(tx *store.Tx, id string) ([]keyRow, error) {
	return store.Collect(tx, func(row store.Scanner) (k keyRow, err error) {
		return k, row.Scan(&k.project, &k.version, &k.wrapped)
	}, `SELECT project, version, wrapped FROM data_keys WHERE project = $1 OR $1 = ''`, id)
}

// ErrNeeded is an older master key that still has something to open.
var ErrNeeded = errors.New("the older master keys are still needed: run postern key rotate-master with --rewrap first")

// Rewrap wraps every data key with the primary master key, in one transaction,
// and makes it the one that every process must wrap with. Secrets stay as they
// are. It returns how many keys it wrapped again.
func (s *Service) Rewrap(ctx context.Context, by audit.Origin) (n int, err error) {
	err = s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		n, err = s.RewrapIn(tx, by)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("rewrap data keys: %w", err)
	}
	return n, nil
}

// RewrapIn is Rewrap as part of tx.
func (s *Service) RewrapIn(tx *store.Tx, by audit.Origin) (n int, err error) {
	all, err := dataKeys(tx, "")
	if err != nil {
		return 0, err
	}
	primary := s.Master.Primary()
	for _, k := range all {
		if s.Master.Newest(k.project, k.wrapped) {
			continue
		}
		wrapped, _, err := s.Master.Rewrap(k.project, k.wrapped, primary)
		if err != nil {
			return 0, fmt.Errorf("data key of %s: %w", k.project, err)
		}
		n++
		if _, err := tx.Exec(`UPDATE data_keys SET wrapped = $3 WHERE project = $1 AND version = $2`, k.project, k.version, wrapped); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(`INSERT INTO master_key (one, primary_id, changed_at) VALUES (1, $1, $2)
		ON CONFLICT (one) DO UPDATE SET primary_id = $1, changed_at = $2`, int64(primary), time.Now().Unix()); err != nil {
		return 0, err
	}
	e := by.Event("masterkey.rewrap", audit.Done)
	e.Details = map[string]any{"keyId": primary, "dataKeys": n}
	return n, audit.Record(tx, e)
}

// Wrapped says which data keys the primary master key alone opens, and which
// need an older one. Where pinned is true, nothing is wrapped with an older one
// any more, by no process.
func (s *Service) Wrapped(ctx context.Context) (newest, older int, pinned bool, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		all, err := dataKeys(tx, "")
		if err != nil {
			return err
		}
		for _, k := range all {
			if s.Master.Newest(k.project, k.wrapped) {
				newest++
			} else {
				older++
			}
		}
		primary, err := primaryKey(tx)
		pinned = primary != 0 && primary == s.Master.Primary()
		return err
	})
	if err != nil {
		return 0, 0, false, fmt.Errorf("read data keys: %w", err)
	}
	return newest, older, pinned, nil
}
