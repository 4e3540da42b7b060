package api

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"

	"postern/internal/challenge"
	"postern/internal/connector"
	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/session"
)

var errProvider = fault.New(fault.Invalid, "E011003", "Request is invalid: the provider must be whatsapp")

// notpPath is what the bodies of this concern have in common: by which service the
// message goes, which the path names, and the texts that answer it.
type notpPath struct {
	Provider  string `json:"provider,omitempty"` // whatsapp
	Templates struct {
		Verify  string `json:"verifyTemplateId,omitempty"`
		Success string `json:"successTemplateId,omitempty"`
		Error   string `json:"errorTemplateId,omitempty"`
	} `json:"templates"`
}

// query takes the provider from the path.
func (in *notpPath) query(r *http.Request) error {
	if in.Provider = r.PathValue("provider"); in.Provider != "whatsapp" {
		return errProvider
	}
	return nil
}

func (in *notpPath) dialogue() challenge.Dialogue {
	return challenge.Dialogue{Verify: in.Templates.Verify, Success: in.Templates.Success, Error: in.Templates.Error}
}

type notpSignIn struct {
	notpPath      `json:",embed"`
	messageSignIn `json:",embed"`
}

type notpSignUp struct {
	notpPath      `json:",embed"`
	messageSignUp `json:",embed"`
}

type notpUpdate struct {
	notpPath      `json:",embed"`
	messageUpdate `json:",embed"`
}

// notpAnswer is what who is to send a message is given.
type notpAnswer struct {
	Pending string `json:"pendingRef"`  // to ask for the session with
	URL     string `json:"redirectUrl"` // opens WhatsApp with the text to send
	Image   string `json:"image"`       // the same as a QR code: PNG in base64
}

// beginNOTP makes the operation that begins with a text to send.
func beginNOTP[In any, P interface {
	*In
	asked
	dialogue() challenge.Dialogue
}](s *Server, act challenge.Act) operation {
	return call(func(ctx context.Context, in *In) (*notpAnswer, error) {
		b, err := s.NOTP.Begin(ctx, requestOf(ctx, P(in), act, message.WhatsApp), P(in).dialogue())
		if err != nil {
			return nil, err
		}
		return &notpAnswer{Pending: b.Pending, URL: b.URL, Image: base64.StdEncoding.EncodeToString(b.Image)}, nil
	})
}

// pendingNOTP gives the session to who waits, once the message came.
func (s *Server) pendingNOTP(ctx context.Context, in *pendingRequest) (*session.Tokens, error) {
	if in.Pending == "" {
		return nil, errMember
	}
	c := s.loginOf(ctx, "", nil)
	return s.NOTP.Session(ctx, c.Config.Project, in.Pending, in.Verifier, c.Client)
}

// inboundRequest is what a gateway of the project's own hands in.
type inboundRequest struct {
	Sender    string `json:"sender"`    // the number of who wrote
	Recipient string `json:"recipient"` // that of the connector
	Body      string `json:"body"`
	Kind      string `json:"kind"` // whatsapp
}

// maxInbound bounds what a service hands in, in bytes.
const maxInbound = 64 << 10

// receiveMessage takes a message from the service of a connector. It answers nothing:
// what is to be said goes out as a message of its own.
func (s *Server) receiveMessage(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(arriving{http.MaxBytesReader(w, r.Body, maxInbound)})
	if err != nil {
		return err
	}
	id := r.PathValue("connectorId")
	got, err := s.Messages.Receive(r.Context(), c, id, connector.Delivery{URL: s.Sessions.Base(baseOf(r)) + r.URL.RequestURI(), Header: r.Header.Get, Body: body})
	if err != nil {
		return err
	}
	if err := s.NOTP.Receive(r.Context(), c, id, got); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type simulated struct {
	From string `json:"from"` // a phone number with + and its country code
	Text string `json:"text"`
}

// simulateMessage takes a message that nobody sent.
func (s *Server) simulateMessage(ctx context.Context, in *simulated) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	got, err := s.Messages.Simulate(c, connector.Inbound{From: in.From, Text: in.Text})
	if err != nil {
		return nil, err
	}
	return &empty{}, s.NOTP.Receive(ctx, c, "", got)
}
