package api

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/ident"
	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const passwordSettingsPath = "/v1/mgmt/password/settings"

// The members of a tenant obey its password settings, those of several the stricter
// rules, and everybody else the project.
func TestPasswordSettingsOfTenants(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true,"minLength":8,"lowercase":true,"uppercase":false,"number":false,
			"nonAlphanumeric":false,"maskError":false}`)})
		b.tenanted(t, "T1", "T2", "T3")
		project := answer[map[string]any](t, b, "GET", passwordSettingsPath, "")

		// as the SDK in Go sends it
		answer[empty](t, b, "POST", passwordSettingsPath, `{"tenantId":"T1","enabled":true,"minLength":14,"lowercase":true,"uppercase":false,"number":false,
			"nonAlphanumeric":false,"expiration":false,"expirationWeeks":0,"reuse":true,"reuseAmount":2,"lock":true,"lockAttempts":3}`)
		answer[empty](t, b, "POST", passwordSettingsPath, `{"tenantId":"T2","number":true,"disallowedCharacters":"#"}`)
		want := maps.Clone(project)
		want["tenantId"], want["minLength"], want["reuse"], want["reuseAmount"], want["lock"], want["lockAttempts"] = "T1", 14.0, true, 2.0, true, 3.0
		if diff := cmp.Diff(want, answer[map[string]any](t, b, "GET", passwordSettingsPath+"?tenantId=T1", "")); diff != "" {
			t.Errorf("settings of the tenant (-want +got):\n%s", diff)
		}
		project["tenantId"] = "T3"
		if diff := cmp.Diff(project, answer[map[string]any](t, b, "GET", passwordSettingsPath+"?tenantId=T3", "")); diff != "" {
			t.Errorf("of a tenant without (-want +got):\n%s", diff)
		}
		if c, err := b.Projects.Config(t.Context(), b.project); err != nil || c.Revision != 1 {
			t.Errorf("settings of a tenant made revision %d, %v", c.Revision, err)
		}

		rules := func(tenants, password string) string {
			t.Helper()
			w := b.send(t, "POST", "/v1/mgmt/user/create", `{"loginId":"`+ident.New("L")+`","password":"`+password+`","userTenants":[`+tenants+`]}`)
			var out []string
			for _, rule := range []string{"minLength", "lowercase", "number", "disallowedCharacters"} {
				if strings.Contains(w.Body.String(), `"rule":"`+rule+`"`) {
					out = append(out, rule)
				}
			}
			return strings.Join(out, " ")
		}
		const t1, t2, t3 = `{"tenantId":"T1"}`, `{"tenantId":"T2"}`, `{"tenantId":"T3"}`
		for _, c := range [][3]string{
			{"", "abcdefgh#", ""},
			{t1, "abcdefgh#", "minLength"},
			{t2, "abcdefgh#", "number disallowedCharacters"},
			{t3, "abcdefg", "minLength"},
			{t1 + "," + t2, "abcdefgh#", "minLength number disallowedCharacters"},
			{t1 + "," + t3, "ABCDEFGHIJKLMNO", "lowercase"},
		} {
			if got := rules(c[0], c[1]); got != c[2] {
				t.Errorf("members of %s with %q: %q, want %q", c[0], c[1], got, c[2])
			}
		}

		for path, code := range map[string]string{"T9": "E112202", "a/b": "E112202"} {
			wantFault(t, b.send(t, "GET", passwordSettingsPath+"?tenantId="+path, ""), 404, code)
			wantFault(t, b.send(t, "POST", passwordSettingsPath, `{"tenantId":"`+path+`","minLength":10}`), 404, code)
			wantFault(t, b.send(t, "DELETE", passwordSettingsPath+"?tenantId="+path, ""), 404, code)
		}
		wantFault(t, b.send(t, "DELETE", passwordSettingsPath, ""), 400, "E011002")
		w := b.send(t, "POST", passwordSettingsPath, `{"tenantId":"T1","minLength":1000,"lockAttempts":-1}`)
		wantFault(t, w, 400, "E113007")
		if n := strings.Count(w.Body.String(), `"pointer"`); n != 2 {
			t.Errorf("%d problems: %s", n, w.Body)
		}
		other := b.other(t)
		wantFault(t, other.send(t, "GET", passwordSettingsPath+"?tenantId=T1", ""), 404, "E112202")
		wantFault(t, other.send(t, "POST", passwordSettingsPath, `{"tenantId":"T1","enabled":false}`), 404, "E112202")
		weak := *b
		weak.key = b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import})
		wantFault(t, weak.send(t, "POST", passwordSettingsPath, `{"tenantId":"T1","minLength":5}`), 403, "P40301")
		wantFault(t, weak.send(t, "GET", passwordSettingsPath+"?tenantId=T1", ""), 403, "P40301")
		if done := b.audited(t); !slices.Contains(done, "tenant.passwordSettings") {
			t.Errorf("the audit has %v", done)
		}
	})
}

// A sign-in obeys the settings of the tenants, too: locks, former passwords, and
// whether there are passwords at all.
func TestSignInsObeyThePasswordSettingsOfTenants(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true,"minLength":8,"lowercase":false,"uppercase":false,"number":false,
			"nonAlphanumeric":false,"lock":false,"tempLock":false,"reuse":false,"maskError":false}`)})
		b.tenanted(t, "T1")
		b.post(t, "user/create", `{"loginId":"ann@shop.example","verifiedEmail":true,"email":"ann@shop.example","password":"secret no 1","userTenants":[{"tenantId":"T1"}]}`)
		b.post(t, "user/create", `{"loginId":"bob@shop.example","password":"secret no 1"}`)
		set := func(members string) {
			answer[empty](t, b, "POST", passwordSettingsPath, `{"tenantId":"T1",`+members+`}`)
		}
		signIn := func(who, password string) string {
			t.Helper()
			w := b.send(t, "POST", passwordPath+"signin", `{"loginId":"`+who+`@shop.example","password":"`+password+`"}`, b.as("")...)
			if w.Code == 200 {
				return "in"
			}
			var got envelope
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			return got.Code
		}
		check := func(what string, want string, got ...string) {
			t.Helper()
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s: %s, want %s", what, s, want)
			}
		}
		check("before", "in in", signIn("ann", "secret no 1"), signIn("bob", "secret no 1"))

		set(`"lock":true,"lockAttempts":2`)
		check("a lock of the tenant", "P40131 P40331 P40331", signIn("ann", "x"), signIn("ann", "x"), signIn("ann", "secret no 1"))
		check("which others do not have", "P40131 P40131 in", signIn("bob", "x"), signIn("bob", "x"), signIn("bob", "secret no 1"))

		set(`"reuse":true,"reuseAmount":3`)
		replace := `{"loginId":"ann@shop.example","password":"secret no 1"}`
		w := b.send(t, "POST", "/v1/mgmt/user/password/set/active", replace)
		if w.Code != 400 || !strings.Contains(w.Body.String(), `"rule":"reuse"`) {
			t.Errorf("a former password: %d %s", w.Code, w.Body)
		}
		b.post(t, "user/password/set/active", `{"loginId":"ann@shop.example","password":"secret no 2"}`)
		in := answer[wireTokens](t, b, "POST", passwordPath+"signin", `{"loginId":"ann@shop.example","password":"secret no 2"}`, b.as("")...)

		set(`"enabled":false`)
		check("no passwords in the tenant", "P40309 in", signIn("ann", "secret no 2"), signIn("bob", "secret no 1"))
		wantFault(t, b.send(t, "POST", passwordPath+"replace", `{"loginId":"ann@shop.example","oldPassword":"secret no 2","newPassword":"secret no 3"}`, b.as("")...), 403, "P40309")
		wantFault(t, b.send(t, "POST", passwordPath+"update", `{"newPassword":"secret no 3"}`, b.as(in.Refresh)...), 403, "P40309")
		wantFault(t, b.send(t, "POST", passwordPath+"reset", `{"loginId":"ann@shop.example","redirectUrl":"https://shop.example/"}`, b.as("")...), 403, "P40309")
		b.with(t, "auth/password.json", `{"maskError":true}`)
		check("masked", "P40131", signIn("ann", "secret no 2"))
		answer[passwordResetAnswer](t, b, "POST", passwordPath+"reset", `{"loginId":"ann@shop.example","redirectUrl":"https://shop.example/"}`, b.as("")...)
		b.challenges.Wait()
		if len(b.messages) != 0 {
			t.Errorf("sent %+v", b.messages)
		}

		answer[empty](t, b, "DELETE", passwordSettingsPath+"?tenantId=T1", "")
		check("the settings of the project again", "in", signIn("ann", "secret no 2"))
		b.with(t, "auth/password.json", `{"enabled":false}`)
		set(`"enabled":true`)
		check("what the project has off no tenant has on", "P40309", signIn("ann", "secret no 2"))
	})
}
