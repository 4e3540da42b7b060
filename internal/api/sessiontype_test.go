package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// A backend ends the sessions of some types, in the words of the SDKs. Lists that
// nothing is found by are refused by every kind of sign-in, before it begins.
func TestSessionTypes(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true}`), "auth/otp.json": []byte(`{"enabled":true}`)})
		const ada = `"loginId":"ada@a.example"`
		id, _ := b.join(t, "ada@a.example").User["userId"].(string)
		answer[map[string]any](t, b, "POST", "/v1/mgmt/user/password/set/active", `{`+ada+`,"password":"Correct-horse-12"}`)
		signIn := func(kind string) string {
			return answer[tokensOfWire](t, b, "POST", "/v1/mgmt/auth/signin", `{`+ada+`,"customClaims":{"dtt":"`+kind+`"}}`).Refresh
		}
		for _, tt := range []struct {
			name, path, body string
			tv, web          int
		}{
			{"a logout by login id", "/v1/mgmt/user/logout", `{"userId":"",` + ada + `,"sessionTypes":["web"]}`, 200, 401},
			{"a logout by id", "/v1/mgmt/user/logout", `{"userId":"` + id + `","loginId":"","sessionTypes":["tv","car"]}`, 401, 200},
			{"a logout with null, which the SDK in Go sends for none", "/v1/mgmt/user/logout", `{"userId":"",` + ada + `,"sessionTypes":null}`, 401, 401},
			{"a logout of the empty list", "/v1/mgmt/user/logout", `{` + ada + `,"sessionTypes":[]}`, 401, 401},
			{"a sign-in by a backend", "/v1/mgmt/auth/signin", `{` + ada + `,"revokeOtherSessions":true,"revokeOtherSessionsTypes":["tv"]}`, 401, 200},
			{"a sign-in that ends nothing", "/v1/mgmt/auth/signin", `{` + ada + `,"revokeOtherSessionsTypes":["tv"]}`, 200, 200},
		} {
			tv, web := signIn("tv"), signIn("web")
			answer[map[string]any](t, b, "POST", tt.path, tt.body)
			for kind, at := range map[string]struct {
				token string
				want  int
			}{"tv": {tv, tt.tv}, "web": {web, tt.web}} {
				if w := b.send(t, "POST", "/v1/auth/refresh", "", b.as(at.token)...); w.Code != at.want {
					t.Errorf("%s: a session of type %s: %d %s, want %d", tt.name, kind, w.Code, w.Body, at.want)
				}
			}
		}

		this, tv, web := signIn("web"), signIn("tv"), signIn("web")
		lives := func(tokens ...string) (list []bool) {
			for _, token := range tokens {
				list = append(list, b.send(t, "POST", "/v1/auth/refresh", "", b.as(token)...).Code == http.StatusOK)
			}
			return list
		}
		for _, how := range []string{"logout", "logoutall", "logoutprevious"} {
			for body, code := range map[string]string{
				`{`: "E011001", `[]`: "E011001", `{"logoutType":"web"}`: "E011001", `{"logoutType":[""]}`: "E011003",
			} {
				wantFault(t, b.send(t, "POST", "/v1/auth/"+how, body, b.as(this)...), 400, code)
			}
		}
		if got := lives(this, tv, web); !slices.Equal(got, []bool{true, true, true}) {
			t.Errorf("logouts that were refused: this session, that of the television and another one live: %v", got)
		}
		b.answer(t, &map[string]any{}, "POST", "/v1/auth/logoutprevious", `{"logoutType":["tv"]}`, b.as(this)...)
		if got := lives(this, tv, web); !slices.Equal(got, []bool{true, false, true}) {
			t.Errorf("a logout of the others of a type: this session, that of the television and another one live: %v", got)
		}
		b.answer(t, &map[string]any{}, "POST", "/v1/auth/logoutall", `{"logoutType":["tv"]}`, b.as(this)...)
		if got := lives(this, web); !slices.Equal(got, []bool{false, true}) {
			t.Errorf("a logout of all of a type: this session and another one live: %v", got)
		}
		b.answer(t, &map[string]any{}, "POST", "/v1/auth/logout", `{"logoutType":null}`, b.as(web)...)

		many := `["a"` + strings.Repeat(`,"a"`, 20) + `]`
		for path, body := range map[string]string{
			"/v1/mgmt/user/logout":           `{` + ada + `,"sessionTypes":%}`,
			"/v1/mgmt/auth/signin":           `{` + ada + `,"revokeOtherSessionsTypes":%}`,
			"/v1/auth/password/replace":      `{` + ada + `,"oldPassword":"Correct-horse-12","newPassword":"Correct-horse-13","revokeOtherSessionsTypes":%}`,
			"/v1/auth/password/signin":       `{` + ada + `,"password":"Correct-horse-12","loginOptions":{"revokeOtherSessionsTypes":%}}`,
			"/v1/auth/otp/signin/email":      `{` + ada + `,"loginOptions":{"revokeOtherSessionsTypes":%}}`,
			"/v1/auth/otp/signup-in/email":   `{` + ada + `,"loginOptions":{"revokeOtherSessionsTypes":%}}`,
			"/v1/auth/webauthn/signin/start": `{` + ada + `,"origin":"https://shop.example","loginOptions":{"revokeOtherSessionsTypes":%}}`,
		} {
			as := b.as("")
			if strings.HasPrefix(path, "/v1/mgmt") {
				as = nil
			}
			for _, types := range []string{many, `["web",""]`} {
				wantFault(t, b.send(t, http.MethodPost, path, strings.ReplaceAll(body, "%", types), as...), 400, "E011003")
			}
			wantFault(t, b.send(t, http.MethodPost, path, strings.ReplaceAll(body, "%", `"web"`), as...), 400, "E011001")
		}
	})
}
