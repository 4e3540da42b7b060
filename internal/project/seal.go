package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/internal/ident"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A sealed value is a secret on its way into the database.
type sealedValue struct {
	snapshot.StoredSecret
	body []byte
}

// sealed is the secrets of a new revision.
type sealed struct {
	secrets []snapshot.StoredSecret // all of them, in order
	fresh   []sealedValue           // those that are new
	key     *dataKey                // what sealed them
	same    bool                    // whether the revision would equal the head, files included
}

// seal encrypts what an upload brings. A value that equals the stored one stays
// as it is, so that sending the same secrets again changes nothing.
func (s *Service) seal(ctx context.Context, st *state, out *snapshot.Outcome) (*sealed, error) {
	next := &sealed{secrets: slices.Clone(out.Keep)}
	key, err := s.dataKey(ctx, st.project.ID)
	if err != nil {
		return nil, err
	}
	next.key = key
	stored := map[snapshot.StoredSecret]string{}
	for _, k := range st.secrets {
		stored[snapshot.StoredSecret{Kind: k.Kind, Entity: k.Entity, Field: k.Field}] = k.ID
	}
	for _, v := range out.Set {
		place := snapshot.StoredSecret{Kind: v.Kind, Entity: v.Entity, Field: v.Field}
		if id, ok := stored[place]; ok {
			place.ID = id
			was, err := s.open(ctx, st.project.ID, place)
			if err == nil && was.Equal(v.Value) {
				next.secrets = append(next.secrets, place)
				continue
			}
			if err != nil && !errors.Is(err, errNoSecret) {
				return nil, err
			}
		}
		place.ID = ident.New("SV")
		body, err := key.key.Seal(binding(st.project.ID, place), v.Value)
		if err != nil {
			return nil, fmt.Errorf("seal secret: %w", err)
		}
		next.secrets = append(next.secrets, place)
		next.fresh = append(next.fresh, sealedValue{place, body})
	}
	sortSecrets(next.secrets)
	for i := 1; i < len(next.secrets); i++ {
		if a, b := next.secrets[i-1], next.secrets[i]; a.Kind == b.Kind && a.Entity == b.Entity && a.Field == b.Field {
			return nil, fmt.Errorf("two secrets for %s of %s %s", a.Field, a.Kind, a.Entity) // one would be used for the other's destination
		}
	}
	next.same = len(out.Changes) == 0 && slices.Equal(next.secrets, st.secrets) && st.revision.Number > 0
	return next, nil
}

func sortSecrets(list []snapshot.StoredSecret) {
	slices.SortFunc(list, func(a, b snapshot.StoredSecret) int {
		return strings.Compare(a.Kind+"\x00"+a.Entity+"\x00"+a.Field, b.Kind+"\x00"+b.Entity+"\x00"+b.Field)
	})
}

// binding ties a sealed value to its place: moved to another row, it does not
// open.
func binding(project string, s snapshot.StoredSecret) secret.Binding {
	return secret.Binding{Project: project, Kind: s.Kind, Entity: s.Entity, Field: s.Field, Version: s.ID}
}

// errNoSecret is a secret that is not stored, or that does not open where it is.
var errNoSecret = errors.New("the secret is not stored, or is damaged")

// open decrypts a stored secret. The row says which data key sealed it.
func (s *Service) open(ctx context.Context, project string, place snapshot.StoredSecret) (secret.Text, error) {
	var body, wrapped []byte
	name := keyVersion{project: project}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return tx.QueryRow(`SELECT s.sealed, s.data_key, k.wrapped FROM secrets s JOIN data_keys k ON k.project = s.project AND k.version = s.data_key
			WHERE s.id = $1 AND s.project = $2 AND s.revoked_at = 0`, place.ID, project).Scan(&body, &name.version, &wrapped)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return secret.Text{}, errNoSecret
	}
	if err != nil {
		return secret.Text{}, fmt.Errorf("read secret: %w", err)
	}
	key, err := s.openKey(name, wrapped)
	if err != nil {
		return secret.Text{}, err
	}
	value, err := key.Open(binding(project, place), body)
	if err != nil {
		return secret.Text{}, fmt.Errorf("%w: %w", errNoSecret, err)
	}
	return value, nil
}

// Secret returns a credential of the current configuration, to the code that
// uses it.
func (s *Service) Secret(ctx context.Context, project, kind, entity, field string) (secret.Text, error) {
	st, err := s.head(ctx, project)
	if err != nil {
		return secret.Text{}, err
	}
	for _, place := range st.secrets {
		if place.Kind == kind && place.Entity == entity && place.Field == field {
			return s.open(ctx, project, place)
		}
	}
	return secret.Text{}, errNoSecret
}
