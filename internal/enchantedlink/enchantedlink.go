// Package enchantedlink signs people in where they began, once they open the right
// one of three links in a mail: the one with the number that they were shown. So
// whoever opens a link of a mail that somebody else asked for lets nobody in by
// chance more often than one time in three, and a wrong one ends it.
//
// Who it goes to, and what it makes of the right link, is package challenge's.
package enchantedlink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"math/big"
	"strconv"
	"time"

	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
)

// What callers are told.
var (
	ErrPending = fault.New(fault.Unauthenticated, "E062503", "The link was not opened yet")
	ErrWrong   = fault.New(fault.Unauthenticated, "P40141", "this is not the link with the number that was shown; ask for a new one")
)

const name = "enchantedlink"

// Service makes links, takes their tokens, and answers who waits.
type Service struct {
	Challenges *challenge.Service
}

func method(c *project.Config) challenge.Method {
	m := c.Methods.EnchantedLink
	return challenge.Method{
		Name: name, Enabled: m.Enabled, Lifetime: m.Lifetime, Rate: m.Rate, Purpose: message.EnchantedLink, Masks: m.MaskErrors,
		Messages: func(message.Kind) project.Messages { return m.Email },
	}
}

// A Begun proof waits for its link.
type Begun struct {
	Pending string // what the session is asked for with
	Number  string // of the right link, to be shown
	Masked  string
	Link    string // the right one; for a test user
}

// Begin sends three links to target, or to where the project says.
func (s *Service) Begin(ctx context.Context, in challenge.Request, target string) (*Begun, error) {
	in.Method, in.Kind = method(in.Config), message.Email
	if !in.Method.Enabled {
		return nil, project.ErrMethodOff
	}
	target, err := challenge.Target(in.Config, target, in.Config.Methods.EnchantedLink.RedirectURL)
	if err != nil {
		return nil, err
	}
	var out *Begun
	b, err := s.Challenges.Begin(ctx, in, func(p *challenge.Pending) (*message.Values, error) {
		values := &message.Values{}
		out = issue(p, target, values)
		return values, nil
	})
	if err != nil {
		return nil, err
	}
	out.Masked = b.Masked
	return out, nil
}

// Generate is Begin for a test user, to whom nothing is sent.
func (s *Service) Generate(ctx context.Context, in challenge.Request, target string) (*Begun, error) {
	in.Managed, in.OnlyTest = true, true
	return s.Begin(ctx, in, target)
}

// The parts of a token, in bytes: what all three have in common, by which the proof
// is found, and what only one has.
const (
	common = 16
	own    = 32
)

// issue makes three links, of which one is right.
func issue(p *challenge.Pending, target string, values *message.Values) *Begun {
	shared := random(common)
	waits := base64.RawURLEncoding.EncodeToString(random(own))
	numbers := draw()
	right := pick(len(numbers))
	out := &Begun{Pending: waits, Number: numbers[right]}
	for i, number := range numbers {
		raw := append(append([]byte{}, shared...), random(own)...)
		link := challenge.Link(target, base64.RawURLEncoding.EncodeToString(raw))
		values.Choices[i] = message.Choice{URL: link, Key: number}
		if i == right {
			digest := sha256.Sum256(raw)
			p.Digest, out.Link = digest[:], link
		}
	}
	p.ID, p.Poll = challenge.Name(string(shared)), challenge.Name(waits)
	return out
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

func pick(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // never: crypto/rand ends the program instead
		panic(err)
	}
	return int(i.Int64())
}

// draw returns three different numbers of two digits.
func draw() (out [3]string) {
	seen := map[string]bool{}
	for i := range out {
		for out[i] == "" || seen[out[i]] {
			out[i] = strconv.Itoa(10 + pick(90))
		}
		seen[out[i]] = true
	}
	return out
}

// Verify takes the token of a link that somebody opened. The right one lets whoever
// waits in; a wrong one ends the proof. It makes no session here: the mail may be
// open on another device. Where they were asked for with a code challenge, verifier
// is that of it, so that only the page that asked can take one.
func (s *Service) Verify(ctx context.Context, projectID, token, verifier string) error {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != common+own {
		return challenge.ErrNoLink
	}
	p, err := s.Challenges.Find(ctx, projectID, name, challenge.Name(string(raw[:common])))
	switch {
	case err != nil:
		return err
	case p == nil || p.Nobody || p.Verified:
		return challenge.ErrNoLink
	case time.Now().After(p.Expires):
		return challenge.ErrLinkExpired
	}
	if digest := sha256.Sum256(raw); subtle.ConstantTimeCompare(digest[:], p.Digest) != 1 {
		if _, err := s.Challenges.Drop(ctx, p); err != nil {
			return err
		}
		return ErrWrong
	}
	if !p.Shows(verifier) {
		return challenge.ErrVerifier
	}
	waited, err := s.Challenges.Verify(ctx, p)
	if err == nil && !waited {
		err = challenge.ErrNoLink
	}
	return err
}

// Session makes the session of who waits, once the right link was opened. Before it
// is ErrPending.
func (s *Service) Session(ctx context.Context, projectID, pending string, client session.Client) (*session.Tokens, error) {
	faults := challenge.Faults{Wrong: challenge.ErrNoLink, Expired: challenge.ErrLinkExpired, Pending: ErrPending}
	return s.Challenges.Collect(ctx, faults, projectID, name, pending, "", client)
}
