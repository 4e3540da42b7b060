package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
	"postern/internal/secret"
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
	var made minting
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		now := time.Now().UTC().Truncate(time.Second)
		u, firstSeen, err := in.Prove(tx)
		if err != nil {
			return err
		}
		made = minting{ring: ring, config: in.Config, user: u, firstSeen: firstSeen, base: in.Client.Base, now: now, stepUp: in.Options.StepUp}
		return s.establish(tx, in, &made, current)
	})
	if err != nil {
		return nil, err
	}
	return s.mint(made)
}

// currentOf returns the id of the session that a login belongs to; none for a new
// session.
func (s *Service) currentOf(ctx context.Context, in Login) (string, error) {
	if !in.Options.StepUp && !in.Options.MFA {
		return "", nil
	}
	if in.CurrentID != "" {
		return in.CurrentID, nil
	}
	if in.Current.IsZero() {
		return "", ErrNoSession
	}
	b, _, _, err := s.read(ctx, in.Config, in.Current, drnRefresh)
	return b.Session, err
}

// establish makes the session of a login, or raises the current one, as part of tx.
func (s *Service) establish(tx *store.Tx, in Login, m *minting, current string) error {
	u, now := m.user, m.now
	if u.Project != in.Config.Project {
		return fmt.Errorf("a proof of project %s in a login of %s", u.Project, in.Config.Project)
	}
	if err := u.MaySignIn(now); err != nil {
		return err
	}
	if err := member(u, in.Options.Tenant); err != nil {
		return err
	}
	if err := user.SignedIn(tx, u); err != nil {
		return err
	}
	var err error
	if m.session, m.lifetimes, err = s.sessionOf(tx, in, u, current, now); err != nil {
		return err
	}
	m.refresh = true
	store := m.session.insert
	if current != "" {
		store = m.session.save
	}
	if err = store(tx); err != nil {
		return err
	}
	if in.Options.RevokeOthers {
		if err := endOthers(tx, m.session, now); err != nil {
			return err
		}
	}
	return record(tx, m.session, in.Method, in.Client, now)
}

// sessionOf returns what the session of a login is to be.
func (s *Service) sessionOf(tx *store.Tx, in Login, u *user.User, current string, now time.Time) (*Session, lifetimes, error) {
	if current == "" {
		sess := &Session{
			Project: u.Project, ID: ident.New("SE"), User: u.ID, CreatedAt: now, RefreshedAt: now, Lifetime: in.Options.Lifetime,
			AMR: []string{}, Tenant: in.Options.Tenant, Client: in.Client,
		}
		sess.addMethod(in.Method)
		sess.Extra.App, sess.Extra.Actor = in.Options.App, in.Options.Actor
		sess.Extra.ask(in.Options)
		l, err := s.lifetimes(tx, in.Config, sess)
		sess.ExpiresAt = now.Add(l.refresh)
		if sess.Lifetime > 0 {
			sess.ExpiresAt = now.Add(sess.Lifetime)
		}
		return sess, l, err
	}
	sess, err := load(tx, u.Project, current)
	if err != nil {
		return nil, lifetimes{}, err
	}
	if sess.User != u.ID {
		return nil, lifetimes{}, ErrOtherUser
	}
	if in.Options.Tenant != "" {
		sess.Tenant = in.Options.Tenant
	}
	l, err := s.lifetimes(tx, in.Config, sess)
	if err != nil {
		return nil, lifetimes{}, err
	}
	if err := sess.lives(l, now); err != nil {
		return nil, lifetimes{}, err
	}
	if in.Options.MFA {
		sess.addMethod(in.Method)
		sess.addMethod(AMRMFA)
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

// lifetimes returns those that a session obeys, as part of tx.
func (s *Service) lifetimes(_ *store.Tx, c *project.Config, _ *Session) (lifetimes, error) {
	return lifetimesOf(c), nil
}

// A minting is what tokens are made of.
type minting struct {
	ring      *key.Ring
	config    *project.Config
	user      *user.User
	session   *Session
	lifetimes lifetimes
	base      string // the URL that the request came to
	now       time.Time
	firstSeen bool
	stepUp    bool
	refresh   bool // whether there is a new refresh token
}

// mint makes the tokens of a session. It asks the database nothing.
func (s *Service) mint(m minting) (*Tokens, error) {
	until := m.session.until(m.lifetimes)
	life := m.lifetimes.session
	if m.stepUp {
		life = m.lifetimes.stepUp
	}
	out := &Tokens{
		SessionExpires: m.now.Add(life), RefreshExpires: until, User: m.user, FirstSeen: m.firstSeen, Config: m.config, ID: m.session.ID,
	}
	if out.SessionExpires.After(until) {
		out.SessionExpires = until // no session token outlives its session
	}
	claims, err := s.claims(m)
	if err != nil {
		return nil, err
	}
	claims["exp"] = out.SessionExpires.Unix()
	out.Claims = claims
	if out.Session, err = sign(m.ring, claims); err != nil {
		return nil, err
	}
	if m.refresh {
		out.Refresh, err = s.refreshToken(m, until)
	}
	return out, err
}

// refreshToken makes the refresh token of a session.
func (s *Service) refreshToken(m minting, until time.Time) (secret.Text, error) {
	claims := map[string]any{
		"iss": s.issuer(m.config, m.base), "sub": m.user.ID, "iat": m.now.Unix(), "exp": until.Unix(), "drn": drnRefresh,
		"amr": m.session.AMR, "sid": m.session.ID, "gen": m.session.Generation,
	}
	return sign(m.ring, claims)
}
