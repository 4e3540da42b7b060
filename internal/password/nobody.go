package password

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/user"
)

// drawn is how many characters at the end of the id of a user are random, where the
// index passwords_draw begins to look.
const drawn = 8

// standIn returns the hash that stands for the password of who has none: that of the
// user whom draw, random characters, comes to; empty where nobody has a password. It is
// somebody's, and good for its work alone.
func (s *Service) standIn(ctx context.Context, project, draw string) (hash string, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		for _, from := range []string{draw, ""} { // round about
			err := tx.QueryRow(`SELECT hash FROM passwords WHERE project = $1 AND substr(user_id, 21) >= $2 ORDER BY substr(user_id, 21) LIMIT 1`,
				project, from).Scan(&hash)
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	return hash, err
}

// draw returns random characters that a login id always has. They come of a key, or
// else somebody could look for login ids of nobody that draw alike, and see who differs.
func (s *Service) draw(ctx context.Context, in Login) (string, error) {
	pepper, err := s.Projects.Pepper(ctx, project.Place{Project: in.config().Project, Kind: "password", Entity: "standin", Field: "key"})
	if err != nil {
		return "", fmt.Errorf("draw for a login id: %w", err)
	}
	id := ident.Derive("", string(pepper.Hash(in.guess(nil).Subjects[0])))
	return id[len(id)-drawn:], nil
}

// waste does the work of a wrong password: with the hash of the user, or with that of
// another one. Imported hashes take other times than ours, and a login id of nobody
// must be as likely to take each as one of somebody.
func (s *Service) waste(ctx context.Context, in Login, r *record, draw string) (err error) {
	hash := hashOf(r)
	if hash == "" {
		if hash, err = s.standIn(ctx, in.config().Project, draw); err != nil {
			return fmt.Errorf("find a hash that stands for another: %w", err)
		}
	}
	if hash == "" {
		return s.Hasher.Waste(ctx, in.config().Project, in.Password)
	}
	_, _, err = s.verify(ctx, in.config().Project, in.Password, hash)
	return err
}

// hopeless answers a try that no password helps, after the work of a wrong one.
func (s *Service) hopeless(ctx context.Context, in Login, found *standing, draw string) error {
	if err := s.waste(ctx, in, found.record, draw); err != nil {
		return err
	}
	err := s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error { return in.guess(found.user).Count(tx, s.Limits, tries()) })
	if err != nil {
		return err
	}
	switch {
	case found.policy.MaskErrors:
		return ErrWrong
	case found.user == nil:
		return user.ErrNotFound
	case !found.policy.Enabled:
		return project.ErrMethodOff
	case found.record == nil:
		return ErrWrong
	default:
		return found.record.refused(found.policy, time.Now())
	}
}
