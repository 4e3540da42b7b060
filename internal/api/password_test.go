package api

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const passwordPath = "/v1/auth/password/"

// answer reads the body of an answer of 200.
func answer[T any](t *testing.T, b *bundle, method, path, body string, headers ...string) (out T) {
	t.Helper()
	w := b.send(t, method, path, body, headers...)
	if w.Code != 200 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

const passwordPolicyFile = `{"enabled":true,"minLength":8,"lowercase":true,"uppercase":true,"number":true,"nonAlphanumeric":false,"maskError":true}`

func TestPasswordsOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(passwordPolicyFile)})

		policy := answer[map[string]any](t, b, "GET", passwordPath+"policy", "", b.as("")...)
		want := map[string]any{
			"minLength": 8.0, "lowercase": true, "uppercase": true, "number": true, "nonAlphanumeric": false, "strengthScoreEnabled": false, "strengthScore": 0.0,
		}
		if diff := cmp.Diff(want, policy); diff != "" {
			t.Errorf("policy (-want +got):\n%s", diff)
		}

		w := b.send(t, "POST", passwordPath+"signup", `{"loginId":"ann@example.com","password":"short","user":{"name":"Ann"}}`, b.as("")...)
		wantFault(t, w, 400, "E011003")
		if body := w.Body.String(); !strings.Contains(body, `"rule":"minLength"`) || !strings.Contains(body, `"rule":"uppercase"`) || !strings.Contains(body, "too short; ") {
			t.Errorf("refused with %s", body)
		}
		first := answer[wireTokens](t, b, "POST", passwordPath+"signup",
			`{"loginId":"ann@example.com","password":"Secret no 1","user":{"name":"Ann","email":"ann@example.com"}}`, b.as("")...)
		if !first.FirstSeen || first.User == nil || first.User.Name != "Ann" || !first.User.Password || first.Session == "" || first.Refresh == "" {
			t.Errorf("signed up: %+v", first)
		}
		wantFault(t, b.send(t, "POST", passwordPath+"signup", `{"loginId":"ann@example.com","password":"Secret no 2"}`, b.as("")...), 401, "P40131")

		for _, body := range []string{`{"loginId":"ann@example.com","password":"Secret no 2"}`, `{"loginId":"nobody","password":"Secret no 1"}`, `{}`} {
			wantFault(t, b.send(t, "POST", passwordPath+"signin", body, b.as("")...), 401, "P40131")
		}
		again := answer[wireTokens](t, b, "POST", passwordPath+"signin", `{"loginId":"ann@example.com","password":"Secret no 1","loginOptions":{"customClaims":{"a":1}}}`, b.as("")...)
		if again.FirstSeen || again.User.ID != first.User.ID {
			t.Errorf("signed in: %+v", again)
		}

		wantFault(t, b.send(t, "POST", passwordPath+"update", `{"loginId":"somebody else","newPassword":"Secret no 2"}`, b.as(again.Refresh)...), 403, "P40310")
		answer[empty](t, b, "POST", passwordPath+"update", `{"loginId":"ann@example.com","newPassword":"Secret no 2"}`, b.as(again.Refresh)...)
		wantFault(t, b.send(t, "POST", passwordPath+"signin", `{"loginId":"ann@example.com","password":"Secret no 1"}`, b.as("")...), 401, "P40131")

		replaced := answer[wireTokens](t, b, "POST", passwordPath+"replace",
			`{"loginId":"ann@example.com","oldPassword":"Secret no 2","newPassword":"Secret no 3","revokeOtherSessions":true}`, b.as("")...)
		if replaced.User.ID != first.User.ID || replaced.Refresh == "" {
			t.Errorf("replaced: %+v", replaced)
		}
		if w := b.send(t, "POST", passwordPath+"update", `{"newPassword":"Secret no 4"}`, b.as(again.Refresh)...); w.Code != 401 {
			t.Errorf("a session that was to end sets a password: %d %s", w.Code, w.Body)
		}
		if logs := b.logs.String(); strings.Contains(logs, "Secret no") {
			t.Errorf("a password is in the log:\n%s", logs)
		}
	})
}

func TestPasswordSettings(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		const path = "/v1/mgmt/password/settings"
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"minLength":9,"disallowedCharacters":"é","tempLock":true,"tempLockAttempts":4,"maskError":true}`)})
		before := answer[map[string]any](t, b, "GET", path+"?tenantId=", "")
		want := map[string]any{
			"tenantId": "", "enabled": true, "minLength": 9.0, "lowercase": true, "uppercase": true, "anyLetter": false, "number": true, "nonAlphanumeric": true,
			"disallowedCharacters": "é", "disallowEmailMatch": false, "enablePasswordStrength": false, "passwordStrengthScore": 0.0,
			"expiration": false, "expirationWeeks": 20.0, "reuse": false, "reuseAmount": 10.0, "lock": false, "lockAttempts": 5.0,
			"tempLock": true, "tempLockAttempts": 4.0, "tempLockDuration": 5.0,
		}
		if diff := cmp.Diff(want, before); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		// as the SDK in Go sends it, numbers of what is off included; one number is in a string
		answer[empty](t, b, "POST", path, `{"tenantId":"","enabled":true,"minLength":12,"lowercase":false,"uppercase":true,"number":true,"nonAlphanumeric":false,
			"expiration":true,"expirationWeeks":"6","reuse":false,"reuseAmount":0,"lock":false,"lockAttempts":0}`)
		want["minLength"], want["lowercase"], want["nonAlphanumeric"], want["expiration"], want["expirationWeeks"] = 12.0, false, false, true, 6.0
		if diff := cmp.Diff(want, answer[map[string]any](t, b, "GET", path, "")); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
		c, err := b.Projects.Config(t.Context(), b.project)
		if err != nil {
			t.Fatal(err)
		}
		if p := c.Methods.Password; c.Revision != 2 || p.MinLength != 12 || !p.MaskErrors || p.TempLockAttempts != 4 {
			t.Errorf("revision %d: %+v", c.Revision, p)
		}
		answer[empty](t, b, "POST", path, `{"minLength":12}`)
		if c, err = b.Projects.Config(t.Context(), b.project); err != nil || c.Revision != 2 {
			t.Errorf("what changes nothing made revision %d, %v", c.Revision, err)
		}
		wantFault(t, b.send(t, "POST", path, `{"minLength":1000}`), 400, "E113007")
	})
}

// The management gives users passwords: when they are made, from another service too,
// and later on.
func TestPasswordsOfTheManagement(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/password.json": []byte(`{"enabled":true,"minLength":8,"lowercase":true,"uppercase":true,"number":true,
			"nonAlphanumeric":true,"disallowEmailMatch":true,"maskError":true}`)})
		codes := func(loginID string, passwords ...string) (out string) {
			for _, p := range passwords {
				var got envelope
				w := b.send(t, "POST", passwordPath+"signin", `{"loginId":"`+loginID+`","password":"`+p+`"}`, b.as("")...)
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				out += strings.TrimSpace(" "+got.Code) + ";"
			}
			return out
		}
		check := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		const users = "/v1/mgmt/user/"
		made := answer[userAnswer](t, b, "POST", users+"create", `{"loginId":"ann","password":"Secret-no-1"}`)
		if !made.User.Password {
			t.Errorf("made as %+v", made.User)
		}
		check("made with a password", codes("ann", "Secret-no-2", "Secret-no-1"), "P40131;;")
		wantFault(t, b.send(t, "POST", users+"create", `{"loginId":"bob","password":"short"}`), 400, "E011003")
		wantFault(t, b.send(t, "POST", users+"create", `{"loginId":"bob","email":"Aa1-bob@example.com","password":"aA1-BOB@example.com"}`), 400, "E011003")
		wantFault(t, b.send(t, "POST", users+"create", `{"loginId":"bob","hashedPassword":{"bcrypt":{"hash":"x"}}}`), 400, "E011003")
		wantFault(t, b.send(t, "POST", passwordPath+"signin", `{"loginId":"bob","password":"short"}`, b.as("")...), 401, "P40131")

		batch := answer[createUsersAnswer](t, b, "POST", users+"create/batch", `{"users":[
			{"loginId":"bcrypt","hashedPassword":{"bcrypt":{"hash":"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}}},
			{"loginId":"pbkdf2","hashedPassword":{"pbkdf2":{"hash":"SwB5AbdlSJq+rUnZJvch0GWkKcE=","salt":"c2FsdA==","iterations":4096,"type":"sha1"}}},
			{"loginId":"clear","password":"Secret-no-3"},
			{"loginId":"bomb","hashedPassword":{"bcrypt":{"hash":"$2a$30$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}}}]}`)
		if len(batch.Created) != 3 || len(batch.Failed) != 1 || !strings.Contains(batch.Failed[0].Failure, "costs more") {
			t.Errorf("batch: %+v", batch)
		}
		check("imported", codes("bcrypt", "u*u", "U*U")+codes("pbkdf2", "password")+codes("clear", "Secret-no-3"), "P40131;;;;")

		set := answer[setPasswordAnswer](t, b, "POST", users+"password/set/temporary", `{"loginId":"ann","password":"Secret-no-4","setActive":false}`)
		check("given for a time", set.Cleartext+codes("ann", "Secret-no-1", "Secret-no-4"), "P40131;E062909;")
		answer[empty](t, b, "POST", users+"password/set/active", `{"loginId":"`+made.User.ID+`","password":"Secret-no-5"}`)
		check("given to stay", codes("ann", "Secret-no-5"), ";")
		answer[empty](t, b, "POST", users+"password/set", `{"loginId":"ann","password":"Secret-no-6","setActive":true}`)
		check("given to stay, by the older call", codes("ann", "Secret-no-6"), ";")
		answer[empty](t, b, "POST", users+"password/expire", `{"loginId":"ann"}`)
		check("expired", codes("ann", "Secret-no-6"), "E062909;")
		set = answer[setPasswordAnswer](t, b, "POST", users+"password/set/active", `{"loginId":"ann"}`)
		check("made up", codes("ann", set.Cleartext), ";")

		wantFault(t, b.send(t, "POST", users+"password/set", `{"loginId":"ann","password":"short"}`), 400, "E011003")
		wantFault(t, b.send(t, "POST", users+"password/set", `{"loginId":"nobody","password":"Secret-no-1"}`), 404, "E112102")
		wantFault(t, b.send(t, "POST", users+"password/expire", `{"loginId":"nobody"}`), 404, "E112102")
		if logs := b.logs.String(); strings.Contains(logs, "Secret-no") {
			t.Errorf("a password is in the log:\n%s", logs)
		}
	})
}

// A forgotten password is set anew by a link in a mail, with the calls of the SDKs.
func TestPasswordResetOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.open(t, snapshot.Files{"auth/password.json": []byte(passwordPolicyFile)})
	answer[wireTokens](t, b, "POST", passwordPath+"signup", `{"loginId":"ann@example.com","password":"Secret no 1"}`, b.as("")...)
	wantFault(t, b.send(t, "POST", passwordPath+"reset", `{"loginId":"ann@example.com","redirectUrl":"https://evil.example/"}`, b.as("")...), 400, "E011003")
	got := answer[passwordResetAnswer](t, b, "POST", passwordPath+"reset",
		`{"loginId":"ann@example.com","redirectUrl":"https://shop.example/reset","templateOptions":{"a":"b"},"locale":"de"}`, b.as("")...)
	b.challenges.Wait()
	if got.Method != "magiclink" || got.Masked != "a***@e***.com" || len(b.messages) != 1 {
		t.Errorf("%+v, sent %+v", got, b.messages)
	}
	link, err := url.Parse(regexp.MustCompile(`https://shop\.example/reset\?t=\S+`).FindString(b.messages[0].Text))
	if err != nil {
		t.Fatal(err)
	}
	token := link.Query().Get("t")
	wantFault(t, b.send(t, "POST", "/v1/auth/magiclink/verify", `{"token":"`+token+`x"}`, b.as("")...), 401, "E063010")
	in := answer[wireTokens](t, b, "POST", "/v1/auth/magiclink/verify", `{"token":"`+token+`"}`, b.as("")...)
	wantFault(t, b.send(t, "POST", "/v1/auth/magiclink/verify", `{"token":"`+token+`"}`, b.as("")...), 401, "E063010")
	answer[empty](t, b, "POST", passwordPath+"update", `{"loginId":"ann@example.com","newPassword":"Secret no 2"}`, b.as(in.Refresh)...)
	answer[wireTokens](t, b, "POST", passwordPath+"signin", `{"loginId":"ann@example.com","password":"Secret no 2"}`, b.as("")...)
	if strings.Contains(b.logs.String(), token) {
		t.Error("the token is in the log")
	}
	nobody := answer[passwordResetAnswer](t, b, "POST", passwordPath+"reset", `{"loginId":"amy@example.com","redirectUrl":"https://shop.example/reset"}`, b.as("")...)
	b.challenges.Wait()
	if nobody != got || len(b.messages) != 1 {
		t.Errorf("of nobody %+v, sent %+v", nobody, b.messages)
	}
}
