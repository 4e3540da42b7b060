package challenge

import (
	"context"
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

// Whoever guesses goes on guessing after each new code. So the wrong answers about one
// user are counted over all of them.
func wrongAnswers(method string) session.Bound {
	return session.Bound{Scope: method + ".wrong", Here: 30, All: 60, Within: time.Hour}
}

// An Answer is what somebody shows, and for which proof.
type Answer struct {
	Project string
	ID      string // of the proof
	LoginID string
	Client  session.Client
	Right   func(*Pending) bool // whether it is the right one
}

// Answer checks an answer that may be guessed. A wrong one is counted, and the count
// is durable before it is told. A proof takes few of each client, so that nobody uses
// up those of whom it was sent to.
//
// A right one costs no commit here, is not counted and not consumed: SignIn does
// that, and looks whether it may, so that it is as if all who answer at the same time
// did so in the order in which they commit.
func (s *Service) Answer(ctx context.Context, m Method, in Answer) (*Pending, error) {
	if err := s.prepare(ctx, in.Project); err != nil {
		return nil, err
	}
	p, err := s.Find(ctx, in.Project, m.Name, in.ID)
	if err != nil {
		return nil, err
	}
	verdict := m.verdict(p, in.Right)
	if verdict == nil {
		p.spent = m.Faults.Spent
		return p, nil
	}
	spent := false
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) error {
		guess := session.Guess{Project: in.Project, Client: in.Client, Subjects: []string{"login id " + in.LoginID}}
		if p != nil {
			guess = p.guess(in.Client)
			err := p.tries(in.Client).Count(tx, s.Limits, p.bound())
			if spent = errors.Is(err, limit.ErrExceeded); spent || err != nil {
				return err
			}
		}
		return guess.Count(tx, s.Limits, wrongAnswers(m.Name))
	})
	switch {
	case spent:
		return nil, m.Faults.Spent
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
	case !right(p) || p.Nobody:
		return m.Faults.Wrong
	case time.Now().After(p.Expires):
		return m.Faults.Expired
	}
	return nil
}

// bound is how many wrong answers the proof takes of one client.
func (p *Pending) bound() session.Bound {
	return session.Bound{Scope: p.Method + ".proof", Here: p.Tries, Within: max(p.Expires.Sub(p.Created), time.Minute)}
}

// tries is an answer to the proof from a client, as it counts for this proof alone.
func (p *Pending) tries(client session.Client) session.Guess {
	return session.Guess{Project: p.Project, Client: client, Subjects: []string{"proof " + string(p.Digest)}}
}

// guess is one as it counts for whose tries count together and, beside it, for the
// address; see attempts.
func (p *Pending) guess(client session.Client) session.Guess {
	g := session.Guess{Project: p.Project, Client: client, User: p.User}
	for _, a := range p.attempts(limit.Rule{}, p.subject()) {
		g.Subjects = append(g.Subjects, a.Subject)
	}
	return g
}

// consume takes a proof that was answered right, as part of tx, or says that it is gone
// or was tried too often. It reads the user of whom it is beside, where that is known.
func (s *Service) consume(tx *store.Tx, p *Pending, client session.Client, gone error) (found func() (*user.User, error), err error) {
	var taken int64
	tried := func() bool { return false }
	asks := []store.Ask{taking(p, &taken), {}, {}}
	if p.Tries > 0 { // its wrong answers were counted; mostly there were none
		all := append(p.tries(client).Attempts(p.bound()), p.guess(client).Attempts(wrongAnswers(p.Method))...)
		if asks[1], tried, err = s.Limits.AskAny(p.Project, all...); err != nil {
			return nil, err
		}
	}
	if p.User != "" && p.Act != Update {
		asks[2], found = user.Ask(p.Project, p.User)
	}
	err = tx.Together(asks...)
	switch {
	case err != nil:
		return nil, err
	case taken != 1:
		return nil, gone
	case tried():
		return found, s.right(tx, p, client)
	}
	return found, nil
}

// right forgets the wrong answers before a right one, as part of tx, or refuses it
// where there were too many.
func (s *Service) right(tx *store.Tx, p *Pending, client session.Client) error {
	err := p.tries(client).Clear(tx, s.Limits, p.bound())
	switch {
	case errors.Is(err, limit.ErrExceeded) && p.spent != nil:
		return p.spent
	case err != nil:
		return err
	}
	return p.guess(client).Clear(tx, s.Limits, wrongAnswers(p.Method))
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
	login := session.Login{Config: c, Method: AMR(p.Kind), Options: p.Options, Client: client, CurrentID: p.Session}
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		found, err := s.consume(tx, p, client, gone)
		if err != nil {
			return nil, false, err
		}
		return p.settle(tx, c, h, found)
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

// AMR is the word for what a message proves that went one way; none is a link that went
// nowhere.
func AMR(kind message.Kind) string {
	switch kind {
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
// who is new, which address is theirs. found is the user of it, where that is known.
func (p *Pending) settle(tx *store.Tx, c *project.Config, h *holder, found func() (*user.User, error)) (u *user.User, firstSeen bool, err error) {
	switch {
	case p.Act == Update:
		u, err = p.change(tx, c, h)
		return u, false, err
	case p.User != "":
		if u, err = found(); err != nil {
			return nil, false, err
		}
		return u, false, p.known(tx, c, u, h)
	}
	u, err = user.Find(tx, p.Project, p.Home, p.LoginID)
	switch {
	case errors.Is(err, user.ErrNotFound):
		if u, err = p.newUser(c); err != nil {
			return nil, false, err
		}
		p.mark(u)
		if err := session.Settle(tx, c, u); err != nil {
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
	case p.Kind == message.Email && (u.Email == "" || u.Email == p.Address || u.Claims(p.Address)):
		u.Email, u.VerifiedEmail = p.Address, true
	case p.Kind != message.Email && (u.Phone == "" || u.Phone == p.Address || u.Claims(p.Address)):
		u.Phone, u.VerifiedPhone = p.Address, true
	}
	return before != [...]any{u.Email, u.VerifiedEmail, u.Phone, u.VerifiedPhone}
}
