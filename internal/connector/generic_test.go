package connector

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/safehttp"
	"postern/internal/store"
)

// What a gateway gets, looked at as a receiver does.
func TestGenericGateway(t *testing.T) {
	t.Parallel()
	type want struct {
		body   map[string]any
		header map[string]string
	}
	for name, c := range map[string]struct {
		typ, configuration string
		m                  message.Message
		want               want
	}{
		"a text message, with a bearer token and a signature": {
			"generic-sms-gateway",
			`{"postUrl":"%s/sms","sender":"+12025550100","authentication":{"method":"bearerToken","bearerToken":"bearer-one"},"headers":[{"key":"X-Queue","value":"fast"},{"key":"X-Shut","value":"shut-one","secret":true}],"hmacSecret":"hmac-one"}`,
			aText(),
			want{
				map[string]any{"recipient": "+12025550143", "sender": "+12025550100", "body": aText().Text, "token": "123456", "kind": "sms"},
				map[string]string{"Authorization": "Bearer bearer-one", "X-Queue": "fast", "X-Shut": "shut-one", "Content-Type": "application/json", "X-Descope-Webhook-S256": "hmac-one"},
			},
		},
		"a mail, with a user name and a password": {
			"generic-email-gateway",
			`{"postUrl":"%s/mail","sender":"keys@shop.example","authentication":{"method":"basic","basic":{"username":"postern","password":"basic-one"},"apiKey":{}}}`,
			anEmail(),
			want{
				map[string]any{"recipient": "ada@people.example", "sender": "keys@shop.example", "subject": "Zwölf – 123456", "body": "<p>Code 123456</p>", "bodyPlainText": "Code 123456", "token": "123456", "kind": "email"},
				map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("postern:basic-one")), "X-Descope-Webhook-S256": ""},
			},
		},
		"a call, with a key in a header": {
			"generic-sms-gateway",
			`{"postUrl":"%s/call","authentication":{"method":"apiKey","apiKey":{"key":"X-Api-Key","token":"key-one"}}}`,
			message.Message{Kind: message.Voice, To: "+12025550143", Text: "Hello", From: "+12025550199"},
			want{
				map[string]any{"recipient": "+12025550143", "sender": "+12025550199", "body": "Hello", "token": "", "kind": "voice"},
				map[string]string{"X-Api-Key": "key-one", "Authorization": ""},
			},
		},
		"a gateway that asks for nothing": {
			"generic-sms-gateway", `{"postUrl":"%s/open"}`,
			message.Message{Kind: message.WhatsApp, To: "+12025550143", Text: "Hello"},
			want{
				map[string]any{"recipient": "+12025550143", "sender": "", "body": "Hello", "token": "", "kind": "whatsapp"},
				map[string]string{"Authorization": ""},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, nil)
			f := one(t, conn{c.typ, fmt.Sprintf(c.configuration, w.URL)})
			if err := f.Send(t.Context(), f.cfg, "CI1", c.m); err != nil {
				t.Fatalf("%v\n%s", err, f.logs)
			}
			got := w.last(t, 1)
			var body map[string]any
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want.body, body); diff != "" || got.Method != http.MethodPost {
				t.Errorf("%s of (-want +got):\n%s", got.Method, diff)
			}
			for header, value := range c.want.header {
				if header == "X-Descope-Webhook-S256" && value != "" {
					h := hmac.New(sha256.New, []byte(value))
					h.Write([]byte(got.body))
					value = base64.StdEncoding.EncodeToString(h.Sum(nil))
				}
				if v := got.Header.Get(header); v != value {
					t.Errorf("%s: %q, want %q", header, v, value)
				}
			}
		})
	}
}

// A gateway behind OAuth gets a token that was fetched for it.
func TestGenericGatewayOAuth(t *testing.T) {
	t.Parallel()
	for style, want := range map[string]struct{ header, form string }{
		"header": {"Basic " + base64.StdEncoding.EncodeToString([]byte("the+client:client-secret%2F1")), "grant_type=client_credentials&scope=send+more"},
		"body":   {"", "client_id=the+client&client_secret=client-secret%2F1&grant_type=client_credentials&scope=send+more"},
	} {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, func(r seen) (int, string) {
				if r.URL.Path != "/token" {
					return http.StatusAccepted, ""
				}
				if r.Header.Get("Authorization") != want.header || r.body != want.form || r.Header.Get("X-Tenant") != "7" {
					return http.StatusUnauthorized, `{"error":"invalid_client"}`
				}
				return http.StatusOK, `{"access_token":"token-one","token_type":"Bearer"}`
			})
			f := one(t, conn{"generic-sms-gateway", fmt.Sprintf(`{"postUrl":"%s/sms","authentication":{"method":"oauth2ClientCredentials","oauth2ClientCredentials":
				{"clientId":"the client","clientSecret":"client-secret/1","authUrl":"%s/token","authStyle":%q,"scopes":"send more","tokenRequestHeaders":[{"key":"X-Tenant","value":"7"}]}}}`, w.URL, w.URL, style)})
			if err := f.Send(t.Context(), f.cfg, "CI1", aText()); err != nil {
				t.Fatalf("%v\n%s", err, f.logs)
			}
			if got := w.last(t, 2); got.URL.Path != "/sms" || got.Header.Get("Authorization") != "Bearer token-one" {
				t.Errorf("%s with %q", got.URL, got.Header)
			}
		})
	}
}

// A gateway that fails is named, and what it repeats is not.
func TestGenericFailures(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(seen) (int, string){
		"it refuses and repeats what it got": func(r seen) (int, string) { return 400, r.Header.Get("Authorization") + r.body },
		"it leads elsewhere":                 func(seen) (int, string) { return http.StatusFound, "" },
		"it does not know us":                func(seen) (int, string) { return 401, `{"error":"no such key bearer-one"}` },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, answer)
			f := one(t, conn{"generic-sms-gateway", fmt.Sprintf(`{"postUrl":"%s/sms","authentication":{"method":"bearerToken","bearerToken":"bearer-one"}}`, w.URL)})
			err := f.Send(t.Context(), f.cfg, "CI1", aText())
			if e := fault.From(err); !errors.Is(err, ErrSend) || e.Message != `the connector "Gate 1" could not send the message` {
				t.Errorf("Send = %v", err)
			}
			log := f.logs.String()
			if !strings.Contains(log, "connector=CI1") {
				t.Errorf("the log does not say which failed:\n%s", log)
			}
			for _, secret := range []string{"2025550143", "bearer-one", "123456", "token-of-the-link"} {
				if strings.Contains(log, secret) {
					t.Errorf("%q shows in the log:\n%s", secret, log)
				}
			}
		})
	}
}

// What the operator does not allow is not called, whoever wrote it into the
// configuration, and the caller is not told what lies there.
func TestPrivateGatewayIsNotCalled(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	port := w.URL[strings.LastIndex(w.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		for _, scheme := range []string{"http", "https"} {
			f := one(t, conn{"generic-sms-gateway", fmt.Sprintf(`{"postUrl":"%s://%s%s/","insecure":true}`, scheme, host, port)})
			f.allow(t, safehttp.Options{}, "192.0.2.1")
			err := f.Send(t.Context(), f.cfg, "CI1", aText())
			if e := fault.From(err); !errors.Is(err, ErrSend) || strings.Contains(e.Message+e.Hint, host) {
				t.Errorf("%s: %v", host, err)
			}
			if !strings.Contains(f.logs.String(), "allow") {
				t.Errorf("%s: the log does not say that it is not allowed:\n%s", host, f.logs)
			}
		}
	}
	if len(w.seen) != 0 {
		t.Errorf("the server was called %d times", len(w.seen))
	}
}

// A connector that cannot send a message says so, and is not called.
func TestCannot(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	f := one(t,
		conn{"generic-sms-gateway", fmt.Sprintf(`{"postUrl":%q}`, w.URL)},
		conn{"hibp", `{}`},
		conn{"generic-sms-gateway", fmt.Sprintf(`{"postUrl":%q,"hmacSecret":"hmac-one"}`, w.URL)})
	for name, c := range map[string]struct {
		id string
		m  message.Message
	}{
		"a mail by a gateway for text messages": {"CI1", anEmail()},
		"a connector that sends nothing":        {"CI2", aText()},
		"a connector that there is not":         {"CI9", aText()},
	} {
		if err := f.Send(t.Context(), f.cfg, c.id, c.m); !errors.Is(err, ErrCannot) {
			t.Errorf("%s: %v, want %v", name, err, ErrCannot)
		}
	}
	bad := aText()
	bad.To = "+1202\n5550143"
	if err := f.Send(t.Context(), f.cfg, "CI1", bad); !errors.Is(err, message.ErrPhone) {
		t.Errorf("a message that is none: %v", err)
	}
	// A credential that is lost is not as good as none: nothing goes out unsigned.
	err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM secrets WHERE project = $1 AND entity = 'CI3'`, f.cfg.Project)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Send(t.Context(), f.cfg, "CI3", aText()); !errors.Is(err, ErrSend) {
		t.Errorf("a connector whose secret is gone: %v, want %v", err, ErrSend)
	}
	if len(w.seen) != 0 {
		t.Errorf("the gateway was called %d times", len(w.seen))
	}
	if err := f.Send(t.Context(), f.cfg, "MP1", aText()); err != nil {
		t.Errorf("a built-in connector by its other id: %v", err)
	}
	w.last(t, 1)
}
