package challenge

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"postern/internal/audit"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// Whoever guesses goes on guessing after each new code. So the wrong answers of one
// user are counted over all of them: NIST SP 800-63B asks for fewer than 100.
const (
	wrongMax    = 30
	wrongWithin = time.Hour
)

// errRight ends the transaction of a right answer, which has nothing to keep.
var errRight = errors.New("the answer is right")

// Answer checks an answer that may be guessed: right says whether it is the one.
// A wrong one is counted, and the count is durable before it is told.
//
// A right one costs no commit here, is not counted and not consumed: SignIn does
// that, and looks once more whether it may, so that it is as if all who answer at the
// same time did so in the order in which they commit.
func (s *Service) Answer(ctx context.Context, m Method, projectID, id, loginID string, right func(*Pending) bool) (*Pending, error) {
	if err := s.prepare(ctx, projectID); err != nil {
		return nil, err
	}
	if p, err := s.Find(ctx, projectID, m.Name, id); err != nil || p != nil && p.Tries > 0 && m.verdict(p, right) == nil {
		return p, err
	}
	var found *Pending
	var verdict error
	err := s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		p, err := s.try(tx, projectID, m.Name, id)
		if err != nil {
			return err
		}
		found = p
		attempts := []limit.Attempt{{Rule: wrongRule(m.Name), Subject: "login id " + loginID}}
		if p != nil {
			attempts = p.attempts(wrongRule(m.Name), p.subject())
		}
		if err := s.Limits.HitIn(tx, projectID, attempts...); err != nil {
			return err
		}
		if verdict = m.verdict(p, right); verdict == nil { // it was asked for just now
			p.Tries++ // which is taken back
			return errRight
		}
		return nil
	})
	switch {
	case errors.Is(err, errRight):
		return found, nil
	case err != nil:
		return nil, err
	}
	return nil, verdict
}

// verdict says what is wrong with an answer, or nil; p is nil where nothing was asked.
func (m *Method) verdict(p *Pending, right func(*Pending) bool) error {
	switch {
	case p == nil:
		return m.Faults.Wrong
	case p.Tries < 0:
		return m.Faults.Spent
	case !right(p) || p.Nobody:
		return m.Faults.Wrong
	case time.Now().After(p.Expires):
		return m.Faults.Expired
	}
	return nil
}

func wrongRule(method string) limit.Rule {
	return limit.Rule{Scope: method + ".wrong", Max: wrongMax, Within: wrongWithin}
}

// try counts a try before anybody knows whether it is right, so that no two at once
// are one. Those left are less than none where there were none any more.
func (s *Service) try(tx *store.Tx, projectID, method, id string) (*Pending, error) {
	p, err := scan(tx.QueryRow(`UPDATE challenges SET tries = CASE WHEN tries < 0 THEN tries ELSE tries - 1 END
		WHERE project = $1 AND method = $2 AND id = $3 RETURNING `+columns, projectID, method, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
}

// ConfigOf returns the configuration that a proof began under.
func (s *Service) ConfigOf(ctx context.Context, p *Pending) (*project.Config, error) {
	return s.Projects.ConfigAt(ctx, p.Project, p.Revision)
}

// SignIn consumes a proof that was answered right, and makes the session that it is
// for. Of many who come with one proof exactly one gets it; the others are told
// gone.
func (s *Service) SignIn(ctx context.Context, p *Pending, client session.Client, gone error) (*session.Tokens, error) {
	c, err := s.ConfigOf(ctx, p)
	if err != nil {
		return nil, err
	}
	if p.User == "" && p.Act != Update && !p.Managed {
		if err := s.Sessions.Admit(ctx, p.Project, client); err != nil {
			return nil, err
		}
	}
	h := &holder{by: audit.Origin{Remote: client.Address}}
	login := session.Login{Config: c, Method: amr(p), Options: p.Options, Client: client, CurrentID: p.Session}
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		ok, err := take(tx, p)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			return nil, false, gone
		}
		if p.Tries > 0 { // its wrong answers were counted
			if err := s.Limits.ClearIn(tx, p.Project, p.attempts(wrongRule(p.Method), p.subject())...); err != nil {
				return nil, false, err
			}
		}
		return p.settle(tx, c, h)
	}
	out, err := s.Sessions.SignIn(ctx, login)
	if !errors.Is(err, errHolder) {
		return out, err
	}
	if h.same, err = s.Sessions.Holds(ctx, c, client, h.user); err != nil {
		return nil, err
	}
	h.known = true
	if !h.same { // what the session of somebody else asked for is not added to it
		login.Options.StepUp, login.Options.MFA, login.CurrentID = false, false, ""
	}
	return s.Sessions.SignIn(ctx, login)
}

// Collect makes the session of who waits for an answer that is given elsewhere, once
// it was given. Where the answer cannot show the verifier of a code challenge, since
// it is a message of WhatsApp, who waits shows it.
func (s *Service) Collect(ctx context.Context, says Faults, projectID, method, pending, verifier string, client session.Client) (*session.Tokens, error) {
	p, err := s.Polled(ctx, projectID, method, Name(pending))
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, says.Wrong
	case time.Now().After(p.Expires):
		return nil, says.Expired
	case p.Dialogue != nil && !p.Shows(verifier):
		return nil, ErrVerifier
	case !p.Verified:
		return nil, says.Pending
	}
	return s.SignIn(ctx, p, client, says.Wrong)
}

// amr is the word for what was proven.
func amr(p *Pending) string {
	switch p.Kind {
	case message.Email:
		return session.AMREmail
	case message.SMS:
		return session.AMRSMS
	case message.Voice:
		return session.AMRVoice
	case message.WhatsApp:
		return session.AMRWhatsApp
	}
	return session.AMRLink
}

// settle returns whose the proof is, as part of tx, and stores what it says of them:
// who is new, which address is theirs.
func (p *Pending) settle(tx *store.Tx, c *project.Config, h *holder) (u *user.User, firstSeen bool, err error) {
	switch {
	case p.Act == Update:
		u, err = p.change(tx, c, h)
		return u, false, err
	case p.User != "":
		if u, err = user.Load(tx, p.Project, p.User); err != nil {
			return nil, false, err
		}
		return u, false, p.known(tx, c, u, h)
	}
	u, err = user.Find(tx, p.Project, p.LoginID)
	switch {
	case errors.Is(err, user.ErrNotFound):
		if u, err = p.newUser(c); err != nil {
			return nil, false, err
		}
		p.mark(u)
		if err := session.JoinByDomain(tx, c, u); err != nil {
			return nil, false, err
		}
		return u, true, user.Create(tx, u)
	case err != nil:
		return nil, false, err
	case p.Act != SignUpOrIn || p.Kind == "":
		return nil, false, user.ErrExists // who signed up meanwhile
	}
	return u, false, p.known(tx, c, u, h)
}

// known admits a user who has the address still.
func (p *Pending) known(tx *store.Tx, c *project.Config, u *user.User, h *holder) error {
	if err := u.MaySignIn(time.Now()); err != nil {
		return err
	}
	if p.Kind == "" {
		return nil
	}
	recovery := p.Address != "" && (p.Address == u.Recovery.Email || p.Address == u.Recovery.Phone)
	if !recovery && addressOf(u, p.Kind, p.LoginID, false) != p.Address {
		return user.ErrExists // the address is no longer that of the user
	}
	was, first := *u, u.Proves(p.Address, false)
	if news := p.mark(u); !first && !news {
		return nil
	}
	if err := joins(tx, c, &was, u); err != nil {
		return err
	}
	if first {
		return h.settle(tx, u, p.Address)
	}
	return user.Save(tx, u)
}

// joins lets a user join tenants by an address that is theirs now and was not before.
func joins(tx *store.Tx, c *project.Config, was, u *user.User) error {
	if was.VerifiedEmail && was.Email == u.Email {
		return nil
	}
	return session.JoinByDomain(tx, c, u)
}

// mark says of a user what the proof has shown, and reports whether it is news.
func (p *Pending) mark(u *user.User) bool {
	before := [...]any{u.Email, u.VerifiedEmail, u.Phone, u.VerifiedPhone}
	switch {
	case p.Kind == "": // an embedded link, whose maker vouches for the rest
		u.VerifiedEmail = u.VerifiedEmail || p.VerifiedEmail && u.Email != ""
		u.VerifiedPhone = u.VerifiedPhone || p.VerifiedPhone && u.Phone != ""
	case p.Address == "":
	case p.Kind == message.Email && (u.Email == "" || u.Email == p.Address):
		u.Email, u.VerifiedEmail = p.Address, true
	case p.Kind != message.Email && (u.Phone == "" || u.Phone == p.Address):
		u.Phone, u.VerifiedPhone = p.Address, true
	}
	return before != [...]any{u.Email, u.VerifiedEmail, u.Phone, u.VerifiedPhone}
}
