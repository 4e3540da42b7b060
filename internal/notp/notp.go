// Package notp signs people in by a message that they send themselves, over WhatsApp:
// who sends it shows that they have the number, and types no code.
//
// Whoever began is shown a link, also as a QR code, that opens WhatsApp with a text
// to send. The text holds a token of 128 bits. Its sender is asked whether it is them
// who sign in, since somebody else may have sent them the link; when they say yes the
// session goes to who began, who asks for it meanwhile.
//
// Who a proof is about, and what it makes of the answer, is package challenge's. How
// messages come and go is package connector's.
package notp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"postern/internal/challenge"
	"postern/internal/connector"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
)

// What callers are told.
var (
	ErrPending = fault.New(fault.Unauthenticated, "E066103", "The message has not arrived yet, or was not confirmed")
	ErrOver    = fault.New(fault.Unauthenticated, "P40112", "The sign-in is not known, was refused, or is over; begin again")
	ErrExpired = fault.New(fault.Unauthenticated, "P40113", "The sign-in has expired; begin again")
)

const name = "notp"

// written bounds the messages that are answered, and so what they cost.
func written() limit.Rule { return limit.Rule{Scope: "notp.written", Max: 30, Within: time.Hour} }

// Service begins sign-ins, takes messages, and answers who waits.
type Service struct {
	Challenges *challenge.Service
	Messages   *connector.Service
}

func method(c *project.Config) challenge.Method {
	m := c.Methods.NOTP
	return challenge.Method{Name: name, Enabled: m.Enabled, Lifetime: m.Lifetime, Masks: m.MaskErrors}
}

// A Begun sign-in waits for a message.
type Begun struct {
	Pending string // what the session is asked for with
	URL     string // opens WhatsApp with the text
	Image   []byte // the URL as a QR code, in PNG
}

// Begin makes the text that somebody is to send. Where the request has no login id,
// whoever sends it signs in, or up. The answers of ours are those that say names by
// their ids, or else those in use.
func (s *Service) Begin(ctx context.Context, in challenge.Request, say challenge.Dialogue) (*Begun, error) {
	in.Method, in.Kind = method(in.Config), message.WhatsApp
	if !in.Method.Enabled {
		return nil, project.ErrMethodOff
	}
	say.Connector, say.Options = in.Config.Methods.NOTP.Verify.Connector, in.Choice.Options
	if in.Choice.Provider != "" {
		say.Connector = in.Choice.Provider
	}
	number, err := s.Messages.Receives(ctx, in.Config, say.Connector)
	if err != nil {
		return nil, err
	}
	if err := known(in.Config.Methods.NOTP, say); err != nil {
		return nil, err
	}
	in.Dialogue = &say
	var token, pending string
	_, err = s.Challenges.Begin(ctx, in, func(p *challenge.Pending) (*message.Values, error) {
		token, pending = draw(), draw()
		digest := sha256.Sum256([]byte(token))
		p.ID, p.Poll, p.Digest = challenge.Name(token), challenge.Name(pending), digest[:]
		return &message.Values{}, nil
	})
	if err != nil {
		return nil, err
	}
	out := &Begun{Pending: pending, URL: link(number, in.Config.Name, token)}
	out.Image, err = message.QR(out.URL)
	return out, err
}

// known refuses answers that the project does not have.
func known(m project.NOTPMethod, say challenge.Dialogue) error {
	for id, have := range map[*string]project.Messages{&say.Verify: m.Verify, &say.Success: m.Success, &say.Error: m.Error} {
		if _, ok := have.Template(*id); !ok {
			return challenge.ErrTemplate
		}
	}
	return nil
}

// draw makes a token of 128 bits, in letters and digits that every keyboard has.
func draw() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:])
}

// tokens are what draw makes, wherever in a text.
var tokens = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)

// link opens WhatsApp with a text to a number. Without a number the user picks to whom.
func link(number, projectName, token string) string {
	text := message.Fill("I sign in to {{projectName}}: ", &message.Values{ProjectName: projectName}) + token
	return "https://wa.me/" + strings.TrimPrefix(number, "+") + "?text=" + strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// Receive takes a message that came by a connector, and answers its sender. What
// means nothing to us gets no answer: people write to a number for other reasons, too.
func (s *Service) Receive(ctx context.Context, c *project.Config, id string, in connector.Inbound) error {
	token := tokens.FindString(in.Text)
	yes, word := wordIn(in.Text)
	if token == "" && !word {
		return nil
	}
	if err := s.Challenges.Limits.Hit(ctx, c.Project, written(), "from "+in.From); err != nil {
		return err
	}
	if token != "" {
		return s.shown(ctx, c, id, token, in.From)
	}
	p, err := s.Challenges.Word(ctx, c.Project, name, id, in.From, yes)
	switch {
	case err != nil || p == nil:
		return err
	case !yes:
		return s.answer(ctx, message.NOTPError, p, in.From)
	}
	return s.answer(ctx, message.NOTPSuccess, p, in.From)
}

// shown takes a token, and asks its sender whether it is them who sign in.
func (s *Service) shown(ctx context.Context, c *project.Config, id, token, from string) error {
	p, err := s.Challenges.Written(ctx, c.Project, name, token, id, from)
	switch f := fault.From(err); {
	case f != nil && (f.Kind == fault.Internal || f.Kind == fault.Unavailable || f.Kind == fault.Unknown):
		return err
	case f != nil || p == nil:
		return s.say(ctx, c, message.NOTPError, challenge.Dialogue{Connector: id}, from)
	}
	if err := s.answer(ctx, message.NOTPVerify, p, from); err != nil { // who was not asked cannot answer
		_, dropErr := s.Challenges.Drop(context.WithoutCancel(ctx), p)
		return errors.Join(err, dropErr)
	}
	return nil
}

// wordIn reads a text as the answer to whether it is the user who signs in.
func wordIn(text string) (yes, ok bool) {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(text), ".!")) {
	case "yes", "y", "ok", "approve", "confirm":
		return true, true
	case "no", "n", "deny", "decline", "cancel":
		return false, true
	}
	return false, false
}

// answer answers about a sign-in, with the texts of the configuration that it began
// under.
func (s *Service) answer(ctx context.Context, purpose message.Purpose, p *challenge.Pending, to string) error {
	c, err := s.Challenges.ConfigOf(ctx, p)
	if err != nil {
		return err
	}
	return s.say(ctx, c, purpose, *p.Dialogue, to)
}

// say answers somebody.
func (s *Service) say(ctx context.Context, c *project.Config, purpose message.Purpose, with challenge.Dialogue, to string) error {
	m := c.Methods.NOTP
	type answer struct {
		how      project.Messages
		template string
	}
	out := map[message.Purpose]answer{
		message.NOTPVerify: {m.Verify, with.Verify}, message.NOTPSuccess: {m.Success, with.Success}, message.NOTPError: {m.Error, with.Error},
	}[purpose]
	out.how.Connector = with.Connector
	values := &message.Values{ProjectName: c.Name, Expiration: m.Lifetime}
	return s.Challenges.Deliver(ctx, c, purpose, out.how, challenge.Choice{Template: out.template, Options: with.Options}, message.WhatsApp, to, values)
}

// Session makes the session of who waits, once the message came and was confirmed.
// Before it is ErrPending. verifier is of the code challenge that it began with, if
// there was one.
func (s *Service) Session(ctx context.Context, projectID, pending, verifier string, client session.Client) (*session.Tokens, error) {
	return s.Challenges.Collect(ctx, challenge.Faults{Wrong: ErrOver, Expired: ErrExpired, Pending: ErrPending}, projectID, name, pending, verifier, client)
}
