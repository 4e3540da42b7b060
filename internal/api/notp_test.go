package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// textOf is what the link of an answer lets WhatsApp send.
func textOf(t *testing.T, a notpAnswer) string {
	t.Helper()
	link, err := url.Parse(a.URL)
	if err != nil || link.Query().Get("text") == "" || a.Image == "" {
		t.Fatalf("%+v %v", a, err)
	}
	return link.Query().Get("text")
}

func TestMessagesOfUsersOverTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/notp.json": []byte(`{"enabled":true}`)})
		write := func(from, text string) {
			t.Helper()
			answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"`+from+`","text":"`+text+`"}`))
		}
		// As the Go SDK sends it.
		begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/signup", `{"whatsapp":"","phone":"+12025550143","loginId":"+12025550143","user":{"name":"Ada","phone":"+12025550143"},"loginOptions":{"customClaims":{"plan":"gold"}}}`, ""))
		pending := `{"pendingRef":"` + begun.Pending + `"}`
		wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending, ""), 401, "E066103")
		write("+12025550143", textOf(t, begun))
		if m := b.lastMessage(t); m.Kind != message.WhatsApp || m.To != "+12025550143" || !strings.Contains(m.Text, "YES") {
			t.Errorf("sent %+v", m)
		}
		wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending, ""), 401, "E066103")
		write("+12025550143", "YES")
		first := answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", pending, ""))
		if !first.FirstSeen || first.User.Name != "Ada" || !first.User.VerifiedTel || first.Claims["amr"].([]any)[0] != "whatsapp" || first.Claims["nsec"] == nil {
			t.Errorf("%+v", first)
		}
		wantFault(t, b.person(t, "/v1/auth/notp/pending-session", pending, ""), 401, "P40112")
		wantFault(t, b.person(t, "/v1/auth/notp/pending-session", `{}`, ""), 400, "E011002")
		wantFault(t, b.person(t, "/v1/auth/notp/imessage/signin", `{}`, ""), 400, "E011003")
		wantFault(t, b.person(t, "/v1/auth/notp/whatsapp/signin", `{"loginId":"bob"}`, ""), 404, "E062108")

		// A new number is the user's once it was written from.
		begun = answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/update", `{"loginId":"+12025550143","phone":"+12025550144","addToLoginIDs":true}`, first.Refresh))
		write("+12025550143", textOf(t, begun))
		write("+12025550144", textOf(t, begun))
		write("+12025550144", "yes")
		second := answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""))
		if second.User.ID != first.User.ID || second.User.Phone != "+12025550144" || len(second.User.LoginIDs) != 2 {
			t.Errorf("%+v", second.User)
		}
		if w := b.person(t, "/v1/auth/notp/whatsapp/update", `{"phone":"+12025550144"}`, ""); w.Code != 401 {
			t.Errorf("an update of nobody: %d %s", w.Code, w.Body)
		}
	})
}

// The service of a connector signs what it hands in.
func TestInboundOverTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	files := snapshot.Files{
		"auth/notp.json":             []byte(`{"enabled":true,"whatsappChatbotProvider":"generic-sms-gateway:CI1"}`),
		"connectors/connectors.json": []byte(`{"connectors":["gate"]}`),
		"connectors/gate.json":       []byte(`{"id":"CI1","name":"Gate","type":"generic-sms-gateway","configuration":{"postUrl":"https://sms.example","sender":"+12025550100","hmacSecret":"hmac-one"}}`),
	}
	if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: &snapshot.Upload{Files: files, SameIDs: true}}); err != nil {
		t.Fatal(err)
	}
	b.open(t, nil)
	begun := answered[notpAnswer](t, b.person(t, "/v1/auth/notp/whatsapp/signup-in", `{"loginId":"+12025550143"}`, ""))
	if !strings.HasPrefix(begun.URL, "https://wa.me/12025550100?text=") {
		t.Error(begun.URL)
	}
	hand := func(text, key string) *httptest.ResponseRecorder {
		t.Helper()
		body := `{"sender":"+12025550143","recipient":"+12025550100","body":"` + text + `","kind":"whatsapp"}`
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(body))
		return b.send(t, "POST", "/v1/notp/receive/"+b.project+"/CI1", body, "Authorization", "", "X-Descope-Webhook-S256", base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	wantFault(t, hand(textOf(t, begun), "guessed"), 401, "P40111")
	// What comes by the built-in provider is not for a connector.
	answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"+12025550143","text":"`+textOf(t, begun)+`"}`))
	answered[empty](t, b.send(t, "POST", "/v1/mgmt/outbox/receive", `{"from":"+12025550143","text":"yes"}`))
	if len(b.messages) != 1 || !strings.HasPrefix(b.messages[0].Text, "This did not work") {
		t.Errorf("sent %+v", b.messages)
	}
	wantFault(t, b.person(t, "/v1/auth/notp/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""), 401, "E066103")
	for _, text := range []string{textOf(t, begun), "yes"} {
		if w := hand(text, "hmac-one"); w.Code != 204 || w.Body.Len() != 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	answered[wireTokens](t, b.person(t, "/v1/auth/notp/pending-session", `{"pendingRef":"`+begun.Pending+`"}`, ""))
	if w := b.send(t, "POST", "/v1/notp/receive/"+b.project+"/CI1", strings.Repeat("x", maxInbound+1), "Authorization", ""); w.Code != 413 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
