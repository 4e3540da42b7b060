package passkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/audit"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// A Start is how a ceremony begins.
type Start struct {
	Config  *project.Config
	LoginID string // empty: whoever has a passkey, where somebody signs in
	Origin  string // of the page, or of the app
	Passkey Options
	Options session.Options
	// Current is who is signed in: for a passkey more, a step-up or a further factor.
	Current *session.Current
}

// home is where the login id counts.
func (in Start) home() string { return user.Home(in.Config, in.Options.Tenant) }

// A Finish is how a ceremony ends.
type Finish struct {
	Login         session.Login // who calls; what is asked for was said at the start
	TransactionID string
	Response      string // JSON, of navigator.credentials
	// Whose is told whom the end of a sign-in is about as soon as that is known, also of
	// one that fails; nil tells nobody.
	Whose *string
}

// tell says whom the end of a sign-in is about, unless that was said.
func (in Finish) tell(userID string) {
	if in.Whose != nil && *in.Whose == "" {
		*in.Whose = userID
	}
}

// login returns the sign-in that the end of a ceremony is. It obeys the configuration
// that the ceremony began under.
func (in Finish) login(c *ceremony, cfg *project.Config) session.Login {
	out := in.Login
	out.Config, out.Method, out.Options, out.Current, out.CurrentID = cfg, session.AMRPasskey, c.Asked, secret.Text{}, c.Session
	return out
}

// maxResponse bounds what an authenticator says, in bytes. Attestations with long
// chains of certificates have ten thousand.
const maxResponse = 64 << 10

// StartSignUp begins the passkey of somebody who is no user yet. The end makes the
// user. Where the settings mask errors it begins for a login id that somebody has, too,
// and the end is refused.
func (s *Service) StartSignUp(ctx context.Context, in Start, p user.Profile) (*Started, error) {
	c, err := newCeremony(kindSignUp, in.Config, in.Origin, &in.Passkey)
	if err != nil {
		return nil, err
	}
	u, err := user.New(in.Config, in.home(), in.LoginID, p)
	if err != nil {
		return nil, err
	}
	switch _, err := (&user.Service{DB: s.DB}).Find(ctx, in.Config.Project, u.Home, u.LoginIDs[0]); {
	case err == nil && !in.Config.Methods.Passkey.MaskErrors:
		return nil, user.ErrExists
	case err == nil:
	case !errors.Is(err, user.ErrNotFound):
		return nil, err
	}
	u.ID = ident.New("U")
	c.User, c.UserID, c.Asked = u, u.ID, in.Options
	options, err := toCreate(in.Config, c, u, in.Passkey, nil)
	if err != nil {
		return nil, err
	}
	return s.started(ctx, in.Config.Project, c, options)
}

// FinishSignUp makes the user and the passkey, and a session of theirs.
func (s *Service) FinishSignUp(ctx context.Context, in Finish) (*session.Tokens, error) {
	c, cfg, p, err := s.registered(ctx, kindSignUp, in)
	if err != nil {
		return nil, err
	}
	if err := s.Sessions.Admit(ctx, cfg.Project, in.Login.Client); err != nil {
		return nil, err
	}
	login := in.login(c, cfg)
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		if err := consume(tx, cfg.Project, in.TransactionID); err != nil {
			return nil, false, err
		}
		u := *c.User // the transaction may run again
		if err := session.Settle(tx, cfg, &u); err != nil {
			return nil, false, err
		}
		if err := user.Create(tx, &u); err != nil {
			return nil, false, err
		}
		return &u, true, add(tx, &u, p)
	}
	out, err := s.Sessions.SignIn(ctx, login)
	if errors.Is(err, user.ErrExists) && cfg.Methods.Passkey.MaskErrors {
		return nil, ErrRefused
	}
	return out, err
}

// StartUpdate begins one more passkey of a user who is signed in.
func (s *Service) StartUpdate(ctx context.Context, in Start) (*Started, error) {
	c, err := newCeremony(kindUpdate, in.Config, in.Origin, &in.Passkey)
	if err != nil {
		return nil, err
	}
	if in.Current == nil {
		return nil, session.ErrNoSession
	}
	u := in.Current.User
	have, err := s.of(ctx, in.Config.Project, u.ID, c.Party.ID)
	if err != nil {
		return nil, err
	}
	c.UserID, c.Session, c.Asked = u.ID, in.Current.Session.ID, in.Options
	options, err := toCreate(in.Config, c, u, in.Passkey, have)
	if err != nil {
		return nil, err
	}
	return s.started(ctx, in.Config.Project, c, options)
}

// FinishUpdate gives the user the passkey, unless the session that began it has been
// ended. The tokens are nil unless the start asked for a step-up or a further factor,
// which a passkey is once it signs somebody in, and not by being made.
func (s *Service) FinishUpdate(ctx context.Context, in Finish) (*session.Tokens, error) {
	c, cfg, p, err := s.registered(ctx, kindUpdate, in)
	if err != nil {
		return nil, err
	}
	more := func(tx *store.Tx) (*user.User, error) {
		if err := consume(tx, cfg.Project, in.TransactionID); err != nil {
			return nil, err
		}
		if err := session.Stands(tx, cfg.Project, c.Session); err != nil {
			return nil, err
		}
		u, err := user.Load(tx, cfg.Project, c.UserID)
		if err != nil {
			return nil, err
		}
		if err := u.MaySignIn(time.Now()); err != nil {
			return nil, err
		}
		if err := add(tx, u, p); err != nil {
			return nil, err
		}
		return u, session.Changed(tx, u, audit.NewCredential, session.AMRPasskey, in.Login.Client)
	}
	if !c.Asked.MFA && !c.Asked.StepUp {
		err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
			_, err := more(tx)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("add a passkey: %w", err)
		}
		return nil, nil
	}
	login := in.login(c, cfg)
	login.Enrols = true
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		u, err := more(tx)
		return u, false, err
	}
	return s.Sessions.SignIn(ctx, login)
}

// registered checks the end of a ceremony that makes a passkey.
func (s *Service) registered(ctx context.Context, kind string, in Finish) (*ceremony, *project.Config, *Passkey, error) {
	c, cfg, err := s.find(ctx, in.Login.Config.Project, kind, in.TransactionID)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(in.Response) > maxResponse {
		return nil, nil, nil, ErrRefused
	}
	p, err := c.register(cfg.Project, []byte(in.Response))
	return c, cfg, p, err
}

func (s *Service) started(ctx context.Context, projectID string, c *ceremony, options string) (*Started, error) {
	id, err := s.begin(ctx, projectID, c)
	if err != nil {
		return nil, fmt.Errorf("begin a passkey ceremony: %w", err)
	}
	return &Started{TransactionID: id, Options: options, Create: c.Kind != kindSignIn}, nil
}
