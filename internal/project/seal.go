package project

import (
	"context"
	"crypto/hmac"
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
	body        []byte
	fingerprint []byte
}

// sealValue seals a value at its place.
func sealValue(project string, key *secret.DataKey, place snapshot.StoredSecret, value secret.Text) (sealedValue, error) {
	body, err := key.Seal(binding(project, place), value)
	if err != nil {
		return sealedValue{}, err
	}
	fingerprint, err := key.Fingerprint(unversioned(project, place), value)
	return sealedValue{place, body, fingerprint}, err
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
	if len(out.Set) > 0 { // else there is nothing to seal
		var err error
		if next.key, err = s.dataKey(ctx, st.project.ID); err != nil {
			return nil, err
		}
	}
	marks, err := s.marks(ctx, st, out)
	if err != nil {
		return nil, err
	}
	stored := map[snapshot.StoredSecret]string{}
	for _, k := range st.secrets {
		stored[snapshot.StoredSecret{Kind: k.Kind, Entity: k.Entity, Field: k.Field}] = k.ID
	}
	for _, v := range out.Set {
		place := snapshot.StoredSecret{Kind: v.Kind, Entity: v.Entity, Field: v.Field}
		if id, ok := stored[place]; ok {
			place.ID = id
			same, err := s.equals(ctx, st.project.ID, place, marks[id], v.Value)
			if err != nil {
				return nil, err
			}
			if same {
				next.secrets = append(next.secrets, place)
				continue
			}
		}
		place.ID = ident.New("SV")
		sealed, err := sealValue(st.project.ID, next.key.key, place, v.Value)
		if err != nil {
			return nil, fmt.Errorf("seal secret: %w", err)
		}
		next.secrets = append(next.secrets, place)
		next.fresh = append(next.fresh, sealed)
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

// unversioned is where a value belongs, whichever version of it.
func unversioned(project string, s snapshot.StoredSecret) secret.Binding {
	b := binding(project, s)
	b.Version = ""
	return b
}

// A mark is the fingerprint of a stored value, and the version of the data key
// that it was made with. One without a fingerprint is from before there were any.
type mark struct {
	version     int64
	wrapped     []byte
	fingerprint []byte
}

// marks reads the fingerprints of the stored values of a project, by their ids,
// where an upload brings values to compare with them.
func (s *Service) marks(ctx context.Context, st *state, out *snapshot.Outcome) (map[string]mark, error) {
	all := map[string]mark{}
	if len(out.Set) == 0 || len(st.secrets) == 0 {
		return all, nil
	}
	type row struct {
		id string
		mark
	}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(r store.Scanner) (v row, err error) {
			return v, r.Scan(&v.id, &v.version, &v.fingerprint, &v.wrapped)
		}, func(v row) error { all[v.id] = v.mark; return nil },
			`SELECT s.id, s.data_key, s.fingerprint, k.wrapped FROM secrets s JOIN data_keys k ON k.project = s.project AND k.version = s.data_key
			WHERE s.project = $1 AND s.revoked_at = 0`, st.project.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("read fingerprints: %w", err)
	}
	return all, nil
}

// matches reports whether a value has the fingerprint of a stored one; known is
// false where that has none. Nothing is opened for it.
func (s *Service) matches(project string, place snapshot.StoredSecret, m mark, value secret.Text) (same, known bool, err error) {
	if len(m.fingerprint) == 0 {
		return false, false, nil
	}
	key, err := s.openKey(keyVersion{project, m.version}, m.wrapped)
	if err != nil {
		return false, false, err
	}
	got, err := key.Fingerprint(unversioned(project, place), value)
	return err == nil && hmac.Equal(got, m.fingerprint), err == nil, err
}

// equals reports whether a value is the stored one. One whose fingerprint says so
// is opened still: what is damaged is not kept for it, but sealed again.
func (s *Service) equals(ctx context.Context, project string, place snapshot.StoredSecret, m mark, value secret.Text) (bool, error) {
	if same, known, err := s.matches(project, place, m, value); known && !same || err != nil {
		return false, err
	}
	was, err := s.open(ctx, project, place)
	if errors.Is(err, errNoSecret) {
		return false, nil
	}
	return err == nil && was.Equal(value), err
}

// errNoSecret is a secret that is not stored, or that does not open where it is.
var errNoSecret = errors.New("the secret is not stored, or is damaged")

// open decrypts a stored secret. The row says which data key sealed it.
func (s *Service) open(ctx context.Context, project string, place snapshot.StoredSecret) (secret.Text, error) {
	var body, wrapped []byte
	name := keyVersion{project: project}
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&body, &name.version, &wrapped) },
		`SELECT s.sealed, s.data_key, k.wrapped FROM secrets s JOIN data_keys k ON k.project = s.project AND k.version = s.data_key
			WHERE s.id = $1 AND s.project = $2 AND s.revoked_at = 0`, place.ID, project)
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

// SecretOf returns a credential of a configuration, to the code that uses it. It is
// the one that was sealed for the destination that the same configuration names:
// requests obey a configuration for a while after another one has replaced it, and
// the credential of the one must not be sent to the destination of the other.
func (s *Service) SecretOf(ctx context.Context, c *Config, kind, entity, field string) (secret.Text, error) {
	if c.Revision <= 0 {
		return secret.Text{}, errNoSecret
	}
	var st *state
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		st, err = s.readState(tx, c.Project, c.Revision)
		return err
	})
	if err != nil {
		return secret.Text{}, fmt.Errorf("read secret: %w", err)
	}
	for _, place := range st.secrets {
		if place.Kind == kind && place.Entity == entity && place.Field == field {
			return s.open(ctx, c.Project, place)
		}
	}
	return secret.Text{}, errNoSecret
}
