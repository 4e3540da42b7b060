package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/secret"
	"postern/internal/store"
)

// A Place is where a secret is kept that comes with running and not with an
// import, such as the seed of an authenticator app. Kind and Entity are required.
type Place struct {
	Project string
	Kind    string // "totp", "signingKey"
	Entity  string // whose or which
	Field   string // which of its values
	User    string // the user that it goes with; empty for nobody's
}

// ErrNotKept is a place where no secret is kept.
var ErrNotKept = fault.New(fault.NotFound, "P40408", "there is no such secret")

func (p Place) binding(version string) secret.Binding {
	return secret.Binding{Project: p.Project, Kind: "kept " + p.Kind, Entity: p.Entity, Field: p.Field, Version: version}
}

// Keep seals a value and stores it, as part of tx, in place of the one before.
func (s *Service) Keep(tx *store.Tx, at Place, value secret.Text) error {
	name, wrapped := keyVersion{project: at.Project}, []byte{}
	if err := tx.QueryRow(newestVersion, at.Project).Scan(&name.version, &wrapped); err != nil {
		return fmt.Errorf("read data key: %w", err)
	}
	key, err := s.openKey(name, wrapped)
	if err != nil {
		return err
	}
	version := ident.New("KV")
	sealed, err := key.Seal(at.binding(version), value)
	if err != nil {
		return fmt.Errorf("seal %s: %w", at.Kind, err)
	}
	_, err = tx.Exec(`INSERT INTO kept_secrets (project, kind, entity, field, user_id, version, data_key, sealed, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (project, kind, entity, field) DO UPDATE SET user_id = $5, version = $6, data_key = $7, sealed = $8, created_at = $9`,
		at.Project, at.Kind, at.Entity, at.Field, sql.NullString{String: at.User, Valid: at.User != ""}, version, name.version, sealed, time.Now().Unix())
	return err
}

const keptQuery = `SELECT s.version, s.sealed, s.data_key, k.wrapped FROM kept_secrets s
	JOIN data_keys k ON k.project = s.project AND k.version = s.data_key
	WHERE s.project = $1 AND s.kind = $2 AND s.entity = $3 AND s.field = $4`

// Kept opens what Keep stored, for the code that uses it.
func (s *Service) Kept(ctx context.Context, at Place) (value secret.Text, err error) {
	err = s.DB.One(ctx, func(row store.Scanner) error {
		value, err = s.openKept(row, at)
		return err
	}, keptQuery, at.Project, at.Kind, at.Entity, at.Field)
	return value, err
}

// KeptIn is Kept as part of tx.
func (s *Service) KeptIn(tx *store.Tx, at Place) (secret.Text, error) {
	return s.openKept(tx.QueryRow(keptQuery, at.Project, at.Kind, at.Entity, at.Field), at)
}

func (s *Service) openKept(row store.Scanner, at Place) (secret.Text, error) {
	name := keyVersion{project: at.Project}
	var version string
	var sealed, wrapped []byte
	err := row.Scan(&version, &sealed, &name.version, &wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return secret.Text{}, ErrNotKept
	}
	if err != nil {
		return secret.Text{}, fmt.Errorf("read %s: %w", at.Kind, err)
	}
	key, err := s.openKey(name, wrapped)
	if err != nil {
		return secret.Text{}, err
	}
	return key.Open(at.binding(version), sealed)
}

// Drop forgets the secrets of an entity, as part of tx.
func (s *Service) Drop(tx *store.Tx, project, kind, entity string) error {
	_, err := tx.Exec(`DELETE FROM kept_secrets WHERE project = $1 AND kind = $2 AND entity = $3`, project, kind, entity)
	return err
}

// A keptRow is a row of the table of kept secrets.
type keptRow struct {
	at      Place
	version string
	key     int64
	sealed  []byte
}

func keptOf(tx *store.Tx, project string) ([]keptRow, error) {
	return store.Collect(tx, func(row store.Scanner) (r keptRow, err error) {
		r.at.Project = project
		return r, row.Scan(&r.at.Kind, &r.at.Entity, &r.at.Field, &r.version, &r.key, &r.sealed)
	}, `SELECT kind, entity, field, version, data_key, sealed FROM kept_secrets WHERE project = $1`, project)
}

// rotateKept seals with another data key what is kept, and returns how much it is.
func rotateKept(tx *store.Tx, project string, opened map[int64]*secret.DataKey, version int64, key *secret.DataKey) (int, error) {
	rows, err := keptOf(tx, project)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		value, err := opened[r.key].Open(r.at.binding(r.version), r.sealed)
		if err != nil {
			return 0, fmt.Errorf("the kept %s of %s does not open: %w", r.at.Kind, r.at.Entity, err)
		}
		sealed, err := key.Seal(r.at.binding(r.version), value)
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE kept_secrets SET data_key = $5, sealed = $6 WHERE project = $1 AND kind = $2 AND entity = $3 AND field = $4`,
			project, r.at.Kind, r.at.Entity, r.at.Field, version, sealed); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
