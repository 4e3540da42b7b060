package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/password"
)

// told is what a test compares of a person.
func told(p Person) string {
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	flag := func(b *bool) string {
		if b == nil {
			return "?"
		}
		return fmt.Sprint(*b)
	}
	out := strings.Join(p.LoginIDs, "+") + " " + text(p.Email) + " " + flag(p.VerifiedEmail) + " " + text(p.Phone) + " " + flag(p.VerifiedPhone) + " " + text(p.Name)
	if p.Disabled {
		out += " disabled"
	}
	switch h := p.Hash; {
	case h == nil:
	case h.Bcrypt != nil:
		out += " bcrypt " + h.Bcrypt.Hash
	case h.Django != nil:
		out += " django " + h.Django.Hash
	case h.Phpass != nil:
		out += " phpass " + h.Phpass.Hash
	case h.Firebase != nil:
		out += fmt.Sprintf(" firebase %+v", *h.Firebase)
	case h.PBKDF2 != nil:
		out += " pbkdf2"
	default:
		out += " no hash"
	}
	if p.HashOnly {
		out += " alone"
	}
	if p.Password != "" {
		out += " password " + p.Password
	}
	if p.Created != 0 {
		out += fmt.Sprintf(" since %d", p.Created)
	}
	for _, more := range []any{p.Roles, p.Tenants, p.Custom, p.Metadata} {
		if s := fmt.Sprint(more); s != "[]" && s != "map[]" {
			out += " " + s
		}
	}
	return out
}

func TestFilesOfServices(t *testing.T) {
	t.Parallel()
	const params = `hash_config { algorithm: SCRYPT, base64_signer_key: c2lnbg==, base64_salt_separator: Bw==, rounds: 8, mem_cost: 14, }`
	for name, c := range map[string]struct {
		source, users, hashes string
		people, failures      []string
	}{
		"Auth0 as JSON a line, with hashes by id": {
			"auth0",
			`{"user_id":"auth0|5f1","email":"Ada@people.example","email_verified":true,"name":"Ada","created_at":"2020-01-01T00:00:00.000Z","user_metadata":{"shoe":41},"app_metadata":{"plan":"gold"},"blocked":true}
{"user_id":"google-oauth2|7","email":"bob@people.example","email_verified":"false","phone_number":"+12025550143"}`,
			`{"_id":{"$oid":"5f1"},"email":"ada@people.example","passwordHash":"$2b$10$a","tenant":"x","connection":"db"}
{"_id":{"$oid":"5f2"},"email":"bob@people.example","passwordHash":"$2b$10$b"}`,
			[]string{
				"Ada@people.example+auth0|5f1 Ada@people.example true - ? Ada disabled bcrypt $2b$10$a since 1577836800 map[plan:gold shoe:41]",
				"bob@people.example+google-oauth2|7 bob@people.example false +12025550143 ? -",
			},
			nil,
		},
		"Auth0 as the CSV of its export": {
			"auth0", "\uFEFFId,Given Name,Name,Email,Email Verified\r\nauth0|1,Ada,\"Ada, L\",ada@people.example,true\r\n", "",
			[]string{"ada@people.example+auth0|1 ada@people.example true - ? Ada, L"},
			nil,
		},
		"Auth0, hashes alone": {
			"auth0", "", `{"_id":{"$oid":"5f1"},"email":"ada@people.example","passwordHash":"$2b$10$a"}` + "\n" + `{"_id":{"$oid":"5f2"}}`,
			[]string{"auth0|5f1+ada@people.example - ? - ? - bcrypt $2b$10$a alone"},
			[]string{"record 2: the record has no passwordHash"},
		},
		"Firebase with its parameters": {
			"firebase", `{"users":[{"localId":"L1","email":"ada@people.example","emailVerified":true,"passwordHash":"aGFz-_==","salt":"c2Fs","displayName":"Ada","createdAt":"1577836800123","customAttributes":"{\"plan\":\"gold\"}"},
				{"localId":"L2","phoneNumber":"+12025550143","disabled":true}]}`, params,
			[]string{
				"ada@people.example+L1 ada@people.example true - ? Ada firebase {Hash:aGFz+/== Salt:c2Fs SaltSeparator:Bw== SignerKey:c2lnbg== Memory:14 Rounds:8} since 1577836800 map[plan:gold]",
				"+12025550143+L2 - ? +12025550143 true - disabled",
			},
			nil,
		},
		"Firebase without its parameters": {
			"firebase", `{"users":[{"localId":"L1","email":"ada@people.example","passwordHash":"aGFz","salt":"c2Fs"},{"localId":"L2"}]}`, "",
			[]string{"L2 - ? - ? -"},
			[]string{"ada@people.example: the hash of the password needs the hash parameters of the project, as the file of hashes"},
		},
		"Cognito as CSV": {
			"cognito", "cognito:username,name,email,email_verified,phone_number,phone_number_verified\nada,Ada,ada@people.example,TRUE,+12025550143,false\n", "",
			[]string{"ada@people.example+ada ada@people.example true +12025550143 false Ada"},
			nil,
		},
		"Cognito as ListUsers": {
			"cognito", `{"Users":[{"Username":"u-1","Enabled":false,"Attributes":[{"Name":"sub","Value":"s-1"},{"Name":"email","Value":"ada@people.example"},{"Name":"custom:plan","Value":"gold"}]}]}`, "",
			[]string{"ada@people.example+u-1+s-1 ada@people.example ? - ? - disabled map[plan:gold]"},
			nil,
		},
		"the answer of a search": {
			"descope", `{"users":[{"loginIds":["ada","ada@people.example"],"userId":"U1","email":"ada@people.example","verifiedEmail":true,"name":"Ada","password":true,"status":"disabled",
				"roleNames":["Buyer"],"userTenants":[{"tenantId":"hill","roleNames":["Owner"]}],"customAttributes":{"shoe":41}}],"total":1}`, `[{"loginId":"ada","hashedPassword":{"pbkdf2":{"hash":"aA==","salt":"aA==","iterations":1000,"type":"sha256"}}}]`,
			[]string{"ada+ada@people.example ada@people.example true - ? Ada disabled pbkdf2 [Buyer] [{hill [Owner]}] map[shoe:41]"},
			nil,
		},
		"CSV of one's own": {
			"Descope", "identifier,email,verifiedEmail,displayName,roleNames,password\n" +
				"ada,ada@people.example,TRUE,Ada,\"[\"\"Buyer\"\",\"\"Seller\"\"]\",pbkdf2_sha256$1000$salt$aA==\nbob,,,,Buyer;Seller,open sesame\ncy,,,,,\"$argon2id$v=19$m=1,t=1,p=1$aA$aA\"\ndan,,,,,$P$Babc\n", "",
			[]string{
				"ada ada@people.example true - ? Ada django pbkdf2_sha256$1000$salt$aA== [Buyer Seller]", "bob - ? - ? - password open sesame [Buyer Seller]",
				"cy - ? - ? - django argon2$argon2id$v=19$m=1,t=1,p=1$aA$aA", "dan - ? - ? - phpass $P$Babc",
			},
			nil,
		},
		"everything that is wrong, at once": {
			"descope", `[{"loginId":"ada","verifiedEmail":"perhaps"},{"name":"Nobody"},7,{"loginId":"bob"},{"loginId":"Bob"},{"loginId":"cy","loginid":"cy"},{"loginId":"dan","hash":"5f4dcc3b"},{"loginId":["x"]},{"loginId":"eve"}]`, "",
			[]string{"bob - ? - ? -", "eve - ? - ? -"},
			[]string{
				"ada: verifiedemail must be true or false", "record 2: there is nothing that the user could be found by", "record 3: the record is not a JSON object with names that are all different",
				`Bob: the file has "Bob" more than once`, `cy: it has "loginid" under two names`,
				"dan: the hash does not begin as one of bcrypt, argon2, Django or phpass; give it as hashedPassword with its parts", "record 8: loginid must be text",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people, failures, err := Read(c.source, []byte(c.users), []byte(c.hashes), 100)
			if err != nil {
				t.Fatal(err)
			}
			var got, failed []string
			for _, p := range people {
				got = append(got, told(p))
			}
			for _, f := range failures {
				failed = append(failed, f.User+": "+f.Reason)
			}
			if diff := cmp.Diff(c.people, got); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.failures, failed); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source, users, hashes string
		want                  error
		says                  string
	}{
		"a service that nobody knows":     {"okta", "[]", "", ErrSource, "auth0, cognito, descope, firebase"},
		"no file":                         {"auth0", "", "", ErrFile, "is needed"},
		"hashes of a service without any": {"cognito", "[]", "x", ErrFile, "gives out none"},
		"parameters without users":        {"firebase", "", "base64_signer_key: YQ==, rounds: 8, mem_cost: 14", ErrFile, "is needed"},
		"parameters that are none":        {"firebase", "[]", "rounds: 8", ErrFile, "no hash parameters"},
		"JSON that breaks off":            {"auth0", `[{"user_id":"auth0|secret-one"`, "", ErrFile, "not JSON"},
		"CSV with a quote too much":       {"auth0", "email\n\"secret-one", "", ErrFile, "at line"},
		"a second list":                   {"auth0", `[] []`, "", ErrFile, "stands after its list"},
		"too many users":                  {"auth0", `[` + strings.Repeat(`{"email":""},`, 3) + `{}]`, "", ErrMany, "at most 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Read(c.source, []byte(c.users), []byte(c.hashes), 3)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %v with %q", err, c.want, c.says)
			}
		})
	}
}

// Whatever a file is, everybody in it is a person who can be found or a failure with a
// reason, nobody twice, and their hash is encoded or refused.
func FuzzRead(f *testing.F) {
	for _, seed := range [][2]string{
		{`[{"email":"a@b.example"}]`, ``},
		{`{"users":[{"localId":"L1","passwordHash":"aA==","salt":"aA=="}]}`, `base64_signer_key: YQ==, base64_salt_separator: Bw==, rounds: 8, mem_cost: 14`},
		{"loginId,hash\nada,$2a$10$x\n", "loginId,hash\nada,$P$B"},
		{`{"Username":"u","Attributes":[{"Name":"email","Value":"a@b"}]}`, ``},
		{`{"user_id":"auth0|1","email":"a@b"}`, `{"_id":{"$oid":"1"},"passwordHash":"$2b$10$a"}`},
		{`[{"loginIds":["a","b"],"userTenants":[{"tenantId":"t"}],"customAttributes":{"a":1}}]`, ``},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, users, hashes []byte) {
		const most = 50
		for service := range sources() {
			people, failures, err := Read(service, users, hashes, most)
			if err != nil {
				continue
			}
			if len(people)+len(failures) > most {
				t.Errorf("%d people and %d failures", len(people), len(failures))
			}
			seen := map[string]bool{}
			for _, p := range people {
				if len(p.LoginIDs) == 0 {
					t.Error("somebody cannot be found")
				}
				for _, id := range p.LoginIDs {
					if seen[key(id)] {
						t.Errorf("%q is there twice", id)
					}
					seen[key(id)] = true
				}
				if p.Hash == nil {
					continue
				}
				if _, err := p.Hash.Encode(); err != nil && !errors.Is(err, password.ErrHash) {
					t.Errorf("the hash: %v", err)
				}
			}
			for _, f := range failures {
				if f.User == "" || f.Reason == "" {
					t.Errorf("a failure says nothing: %+v", f)
				}
			}
		}
	})
}
