package conformance

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/descope/go-sdk/descope"
)

// handIn hands a message of somebody in, as the gateway of a place does.
func (p *place) handIn(t *testing.T, s *server, from, text string) {
	t.Helper()
	gateway := mustExport(t, s.admin(t, p.id))["connectors/gateway.json"].(map[string]any)
	body, _ := json.Marshal(map[string]any{"sender": from, "recipient": "+12025550102", "body": text, "kind": "whatsapp"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/notp/receive/"+p.id+"/"+gateway["id"].(string), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte("gateway-signs"))
	h.Write(body)
	req.Header.Set("X-Descope-Webhook-S256", base64.StdEncoding.EncodeToString(h.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("the message is not taken: %s", res.Status)
	}
}

// Somebody sends a message instead of getting one, and confirms it.
func TestNOTP(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		notp, ctx := p.Auth.NOTP(), t.Context()
		const ann, bob, newer = "+12025550143", "+12025550144", "+12025550145"
		var info *descope.AuthenticationInfo
		for _, step := range []struct {
			name, who, from string
			start           func() (*descope.NOTPResponse, error)
		}{
			{"sign up", ann, ann, func() (*descope.NOTPResponse, error) { return notp.SignUp(ctx, ann, &descope.User{Name: "Ann"}, nil) }},
			{"sign up or in: up", bob, bob, func() (*descope.NOTPResponse, error) { return notp.SignUpOrIn(ctx, bob, nil) }},
			{"sign up or in: in", bob, bob, func() (*descope.NOTPResponse, error) { return notp.SignUpOrIn(ctx, bob, nil) }},
			{"sign in", ann, ann, func() (*descope.NOTPResponse, error) { return notp.SignIn(ctx, ann, nil, nil) }},
			{"update", ann, newer, func() (*descope.NOTPResponse, error) { return notp.UpdateUser(ctx, ann, newer, nil, as(info)) }},
		} {
			begun, err := step.start()
			if err != nil || begun.Image == "" {
				t.Fatalf("%s: %+v, %v", step.name, begun, err)
			}
			link, err := url.Parse(begun.RedirectURL)
			if err != nil {
				t.Fatal(err)
			}
			p.handIn(t, s, step.from, link.Query().Get("text"))
			if _, err := notp.GetSession(ctx, begun.PendingRef, nil); !descope.IsError(err, "E066103") {
				t.Errorf("%s, before it is confirmed: %v", step.name, err)
			}
			_ = p.message(t, "whatsapp:"+step.from) // whether it was them
			p.handIn(t, s, step.from, "yes")
			_ = p.message(t, "whatsapp:"+step.from) // that it worked
			info, err = notp.GetSession(ctx, begun.PendingRef, nil)
			p.wantSession(t, info, err, step.who, "whatsapp")
			if info.User.Phone != step.from || !info.User.VerifiedPhone {
				t.Errorf("%s: %+v", step.name, info.User)
			}
		}
	})
}
