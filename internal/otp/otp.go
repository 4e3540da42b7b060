// Package otp signs people in with one-time codes of six digits, which reach them
// by mail, text message or call.
//
// A code counts for one login id, once, for as long as the configuration says that
// it began under, and for few answers. Who it goes to, and what it makes of the
// right answer, is package challenge's.
package otp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"math/big"

	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/user"
)

// Attempts is how many answers a code takes of one client.
const Attempts = 5

// digits is the length of a code: NIST SP 800-63B asks for six.
const digits = 6

// What callers are told of a code. Whether it is wrong or there is none is one
// answer.
var (
	ErrWrong   = session.ErrCode
	ErrSpent   = fault.New(fault.Unauthenticated, "E061103", "Too many attempts with a one-time code; ask for a new one")
	ErrExpired = fault.New(fault.Unauthenticated, "E061104", "The one-time code has expired; ask for a new one")
)

// Service sends codes and takes them.
type Service struct {
	Challenges *challenge.Service
}

// method is the method as a configuration has it.
func method(c *project.Config) challenge.Method {
	m := c.Methods.OTP
	return challenge.Method{
		Name: "otp", Enabled: m.Enabled, Lifetime: m.Lifetime, Rate: m.Rate, Purpose: message.OTP, Domain: m.Domain, Tries: Attempts, Masks: m.MaskErrors,
		Faults: challenge.Faults{Wrong: ErrWrong, Spent: ErrSpent, Expired: ErrExpired},
		Messages: func(kind message.Kind) project.Messages {
			switch kind {
			case message.Email:
				return m.Email
			case message.Voice:
				return m.Voice
			case message.SMS, message.WhatsApp:
			}
			return m.Text
		},
	}
}

// Begin sends a code. A new one takes the place of the one before. It returns where
// it went, as an answer may show it.
func (s *Service) Begin(ctx context.Context, in challenge.Request) (masked string, err error) {
	b, _, err := s.begin(ctx, in)
	if err != nil {
		return "", err
	}
	return b.Masked, nil
}

// Generate returns the code of a test user, which is sent nowhere.
func (s *Service) Generate(ctx context.Context, in challenge.Request) (code string, err error) {
	in.Managed, in.OnlyTest = true, true
	_, code, err = s.begin(ctx, in)
	return code, err
}

func (s *Service) begin(ctx context.Context, in challenge.Request) (b *challenge.Begun, code string, err error) {
	in.Method = method(in.Config)
	b, err = s.Challenges.Begin(ctx, in, func(p *challenge.Pending) (_ *message.Values, err error) {
		p.ID = challenge.Name(p.LoginID)
		code = draw()
		if fixed := in.Config.Settings.TestCode; fixed != "" && p.Test && !in.Managed && takesFixed(in.Config, p) {
			code = fixed
		}
		p.Digest, err = s.Challenges.Seal(p, code)
		return &message.Values{Code: code}, err
	})
	return b, code, err
}

// takesFixed reports whether the fixed code of the project proves what a test user is to
// prove. It is of the address, as many know the code: else a test user would have
// anybody's, and with it whoever signs in by that.
func takesFixed(c *project.Config, p *challenge.Pending) bool {
	proven := p.Address
	if proven == "" {
		proven = p.LoginID
	}
	return c.Settings.TestVerifiers != nil && c.Settings.TestVerifiers.MatchString(proven)
}

// draw returns a new code.
func draw() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil { // never: crypto/rand ends the program instead
		panic(err)
	}
	return fmt.Sprintf("%0*d", digits, n)
}

// An Answer is a code that somebody shows.
type Answer struct {
	Project  string
	Kind     message.Kind // that the code came by
	LoginID  string
	Code     string
	Verifier string // of the code challenge that the code was asked for with
	Client   session.Client
}

// Verify makes a session of the right code.
func (s *Service) Verify(ctx context.Context, in Answer) (*session.Tokens, error) {
	loginID, err := user.LoginID(in.LoginID)
	if err != nil {
		return nil, ErrWrong
	}
	m := challenge.Method{Name: "otp", Faults: challenge.Faults{Wrong: ErrWrong, Spent: ErrSpent, Expired: ErrExpired}}
	right := func(p *challenge.Pending) bool {
		digest, err := s.Challenges.Seal(p, in.Code)
		return err == nil && hmac.Equal(digest, p.Digest) && p.Kind == in.Kind && p.Shows(in.Verifier)
	}
	p, err := s.Challenges.Answer(ctx, m, challenge.Answer{Project: in.Project, ID: challenge.Name(loginID), LoginID: loginID, Client: in.Client, Right: right})
	if err != nil {
		return nil, err
	}
	return s.Challenges.SignIn(ctx, p, in.Client, ErrWrong)
}
