package api

import (
	"strings"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// acme makes a tenant that people join by their address, with a role of its own and
// one of the project that new members get.
func (b *bundle) acme(t *testing.T) {
	t.Helper()
	b.open(t, snapshot.Files{
		"auth/otp.json":      []byte(`{"enabled":true,"rateLimitRetries":50}`),
		"auth/password.json": []byte(`{"enabled":true,"minLength":8,"lowercase":false,"uppercase":false,"number":false,"nonAlphanumeric":false}`),
		"roles.json":         []byte(`{"roles":[{"id":"R1","name":"Reader"},{"id":"R2","name":"Writer"}]}`),
	})
	b.post(t, "tenant/create", `{"id":"acme","name":"Acme","selfProvisioningDomains":["acme.example"]}`)
	b.post(t, "role/create", `{"name":"Member","tenantId":"acme","default":true}`)
	b.post(t, "role/create", `{"name":"Boss","tenantId":"acme"}`)
	b.post(t, "tenant/updateDefaultRoles", `{"id":"acme","defaultRoles":["Reader"]}`)
}

// places are the tenants of a user with the roles there: "acme(Member Reader)".
func (b *bundle) places(t *testing.T, loginID string) string {
	t.Helper()
	got := answer[userAnswer](t, b, "GET", "/v1/mgmt/user?loginId="+strings.ReplaceAll(loginID, "+", "%2B"), "")
	var out []string
	for _, in := range got.User.Tenants {
		out = append(out, in.ID+"("+strings.Join(in.Roles, " ")+")")
	}
	return strings.Join(out, " ")
}

// byCode proves an address by a code: path is "signup" or "signin".
func (b *bundle) byCode(t *testing.T, path, address, more string) wireTokens {
	t.Helper()
	answer[map[string]any](t, b, "POST", "/v1/auth/otp/"+path+"/email", `{"loginId":"`+address+`"`+more+`}`, b.as("")...)
	return answer[wireTokens](t, b, "POST", "/v1/auth/otp/verify/email", `{"loginId":"`+address+`","code":"`+b.lastCode(t)+`"}`, b.as("")...)
}

// Whoever has shown that an address is theirs belongs to the tenants of its domain,
// with the roles of a new member; nobody else does.
func TestPeopleJoinTenantsByTheirDomain(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.acme(t)
		check := func(what, loginID, want string) {
			t.Helper()
			if got := b.places(t, loginID); got != want {
				t.Errorf("%s: in %q, want %q", what, got, want)
			}
		}
		const member = "acme(Member Reader)"

		in := b.byCode(t, "signup", "Ann@Acme.example", `,"loginOptions":{"tenantId":"acme"}`)
		check("signed up", "ann@acme.example", member)
		if in.Claims["dct"] != "acme" {
			t.Errorf("with the tenant asked for: %v", in.Claims)
		}
		for _, address := range []string{"eve@evil.example", "eve@sub.acme.example", "eve@acme.example.evil.example"} {
			b.byCode(t, "signup", address, "")
			check("another domain", address, "")
		}

		answer[map[string]any](t, b, "POST", "/v1/auth/otp/signup/email", `{"loginId":"ida@evil.example","loginOptions":{"tenantId":"acme"}}`, b.as("")...)
		wantFault(t, b.send(t, "POST", "/v1/auth/otp/verify/email", `{"loginId":"ida@evil.example","code":"`+b.lastCode(t)+`"}`, b.as("")...), 403, "P40311")
		answer[wireTokens](t, b, "POST", passwordPath+"signup", `{"loginId":"bob@acme.example","password":"secret no 1"}`, b.as("")...)
		check("with an address that nobody has seen a proof of", "bob@acme.example", "")
		b.byCode(t, "signin", "bob@acme.example", "")
		check("which was proven later", "bob@acme.example", member)
		b.post(t, "user/update/tenant/remove", `{"loginId":"bob@acme.example","tenantId":"acme"}`)
		b.byCode(t, "signin", "bob@acme.example", "")
		bob := b.byCode(t, "signin", "bob@acme.example", "")
		answer[map[string]any](t, b, "POST", "/v1/auth/otp/update/phone/sms", `{"loginId":"bob@acme.example","phone":"+12025550143"}`, b.as(bob.Refresh)...)
		answer[wireTokens](t, b, "POST", "/v1/auth/otp/verify/sms", `{"loginId":"bob@acme.example","code":"`+b.lastCode(t)+`"}`, b.as("")...)
		check("who was removed is not back", "bob@acme.example", "")

		cy := b.byCode(t, "signup", "cy@home.example", "")
		answer[map[string]any](t, b, "POST", "/v1/auth/otp/update/email", `{"loginId":"cy@home.example","email":"cy@acme.example"}`, b.as(cy.Refresh)...)
		answer[wireTokens](t, b, "POST", "/v1/auth/otp/verify/email", `{"loginId":"cy@home.example","code":"`+b.lastCode(t)+`"}`, b.as("")...)
		check("with another address", "cy@home.example", member)

		b.post(t, "user/create", `{"loginId":"dan@acme.example","email":"dan@acme.example","verifiedEmail":true}`)
		check("whom the management made, and put nowhere", "dan@acme.example", "")

		b.post(t, "tenant/create", `{"id":"b","name":"B","selfProvisioningDomains":["b.example","acme.example"]}`)
		fay := b.byCode(t, "signup", "fay@acme.example", "")
		check("of two tenants with one domain", "fay@acme.example", member+" b()")
		b.post(t, "tenant/update", `{"id":"acme","name":"Acme","selfProvisioningDomains":["acme.example"],"disabled":true}`)
		b.byCode(t, "signup", "gus@acme.example", "")
		check("of a tenant that is off", "gus@acme.example", "b()")
		if mine := answer[myTenantsAnswer](t, b, "POST", "/v1/auth/me/tenants", `{}`, b.as(fay.Refresh)...).Tenants; len(mine) != 1 || mine[0].ID != "b" {
			t.Errorf("a member of a tenant that is off has the tenants %v", mine)
		}

		b.with(t, "project.json", `{"projectSelfProvisioning":false}`)
		b.post(t, "user/create", `{"loginId":"hal@b.example"}`)
		b.byCode(t, "signin", "hal@b.example", "")
		check("where nobody comes by themselves", "hal@b.example", "")

		other := b.other(t)
		other.open(t, nil)
		other.post(t, "auth/signup", `{"loginId":"ann@b.example","emailVerified":true}`)
		if got := other.places(t, "ann@b.example"); got != "" {
			t.Errorf("in another project: %q", got)
		}
	})
}

// However somebody becomes a member, they get the roles of a new one; and who is one
// already keeps what they have.
func TestNewMembersGetTheDefaultRoles(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.acme(t)
		const acme = `"userTenants":[{"tenantId":"acme","roleNames":["Boss"]}]`
		steps := []struct{ name, method, path, body, who, want string }{
			{"made", "POST", "user/create", `{"loginId":"a",` + acme + `}`, "a", "acme(Boss Member Reader)"},
			{"made, several", "POST", "user/create/batch", `{"users":[{"loginId":"b",` + acme + `}]}`, "b", "acme(Boss Member Reader)"},
			{"invited", "POST", "user/create", `{"loginId":"c","invite":true,"sendMail":false,"userTenants":[{"tenantId":"acme"}]}`, "c", "acme(Member Reader)"},
			{"made by a backend", "POST", "auth/signup", `{"loginId":"d",` + acme + `}`, "d", "acme(Boss Member Reader)"},
			{"by an address that a backend vouches for", "POST", "auth/signup-in", `{"loginId":"e@acme.example","emailVerified":true}`, "e@acme.example", "acme(Member Reader)"},
			{"or does not", "POST", "auth/signup-in", `{"loginId":"f@acme.example"}`, "f@acme.example", ""},
			{"added", "POST", "user/update/tenant/add", `{"loginId":"f@acme.example","tenantId":"acme"}`, "f@acme.example", "acme(Member Reader)"},
			{"added again", "POST", "user/update/tenant/add", `{"loginId":"f@acme.example","tenantId":"acme"}`, "f@acme.example", "acme(Member Reader)"},
			{"the roles of a member", "POST", "user/update/role/set", `{"loginId":"f@acme.example","tenantId":"acme","roleNames":["Writer"]}`, "f@acme.example", "acme(Writer)"},
			{"added with other roles", "POST", "user/update/tenant/add", `{"loginId":"f@acme.example","tenantId":"acme"}`, "f@acme.example", "acme(Writer)"},
			{"a patch of a member", "PATCH", "user/patch", `{"loginId":"f@acme.example",` + acme + `}`, "f@acme.example", "acme(Boss)"},
			{"an update of a member", "POST", "user/update", `{"loginId":"f@acme.example",` + acme + `}`, "f@acme.example", "acme(Boss)"},
			{"an update that takes the tenant away", "POST", "user/update", `{"loginId":"f@acme.example"}`, "f@acme.example", ""},
			{"a patch that makes a member", "PATCH", "user/patch", `{"loginId":"f@acme.example",` + acme + `}`, "f@acme.example", "acme(Boss Member Reader)"},
		}
		for _, s := range steps {
			b.did(t, s.method, "/v1/mgmt/"+s.path, s.body)
			if got := b.places(t, s.who); got != s.want {
				t.Errorf("%s: in %q, want %q", s.name, got, s.want)
			}
		}
		wantFault(t, b.send(t, "POST", "/v1/mgmt/user/create", `{"loginId":"g","userTenants":[{"tenantId":""}]}`), 400, "E011003")
		b.post(t, "role/delete", `{"name":"Reader"}`)
		b.post(t, "user/create", `{"loginId":"h","userTenants":[{"tenantId":"acme"}]}`)
		b.with(t, "roles.json", `{"roles":[{"id":"R1","name":"Reader"},{"id":"R2","name":"Writer"}]}`) // whoever has the id has the role again
		if got := b.places(t, "h"); got != "acme(Member)" {
			t.Errorf("after a role is gone: %q", got)
		}
	})
}
