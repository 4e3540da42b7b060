package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// A Kept message is one that the built-in provider kept instead of sending it.
type Kept struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"` // email, sms, voice or whatsapp
	To          string `json:"to"`
	Subject     string `json:"subject"`
	Text        string `json:"text"`
	HTML        string `json:"html"`
	CreatedTime int64  `json:"createdTime"` // Unix seconds
}

// Outbox returns the messages that the project kept, the newest first and as many
// as limit at most; to narrows them to a recipient, blank is everybody.
func (c *Client) Outbox(ctx context.Context, to string, limit int) ([]Kept, error) {
	var out struct {
		Messages []Kept `json:"messages"`
	}
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if to != "" {
		query.Set("to", to)
	}
	err := c.ask(ctx, http.MethodGet, "/v1/mgmt/outbox?"+query.Encode(), nil, &out)
	return out.Messages, err
}
