package challenge

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// A Begun proof was stored and, unless the user is a test user, sent.
type Begun struct {
	Pending *Pending
	Values  *message.Values // what the message was made of
	Masked  string          // the address, as an answer may show it
	User    *user.User      // nil for who is none yet
}

// Begin begins a proof. issue makes the answer: it sets ID, Digest and Poll of the
// proof, and what the message shows of it. It may run more than once.
//
// Where the method masks errors nobody learns whether a user exists: the answer
// and the work are those of a user who does, a sign-up of who is a user already is
// a sign-in, and the message goes out after the answer.
func (s *Service) Begin(ctx context.Context, in Request, issue func(*Pending) (*message.Values, error)) (*Begun, error) {
	if !in.Method.Enabled {
		return nil, project.ErrMethodOff
	}
	current, err := s.current(ctx, &in)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkCodeChallenge(in.CodeChallenge), in.normal()); err != nil {
		return nil, err
	}
	if _, ok := in.Config.Connectors[in.Choice.Provider]; in.Choice.Provider != "" && !ok {
		return nil, ErrProvider
	}
	if in.Method.Messages != nil {
		if _, ok := in.Method.Messages(in.Kind).Template(in.Choice.Template); !ok {
			return nil, ErrTemplate
		}
	}
	if err := s.prepare(ctx, in.Config.Project); err != nil {
		return nil, err
	}
	var out *Begun
	var who *user.User
	// Whoever is found is found again when the answer comes, so each statement is right by
	// itself, and many who ask at once do not make each other begin again.
	err = s.DB.WriteCommitted(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		var hidden bool
		if who, hidden, err = in.find(tx, current); err != nil {
			return err
		}
		p, err := in.pending(who, hidden, current)
		if err != nil {
			return err
		}
		if err := s.count(tx, in, p); err != nil {
			return err
		}
		values, err := issue(p)
		if err != nil {
			return err
		}
		out = &Begun{Pending: p, Values: values, Masked: in.masked(p), User: who}
		return put(tx, p)
	})
	if err != nil {
		return nil, err
	}
	if err := s.Rows.Added(ctx, in.Config.Project, 1); err != nil {
		return nil, err
	}
	return out, s.deliver(ctx, in, out)
}

// masks reports whether nobody may learn from the answer who is a user.
func (in *Request) masks() bool { return in.Method.Masks && !in.Managed }

// current returns the session that a request belongs to; nil where it needs none.
func (s *Service) current(ctx context.Context, in *Request) (*session.Current, error) {
	if in.Act != Update && !in.Options.StepUp && !in.Options.MFA || in.Managed {
		return nil, nil
	}
	current, err := s.Sessions.Current(ctx, in.Config, in.Current, in.Client)
	switch {
	case err != nil:
		return nil, err
	case current.User == nil: // an anonymous visitor, who has nothing to add to
		return nil, session.ErrOtherUser
	case in.Act != Update:
		return current, nil
	}
	if (in.LoginID == "" || in.LoginID == current.User.ID) && len(current.User.LoginIDs) > 0 {
		in.LoginID = current.User.LoginIDs[0]
	}
	return current, current.Own()
}

// normal writes addresses and login ids as they are stored. A request without a
// login id means the user who has the address.
func (in *Request) normal() (err error) {
	if in.Address == "" && in.Act == SignUp {
		in.Address = in.Profile.Email
		if in.Kind != message.Email {
			in.Address = in.Profile.Phone
		}
	}
	if in.Address != "" {
		if in.Address, err = address(in.Kind, in.Address); err != nil {
			return err
		}
	}
	if in.LoginID == "" && in.Act == SignUp {
		in.LoginID = in.Address
	}
	if in.whoeverWrites() {
		return nil
	}
	in.LoginID, err = user.LoginID(in.LoginID)
	return err
}

// whoeverWrites reports whether a request names nobody: the message that somebody
// sends says who it is.
func (in *Request) whoeverWrites() bool { return in.Dialogue != nil && in.LoginID == "" }

// find returns the user whom a request is about; nil for who is none yet, and
// hidden for one who is none, or must not sign in, where nobody may learn it.
func (in *Request) find(tx *store.Tx, current *session.Current) (u *user.User, hidden bool, err error) {
	if in.whoeverWrites() && current == nil {
		return nil, false, nil
	}
	home := in.home(current)
	if current == nil {
		if err := session.Hosts(tx, in.Config, home); err != nil {
			return nil, false, err
		}
	}
	var standIn *user.User
	masked := in.masks()
	if masked {
		u, standIn, err = user.FindAlike(tx, in.Config.Project, home, in.LoginID)
	} else {
		u, err = user.Find(tx, in.Config.Project, home, in.LoginID)
	}
	if err != nil && !errors.Is(err, user.ErrNotFound) {
		return nil, false, err
	}
	switch {
	case current != nil && (u == nil || u.ID != current.User.ID):
		return nil, false, session.ErrOtherUser
	case in.OnlyTest && (u == nil || !u.Test):
		return nil, false, ErrNotTest
	case u == nil && in.Act == SignIn && !masked:
		return nil, false, user.ErrNotFound
	case u != nil && in.Act == SignUp && !masked:
		return nil, false, user.ErrExists
	case u == nil:
		return nil, in.Act == SignIn, in.barsNobody(tx, standIn)
	}
	err = in.bars(tx, u)
	if _, barred := errors.AsType[*fault.Error](err); barred && masked {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return u, false, nil
}

// bars says why a user may not come by the method.
func (in *Request) bars(tx *store.Tx, u *user.User) error {
	err := u.MaySignIn(time.Now())
	if err == nil && in.Method.Bars != nil {
		err = in.Method.Bars(tx, u)
	}
	return err
}

// barsNobody asks of the stand-in for who is no user what is asked of a user.
func (in *Request) barsNobody(tx *store.Tx, standIn *user.User) error {
	if standIn == nil {
		return nil
	}
	err := in.bars(tx, standIn)
	if _, barred := errors.AsType[*fault.Error](err); barred {
		return nil
	}
	return err
}

// home is where the login id of a request counts: where that of the one who is signed
// in does, or where that counts which comes with the tenant.
func (in *Request) home(current *session.Current) string {
	if current != nil {
		return current.User.Home
	}
	return user.Home(in.Config, in.Options.Tenant)
}

// pending makes the proof of a request, without its answer.
func (in *Request) pending(u *user.User, hidden bool, current *session.Current) (*Pending, error) {
	now := time.Now()
	p := &Pending{
		Project: in.Config.Project, Method: in.Method.Name, Revision: in.Config.Revision, Tries: in.Method.Tries, Created: now, Expires: now.Add(in.lifetime()),
		Data: Data{
			Act: in.Act, Kind: in.Kind, LoginID: in.LoginID, Home: in.home(current), Address: in.Address, Options: in.Options, Change: in.Change, Salt: make([]byte, 16), Managed: in.Managed,
			VerifiedEmail: in.Verified.Email, VerifiedPhone: in.Verified.Phone, Test: user.IsTest(in.Config, in.LoginID),
			Dialogue: in.Dialogue, CodeChallenge: in.CodeChallenge,
		},
	}
	_, _ = rand.Read(p.Salt)
	if current != nil {
		p.Session = current.Session.ID
	}
	if u != nil {
		p.User, p.Test = u.ID, p.Test || u.Test
		if in.Act == Update && p.Address == "" {
			return nil, ErrNoAddress
		}
		if in.Act == Update {
			return p, nil
		}
		if in.masks() && in.Act != SignIn { // what a stranger may not say, a user may not either
			if err := in.stranger(new(*p)); err != nil {
				return nil, err
			}
		}
		if p.Act == SignUp { // masked: the one who has the address signs in
			p.Act = SignIn
		}
		p.Address = addressOf(u, in.Kind, in.LoginID, in.Recovery)
		return p, in.reachable(p)
	}
	if hidden {
		p.Nobody = true
		return p, nil
	}
	if in.whoeverWrites() {
		p.Profile = in.Profile
		return p, nil
	}
	return p, in.stranger(p)
}

// stranger completes the proof of who is no user yet.
func (in *Request) stranger(p *Pending) error {
	p.Profile = in.Profile
	if in.Kind == message.Email {
		p.Profile.Email = in.Address
	} else if in.Kind != "" {
		p.Profile.Phone = in.Address
	}
	made, err := p.newUser(in.Config)
	if errors.Is(err, user.ErrNoSignUp) && in.masks() {
		p.Nobody = true
		return nil
	}
	if err != nil {
		return err
	}
	p.Address = addressOf(made, in.Kind, in.LoginID, false)
	return in.reachable(p)
}

// reachable refuses a proof without an address to send to. One that must not tell
// whether there is a user is as good as sent.
func (in *Request) reachable(p *Pending) error {
	switch {
	case p.Address != "", in.Kind == "", in.Managed, p.Test: // nothing is sent to the last two
		return nil
	case in.masks():
		p.Nobody = true
		return nil
	}
	return ErrNoAddress
}

func (in *Request) lifetime() time.Duration {
	if in.Lifetime > 0 && in.Lifetime < in.Method.Lifetime {
		return in.Lifetime
	}
	return in.Method.Lifetime
}

// newUser makes the user that a proof of a sign-up is for.
func (p *Pending) newUser(c *project.Config) (*user.User, error) {
	if p.Managed {
		return user.Prepare(c, p.Home, p.LoginID, p.Profile)
	}
	return user.New(c, p.Home, p.LoginID, p.Profile)
}

// count counts the message, for the user or who says so.
func (s *Service) count(tx *store.Tx, in Request, p *Pending) error {
	if in.Managed || in.Method.Rate.Messages <= 0 || in.Method.Rate.Within <= 0 {
		return nil
	}
	rule := limit.Rule{Scope: in.Method.Name + ".send", Max: in.Method.Rate.Messages, Within: in.Method.Rate.Within}
	return s.Limits.HitIn(tx, p.Project, p.attempts(rule, p.subject())...)
}

// attempts are those of a rule that one try is: of whose tries count together and,
// beside it, of the address. Else whoever signs up under many login ids with one
// address, or changes their own to it, sends and guesses without end.
func (p *Pending) attempts(rule limit.Rule, subject string) []limit.Attempt {
	address := p.Address
	if address == "" {
		address = p.LoginID // of nobody: it must count as that of somebody does
	}
	return []limit.Attempt{{Rule: rule, Subject: subject}, {Rule: rule, Subject: "address " + address}}
}

// subject is whose tries count together.
func (p *Pending) subject() string {
	if p.User != "" {
		return p.User
	}
	return "login id " + user.Key(p.Home, p.LoginID)
}

// addressOf returns where a user is reached; none where they are not. The login id
// is an address of who has named no other, and of who has not shown whose it is: else who
// made the user with the login id of somebody has what is sent to that one.
func addressOf(u *user.User, kind message.Kind, loginID string, recovery bool) string {
	own, err := address(kind, loginID)
	switch {
	case recovery && kind == message.Email && u.Recovery.VerifiedEmail:
		return u.Recovery.Email
	case recovery && kind != message.Email && u.Recovery.VerifiedPhone:
		return u.Recovery.Phone
	case recovery:
		return ""
	case err == nil && u.Claims(own):
		return own
	case kind == message.Email && u.Email != "":
		return u.Email
	case kind != message.Email && u.Phone != "":
		return u.Phone
	}
	if err == nil {
		return own
	}
	return ""
}

// address returns an address of a kind as it is stored.
func address(kind message.Kind, s string) (string, error) {
	if kind == message.Email {
		s = strings.ToLower(strings.TrimSpace(s))
		return s, message.CheckEmail(s)
	}
	return message.Phone(s)
}

// masked shows where the message went. Who must not learn whether there is a user
// is shown what they know already.
func (in *Request) masked(p *Pending) string {
	shown := p.Address
	if in.masks() && in.Act != Update {
		shown = in.Address
		if a, err := address(in.Kind, in.LoginID); shown == "" && err == nil {
			shown = a
		}
	}
	if in.Kind == message.Email {
		return message.MaskEmail(shown)
	}
	return message.MaskPhone(shown)
}
