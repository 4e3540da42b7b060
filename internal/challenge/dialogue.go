package challenge

import (
	"context"
	"errors"
	"time"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/user"
)

// ErrSender is a message that came from another address than the one that was to be
// proven.
var ErrSender = fault.New(fault.Forbidden, "P40315", "the message came from another number than that of the user")

// Written takes the token of a proof with a Dialogue, in a message that came by a
// connector from an address. From then on the proof waits for the word of that
// address, in place of one before that does. Where there is no such proof, the
// result is nil.
func (s *Service) Written(ctx context.Context, projectID, method, token, connector, from string) (*Pending, error) {
	p, c, err := s.spokenOf(ctx, projectID, method, Name(token), connector)
	if p == nil || err != nil {
		return nil, err
	}
	begun := *p
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		*p = begun // of a transaction that runs again
		if err := p.writtenFrom(tx, c, from); err != nil {
			return err
		}
		name := p.waiting(from)
		if _, err := tx.Exec(`DELETE FROM challenges WHERE project = $1 AND method = $2 AND id = $3`, p.Project, p.Method, name); err != nil {
			return err
		}
		if ok, err := p.move(tx, name, false); err != nil || !ok {
			return errors.Join(ErrNoLink, err)
		}
		p.ID = name
		return nil
	})
	if errors.Is(err, ErrNoLink) { // of several messages with one token, the first counts
		return nil, nil
	}
	return p, err
}

// Word takes the word of an address that a proof waits for, as Written says: yes lets
// in who waits, and no ends the proof. Where nothing waits for it the result is nil.
func (s *Service) Word(ctx context.Context, projectID, method, connector, from string, yes bool) (*Pending, error) {
	p, _, err := s.spokenOf(ctx, projectID, method, waiting(connector, from), connector)
	if p == nil || err != nil {
		return nil, err
	}
	done := false
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if !yes {
			done, err = take(tx, p)
			return err
		}
		done, err = p.move(tx, Name("answered "+p.Poll), true) // the next one of that address does not take its place
		return err
	})
	if !done {
		return nil, err
	}
	return p, err
}

// spokenOf returns a proof with a Dialogue that counts, and the configuration that it
// began under; else nil.
func (s *Service) spokenOf(ctx context.Context, projectID, method, name, connector string) (*Pending, *project.Config, error) {
	p, err := s.Find(ctx, projectID, method, name)
	if err != nil || p == nil || p.Dialogue == nil || p.Dialogue.Connector != connector || p.Nobody || p.Verified || !time.Now().Before(p.Expires) {
		return nil, nil, err
	}
	c, err := s.ConfigOf(ctx, p)
	return p, c, err
}

// waiting is the name of a proof that waits for the word of an address.
func (p *Pending) waiting(from string) string { return waiting(p.Dialogue.Connector, from) }

func waiting(connector, from string) string { return Name("from " + from + " by " + connector) }

// writtenFrom says of a proof where it was written from: the address that it is to
// show, or, where it names nobody, that of who signs in.
func (p *Pending) writtenFrom(tx *store.Tx, c *project.Config, from string) error {
	if p.LoginID != "" {
		if p.Address != from {
			return ErrSender
		}
		return nil
	}
	p.LoginID, p.Address, p.Profile.Phone, p.Test = from, from, from, user.IsTest(c, from)
	u, err := user.Find(tx, p.Project, p.Home, from)
	switch {
	case errors.Is(err, user.ErrNotFound) && p.Act != SignIn:
		_, err = p.newUser(c)
		return err
	case err != nil:
		return err
	case p.Act == SignUp:
		return user.ErrExists
	case addressOf(u, p.Kind, from, false) != from:
		return ErrSender
	}
	p.User = u.ID
	return u.MaySignIn(time.Now())
}
