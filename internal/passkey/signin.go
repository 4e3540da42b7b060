package passkey

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// StartSignIn begins a sign-in: of a user by login id, or of whoever has a passkey. A
// login id of nobody, and one of a user without a passkey, is answered like others.
func (s *Service) StartSignIn(ctx context.Context, in Start) (*Started, error) {
	c, err := newCeremony(kindSignIn, in.Config, in.Origin, &in.Passkey)
	if err != nil {
		return nil, err
	}
	if in.Options.StepUp || in.Options.MFA {
		if in.Current == nil {
			return nil, session.ErrNoSession
		}
		c.UserID, c.Session = in.Current.User.ID, in.Current.Session.ID
	}
	c.Asked = in.Options
	allowed, err := s.allowed(ctx, in, c)
	if err != nil {
		return nil, err
	}
	options, err := toGet(c, in.Passkey, allowed)
	if err != nil {
		return nil, err
	}
	return s.started(ctx, in.Config.Project, c, options)
}

// allowed returns the passkeys that a sign-in may show, and makes the ceremony one of
// their user. None is any.
func (s *Service) allowed(ctx context.Context, in Start, c *ceremony) ([]descriptor, error) {
	if c.UserID == "" && in.LoginID == "" {
		return nil, nil
	}
	if c.UserID == "" {
		u, err := (&user.Service{DB: s.DB}).Find(ctx, in.Config.Project, in.home(), in.LoginID)
		switch {
		case errors.Is(err, user.ErrNotFound):
			c.UserID = nobody
		case err != nil:
			return nil, err
		default:
			c.UserID = u.ID
		}
	}
	have, err := s.of(ctx, in.Config.Project, c.UserID, c.Party.ID)
	if err != nil || len(have) > 0 {
		return describe(have), err
	}
	return s.decoys(ctx, in.Config.Project, c.Party.ID, in.home(), in.LoginID)
}

// nobody is no id of a user: who has it has no passkey.
const nobody = "-"

// StartSignUpOrIn begins a sign-in of a user, and a sign-up of a stranger. A user
// without a passkey gets none by it: that takes a session. Where the settings mask
// errors it is a sign-in of all, for which of the two it is tells who is a user.
func (s *Service) StartSignUpOrIn(ctx context.Context, in Start) (*Started, error) {
	if !in.Config.Methods.Passkey.Enabled {
		return nil, project.ErrMethodOff
	}
	switch _, err := (&user.Service{DB: s.DB}).Find(ctx, in.Config.Project, in.home(), in.LoginID); {
	case errors.Is(err, user.ErrNotFound) && !in.Config.Methods.Passkey.MaskErrors:
		return s.StartSignUp(ctx, in, user.Profile{})
	case err != nil && !errors.Is(err, user.ErrNotFound):
		return nil, err
	}
	return s.StartSignIn(ctx, in)
}

// FinishSignIn checks the end of a sign-in, and makes a session.
func (s *Service) FinishSignIn(ctx context.Context, in Finish) (*session.Tokens, error) {
	c, cfg, err := s.find(ctx, in.Login.Config.Project, kindSignIn, in.TransactionID)
	if err != nil {
		return nil, err
	}
	in.tell(c.UserID)
	p, err := s.shown(ctx, cfg.Project, c, in)
	if err != nil {
		return nil, err
	}
	login := in.login(c, cfg)
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		if err := consume(tx, cfg.Project, in.TransactionID); err != nil {
			return nil, false, err
		}
		u, err := user.Load(tx, cfg.Project, p.UserID)
		if err != nil {
			return nil, false, err
		}
		return u, u.LastLoginAt.IsZero(), used(tx, p, time.Now())
	}
	return s.Sessions.SignIn(ctx, login)
}

// shown checks what an authenticator says, and returns the passkey with its counter
// and its flags as they are now.
func (s *Service) shown(ctx context.Context, projectID string, c *ceremony, in Finish) (*Passkey, error) {
	if len(in.Response) > maxResponse {
		return nil, ErrRefused
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(in.Response))
	if err != nil {
		return nil, refused(err)
	}
	p, err := s.load(ctx, projectID, parsed.RawID)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrRefused
	}
	if err != nil {
		return nil, err
	}
	in.tell(p.UserID)
	handle := parsed.Response.UserHandle
	switch {
	case p.RPID != c.Party.ID:
		return nil, ErrRefused
	case c.UserID != "" && c.UserID != p.UserID:
		return nil, ErrRefused
	case c.UserID == "" && len(handle) == 0: // WebAuthn Level 3 §7.2 step 6
		return nil, ErrRefused
	case len(handle) > 0 && len(p.Handle) > 0 && !bytes.Equal(handle, p.Handle):
		return nil, ErrRefused
	case len(handle) == 0:
		handle = []byte(p.UserID)
	}
	lib, err := c.library()
	if err != nil {
		return nil, err
	}
	now, err := lib.ValidateLogin(whose{handle, []webauthn.Credential{p.credential()}}, c.session(handle), parsed)
	if err != nil {
		return nil, refused(err)
	}
	if now.Authenticator.CloneWarning {
		return nil, ErrCloned
	}
	p.SignCount, p.BackedUp = now.Authenticator.SignCount, now.Flags.BackupState
	return p, nil
}

// credential is a passkey as the library has it.
func (p *Passkey) credential() webauthn.Credential {
	var flags protocol.AuthenticatorFlags
	if p.BackupEligible {
		flags |= protocol.FlagBackupEligible
	}
	if p.BackedUp {
		flags |= protocol.FlagBackupState
	}
	return webauthn.Credential{
		ID: p.ID, PublicKey: p.PublicKey, AttestationFormat: p.Attestation, Flags: webauthn.NewCredentialFlags(flags),
		Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.SignCount},
	}
}
