package password

import (
	"context"
	"errors"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told.
var (
	ErrNone = fault.New(fault.NotFound, "P40432", "the user has no password")
	ErrBoth = fault.New(fault.Invalid, "E011003", "Request is invalid: a user has a password or a hashed one, not both")
)

// SignUp is somebody who comes for the first time.
type SignUp struct {
	Login
	Profile user.Profile
}

// SignUp makes a user with a password, and signs in. user.ErrExists is a login id
// that somebody has. Where the policy masks errors, who has it already signs in: the
// right password does, and another one is as wrong as there, after equal work. A
// password that the policy forbids is refused before anybody is looked for, so that
// nobody asks with one who is a user.
func (s *Service) SignUp(ctx context.Context, in SignUp) (*session.Tokens, error) {
	if !in.config().Methods.Password.Enabled {
		return nil, project.ErrMethodOff
	}
	made, err := user.New(in.config(), user.Home(in.config(), in.Session.Options.Tenant), in.LoginID, in.Profile)
	if err != nil {
		return nil, err
	}
	masks := in.config().Methods.Password.MaskErrors
	found, err := s.find(ctx, in.config(), made.Home, in.LoginID)
	if err != nil {
		return nil, err
	}
	if found.user != nil && !masks {
		return nil, user.ErrExists // before the work of a hash
	}
	if err := s.Sessions.Admit(ctx, in.config().Project, in.Session.Client); err != nil {
		return nil, err
	}
	who, err := s.newcomer(ctx, in.config(), made)
	if err != nil {
		return nil, err
	}
	if err := s.judge(ctx, in.config(), who, in.Password); err != nil {
		return nil, err
	}
	if found.user != nil {
		return s.SignIn(ctx, in.Login)
	}
	hash, err := s.Hasher.Hash(ctx, in.config().Project, in.Password)
	if err != nil {
		return nil, err
	}
	out, err := s.Sessions.SignIn(ctx, in.session(func(tx *store.Tx) (*user.User, bool, error) {
		u := *made
		if err := session.Settle(tx, in.config(), &u); err != nil {
			return nil, false, err
		}
		if err := user.Create(tx, &u); err != nil {
			return nil, false, err
		}
		if err := s.put(tx, in.origin(&u), in.config(), &standing{user: &u, policy: who.policy}, hash, change{}); err != nil {
			return nil, false, err
		}
		u.Methods |= user.Password
		return &u, true, nil
	}))
	if masks && errors.Is(err, user.ErrExists) { // who came meanwhile
		return nil, ErrWrong
	}
	return out, err
}

// newcomer is how it stands with the password of somebody new, who obeys the tenant
// that is to be their home, if any.
func (s *Service) newcomer(ctx context.Context, c *project.Config, u *user.User) (*standing, error) {
	out := &standing{user: u}
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		out.policy, err = homePolicy(tx, c, u.Home)
		return err
	})
	if err == nil && !out.policy.Enabled {
		err = project.ErrMethodOff
	}
	return out, err
}

// Set gives a user a password on behalf of an operator. A temporary one has to be
// replaced before it signs in. A lock ends, and so do all sessions.
func (s *Service) Set(ctx context.Context, by audit.Origin, c *project.Config, u *user.User, password secret.Text, temporary bool) error {
	before, err := s.standing(ctx, c, u)
	if err != nil {
		return err
	}
	return s.set(ctx, by, c, before, change{password: password, expired: temporary})
}

// Expire says that the password of a user must be replaced before it signs in again.
func (s *Service) Expire(ctx context.Context, by audit.Origin, u *user.User) error {
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		res, err := tx.Exec(`UPDATE passwords SET expired = 1 WHERE project = $1 AND user_id = $2`, u.Project, u.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrNone, err)
		}
		e := by.Event("user.password.expire", audit.Done)
		e.Project, e.Details = u.Project, map[string]any{"user": u.ID}
		return audit.Record(tx, e)
	})
}

// A Prepared password is one that a new user gets: checked and hashed before the
// transaction that stores both. The zero value is none.
type Prepared struct {
	hash   string
	signer secret.Text // that the hash was made with, of some imports
	by     *Service
}

// Prepare makes ready what an operator gives a new user: a password in clear, which
// the policy of their tenants has to allow, or the hash of another service.
func (s *Service) Prepare(ctx context.Context, c *project.Config, u *user.User, clear secret.Text, hashed *Import) (Prepared, error) {
	out := Prepared{by: s}
	var err error
	switch {
	case hashed != nil && !clear.IsZero():
		return Prepared{}, ErrBoth
	case hashed != nil:
		if out.hash, err = hashed.Encode(); err == nil {
			out.hash, out.signer, err = withoutSigner(out.hash)
		}
	case !clear.IsZero():
		var before *standing
		if before, err = s.standing(ctx, c, u); err == nil {
			out.hash, err = s.choose(ctx, c, before, clear)
		}
	}
	return out, err
}

// Store gives the password to a user, as part of tx.
func (p Prepared) Store(tx *store.Tx, project, userID string) error {
	if p.hash == "" {
		return nil
	}
	if !p.signer.IsZero() {
		if err := p.by.keepSigner(tx, project, p.hash, p.signer); err != nil {
			return err
		}
	}
	r := &record{hash: p.hash, setAt: time.Now()}
	return r.save(tx, project, userID)
}

// Generate makes a password that the policy allows, for an operator who gives none.
func (s *Service) Generate(ctx context.Context, c *project.Config, u *user.User) (secret.Text, error) {
	before, err := s.standing(ctx, c, u)
	if err != nil {
		return secret.Text{}, err
	}
	p := before.policy
	for range 1000 {
		text := secret.New(ident.Random(max(p.MinLength, 20)-4) + punctuation())
		if len(Check(p, text, about(c, u))) == 0 {
			return text, nil
		}
	}
	return secret.Text{}, ErrPolicy.WithMessage("the policy forbids so much that no password could be made up")
}

// punctuation returns four symbols in any order: with random letters and digits they
// fit most policies.
func punctuation() string {
	const symbols = "-_.!+*=:;,?#%@^~/"
	out := make([]byte, 0, 4)
	for _, c := range []byte(ident.Random(4)) {
		out = append(out, symbols[int(c)%len(symbols)])
	}
	return string(out)
}
