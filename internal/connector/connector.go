// Package connector is what a project uses outside: it sends messages by the mail
// servers and gateways that the configuration names, and keeps those of a project
// that names none.
//
// It also sends the records of the audit to those who take them.
//
// What a message says is the business of package message, and how often somebody
// may get one that of the callers. Connectors of other kinds are used by those who
// need them.
package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/store"
)

// What callers are told. None of it says who was to get a message.
var (
	ErrSend       = fault.New(fault.Unavailable, "P50291", "the message could not be sent")
	ErrCannot     = fault.New(fault.Unsupported, "P50191", "the project has no service that can send the message")
	ErrProduction = fault.New(fault.Unsupported, "P50192", "the project has no service to send messages, and the built-in outbox is not for production").
			WithHint("name a connector for the messages of the method; the built-in provider delivers nothing")
)

// sendTimeout bounds one message, from its credential to the answer of the service.
const sendTimeout = 20 * time.Second

// Service sends messages.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	HTTP     *safehttp.Client
	Log      *slog.Logger
	// Bases are where the services of providers are called, by the type of the
	// connector: another region of theirs, or one that stands in for them. Without an
	// entry it is the provider's usual one.
	Bases map[string]string

	// People are what the audit knows of people beside their acts, to be sent with it, and
	// LoginIDs what they are found by. Without them neither is sent.
	People   []audit.Source
	LoginIDs func(ctx context.Context, project string, users []string) (map[string][]string, error)

	// Streamed counts what became of records of the audit.
	Streamed Streamed

	sent sync.Map // project id → *atomic.Int64, for prune
}

// A gateway sends messages of some kinds by a type of connector.
type gateway struct {
	kinds []message.Kind
	send  func(context.Context, *call) error
	// base is where the provider is called; blank for a service whose address is in
	// the configuration.
	base string
	// number and receive are of those that hand messages in, too: where people write
	// to, and the way to read one.
	number  func(context.Context, *call) (string, error)
	receive func(context.Context, *call, Delivery) (Inbound, error)
}

// gateways are the types that send messages, by their names in the snapshot.
func gateways() map[string]gateway {
	mail := []message.Kind{message.Email}
	text := []message.Kind{message.SMS}
	phone := []message.Kind{message.SMS, message.Voice, message.WhatsApp}
	return map[string]gateway{
		"smtp":                  {kinds: mail, send: sendSMTP},
		"sendgrid":              {kinds: mail, send: sendSendGrid, base: "https://api.sendgrid.com"},
		"post-mark":             {kinds: mail, send: sendPostmark, base: "https://api.postmarkapp.com"},
		"mailjet":               {kinds: mail, send: sendMailjet, base: "https://api.mailjet.com"},
		"ses":                   {kinds: mail, send: sendSES, base: "https://email.{region}.amazonaws.com"},
		"sns":                   {kinds: text, send: sendSNS, base: "https://sns.{region}.amazonaws.com"},
		"twilio-core":           {kinds: phone, send: sendTwilio, base: "https://api.twilio.com", number: twilioNumber, receive: receiveTwilio},
		"twilio-verify":         {kinds: phone, send: sendTwilioVerify, base: "https://verify.twilio.com"},
		"vonage":                {kinds: text, send: sendVonage, base: "https://rest.nexmo.com"},
		"generic-email-gateway": {kinds: mail, send: sendGeneric},
		"generic-sms-gateway":   {kinds: phone, send: sendGeneric, number: genericNumber, receive: receiveGeneric},
	}
}

// Providers returns the types that are called at an address of their provider, which
// Bases may replace.
func Providers() []string {
	var out []string
	for typ, g := range gateways() {
		if g.base != "" {
			out = append(out, typ)
		}
	}
	for typ, to := range sinks() {
		if to.base != "" {
			out = append(out, typ)
		}
	}
	slices.Sort(out)
	return out
}

// Send sends a message by the connector with an id; blank is the built-in provider,
// which puts it into the outbox of the project and is refused in production. It
// returns when the service has taken the message, or 20 seconds later at most.
//
// It must not be called inside a transaction. It takes longer for somebody who is
// known than for somebody who gets nothing, so a caller that must not tell the two
// apart answers first.
func (s *Service) Send(ctx context.Context, cfg *project.Config, id string, m message.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if id == "" {
		return s.keep(ctx, cfg, m)
	}
	c, ok := find(cfg, id)
	if !ok {
		return ErrCannot.WithMessage("the connector that sends such messages does not exist")
	}
	g, ok := gateways()[c.Type]
	if !ok || !slices.Contains(g.kinds, m.Kind) {
		return ErrCannot.WithMessage(fmt.Sprintf("the connector %q cannot send messages of the kind %s", c.Name, m.Kind))
	}
	sending := &call{s: s, cfg: cfg, connector: c, m: m, base: strings.TrimSuffix(cmp.Or(s.Bases[c.Type], g.base), "/")}
	err := g.send(ctx, sending)
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && errors.Is(f, ErrCannot) {
		return err
	}
	s.Log.WarnContext(ctx, "message not sent", "project", cfg.Project, "connector", c.ID, "type", c.Type, "kind", string(m.Kind), "err", sending.scrub(err))
	return ErrSend.WithMessage(fmt.Sprintf("the connector %q could not send the message", c.Name))
}

// find returns a connector by its id. One of the built-in ids "MP…" may be referred
// to as "CI…" after it was changed, and the other way round.
func find(cfg *project.Config, id string) (project.Connector, bool) {
	if c, ok := cfg.Connectors[id]; ok {
		return c, true
	}
	for from, to := range map[string]string{"MP": "CI", "CI": "MP"} {
		if rest, ok := strings.CutPrefix(id, from); ok {
			if c, ok := cfg.Connectors[to+rest]; ok {
				return c, true
			}
		}
	}
	return project.Connector{}, false
}
