package totp

import (
	"context"
	"errors"
	"time"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// A Verification is a code that somebody types, and what for.
type Verification struct {
	Login   session.Login // but for Method and Prove
	LoginID string
	Code    secret.Text
}

// Verify takes a code and makes a session of it. A code works once: of those who show
// it at the same time one gets a session. Too many tries are refused, right ones, too.
func (s *Service) Verify(ctx context.Context, in Verification) (*session.Tokens, error) {
	login, err := s.login(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.Sessions.SignIn(ctx, login)
}

// login counts a try, and returns the sign-in that it may become.
func (s *Service) login(ctx context.Context, in Verification) (session.Login, error) {
	none, cfg := session.Login{}, in.Login.Config
	given, ok := clean(in.Code.Reveal())
	loginID, err := user.LoginID(in.LoginID)
	if ok = ok && err == nil; !ok && cfg.Methods.TOTP.Enabled {
		return none, ErrCode
	}
	home, err := s.Sessions.Home(ctx, in.Login)
	if err != nil {
		return none, err
	}
	guess, joins, err := s.guess(ctx, in.Login, home, loginID)
	if err == nil && joins != nil {
		cfg, err = s.admit(ctx, cfg.Project, joins, in.Login.Client)
	}
	if err != nil {
		return none, err
	}
	if !ok || !cfg.Methods.TOTP.Enabled {
		return none, project.ErrMethodOff
	}
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := guess.Count(tx, s.Attempts, fewTries); err != nil {
			return err
		}
		return guess.Count(tx, s.Attempts, manyTries)
	})
	if err != nil {
		return none, err
	}
	c := check{s, cfg, home, loginID, given, in.Login.Client}
	login := in.Login
	login.Config, login.Method = cfg, session.AMRTOTP
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		u, firstSeen, err := c.prove(tx)
		if err != nil {
			return nil, false, err
		}
		return u, firstSeen, guess.Forget(tx, s.Attempts, fewTries, manyTries)
	}
	return login, nil
}

// admit lets a stranger end the sign-up that they began, and returns the configuration
// that their first code is judged by: that of the time when they began.
func (s *Service) admit(ctx context.Context, project string, joins *pending, by session.Client) (*project.Config, error) {
	if err := s.Sessions.Admit(ctx, project, by); err != nil {
		return nil, err
	}
	return s.Projects.ConfigAt(ctx, project, joins.Revision)
}

// guess is whose tries count together: those of a user by whatever login id, and
// else those of a login id, whose sign-up it returns where there is one: a right code
// makes a user of them.
func (s *Service) guess(ctx context.Context, login session.Login, home, loginID string) (g session.Guess, joins *pending, err error) {
	g = session.Guess{Project: login.Config.Project, Client: login.Client}
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		u, err := user.Find(tx, g.Project, home, loginID)
		if err == nil {
			g.User, g.Subjects = u.ID, []string{"user " + u.ID}
			return nil
		}
		if !errors.Is(err, user.ErrNotFound) {
			return err
		}
		g.Subjects = []string{"login id " + user.Key(home, loginID)}
		joins, err = readSignUp(tx, g.Project, user.Key(home, loginID), time.Now())
		return err
	})
	return g, joins, err
}

// A check is one code that is shown.
type check struct {
	*Service
	cfg     *project.Config
	home    string // where the login id counts
	loginID string
	given   string
	from    session.Client
}

// prove finds whose code it is, and takes it.
func (c *check) prove(tx *store.Tx) (*user.User, bool, error) {
	u, err := user.Find(tx, c.cfg.Project, c.home, c.loginID)
	if errors.Is(err, user.ErrNotFound) {
		u, err = c.signUp(tx)
		return u, true, err
	}
	if err != nil {
		return nil, false, err
	}
	st, err := load(tx, u.Project, u.ID)
	if err != nil {
		return nil, false, err
	}
	if took, err := c.takeActive(tx, u, st); took || err != nil {
		return u, false, err
	}
	took, err := c.takeNext(tx, u, st)
	if took && err == nil {
		err = session.Changed(tx, u, audit.NewCredential, session.AMRTOTP, c.from)
	}
	if took || err != nil {
		return u, false, err
	}
	return nil, false, ErrCode
}

// takeActive takes a code of the seed that counts.
func (c *check) takeActive(tx *store.Tx, u *user.User, st state) (bool, error) {
	if !st.active {
		return false, nil
	}
	at, ok, err := c.matches(tx, place(u.Project, u.ID, fieldSeed), st.lastStep)
	if !ok || err != nil {
		return false, err
	}
	return true, take(tx, u.Project, u.ID, at)
}

// takeNext takes the first code of a new seed, which counts from then on.
func (c *check) takeNext(tx *store.Tx, u *user.User, st state) (bool, error) {
	if !time.Now().Before(st.nextUntil) {
		return false, nil
	}
	if st.nextBy != "" { // else it waits since before sessions were written down
		if err := session.Stands(tx, u.Project, st.nextBy); errors.Is(err, session.ErrEnded) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	next := place(u.Project, u.ID, fieldNext)
	at, ok, err := c.matches(tx, next, 0)
	if !ok || err != nil {
		return false, err
	}
	seed, err := c.Projects.KeptIn(tx, next)
	if err != nil {
		return false, err
	}
	if err := c.Projects.Drop(tx, u.Project, kind, u.ID); err != nil {
		return false, err
	}
	return true, c.install(tx, u, seed, at)
}

// install makes a seed the one that counts, with the step of the code that was taken.
func (c *check) install(tx *store.Tx, u *user.User, seed secret.Text, at int64) error {
	u.Methods |= user.TOTP
	return errors.Join(
		c.Projects.Keep(tx, place(u.Project, u.ID, fieldSeed), seed),
		activate(tx, u.Project, u.ID, at),
		user.SetMethod(tx, u.Project, u.ID, user.TOTP, true),
	)
}

// signUp makes the user who signed up and shows the first code now.
func (c *check) signUp(tx *store.Tx) (*user.User, error) {
	key := user.Key(c.home, c.loginID)
	p, err := readSignUp(tx, c.cfg.Project, key, time.Now())
	if err != nil {
		return nil, err
	}
	at := signUpPlace(c.cfg.Project, key)
	taken, ok, err := c.matches(tx, at, 0)
	if err != nil {
		return nil, err
	}
	if p == nil || !ok {
		return nil, ErrCode
	}
	u := &p.User
	seed, err := c.Projects.KeptIn(tx, at)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(removeSignUp(tx, c.cfg.Project, key), c.Projects.Drop(tx, at.Project, at.Kind, at.Entity)); err != nil {
		return nil, err
	}
	if err := session.Settle(tx, c.cfg, u); err != nil {
		return nil, err
	}
	if err := user.Create(tx, u); err != nil {
		return nil, err
	}
	return u, c.install(tx, u, seed, taken)
}

// matches reports whether the code is one of the seed in a place, and of which step.
func (c *check) matches(tx *store.Tx, at project.Place, after int64) (int64, bool, error) {
	seed, err := c.Projects.KeptIn(tx, at)
	if errors.Is(err, project.ErrNotKept) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	key, err := keyOf(seed)
	if err != nil {
		return 0, false, err
	}
	found, ok := match(key, c.given, time.Now(), after)
	return found, ok, nil
}
