package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/store"
	"postern/internal/user"
)

// SignIn makes a session of a proof, or adds the proof to the current session where
// a step-up or a further factor is asked for. It commits once: what Prove consumed,
// the session and the record of the login, or none of it.
func (s *Service) SignIn(ctx context.Context, in Login) (*Tokens, error) {
	ring, err := s.Keys.Ring(ctx, in.Config.Project)
	if err != nil {
		return nil, err
	}
	current, err := s.currentOf(ctx, in)
	if err != nil {
		return nil, err
	}
	device, trusts, err := s.shownDevice(ctx, in.Config, in.Client.Device)
	if err != nil {
		return nil, err
	}
	var signed func() (*Tokens, error)
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		now := time.Now().UTC().Truncate(time.Second)
		u, firstSeen, err := in.Prove(tx)
		if err != nil {
			return err
		}
		m := made{ring: ring, config: in.Config, user: u, firstSeen: firstSeen, base: in.Client.Base, now: now, stepUp: in.Options.StepUp && !in.Enrols, refresh: true}
		if err := s.establish(tx, in, &m, current, device, trusts); err != nil {
			return err
		}
		signed = s.signing(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return signed()
}

// currentOf returns the session that a login belongs to; the zero value is for a new
// one. Which generation of its refresh token was shown is known where it was shown
// now.
func (s *Service) currentOf(ctx context.Context, in Login) (bearer, error) {
	if !in.Options.StepUp && !in.Options.MFA {
		return bearer{}, nil
	}
	if in.CurrentID != "" {
		return bearer{Session: in.CurrentID, Generation: anyGeneration}, nil
	}
	if in.Current.IsZero() {
		return bearer{}, ErrNoSession
	}
	b, _, err := s.read(ctx, in.Config, in.Current, drnRefresh)
	return b, err
}

const anyGeneration = -1

// establish makes the session of a login, or raises the current one, as part of tx.
func (s *Service) establish(tx *store.Tx, in Login, m *made, current bearer, device, trusts string) error {
	u, now := m.user, m.now
	if u.Project != in.Config.Project {
		return fmt.Errorf("a proof of project %s in a login of %s", u.Project, in.Config.Project)
	}
	if err := u.MaySignIn(now); err != nil {
		return err
	}
	err := s.stand(tx, m)
	if err != nil {
		return err
	}
	if err := m.mayChoose(in.Options.Tenant); err != nil {
		return err
	}
	if err := user.SignedIn(tx, u); err != nil {
		return err
	}
	if m.session, m.lifetimes, err = sessionOf(tx, in, u, current, now); err != nil {
		return err
	}
	if err := m.onDevice(tx, in, device, trusts); err != nil {
		return err
	}
	if _, err := m.classify(); err != nil {
		return err
	}
	store := m.session.insert
	if current.Session != "" {
		store = m.session.save
	}
	if err = store(tx); err != nil {
		return err
	}
	if in.Options.RevokeOthers {
		if _, err := EndOthers(tx, m.session.Project, m.session.User, m.session.ID, in.Options.RevokeTypes...); err != nil {
			return err
		}
	}
	if m.firstSeen {
		if err := audit.Note(tx, m.session.act(audit.SignedUp, audit.Done, in.Client)); err != nil {
			return err
		}
	}
	return record(tx, m.session, in.Method, in.Client, now)
}

// sessionOf returns what the session of a login is to be.
func sessionOf(tx *store.Tx, in Login, u *user.User, current bearer, now time.Time) (*Session, lifetimes, error) {
	if current.Session == "" {
		sess := &Session{
			Project: u.Project, ID: ident.New("SE"), User: u.ID, CreatedAt: now, RefreshedAt: now, Lifetime: in.Options.Lifetime,
			AMR: []string{}, Tenant: in.Options.Tenant, Client: in.Client,
		}
		sess.addFactor(in.Method)
		sess.Extra.App, sess.Extra.Actor, sess.Extra.Key = in.Options.App, in.Options.Actor, in.Client.Key
		sess.Extra.ask(in.Options)
		l, err := obey(tx, in.Config, sess, true)
		sess.ExpiresAt = now.Add(l.refresh)
		if sess.Lifetime > 0 {
			sess.ExpiresAt = now.Add(sess.Lifetime)
		}
		return sess, l, err
	}
	sess, err := load(tx, u.Project, current.Session)
	if err != nil {
		return nil, lifetimes{}, err
	}
	if sess.User != u.ID {
		return nil, lifetimes{}, ErrOtherUser
	}
	if sess.Extra.Key != "" && sess.Extra.Key != in.Client.Key {
		return nil, lifetimes{}, ErrOtherKey // a proof that ends elsewhere, such as a code, brings no token that could say so
	}
	if current.Generation != anyGeneration && current.Generation != sess.Generation {
		return nil, lifetimes{}, ErrReplayed
	}
	if in.Options.Tenant != "" {
		sess.Tenant = in.Options.Tenant
	}
	l, err := obey(tx, in.Config, sess, in.Options.Tenant != "")
	if err != nil {
		return nil, lifetimes{}, err
	}
	if err := sess.lives(l, now); err != nil {
		return nil, lifetimes{}, err
	}
	switch {
	case !in.Options.MFA, in.Enrols:
	case in.Method == "": // a backend says so, by its key
		sess.addFactor(AMRMFA)
	default:
		sess.addFactor(in.Method)
	}
	sess.Extra.ask(in.Options)
	sess.RefreshedAt = now
	return sess, l, nil
}

// ask adds the claims that a login asks for.
func (e *Extra) ask(o Options) {
	into := &e.Untrusted
	if o.Trusted {
		into = &e.Trusted
	}
	for name, v := range o.CustomClaims {
		if reserved(name) {
			continue
		}
		if *into == nil {
			*into = map[string]any{}
		}
		(*into)[name] = v
	}
}
