package api

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/challenge"
	"postern/internal/enchantedlink"
	"postern/internal/limit"
	"postern/internal/magiclink"
	"postern/internal/message"
	"postern/internal/notp"
	"postern/internal/otp"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// outgoing is what leaves a bundle.
type outgoing struct {
	challenges *challenge.Service
	messages   []message.Message
}

// byMessage builds the sign-ins by message.
func (b *bundle) byMessage(db *store.DB, log *slog.Logger) {
	b.challenges = &challenge.Service{
		DB: db, Projects: b.Projects, Sessions: b.Sessions, Limits: &limit.Service{DB: db}, Log: log,
		Send: func(_ context.Context, _ *project.Config, _ string, m message.Message) error {
			b.messages = append(b.messages, m)
			return nil
		},
	}
	b.OTP = &otp.Service{Challenges: b.challenges}
	b.MagicLinks = &magiclink.Service{Challenges: b.challenges}
	b.EnchantedLinks = &enchantedlink.Service{Challenges: b.challenges}
	b.NOTP = &notp.Service{Challenges: b.challenges, Messages: b.Messages}
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// person makes a request as somebody who signs in; token is what they show beside
// the id of the project, or nothing.
func (b *bundle) person(t *testing.T, path, body, token string) *httptest.ResponseRecorder {
	t.Helper()
	auth := "Bearer " + b.project
	if token != "" {
		auth += ":" + token
	}
	return b.send(t, "POST", path, body, "Authorization", auth)
}

// answered reads an answer that is not a refusal.
func answered[T any](t *testing.T, w *httptest.ResponseRecorder) (out T) {
	t.Helper()
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// lastMessage is what left last.
func (b *bundle) lastMessage(t *testing.T) message.Message {
	t.Helper()
	b.challenges.Wait()
	if len(b.messages) == 0 {
		t.Fatal("nothing was sent")
	}
	return b.messages[len(b.messages)-1]
}

func (b *bundle) lastCode(t *testing.T) string {
	t.Helper()
	return sixDigits.FindString(b.lastMessage(t).Text)
}

func TestCodesOverTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50}`)})
		w := b.person(t, "/v1/auth/otp/signup/sms", `{"phone":"+12025550143","loginId":"ada","user":{"name":"Ada","phone":"+12025550143"},"loginOptions":{}}`, "")
		if body := strings.TrimSpace(w.Body.String()); body != `{"maskedPhone":"+***43","verificationAttempts":5}` {
			t.Errorf("%d %s", w.Code, body)
		}
		if m := b.lastMessage(t); m.Kind != message.SMS || m.To != "+12025550143" {
			t.Errorf("sent %+v", m)
		}
		wantFault(t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"ada","code":"x"}`, ""), 401, "E061102")
		wantFault(t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"ada"}`, ""), 400, "E011002")
		first := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/sms", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, ""))
		if !first.FirstSeen || first.Session == "" || first.Refresh == "" || first.User == nil || first.User.Name != "Ada" || !first.User.VerifiedTel {
			t.Errorf("%+v", first)
		}
		wantFault(t, b.person(t, "/v1/auth/otp/signup/sms", `{"phone":"+12025550143","loginId":"ada"}`, ""), 409, "E062107")
		wantFault(t, b.person(t, "/v1/auth/otp/signin/sms", `{"loginId":"bob"}`, ""), 404, "E062108")
		wantFault(t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ada"}`, ""), 400, "E011003")

		// The address changes only for who is signed in, and only once it is proven.
		update := `{"loginId":"ada","email":"Ada@A.example","addToLoginIDs":true}`
		if w := b.person(t, "/v1/auth/otp/update/email", update, ""); w.Code != 401 {
			t.Errorf("an update of nobody: %d %s", w.Code, w.Body)
		}
		if w := b.person(t, "/v1/auth/otp/update/email", update, first.Refresh); strings.TrimSpace(w.Body.String()) != `{"maskedEmail":"a***@a***.example","verificationAttempts":5}` {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		wantFault(t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ada@a.example"}`, ""), 404, "E062108")
		second := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, ""))
		if second.User.ID != first.User.ID || second.User.Email != "ada@a.example" || !second.User.Verified || strings.Join(second.User.LoginIDs, " ") != "ada ada@a.example" {
			t.Errorf("%+v", second.User)
		}

		// A further factor belongs to the session that asked for it.
		mfa := `{"loginId":"ada","loginOptions":{"mfa":true}}`
		if w := b.person(t, "/v1/auth/otp/signin/email", mfa, ""); w.Code != 401 {
			t.Errorf("a factor without a session: %d %s", w.Code, w.Body)
		}
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", mfa, first.Refresh))
		third := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, ""))
		if got, _ := json.Marshal(third.Claims["amr"]); string(got) != `["sms","email","mfa"]` {
			t.Errorf("amr = %s", got)
		}

		// The same one again is none, and trusts no device; a step-up is what it is for.
		again := func(session, options string) *httptest.ResponseRecorder {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signin/email", `{"loginId":"ada","loginOptions":`+options+`}`, session))
			return b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ada","code":"`+b.lastCode(t)+`"}`, "")
		}
		one := answered[wireTokens](t, again("", `{}`))
		twice := answered[wireTokens](t, again(one.Refresh, `{"mfa":true,"stepup":true}`))
		if diff := cmp.Diff([]any{"email"}, twice.Claims["amr"]); diff != "" || twice.Claims["su"] != true {
			t.Errorf("su %v, amr (-want +got):\n%s", twice.Claims["su"], diff)
		}
		wantFault(t, again(one.Refresh, `{"mfa":true,"trustDevice":true}`), 400, "P40011")
	})
}

// people makes a test user, robot, and a person, ada.
func (b *bundle) people(t *testing.T) {
	t.Helper()
	err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := user.Create(tx, &user.User{Project: b.project, LoginIDs: []string{"robot"}, Test: true}); err != nil {
			return err
		}
		return user.Create(tx, &user.User{Project: b.project, LoginIDs: []string{"ada"}, Email: "ada@a.example"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The code of a test user goes to whoever holds a key, and to nobody else.
func TestCodeOfATestUser(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.people(t)
	for _, delivery := range []string{"email", "Embedded", "sms"} {
		got := answered[testAnswer](t, b.send(t, "POST", "/v1/mgmt/tests/generate/otp", `{"loginId":"robot","deliveryMethod":"`+delivery+`"}`))
		way := strings.Replace(delivery, "Embedded", "email", 1)
		tokens := answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/"+way, `{"loginId":"robot","code":"`+got.Code+`"}`, ""))
		if got.LoginID != "robot" || !tokens.User.Test || len(b.messages) != 0 {
			t.Errorf("%+v %+v, %d sent", got, tokens.User, len(b.messages))
		}
	}
	wantFault(t, b.send(t, "POST", "/v1/mgmt/tests/generate/otp", `{"loginId":"ada"}`), 400, "E011003")
	wantFault(t, b.send(t, "POST", "/v1/mgmt/tests/generate/otp", `{"loginId":"robot","deliveryMethod":"pigeon"}`), 400, "E011003")
}

// An anonymous visitor has a session and is no user: there is nothing to add an
// address or a factor to.
func TestAnonymousVisitorsHaveNoAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	visitor := answered[tokensOfWire](t, b.send(t, "POST", "/v1/mgmt/auth/anonymous", `{}`)).Refresh
	b.join(t, "ann@a.example")
	for name, call := range map[string][2]string{
		"an update":              {"/v1/auth/otp/update/email", `{"loginId":"","email":"other@a.example"}`},
		"an update of somebody":  {"/v1/auth/otp/update/email", `{"loginId":"ann@a.example","email":"other@a.example"}`},
		"a step-up":              {"/v1/auth/otp/signin/email", `{"loginId":"ann@a.example","loginOptions":{"stepup":true}}`},
		"a link to another mail": {"/v1/auth/magiclink/update/email", `{"loginId":"","email":"other@a.example"}`},
	} {
		if w := b.person(t, call[0], call[1], visitor); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
