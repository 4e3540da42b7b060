package api

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/testkit"
)

const userImportPath = "/v1/mgmt/user/import"

// bcryptOfUU is the hash of "U*U" by bcrypt.
const bcryptOfUU = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

// imported makes an import of files, as the SDK in Go sends them, and returns users and
// failures as lines.
func (b *bundle) imported(t *testing.T, source, users, hashes string, dry bool) (there, failed []string) {
	t.Helper()
	body := map[string]any{"source": source, "dryrun": dry}
	for name, file := range map[string]string{"users": users, "hashes": hashes} {
		if file != "" {
			body[name] = base64.StdEncoding.EncodeToString([]byte(file))
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	got := b.did(t, "POST", userImportPath, string(text))
	return lines(got, "users", "loginIds", "verifiedEmail", "status", "password", "customAttributes"), lines(got, "failures", "user", "reason")
}

// The users of another service are made with their hashes, and sign in with the
// passwords that they have; a try changes nothing, and the same once more does neither.
func TestUsersAreImported(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t)
		b.with(t, "auth/password.json", `{"enabled":true}`)
		b.onUser(t, "create", `{"loginId":"bob@people.example","email":"bob@people.example"}`)
		users := `{"user_id":"auth0|5f1","email":"Ada@people.example","email_verified":true,"user_metadata":{"age":41,"shoe":7}}
{"user_id":"auth0|5f2","email":"bob@people.example"}
{"user_id":"auth0|5f3","email":"no address"}
{"user_id":"auth0|5f4","email":"cy@people.example","blocked":true}
{"user_id":"auth0|5f5","email":"dan@people.example","app_metadata":{"age":"old"}}
{}`
		hashes := `{"_id":{"$oid":"5f1"},"email":"ada@people.example","passwordHash":"` + bcryptOfUU + `"}
{"_id":{"$oid":"5f4"},"passwordHash":"no hash"}
{"_id":{"$oid":"9"},"passwordHash":"` + bcryptOfUU + `"}`
		const ada = `loginIds=["ada@people.example","auth0|5f1"] verifiedEmail=true status="enabled" password=true customAttributes={"age":41}`
		reasons := []string{"record 6", "bob@people.example", "no address", "cy@people.example", "dan@people.example"}
		before := testkit.Rows(t, b.Users.DB)
		for name, dry := range map[string]bool{"a try": true} {
			there, failed := b.imported(t, "auth0", users, hashes, dry)
			wantImported(t, name, []string{ada}, there, reasons, failed)
		}
		if diff := cmp.Diff(before, testkit.Rows(t, b.Users.DB)); diff != "" {
			t.Errorf("a try changes (-before +after):\n%s", diff)
		}
		there, failed := b.imported(t, "auth0", users, hashes, false)
		wantImported(t, "the import", []string{ada}, there, reasons, failed)
		answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{"loginId":"ada@people.example","password":"U*U"}`, ""))

		before = testkit.Rows(t, b.Users.DB)
		there, failed = b.imported(t, "auth0", users, hashes, false)
		wantImported(t, "the same again", []string{ada}, there, reasons, failed)
		if diff := cmp.Diff(before, testkit.Rows(t, b.Users.DB)); diff != "" {
			t.Errorf("the same again changes (-before +after):\n%s", diff)
		}
	})
}

func wantImported(t *testing.T, name string, want, there, wantFailed, failed []string) {
	t.Helper()
	if diff := cmp.Diff(want, there); diff != "" {
		t.Errorf("%s: users (-want +got):\n%s", name, diff)
	}
	if len(failed) != len(wantFailed) {
		t.Errorf("%s: failures %v", name, failed)
		return
	}
	for i, user := range wantFailed {
		if !strings.HasPrefix(failed[i], fmt.Sprintf("user=%q reason=\"", user)) || strings.Contains(failed[i], `reason=""`) {
			t.Errorf("%s: failure %d is %s, want one of %s", name, i, failed[i], user)
		}
	}
}

// Hashes that come later are for who is there without a password, and never in the place
// of one that there is.
func TestHashesAreImportedLater(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url).staffed(t)
		b.with(t, "auth/password.json", `{"enabled":true}`)
		b.onUser(t, "create/batch", `{"users":[{"loginId":"bob","password":"A long Passw0rd!"}]}`)
		if there, failed := b.imported(t, "descope", "loginId,email\nada,ada@people.example\n", "", false); len(there) != 1 || len(failed) != 0 {
			t.Fatalf("%v, %v", there, failed)
		}
		hashes := "loginId,hash\nada," + bcryptOfUU + "\nbob," + bcryptOfUU + "\ncy," + bcryptOfUU + "\n"
		before := testkit.Rows(t, b.Users.DB)
		for _, dry := range []bool{true, false} {
			there, failed := b.imported(t, "descope", "", hashes, dry)
			if len(there) != 2 || len(failed) != 1 || !strings.Contains(failed[0], `user="cy"`) {
				t.Errorf("dry %v: %v, %v", dry, there, failed)
			}
			if diff := cmp.Diff(before, testkit.Rows(t, b.Users.DB)); (diff == "") != dry {
				t.Errorf("dry %v changes (-before +after):\n%s", dry, diff)
			}
		}
		answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{"loginId":"ada","password":"U*U"}`, ""))
		answered[wireTokens](t, b.person(t, "/v1/auth/password/signin", `{"loginId":"bob","password":"A long Passw0rd!"}`, ""))
		wantFault(t, b.person(t, "/v1/auth/password/signin", `{"loginId":"bob","password":"U*U"}`, ""), 401, "P40131")
	})
}

// A file comes as programs in Go and in JavaScript send it.
func TestImportedFilesHaveManyForms(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	for name, file := range map[string]string{
		"its text":              `"[{\"loginId\":\"%s\"}]"`,
		"CSV as text":           `"loginId\n%s\n"`,
		"numbered bytes":        `{"0":91,"1":123,"2":34,"3":108,"4":111,"5":103,"6":105,"7":110,"8":73,"9":100,"10":34,"11":58,"12":34,"13":120,"14":34,"15":125,"16":93}`,
		"a list of bytes":       `[91,123,34,108,111,103,105,110,73,100,34,58,34,121,34,125,93]`,
		"bytes of a buffer":     `{"type":"Buffer","data":[91,123,34,108,111,103,105,110,73,100,34,58,34,122,34,125,93]}`,
		"base64 without a tail": `"W3sibG9naW5JZCI6InEifV0"`,
	} {
		got := b.did(t, "POST", userImportPath, `{"source":"descope","dryrun":true,"users":`+strings.ReplaceAll(file, "%s", "ada")+`}`)
		if len(lines(got, "users", "loginIds")) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, body := range []string{
		`{"source":"descope"}`, `{"source":"okta","users":"[]"}`, `{"source":"descope","users":7}`, `{"source":"descope","users":{"1":91}}`, `{"source":"descope","users":[300]}`,
		`{"source":"descope","users":"` + strings.Repeat(`x\n`, 1002) + `"}`,
	} {
		w := b.send(t, "POST", userImportPath, body)
		if w.Code != 400 {
			t.Errorf("%.60s: %d %s", body, w.Code, w.Body)
		}
	}
}

// FuzzFileBytes reads what it may be given without a panic, and base64 as what it holds.
func FuzzFileBytes(f *testing.F) {
	for _, seed := range []string{`"W10="`, `"[]"`, `{"0":1}`, `[1,2]`, `{"type":"Buffer","data":[1]}`, `null`, `{"data":{"data":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var of fileBytes
		_ = json.Unmarshal(body, &of)
		text, err := json.Marshal(base64.StdEncoding.EncodeToString(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &of); err != nil || string(of) != string(body) {
			t.Errorf("%q, %v", of, err)
		}
	})
}
