package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"postern/internal/message"
	"postern/internal/safehttp"
)

// sender is how most mail services name who sends.
type sender struct {
	Email string `json:"fromEmail"`
	Name  string `json:"fromName"`
}

// from returns the address that a mail comes from.
func (s sender) from(m message.Message) string { return cmp.Or(m.From, s.Email) }

type (
	sendgridMail struct {
		To      []sendgridTo   `json:"personalizations"`
		From    sendgridPerson `json:"from"`
		Subject string         `json:"subject"`
		Content []sendgridPart `json:"content"`
	}
	sendgridTo struct {
		To []sendgridPerson `json:"to"`
	}
	sendgridPerson struct {
		Email string `json:"email"`
		Name  string `json:"name,omitzero"`
	}
	sendgridPart struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
)

// sendSendGrid sends a mail by version 3 of the mail API of SendGrid.
func sendSendGrid(ctx context.Context, c *call) error {
	var in sender
	key, err := c.configureWith(ctx, &in, "apiKey")
	if err != nil {
		return err
	}
	body := sendgridMail{
		To: []sendgridTo{{[]sendgridPerson{{Email: c.m.To}}}}, From: sendgridPerson{in.from(c.m), in.Name}, Subject: c.m.Subject,
	}
	if c.m.Text != "" { // the order is that of preference, the plain text first
		body.Content = append(body.Content, sendgridPart{"text/plain", c.m.Text})
	}
	if c.m.HTML != "" {
		body.Content = append(body.Content, sendgridPart{"text/html", c.m.HTML})
	}
	_, err = c.postJSON(ctx, c.base+"/v3/mail/send", body, safehttp.Header{Name: "Authorization", Value: "Bearer " + key})
	return err
}

type (
	postmarkConfig struct {
		Stream string `json:"messageStreamId"`
		From   string `json:"emailFrom"`
	}
	postmarkMail struct {
		From    string `json:"From"`
		To      string `json:"To"`
		Subject string `json:"Subject"`
		HTML    string `json:"HtmlBody,omitzero"`
		Text    string `json:"TextBody,omitzero"`
		Stream  string `json:"MessageStream,omitzero"`
	}
)

// sendPostmark sends a mail by the mail API of Postmark.
func sendPostmark(ctx context.Context, c *call) error {
	var in postmarkConfig
	token, err := c.configureWith(ctx, &in, "serverAPIToken")
	if err != nil {
		return err
	}
	body := postmarkMail{cmp.Or(c.m.From, in.From), c.m.To, c.m.Subject, c.m.HTML, c.m.Text, in.Stream}
	_, err = c.postJSON(ctx, c.base+"/email", body,
		safehttp.Header{Name: "X-Postmark-Server-Token", Value: token}, safehttp.Header{Name: "Accept", Value: "application/json"})
	return err
}

type (
	mailjetMail struct {
		Messages []mailjetMessage `json:"Messages"`
	}
	mailjetMessage struct {
		From    mailjetPerson   `json:"From"`
		To      []mailjetPerson `json:"To"`
		Subject string          `json:"Subject"`
		Text    string          `json:"TextPart,omitzero"`
		HTML    string          `json:"HTMLPart,omitzero"`
	}
	mailjetPerson struct {
		Email string `json:"Email"`
		Name  string `json:"Name,omitzero"`
	}
)

// sendMailjet sends a mail by version 3.1 of the send API of Mailjet, whose answer
// says of each mail what became of it.
func sendMailjet(ctx context.Context, c *call) error {
	var in sender
	key, err := c.configureWith(ctx, &in, "apiKey")
	if err != nil {
		return err
	}
	password, err := c.secret(ctx, "secretKey")
	if err != nil {
		return err
	}
	body := mailjetMail{[]mailjetMessage{{
		From: mailjetPerson{in.from(c.m), in.Name}, To: []mailjetPerson{{Email: c.m.To}}, Subject: c.m.Subject, Text: c.m.Text, HTML: c.m.HTML,
	}}}
	got, err := c.postJSON(ctx, c.base+"/v3.1/send", body, safehttp.Header{Name: "Authorization", Value: basic(key, password)})
	if err != nil {
		return err
	}
	var out struct {
		Messages []struct {
			Status string `json:"Status"`
		} `json:"Messages"`
	}
	if err := json.Unmarshal(got, &out); err != nil || len(out.Messages) != 1 {
		return errors.New("the answer does not say what became of the mail")
	}
	if out.Messages[0].Status != "success" {
		return fmt.Errorf("the service did not take the mail: %w", answer(200, got))
	}
	return nil
}
