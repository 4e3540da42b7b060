package api

import (
	"cmp"
	"context"
	"net/http"

	"postern/internal/connector"
	"postern/internal/mgmtkey"
)

// outboxRoutes show the messages of a project that has no service to send them.
func (s *Server) outboxRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/mgmt/outbox", in(mgmtkey.Admin), call(s.listOutbox), "The messages that the built-in provider kept instead of sending them, the newest first; never of a project in production."},
	}
}

type outboxRequest struct {
	To    string `json:"to"`    // the recipient; blank is everybody
	Limit number `json:"limit"` // at most 500; 0 is defaultPage
}

// query takes what narrows the list from the address.
func (q *outboxRequest) query(r *http.Request) error {
	q.To = r.URL.Query().Get("to")
	return queryNumber(r, "limit", &q.Limit)
}

// wireKept is a message of the outbox.
type wireKept struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"` // email, sms, voice or whatsapp
	To          string `json:"to"`
	Subject     string `json:"subject"`
	Text        string `json:"text"`
	HTML        string `json:"html"`
	CreatedTime int64  `json:"createdTime"` // Unix seconds
}

type outboxAnswer struct {
	Messages []wireKept `json:"messages"`
}

func (s *Server) listOutbox(ctx context.Context, in *outboxRequest) (*outboxAnswer, error) {
	cfg, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Messages.Outbox(ctx, cfg, in.To, int(cmp.Or(in.Limit, defaultPage)))
	if err != nil {
		return nil, err
	}
	out := &outboxAnswer{Messages: []wireKept{}}
	for _, k := range list {
		out.Messages = append(out.Messages, keptOnWire(k))
	}
	return out, nil
}

func keptOnWire(k connector.Kept) wireKept {
	return wireKept{k.ID, string(k.Kind), k.To, k.Subject, k.Text, k.HTML, k.At.Unix()}
}
