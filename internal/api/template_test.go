package api

import (
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// Who only knows the id of a project puts no words into its messages; its backend
// does. Neither borrows the template of another method.
func TestWhoseWordsAMessageHas(t *testing.T) {
	t.Parallel()
	const (
		texts = `"emailTemplates":[{"id":"T-%","name":"n","active":true,"subject":"s","body":"","bodyPlainText":"[{{options.note}}] {{code}}","useBodyPlainText":true}]`
		ada   = `"loginId":"ada"`
		words = `"templateOptions":{"note":"Call +1 900"}`
		links = "/v1/auth/magiclink/"
		codes = "/v1/auth/otp/"
	)
	file := func(name string) []byte {
		return []byte(`{"enabled":true,"rateLimitRetries":50,"redirectUrl":"https://shop.example/in",` + strings.ReplaceAll(texts, "%", name) + `}`)
	}
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.people(t)
		b.open(t, snapshot.Files{
			"auth/otp.json": []byte(`{"enabled":true,"rateLimitRetries":50,` + strings.ReplaceAll(texts, "%", "otp") + `}`), "auth/magiclink.json": file("magic"),
			"auth/enchantedlink.json": file("enchanted"), "auth/password.json": []byte(`{"enabled":true,` + strings.ReplaceAll(texts, "%", "password") + `}`),
		})
		ours := answered[wireTokens](t, b.person(t, "/v1/mgmt/auth/signin", `{`+ada+`}`, b.key)).Refresh
		for name, call := range map[string]struct{ path, body, token string }{
			"a code":                    {codes + "signin/email", `{` + ada + `,"loginOptions":{` + words + `}}`, ""},
			"a code for somebody new":   {codes + "signup/email", `{"loginId":"new","email":"new@a.example","loginOptions":{` + words + `}}`, ""},
			"a code for either":         {codes + "signup-in/email", `{` + ada + `,"loginOptions":{` + words + `}}`, ""},
			"a code for a new address":  {codes + "update/email", `{` + ada + `,"email":"other@a.example",` + words + `}`, ours},
			"a link":                    {links + "signin/email", `{` + ada + `,"loginOptions":{` + words + `}}`, ""},
			"a link for a new address":  {links + "update/email", `{` + ada + `,"email":"other@a.example",` + words + `}`, ours},
			"three links":               {"/v1/auth/enchantedlink/signin/email", `{` + ada + `,"loginOptions":{` + words + `}}`, ""},
			"a link for a new password": {passwordPath + "reset", `{` + ada + `,` + words + `}`, ""},
		} {
			answered[map[string]any](t, b.person(t, call.path, call.body, call.token))
			if text := b.lastMessage(t).Text; !strings.HasPrefix(text, "[] ") {
				t.Errorf("%s: a stranger writes %q", name, text)
			}
			answered[map[string]any](t, b.person(t, call.path, call.body, strings.TrimPrefix(call.token+":"+b.key, ":")))
			if text := b.lastMessage(t).Text; !strings.HasPrefix(text, "[Call +1 900] ") {
				t.Errorf("%s: the backend writes %q", name, text)
			}
		}
		for _, path := range []string{codes + "signin/email", links + "signin/email"} {
			wantFault(t, b.person(t, path, `{`+ada+`,"loginOptions":{"templateId":"T-password"}}`, ""), 400, "E011003")
		}
		wantFault(t, b.person(t, passwordPath+"reset", `{`+ada+`,"templateId":"T-otp"}`, ""), 400, "E011003")
		answered[map[string]any](t, b.person(t, passwordPath+"reset", `{`+ada+`,"templateId":"T-password"}`, ""))
	})
}
