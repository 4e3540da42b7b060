package connector

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/message"
)

func basicOf(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// What each mail service gets, in the form that its documentation has.
func TestMailers(t *testing.T) {
	t.Parallel()
	plain := anEmail()
	plain.HTML = ""
	for name, c := range map[string]struct {
		typ, configuration string
		m                  message.Message
		path               string
		header             map[string]string
		answer             string
		body               string
	}{
		"sendgrid": {
			"sendgrid", `{"fromEmail":"keys@shop.example","fromName":"Lantern","apiKey":"sg-key"}`, anEmail(), "/v3/mail/send",
			map[string]string{"Authorization": "Bearer sg-key"},
			``,
			`{"personalizations":[{"to":[{"email":"ada@people.example"}]}],"from":{"email":"keys@shop.example","name":"Lantern"},"subject":"Zwölf – 123456",
				"content":[{"type":"text/plain","value":"Code 123456"},{"type":"text/html","value":"<p>Code 123456</p>"}]}`,
		},
		"sendgrid, plain": {
			"sendgrid", `{"fromEmail":"keys@shop.example","apiKey":"sg-key"}`, plain, "/v3/mail/send", nil, ``,
			`{"personalizations":[{"to":[{"email":"ada@people.example"}]}],"from":{"email":"keys@shop.example"},"subject":"Zwölf – 123456","content":[{"type":"text/plain","value":"Code 123456"}]}`,
		},
		"post-mark": {
			"post-mark", `{"emailFrom":"keys@shop.example","messageStreamId":"outbound","serverAPIToken":"pm-token"}`, anEmail(), "/email",
			map[string]string{"X-Postmark-Server-Token": "pm-token", "Accept": "application/json"},
			`{"ErrorCode":0}`,
			`{"From":"keys@shop.example","To":"ada@people.example","Subject":"Zwölf – 123456","HtmlBody":"<p>Code 123456</p>","TextBody":"Code 123456","MessageStream":"outbound"}`,
		},
		"mailjet": {
			"mailjet", `{"fromEmail":"keys@shop.example","fromName":"Lantern","apiKey":"mj-key","secretKey":"mj-secret"}`, anEmail(), "/v3.1/send",
			map[string]string{"Authorization": basicOf("mj-key", "mj-secret")},
			`{"Messages":[{"Status":"success"}]}`,
			`{"Messages":[{"From":{"Email":"keys@shop.example","Name":"Lantern"},"To":[{"Email":"ada@people.example"}],"Subject":"Zwölf – 123456","TextPart":"Code 123456","HTMLPart":"<p>Code 123456</p>"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, func(seen) (int, string) { return http.StatusOK, c.answer })
			f := one(t, conn{c.typ, c.configuration})
			f.Bases = map[string]string{c.typ: w.URL + "/"}
			if err := f.Send(t.Context(), f.cfg, "CI1", c.m); err != nil {
				t.Fatalf("%v\n%s", err, f.logs)
			}
			got := w.last(t, 1)
			if got.Method != http.MethodPost || got.URL.Path != c.path || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s with %q", got.Method, got.URL, got.Header)
			}
			for header, value := range c.header {
				if v := got.Header.Get(header); v != value {
					t.Errorf("%s: %q, want %q", header, v, value)
				}
			}
			sameJSON(t, c.body, got.body)
		})
	}
}

func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := errors.Join(json.Unmarshal([]byte(want), &w), json.Unmarshal([]byte(got), &g)); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("the body (-want +got):\n%s", diff)
	}
}

// Without an entry of the operator the providers are called at home, encrypted.
func TestProvidersAtHome(t *testing.T) {
	t.Parallel()
	for typ, g := range gateways() {
		if g.base != "" && (!strings.HasPrefix(g.base, "https://") || strings.HasSuffix(g.base, "/")) {
			t.Errorf("%s is called at %s", typ, g.base)
		}
	}
}

// A service may say that it failed with a status that says otherwise.
func TestMailjetSaysNo(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"Messages":[{"Status":"error","Errors":[{"ErrorMessage":"no ada@people.example"}]}]}`, `{}`, `nonsense`} {
		w := newWeb(t, func(seen) (int, string) { return http.StatusOK, answer })
		f := one(t, conn{"mailjet", `{"fromEmail":"keys@shop.example","apiKey":"mj-key","secretKey":"mj-secret"}`})
		f.Bases = map[string]string{"mailjet": w.URL}
		if err := f.Send(t.Context(), f.cfg, "CI1", anEmail()); !errors.Is(err, ErrSend) {
			t.Errorf("%s: %v, want %v", answer, err, ErrSend)
		}
		if log := fmt.Sprint(f.logs); strings.Contains(log, "ada@") {
			t.Errorf("the recipient shows in the log: %s", log)
		}
	}
}
