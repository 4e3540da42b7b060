package connector

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"postern/internal/message"
	"postern/internal/project"
)

const (
	twilioInbound  = `{"accountSid":"AC1","fromPhone":"+12025550100","selectedProp":"fromPhone","selectedAuthProp":"methodAuthToken","authToken":"token-one"}`
	genericInbound = `{"postUrl":"https://sms.example","sender":"+1 202 555 0100","hmacSecret":"hmac-one"}`
	inboundURL     = "https://id.example/v1/notp/receive/P1/CI1?a=b"
)

// twilioSigned signs a form as Twilio documents it.
func twilioSigned(token, target string, form url.Values) string {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(target + "AccountSid" + form.Get("AccountSid") + "Body" + form.Get("Body") + "From" + form.Get("From") + "To" + form.Get("To")))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestInboundByTwilio(t *testing.T) {
	t.Parallel()
	f := one(t, conn{"twilio-core", twilioInbound})
	right := func() url.Values {
		return url.Values{"AccountSid": {"AC1"}, "Body": {"Hi + you"}, "From": {"whatsapp:+12025550143"}, "To": {"whatsapp:+12025550100"}}
	}
	for name, c := range map[string]struct {
		change  func(url.Values)
		token   string
		url     string
		id      string
		ok      bool
		tamper  bool
		missing bool
	}{
		"signed":                                  {ok: true},
		"signed for another address":              {url: "https://evil.example/"},
		"signed by somebody else":                 {token: "token-two"},
		"not signed":                              {missing: true},
		"changed after it was signed":             {tamper: true},
		"by text message, which is easy to forge": {change: func(v url.Values) { v.Set("From", "+12025550143") }},
		"to a number for text messages":           {change: func(v url.Values) { v.Set("To", "+12025550100") }},
		"to another number of theirs":             {change: func(v url.Values) { v.Set("To", "whatsapp:+12025550101") }},
		"of another account":                      {change: func(v url.Values) { v.Set("AccountSid", "AC2") }},
		"for a connector there is not":            {id: "CI9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := right()
			if c.change != nil {
				c.change(form)
			}
			token, target, id := "token-one", inboundURL, "CI1"
			if c.token != "" {
				token = c.token
			}
			if c.url != "" {
				target = c.url
			}
			if c.id != "" {
				id = c.id
			}
			signature := twilioSigned(token, target, form)
			if c.missing {
				signature = ""
			}
			if c.tamper {
				form.Set("From", "whatsapp:+12025550144")
			}
			got, err := f.Receive(t.Context(), f.cfg, id, Delivery{URL: inboundURL, Body: []byte(form.Encode()), Header: func(name string) string {
				return map[string]string{"X-Twilio-Signature": signature}[name]
			}})
			if c.ok {
				if err != nil || got != (Inbound{From: "+12025550143", Text: "Hi + you"}) {
					t.Errorf("%+v %v", got, err)
				}
			} else if !errors.Is(err, ErrForged) {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

func TestInboundByGateway(t *testing.T) {
	t.Parallel()
	f := one(t, conn{"generic-sms-gateway", genericInbound})
	const right = `{"sender":"+12025550143","recipient":"+12025550100","body":"Hi","kind":"whatsapp"}`
	for name, c := range map[string]struct {
		key, signed, body string
		ok                bool
	}{
		"signed":                    {"hmac-one", right, right, true},
		"signed by somebody else":   {"hmac-two", right, right, false},
		"not what was signed":       {"hmac-one", `{}`, right, false},
		"a text message":            {"hmac-one", "", strings.Replace(right, "whatsapp", "sms", 1), false},
		"to another number":         {"hmac-one", "", strings.Replace(right, "0100", "0101", 1), false},
		"from what is no number":    {"hmac-one", "", strings.Replace(right, "+12025550143", "Ada", 1), false},
		"what is no message at all": {"hmac-one", "", `[]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.signed == "" {
				c.signed = c.body
			}
			got, err := f.Receive(t.Context(), f.cfg, "CI1", Delivery{URL: inboundURL, Body: []byte(c.body), Header: func(name string) string {
				return map[string]string{signatureHeader: sign(c.key, []byte(c.signed))}[name]
			}})
			if c.ok {
				if err != nil || got != (Inbound{From: "+12025550143", Text: "Hi"}) {
					t.Errorf("%+v %v", got, err)
				}
			} else if !errors.Is(err, ErrForged) {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

// Whom people write to, and which connectors take nothing.
func TestReceives(t *testing.T) {
	t.Parallel()
	f := one(t, conn{"twilio-core", twilioInbound}, conn{"generic-sms-gateway", genericInbound},
		conn{"generic-sms-gateway", `{"postUrl":"https://sms.example","sender":"+12025550100"}`}, conn{"generic-sms-gateway", `{"postUrl":"https://sms.example","hmacSecret":"h"}`},
		conn{"generic-email-gateway", `{"postUrl":"https://mail.example"}`},
		conn{"twilio-core", `{"accountSid":"AC1","fromPhone":"+12025550100","selectedProp":"fromPhone","selectedAuthProp":"methodApiSecret","apiKey":"SK1","apiSecret":"s"}`})
	for id, want := range map[string]string{"CI1": "+12025550100", "CI2": "+12025550100", "CI3": "", "CI4": "", "CI5": "", "CI6": "", "CI9": ""} {
		number, err := f.Receives(t.Context(), f.cfg, id)
		if number != want || (want == "") != errors.Is(err, ErrCannot) {
			t.Errorf("%s: %q %v", id, number, err)
		}
	}
	if number, err := f.Receives(t.Context(), f.cfg, ""); number != "" || err != nil {
		t.Errorf("the built-in one: %q %v", number, err)
	}
	if got, err := f.Simulate(f.cfg, Inbound{From: "+1 202 555 0143", Text: "Hi"}); err != nil || got.From != "+12025550143" {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := f.Simulate(f.cfg, Inbound{From: "Ada"}); !errors.Is(err, message.ErrPhone) {
		t.Error(err)
	}
	live := project.Config{Environment: "production"}
	if _, err := f.Receives(t.Context(), &live, ""); !errors.Is(err, ErrProduction) {
		t.Errorf("in production: %v", err)
	}
	if _, err := f.Simulate(&live, Inbound{From: "+12025550143"}); !errors.Is(err, ErrProduction) {
		t.Errorf("in production: %v", err)
	}
}
