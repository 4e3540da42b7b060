package password

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told. ErrWrong is also the answer for a user whom there is not,
// or who is locked, where the policy masks errors.
var (
	ErrWrong   = fault.New(fault.Unauthenticated, "P40131", "the login id or the password is wrong")
	ErrExpired = fault.New(fault.Unauthenticated, "E062909", "the password has expired; replace it with a new one")
	ErrLocked  = fault.New(fault.Forbidden, "P40331", "the password is locked after too many wrong tries; set a new one")
	ErrWait    = fault.New(fault.Limited, "P42931", "too many wrong tries; wait before the next one")
	ErrChanged = fault.New(fault.Conflict, "P40931", "the password was changed meanwhile")
)

// Service keeps the passwords of users.
type Service struct {
	DB       *store.DB
	Projects *project.Service // keeps the keys that some imported hashes were made with
	Hasher   *Hasher
	Sessions *session.Service
	// Challenges send the links to reset a password, and take them.
	Challenges *challenge.Service
	Limits     *limit.Service
	HTTP       *safehttp.Client // for the list of breached passwords
	Log        *slog.Logger
	// BreachList is where ranges of breached passwords are asked for, with "/" at the
	// end; empty for the public service.
	BreachList string
}

// tries bounds the wrong tries with one login id, whether anybody has it or not,
// beside what the policy says.
func tries() session.Bound {
	return session.Bound{Scope: "password.wrong", Here: 25, All: 50, Within: 15 * time.Minute}
}

// Login is somebody who signs in with a password.
type Login struct {
	Session  session.Login // what is asked for; the method and the proof are ours
	LoginID  string
	Password secret.Text
}

func (in *Login) session(prove func(*store.Tx) (*user.User, bool, error)) session.Login {
	out := in.Session
	out.Method, out.Prove = session.AMRPassword, prove
	return out
}

func (in *Login) config() *project.Config { return in.Session.Config }

// origin is who acts, for the audit.
func (in *Login) origin(u *user.User) audit.Origin {
	return audit.Origin{Actor: u.ID, Remote: in.Session.Client.Address}
}

// guess is a try with a login id, of the user who has it or of nobody.
func (in *Login) guess(u *user.User) session.Guess {
	g := session.Guess{Project: in.config().Project, Client: in.Session.Client, Subjects: []string{""}}
	home := user.Home(in.config(), in.Session.Options.Tenant)
	if u != nil {
		g.User, home = u.ID, u.Home
	}
	if id, err := user.LoginID(in.LoginID); err == nil {
		g.Subjects[0] = user.Key(home, id)
	}
	return g
}

// SignIn signs a user in with the password.
//
// A wrong password is ErrWrong, one that is too old ErrExpired, and after too many
// wrong ones ErrLocked or ErrWait. Where the policy masks errors there is ErrWrong
// for everything that can be told without the right password, after equal work.
func (s *Service) SignIn(ctx context.Context, in Login) (*session.Tokens, error) {
	found, err := s.compare(ctx, in)
	if err != nil {
		return nil, err
	}
	fresh := ""
	if found.stale {
		if fresh, err = s.Hasher.Hash(ctx, found.user.Project, in.Password); err != nil {
			return nil, err
		}
	}
	return s.Sessions.SignIn(ctx, in.session(func(tx *store.Tx) (*user.User, bool, error) {
		now, err := s.proven(tx, in, found)
		if err != nil {
			return nil, false, err
		}
		u, r := now.user, now.record
		switch {
		case r.over(now.policy, time.Now()):
			return nil, false, ErrExpired
		case fresh == "" && r.attempts == 0:
			return u, false, nil // nothing to write
		case fresh != "":
			r.hash = fresh
		}
		r.attempts, r.lockedUntil = 0, time.Time{}
		return u, false, r.save(tx, u.Project, u.ID)
	}))
}

// Replacement is somebody who replaces a password that they know, an expired one
// too.
type Replacement struct {
	Login
	New secret.Text
}

// Replace sets a new password for the old one and signs in. The sessions of before
// end.
func (s *Service) Replace(ctx context.Context, in Replacement) (*session.Tokens, error) {
	found, err := s.compare(ctx, in.Login)
	if err != nil {
		return nil, err
	}
	if in.New.Equal(in.Password) {
		return nil, refusal([]Violation{reused()})
	}
	hash, err := s.choose(ctx, in.config(), &found.standing, in.New)
	if err != nil {
		return nil, err
	}
	return s.Sessions.SignIn(ctx, in.session(func(tx *store.Tx) (*user.User, bool, error) {
		now, err := s.proven(tx, in.Login, found)
		if err != nil {
			return nil, false, err
		}
		return now.user, false, s.put(tx, in.origin(now.user), in.config(), now, hash, change{})
	}))
}

// Update sets the password of somebody who has signed in: in another way, or by a
// link to reset it. All sessions but theirs end.
func (s *Service) Update(ctx context.Context, by audit.Origin, c *project.Config, now *session.Current, password secret.Text) error {
	before, err := s.standing(ctx, c, now.User)
	if err != nil {
		return err
	}
	if !before.policy.Enabled {
		return project.ErrMethodOff
	}
	return s.set(ctx, by, c, before, change{password: password, by: now.Session.ID})
}

// A change is a new password.
type change struct {
	password secret.Text
	expired  bool   // it must be replaced
	by       string // the id of the session that makes it, which goes on; blank for none
}

// set checks and stores a new password; before is how it stood.
func (s *Service) set(ctx context.Context, by audit.Origin, c *project.Config, before *standing, in change) error {
	hash, err := s.choose(ctx, c, before, in.password)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		now, err := standingOf(tx, c, before.user)
		if err != nil {
			return err
		}
		if hashOf(now.record) != hashOf(before.record) {
			return ErrChanged
		}
		return s.put(tx, by, c, now, hash, in)
	})
}

// put stores the hash of a new password, ends the sessions of before, forgets which
// devices are trusted, and records that: whoever had the one before, or a session by
// it, has nothing any more.
func (s *Service) put(tx *store.Tx, by audit.Origin, c *project.Config, now *standing, hash string, in change) error {
	u := now.user
	if err := now.record.next(now.policy, hash, in.expired, time.Now()).save(tx, u.Project, u.ID); err != nil {
		return err
	}
	if err := challenge.Forget(tx, u.Project, u.ID, reset(c).Name); err != nil { // links of the time before
		return err
	}
	ended, err := session.EndOthers(tx, u.Project, u.ID, in.by)
	if err != nil {
		return err
	}
	if err := session.Distrust(tx, u.Project, u.ID); err != nil {
		return err
	}
	e := by.Event("user.password.set", audit.Done)
	e.Project, e.Details = u.Project, map[string]any{"user": u.ID, "temporary": in.expired, "sessionsEnded": ended}
	return audit.Record(tx, e)
}

func hashOf(r *record) string {
	if r == nil {
		return ""
	}
	return r.hash
}

// choose returns the hash of a new password, if it may be one.
func (s *Service) choose(ctx context.Context, c *project.Config, before *standing, password secret.Text) (string, error) {
	if err := s.judge(ctx, c, before, password); err != nil {
		return "", err
	}
	return s.Hasher.Hash(ctx, c.Project, password)
}

// judge says why a new password may not be one, or nil: the policy, former passwords,
// the list of breached ones.
func (s *Service) judge(ctx context.Context, c *project.Config, before *standing, password secret.Text) error {
	u, p := before.user, before.policy
	if err := refusal(Check(p, password, about(c, u))); err != nil {
		return err
	}
	for _, hash := range before.record.former(p) {
		was, _, err := s.verify(ctx, u.Project, password, hash)
		if err != nil {
			return err
		}
		if was {
			return refusal([]Violation{reused()})
		}
	}
	if s.breached(ctx, c, password) {
		return refusal([]Violation{{Rule: "breached", Message: "the password is in a list of stolen ones"}})
	}
	return nil
}

func reused() Violation {
	return Violation{Rule: "reuse", Message: "the password is a former one"}
}

// refusal is the error for violations, or nil where there are none.
func refusal(violations []Violation) error {
	if len(violations) == 0 {
		return nil
	}
	messages := make([]string, len(violations))
	for i, v := range violations {
		messages[i] = v.Message
	}
	return ErrPolicy.WithMessage("Request is invalid: " + strings.Join(messages, "; ")).With(violations)
}

// about is what is known of a user.
func about(c *project.Config, u *user.User) Person {
	return Person{Emails: append([]string{u.Email}, u.LoginIDs...), Words: []string{u.Name, u.GivenName, u.FamilyName, c.Name}}
}

// A comparison is that of a password which was right.
type comparison struct {
	standing
	stale bool
}

// compare finds who signs in and compares the password, which takes long and is in
// no transaction. What it found is looked at again by proven.
func (s *Service) compare(ctx context.Context, in Login) (*comparison, error) {
	if !in.config().Methods.Password.Enabled {
		return nil, project.ErrMethodOff
	}
	draw, err := s.draw(ctx, in) // for everybody, so that it tells nothing
	if err != nil {
		return nil, err
	}
	home, err := s.Sessions.Home(ctx, in.Session)
	if err != nil {
		return nil, err
	}
	found, err := s.find(ctx, in.config(), home, in.LoginID)
	if err != nil {
		return nil, fmt.Errorf("find who signs in: %w", err)
	}
	r := found.record
	if r == nil || !found.policy.Enabled || r.locked(found.policy, time.Now()) {
		return nil, s.hopeless(ctx, in, found, draw)
	}
	ok, stale, err := s.verify(ctx, found.user.Project, in.Password, r.hash)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.wrong(ctx, in, found)
	}
	return &comparison{*found, stale}, nil
}

// wrong counts a wrong try and says what to answer.
func (s *Service) wrong(ctx context.Context, in Login, found *standing) error {
	u, p, now := found.user, found.policy, time.Now()
	var answer error
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		answer = ErrWrong
		r, err := load(tx, u.Project, u.ID)
		if err != nil {
			return err
		}
		if r != nil {
			was := r.locked(p, now)
			r.wrong(p, now)
			if !p.MaskErrors && r.locked(p, now) {
				answer = r.refused(p, now)
			}
			if !was && r.locked(p, now) {
				e := in.origin(u).Event("user.password.lock", audit.Done)
				e.Project, e.Details = u.Project, map[string]any{"user": u.ID, "tries": r.attempts}
				if err := audit.Record(tx, e); err != nil {
					return err
				}
			}
			if err := r.save(tx, u.Project, u.ID); err != nil {
				return err
			}
		}
		if err := in.guess(u).Count(tx, s.Limits, tries()); errors.Is(err, limit.ErrExceeded) {
			answer = err // and the try counts all the same
		} else if err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count a wrong password: %w", err)
	}
	return answer
}

// refused says why a locked password signs nobody in.
func (r *record) refused(p project.PasswordMethod, now time.Time) error {
	if p.LockAttempts > 0 && r.attempts >= p.LockAttempts {
		return ErrLocked
	}
	return ErrWait.With(limit.Wait{Seconds: int(max(r.lockedUntil.Sub(now)/time.Second, 0)) + 1})
}

// proven looks in the transaction of a sign-in at what was compared: whether it is
// still so, and whether there were not too many wrong tries meanwhile. Of many
// guesses at once, no more than the lock allows are answered.
func (s *Service) proven(tx *store.Tx, in Login, found *comparison) (*standing, error) {
	u, err := user.Load(tx, found.user.Project, found.user.ID)
	if err != nil {
		return nil, err
	}
	is, err := standingOf(tx, in.config(), u)
	if err != nil {
		return nil, err
	}
	r, p := is.record, is.policy
	switch now := time.Now(); {
	case hashOf(r) != found.record.hash:
		return nil, ErrWrong // it is not the password any more
	case (r.locked(p, now) || !p.Enabled) && p.MaskErrors:
		return nil, ErrWrong
	case !p.Enabled:
		return nil, project.ErrMethodOff
	case r.locked(p, now):
		return nil, r.refused(p, now)
	case u.MaySignIn(now) != nil:
		return nil, u.MaySignIn(now)
	}
	return is, in.guess(u).Clear(tx, s.Limits, tries())
}
