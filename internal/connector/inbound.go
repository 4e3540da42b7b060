package connector

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the signatures of Twilio are made with it
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
)

// ErrForged is a message that does not come from the service of a connector, or from
// none that receives. Which of it is not told.
var ErrForged = fault.New(fault.Unauthenticated, "P40111", "the call is not signed by the service of the connector")

// An Inbound message is one that somebody sent to a project.
type Inbound struct {
	From string // a phone number as E.164 writes it
	Text string
}

// A Delivery is the call in which the service of a connector hands a message in.
type Delivery struct {
	URL    string              // that was called, as the service wrote it
	Header func(string) string // the value of a header
	Body   []byte
}

// Receives returns the number that people write to over WhatsApp, so that their
// messages come by the connector with an id. Blank is the built-in provider, which
// has no number and, in production, receives nothing.
func (s *Service) Receives(ctx context.Context, cfg *project.Config, id string) (number string, err error) {
	if id == "" {
		if production(cfg) {
			return "", ErrProduction
		}
		return "", nil
	}
	c, g, err := s.receiver(cfg, id)
	if err != nil {
		return "", err
	}
	if number, err = g.number(ctx, c); err != nil {
		s.Log.WarnContext(ctx, "connector does not receive", "project", cfg.Project, "connector", id, "err", c.scrub(err))
		return "", ErrCannot.WithMessage(fmt.Sprintf("the connector %q cannot receive messages: it lacks its number, or the secret that signs what it hands in", c.connector.Name))
	}
	return number, nil
}

// Receive takes a message from the service of the connector with an id, which must
// have signed the call.
func (s *Service) Receive(ctx context.Context, cfg *project.Config, id string, in Delivery) (Inbound, error) {
	c, g, err := s.receiver(cfg, id)
	if err != nil {
		return Inbound{}, ErrForged
	}
	out, err := g.receive(ctx, c, in)
	if err != nil {
		s.Log.WarnContext(ctx, "message not taken", "project", cfg.Project, "connector", id, "err", c.scrub(err))
		return Inbound{}, ErrForged
	}
	return out, nil
}

// Simulate takes a message as if somebody had sent it to the built-in provider. There
// is none in production.
func (s *Service) Simulate(cfg *project.Config, in Inbound) (Inbound, error) {
	if production(cfg) {
		return Inbound{}, ErrProduction
	}
	from, err := message.Phone(in.From)
	return Inbound{From: from, Text: in.Text}, err
}

// receiver returns the connector with an id where it is one that receives.
func (s *Service) receiver(cfg *project.Config, id string) (*call, gateway, error) {
	c, ok := find(cfg, id)
	if !ok {
		return nil, gateway{}, ErrCannot.WithMessage("the connector that receives such messages does not exist")
	}
	g := gateways()[c.Type]
	if g.receive == nil || !slices.Contains(g.kinds, message.WhatsApp) {
		return nil, gateway{}, ErrCannot.WithMessage(fmt.Sprintf("the connector %q cannot receive messages", c.Name))
	}
	return &call{s: s, cfg: cfg, connector: c}, g, nil
}

var (
	errSignature = errors.New("the signature is not right")
	errNotOurs   = errors.New("the message is for another number, or came another way than WhatsApp")
)

// whatsApp is how Twilio writes a number of WhatsApp. Who sends a text message can
// pretend to be anybody, so those do not count.
const whatsApp = "whatsapp:"

func twilioNumber(ctx context.Context, c *call) (string, error) {
	var in twilioConfig
	if _, err := c.configureWith(ctx, &in, "authToken"); err != nil {
		return "", err
	}
	return message.Phone(in.From)
}

// receiveTwilio reads a form that Twilio signs with the auth token of the account:
// HMAC-SHA1 of the URL and, after it, of the names and values in the order of the
// names.
func receiveTwilio(ctx context.Context, c *call, d Delivery) (Inbound, error) {
	var in twilioConfig
	token, err := c.configureWith(ctx, &in, "authToken")
	if err != nil {
		return Inbound{}, err
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return Inbound{}, errors.New("the body is no form")
	}
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(d.URL))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Sorted(slices.Values(form[name])) {
			h.Write([]byte(name + value))
		}
	}
	shown, err := base64.StdEncoding.DecodeString(d.Header("X-Twilio-Signature"))
	if err != nil || !hmac.Equal(shown, h.Sum(nil)) {
		return Inbound{}, errSignature
	}
	from, isFrom := strings.CutPrefix(form.Get("From"), whatsApp)
	to, isTo := strings.CutPrefix(form.Get("To"), whatsApp)
	if !isFrom || !isTo || form.Get("AccountSid") != in.Account {
		return Inbound{}, errNotOurs
	}
	return addressed(from, to, in.From, form.Get("Body"))
}

func genericNumber(ctx context.Context, c *call) (string, error) {
	var in genericConfig
	if _, err := c.configureWith(ctx, &in, "hmacSecret"); err != nil {
		return "", err
	}
	return message.Phone(in.Sender)
}

// receiveGeneric reads what a gateway of the project's own hands in: the members of
// what it is given, and signed in the same way.
func receiveGeneric(ctx context.Context, c *call, d Delivery) (Inbound, error) {
	var in genericConfig
	key, err := c.configureWith(ctx, &in, "hmacSecret")
	if err != nil {
		return Inbound{}, err
	}
	if !hmac.Equal([]byte(d.Header(signatureHeader)), []byte(sign(key, d.Body))) {
		return Inbound{}, errSignature
	}
	var got genericBody
	if err := json.Unmarshal(d.Body, &got); err != nil {
		return Inbound{}, errors.New("the body is not what a gateway hands in")
	}
	if got.Kind != string(message.WhatsApp) {
		return Inbound{}, errNotOurs
	}
	return addressed(got.Sender, got.Recipient, in.Sender, got.Body)
}

// addressed returns a message that is for the number of the connector.
func addressed(from, to, own, text string) (Inbound, error) {
	sender, err := message.Phone(from)
	if err != nil {
		return Inbound{}, err
	}
	recipient, err := message.Phone(to)
	if err != nil {
		return Inbound{}, err
	}
	if number, err := message.Phone(own); err != nil || number != recipient {
		return Inbound{}, errNotOurs
	}
	return Inbound{From: sender, Text: text}, nil
}
