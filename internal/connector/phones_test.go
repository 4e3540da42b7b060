package connector

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/message"
)

// What each service for phones gets, in the form that its documentation has.
func TestPhones(t *testing.T) {
	t.Parallel()
	const token = `"accountSid":"AC1","authToken":"tw-token","selectedAuthProp":"methodAuthToken"`
	as := func(kind message.Kind) message.Message {
		m := aText()
		m.Kind = kind
		return m
	}
	for name, c := range map[string]struct {
		typ, configuration string
		m                  message.Message
		path, proof        string
		answer             string
		form               url.Values
	}{
		"a text message of Twilio": {
			"twilio-core", `{` + token + `,"fromPhone":"+12025550100","selectedProp":"fromPhone"}`, aText(),
			"/2010-04-01/Accounts/AC1/Messages.json", basicOf("AC1", "tw-token"), ``,
			url.Values{"To": {"+12025550143"}, "From": {"+12025550100"}, "Body": {aText().Text}},
		},
		"by a messaging service and an API key": {
			"twilio-core", `{"accountSid":"AC1","apiKey":"SK1","apiSecret":"sk-secret","selectedAuthProp":"methodApiSecret","messagingServiceSid":"MG1","selectedProp":"messagingServiceSid"}`, aText(),
			"/2010-04-01/Accounts/AC1/Messages.json", basicOf("SK1", "sk-secret"), ``,
			url.Values{"To": {"+12025550143"}, "MessagingServiceSid": {"MG1"}, "Body": {aText().Text}},
		},
		"a message over WhatsApp": {
			"twilio-core", `{` + token + `,"fromPhone":"+12025550100"}`, as(message.WhatsApp),
			"/2010-04-01/Accounts/AC1/Messages.json", basicOf("AC1", "tw-token"), ``,
			url.Values{"To": {"whatsapp:+12025550143"}, "From": {"whatsapp:+12025550100"}, "Body": {aText().Text}},
		},
		"a call, which says the code digit by digit": {
			"twilio-core", `{` + token + `,"fromPhone":"+12025550100","fromPhoneVoice":"+12025550199"}`,
			message.Message{Kind: message.Voice, To: "+12025550143", Text: "Lantern <&> Quill: 123456", Code: "123456"},
			"/2010-04-01/Accounts/AC1/Calls.json", basicOf("AC1", "tw-token"), ``,
			url.Values{"To": {"+12025550143"}, "From": {"+12025550199"}, "Twiml": {
				`<?xml version="1.0" encoding="UTF-8"?><Response><Say>Lantern &lt;&amp;&gt; Quill: 1, 2, 3, 4, 5, 6</Say></Response>`,
			}},
		},
		"a code by Twilio Verify": {
			"twilio-verify", `{` + token + `,"verifyServiceSid":"VA1"}`, as(message.Voice),
			"/v2/Services/VA1/Verifications", basicOf("AC1", "tw-token"), ``,
			url.Values{"To": {"+12025550143"}, "Channel": {"call"}, "CustomCode": {"123456"}},
		},
		"a text message of Vonage": {
			"vonage", `{"apiKey":"vn-key","apiSecret":"vn-secret","from":"LANTERN"}`, aText(),
			"/sms/json", "", `{"message-count":"1","messages":[{"status":"0"}]}`,
			url.Values{"api_key": {"vn-key"}, "api_secret": {"vn-secret"}, "from": {"LANTERN"}, "to": {"12025550143"}, "text": {aText().Text}, "type": {"unicode"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, func(seen) (int, string) { return http.StatusCreated, c.answer })
			f := one(t, conn{c.typ, c.configuration})
			f.Bases = map[string]string{c.typ: w.URL}
			if err := f.Send(t.Context(), f.cfg, "CI1", c.m); err != nil {
				t.Fatalf("%v\n%s", err, f.logs)
			}
			got := w.last(t, 1)
			form, err := url.ParseQuery(got.body)
			if err != nil || got.Method != http.MethodPost || got.URL.Path != c.path || got.Header.Get("Authorization") != c.proof ||
				got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s %s with %q: %v", got.Method, got.URL, got.Header, err)
			}
			if diff := cmp.Diff(c.form, form); diff != "" {
				t.Errorf("the form (-want +got):\n%s", diff)
			}
			if twiml := form.Get("Twiml"); twiml != "" {
				var say struct {
					Say string
				}
				if err := xml.Unmarshal([]byte(twiml), &say); err != nil || say.Say != "Lantern <&> Quill: 1, 2, 3, 4, 5, 6" {
					t.Errorf("the call says %q: %v", say.Say, err)
				}
			}
		})
	}
}

// What a service cannot carry is said before it is called.
func TestPhonesCannot(t *testing.T) {
	t.Parallel()
	const token = `"accountSid":"AC1","authToken":"tw-token","selectedAuthProp":"methodAuthToken"`
	for name, c := range map[string]struct {
		conn
		m message.Message
	}{
		"a call without a number to call from": {conn{"twilio-core", `{` + token + `,"fromPhone":"+12025550100"}`}, message.Message{Kind: message.Voice, To: "+12025550143", Text: "t"}},
		"a link by Twilio Verify":              {conn{"twilio-verify", `{` + token + `,"verifyServiceSid":"VA1"}`}, message.Message{Kind: message.SMS, To: "+12025550143", Text: "t"}},
		"a call of Vonage":                     {conn{"vonage", `{"apiKey":"vn-key","apiSecret":"vn-secret","from":"LANTERN"}`}, message.Message{Kind: message.Voice, To: "+12025550143", Text: "t"}},
	} {
		w := newWeb(t, nil)
		f := one(t, c.conn)
		f.Bases = map[string]string{c.typ: w.URL}
		if err := f.Send(t.Context(), f.cfg, "CI1", c.m); !errors.Is(err, ErrCannot) || len(w.seen) > 0 {
			t.Errorf("%s: %v after %d calls, want %v", name, err, len(w.seen), ErrCannot)
		}
	}
}

// A service may say that it failed with a status that says otherwise.
func TestVonageSaysNo(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"messages":[{"status":"0"},{"status":"4","error-text":"vn-secret for 12025550143"}]}`, `{"messages":[]}`, `nonsense`} {
		w := newWeb(t, func(seen) (int, string) { return http.StatusOK, answer })
		f := one(t, conn{"vonage", `{"apiKey":"vn-key","apiSecret":"vn-secret","from":"LANTERN"}`})
		f.Bases = map[string]string{"vonage": w.URL}
		err := f.Send(t.Context(), f.cfg, "CI1", aText())
		if log := f.logs.String(); !errors.Is(err, ErrSend) || strings.Contains(log, "vn-secret") || strings.Contains(log, "2025550143") {
			t.Errorf("%s: %v, want %v\n%s", answer, err, ErrSend, log)
		}
	}
}
