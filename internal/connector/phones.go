package connector

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/message"
	"postern/internal/safehttp"
)

type twilioConfig struct {
	Account string `json:"accountSid"`
	From    string `json:"fromPhone"`
	Service string `json:"messagingServiceSid"`
	Sender  string `json:"selectedProp"`
	Voice   string `json:"fromPhoneVoice"`
	Auth    string `json:"selectedAuthProp"`
	Verify  string `json:"verifyServiceSid"`
}

// sendTwilio sends a text message, or makes a call that says it, by the API of
// Twilio.
func sendTwilio(ctx context.Context, c *call) error {
	var in twilioConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	form := url.Values{"To": {c.m.To}}
	what := "/Messages.json"
	switch c.m.Kind {
	case message.Voice:
		what = "/Calls.json"
		twiml, err := spoken(c.m)
		if err != nil {
			return err
		}
		form.Set("From", cmp.Or(c.m.From, in.Voice))
		form.Set("Twiml", twiml)
	case message.WhatsApp:
		form.Set("To", "whatsapp:"+c.m.To)
		form.Set("From", "whatsapp:"+cmp.Or(c.m.From, in.From))
		form.Set("Body", c.m.Text)
	default:
		if in.Service != "" && in.Sender != "fromPhone" && c.m.From == "" {
			form.Set("MessagingServiceSid", in.Service)
		} else {
			form.Set("From", cmp.Or(c.m.From, in.From))
		}
		form.Set("Body", c.m.Text)
	}
	if from := form.Get("From"); form.Get("MessagingServiceSid") == "" && strings.TrimPrefix(from, "whatsapp:") == "" {
		return ErrCannot.WithMessage(fmt.Sprintf("the connector %q has no sender for messages of the kind %s", c.connector.Name, c.m.Kind))
	}
	return c.twilio(ctx, in, "/2010-04-01/Accounts/"+url.PathEscape(in.Account)+what, form)
}

// sendTwilioVerify lets Twilio Verify send a code of ours. It writes the message
// itself, so it can send nothing but codes.
func sendTwilioVerify(ctx context.Context, c *call) error {
	var in twilioConfig
	if err := c.configure(&in); err != nil {
		return err
	}
	if c.m.Code == "" {
		return ErrCannot.WithMessage(fmt.Sprintf("the connector %q sends codes only: Twilio Verify writes its messages itself", c.connector.Name))
	}
	channel := map[message.Kind]string{message.SMS: "sms", message.Voice: "call", message.WhatsApp: "whatsapp"}[c.m.Kind]
	form := url.Values{"To": {c.m.To}, "Channel": {channel}, "CustomCode": {c.m.Code}}
	return c.twilio(ctx, in, "/v2/Services/"+url.PathEscape(in.Verify)+"/Verifications", form)
}

// twilio posts a form, with the auth token of the account or with an API key.
func (c *call) twilio(ctx context.Context, in twilioConfig, path string, form url.Values) error {
	user, field := in.Account, "authToken"
	if in.Auth == "methodApiSecret" {
		var err error
		if user, err = c.secret(ctx, "apiKey"); err != nil {
			return err
		}
		field = "apiSecret"
	}
	password, err := c.secret(ctx, field)
	if err != nil {
		return err
	}
	_, err = c.postForm(ctx, c.base+path, form, safehttp.Header{Name: "Authorization", Value: basic(user, password)})
	return err
}

// spoken returns what a call says, as TwiML. A code is read digit by digit.
func spoken(m message.Message) (string, error) {
	text := m.Text
	if m.Code != "" {
		text = strings.ReplaceAll(text, m.Code, strings.Join(strings.Split(m.Code, ""), ", "))
	}
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><Response><Say>`)
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return "", err
	}
	b.WriteString(`</Say></Response>`)
	return b.String(), nil
}

// sendVonage sends a text message by the SMS API of Vonage, whose answer says of
// each part what became of it.
func sendVonage(ctx context.Context, c *call) error {
	var in struct {
		Key  string `json:"apiKey"`
		From string `json:"from"`
	}
	password, err := c.configureWith(ctx, &in, "apiSecret")
	if err != nil {
		return err
	}
	got, err := c.postForm(ctx, c.base+"/sms/json", url.Values{
		"api_key": {in.Key}, "api_secret": {password}, "from": {cmp.Or(c.m.From, in.From)},
		"to": {strings.TrimPrefix(c.m.To, "+")}, "text": {c.m.Text}, "type": {"unicode"},
	})
	if err != nil {
		return err
	}
	var out struct {
		Messages []struct {
			Status string `json:"status"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(got, &out); err != nil || len(out.Messages) == 0 {
		return errors.New("the answer does not say what became of the message")
	}
	for _, part := range out.Messages {
		if part.Status != "0" {
			return fmt.Errorf("the service did not take the message: %w", answer(200, got))
		}
	}
	return nil
}
