package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// withTemplate imports a template for the tokens of users, or of keys.
func (b *bench) withTemplate(t *testing.T, kind, members string) {
	t.Helper()
	b.configure(t, map[string]string{
		"project.json":      `{"` + kind + `TemplateId":"JT1"}`,
		"jwttemplates.json": `{"templates":[{"id":"JT1","name":"one","type":"` + kind + `",` + members + `}]}`,
		"permissions.json":  `{"permissions":[{"name":"read"},{"name":"write"}]}`,
		"roles.json":        `{"roles":[{"id":"ROL1","name":"editor","permissions":["read","write"]},{"id":"ROL2","name":"reader","permissions":["read"]}]}`,
		"attributes.json":   `{"user":[{"name":"tier","displayName":"Tier","type":"string"},{"name":"tags","displayName":"Tags","type":"multiselect","options":[{"value":"a","label":"a"}]}],"tenant":[],"accessKey":[]}`,
	})
}

// roleIDs are those of editor and reader, as the project has them.
func (b *bench) roleIDs(t *testing.T, names ...string) []string {
	t.Helper()
	ids, err := authz.Of(b.config(t)).IDs(names)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// What a template does to the claims of a session token, and what nobody can do.
func TestTemplates(t *testing.T) {
	t.Parallel()
	const plain = `"template":{}`
	for _, tt := range []struct {
		name     string
		template string
		tenant   string
		want     map[string]string // claim → JSON; "" is a claim that is not there
	}{
		{"none gives roles of the project and of each tenant", plain, "", map[string]string{
			"roles": `["editor"]`, "permissions": `["read","write"]`, "tenants": `{"acme":{"permissions":["read"],"roles":["reader"]}}`, "dct": "", "jti": "", "su": "",
		}},
		{"a chosen tenant is the current one", plain, "acme", map[string]string{"dct": `"acme"`}},
		{"autoDCT chooses the only tenant", plain + `,"autoDCT":true`, "", map[string]string{"dct": `"acme"`}},
		{"tenantOnly gives what the current tenant gives", plain + `,"authSchema":"tenantOnly"`, "acme", map[string]string{
			"roles": `["reader"]`, "permissions": `["read"]`, "tenants": "", "dct": `"acme"`,
		}},
		{"tenantOnly without a tenant gives nothing", plain + `,"authSchema":"tenantOnly"`, "", map[string]string{"roles": "", "permissions": "", "tenants": ""}},
		{"none gives no authorization", plain + `,"authSchema":"none"`, "acme", map[string]string{"roles": "", "permissions": "", "tenants": ""}},
		{"excludePermissions leaves roles", plain + `,"excludePermissions":true`, "", map[string]string{
			"roles": `["editor"]`, "permissions": "", "tenants": `{"acme":{"roles":["reader"]}}`,
		}},
		{
			"macros keep the type of their value", `"template":{"mail":"{{user.email}}","checked":"{{user.verifiedEmail}}","tags":"{{user.customAttributes.tags}}","ids":"{{ user.loginIds }}"}`, "",
			map[string]string{"mail": `"ada@example.com"`, "checked": `true`, "tags": `["a","b"]`, "ids": `["ada@example.com"]`},
		},
		{
			"a macro in a text, and in an object", `"template":{"who":"{{user.name}} of {{project.name}}","deep":{"list":["{{user.email}}",7]}}`, "",
			map[string]string{"who": `"Ada {{user.email}} \"x\" of Shop"`, "deep": `{"list":["ada@example.com",7]}`},
		},
		{"a value is no macro", `"template":{"name":"{{user.name}}"}`, "", map[string]string{"name": `"Ada {{user.email}} \"x\""`}},
		{"empty claims stay blank", `"template":{"p":"{{user.phone}}","n":"{{user.nothing}}"}`, "", map[string]string{"p": `""`, "n": `""`}},
		{"or are null", `"template":{"p":"{{user.phone}}"},"emptyClaimPolicy":"nil"`, "", map[string]string{"p": `null`}},
		{"or are left out, also within", `"template":{"p":"{{user.phone}}","in":{"p":"{{user.phone}}","q":1}},"emptyClaimPolicy":"delete"`, "", map[string]string{"p": "", "in": `{"q":1}`}},
		{"the audience is for a template to say", `"template":{"aud":["{{project.name}}"]}`, "", map[string]string{"aud": `["Shop"]`}},
		{"the subject is with overrideSubject", `"template":{"sub":"{{user.email}}"},"overrideSubject":true`, "", map[string]string{"sub": `"ada@example.com"`, "dsub": `"USER"`}},
		{"and is not without", `"template":{"sub":"{{user.email}}"}`, "", map[string]string{"sub": `"USER"`, "dsub": ""}},
		{"what is reserved stays", `"template":{"iss":"x","exp":1,"drn":"DSR","amr":["x"],"roles":["admin"],"tenants":{"z":{}},"sid":"x","permissions":["all"],"act":{"sub":"x"}}`, "", map[string]string{
			"iss": `"PROJECT"`, "drn": `"DS"`, "amr": `["email"]`, "roles": `["editor"]`, "act": "", "permissions": `["read","write"]`,
		}},
		{"a conforming issuer is a URL", plain + `,"conformanceIssuer":true`, "", map[string]string{"iss": `"https://id.example.com/v1/apps/PROJECT"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, testkit.Store(t))
			b.withTemplate(t, "user", tt.template)
			b.user.Name, b.user.Custom, b.user.Roles = `Ada {{user.email}} "x"`, map[string]any{"tags": []any{"a", "b"}}, b.roleIDs(t, "editor")
			b.write(t, func(tx *store.Tx) error { return user.Save(tx, b.user) })
			b.join(t, "acme", b.roleIDs(t, "reader")...)
			login := b.proof(t)
			login.Options.Tenant, login.Client.Base = tt.tenant, "https://id.example.com/"
			claims := b.payload(t, b.signInAs(t, login).Session)
			for name, want := range tt.want {
				want = strings.NewReplacer("PROJECT", b.project, "USER", b.user.ID).Replace(want)
				got := ""
				if v, ok := claims[name]; ok {
					text, err := json.Marshal(v, json.Deterministic(true))
					if err != nil {
						t.Fatal(err)
					}
					got = string(text)
				}
				if got != want {
					t.Errorf("%s = %s, want %s", name, got, want)
				}
			}
		})
	}
}

// Every token gets an id of its own where the template says so.
func TestJTI(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.withTemplate(t, "user", `"template":{},"addJti":true`)
	one, two := b.signIn(t).Claims["jti"], b.signIn(t).Claims["jti"]
	if one == nil || one == two {
		t.Errorf("jti = %v and %v", one, two)
	}
}

// Where the template insists on an issuer, tokens of another form are refused; where
// it does not, both forms count.
func TestEnforceIssuer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		members string
		want    error
	}{
		{`"template":{},"conformanceIssuer":true`, nil},
		{`"template":{},"conformanceIssuer":true,"enforceIssuer":true`, key.ErrToken},
		{`"template":{},"enforceIssuer":true`, nil},
	} {
		t.Run(tt.members, func(t *testing.T) {
			t.Parallel()
			b := setup(t, testkit.Store(t))
			b.PublicURL = "https://id.example.com"
			before := b.signIn(t).Refresh
			b.withTemplate(t, "user", tt.members)
			_, err := b.refresh(t, before)
			wantErr(t, err, tt.want)
			_, err = b.refresh(t, b.signIn(t).Refresh)
			wantErr(t, err, nil)
		})
	}
}

// Claims that somebody asks for stand apart, those of a management key at the top,
// and neither replaces what the server says. They outlive a refresh.
func TestCustomClaims(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		asked := map[string]any{"roles": []any{"admin"}, "sub": "Uother", "exp": 1, "dct": "acme", "nsec": map[string]any{"x": 1}, "color": "red", "deep": map[string]any{"n": 1.5}}
		for _, trusted := range []bool{false, true} {
			login := b.proof(t)
			login.Options.CustomClaims, login.Options.Trusted = asked, trusted
			tokens := b.signInAs(t, login)
			again, err := b.refresh(t, tokens.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			for name, token := range map[string]secret.Text{"at the sign-in": tokens.Session, "after a refresh": again.Session} {
				claims := b.payload(t, token)
				where := claims
				if !trusted {
					where, _ = claims["nsec"].(map[string]any)
				}
				if where["color"] != "red" || fmt.Sprint(where["deep"]) != "map[n:1.5]" || claims["sub"] != b.user.ID || claims["roles"] != nil || claims["dct"] != nil {
					t.Errorf("%s, trusted %v: %v", name, trusted, claims)
				}
				if !trusted && (claims["color"] != nil || len(where) != 2) {
					t.Errorf("%s: what a stranger asked for is %v", name, claims)
				}
			}
		}
	})
}

// An access key gets a session token by its own template and lifetime, and nothing
// to refresh.
func TestForKey(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.withTemplate(t, "key", `"template":{"aud":"api","name":"{{key.name}}","why":"{{key.customAttributes.purpose}}"}`)
	b.settings(t, `{"keySessionTokenExpiration":7,"keySessionTokenExpirationUnit":"minutes"}`)
	in := KeyLogin{
		Config: b.config(t), KeyID: "K1", Name: "robot", Roles: b.roleIDs(t, "reader"), Tenants: []user.Membership{{Tenant: "acme", Roles: b.roleIDs(t, "editor")}},
		Known: authz.Of(b.config(t)), Claims: map[string]any{"scope": "x"}, Custom: map[string]any{"purpose": "tests"}, Options: Options{Tenant: "acme", CustomClaims: map[string]any{"a": "b"}},
	}
	out, err := b.ForKey(t.Context(), in)
	if err != nil || !out.Refresh.IsZero() || out.User != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	claims := b.payload(t, out.Session)
	life := claims["exp"].(float64) - claims["iat"].(float64)
	delete(claims, "exp")
	delete(claims, "iat")
	want := map[string]any{
		"iss": b.project, "sub": "K1", "drn": "DS", "amr": []any{}, "aud": "api", "name": "robot", "why": "tests", "scope": "x", "nsec": map[string]any{"a": "b"},
		"dct": "acme", "roles": []any{"reader"}, "permissions": []any{"read"},
		"tenants": map[string]any{"acme": map[string]any{"roles": []any{"editor"}, "permissions": []any{"read", "write"}}},
	}
	if diff := cmp.Diff(want, claims); diff != "" || life != 420 {
		t.Errorf("it lives %v s; claims (-want +got):\n%s", life, diff)
	}
	if _, err := b.Validate(t.Context(), in.Config, out.Session); err != nil {
		t.Error(err)
	}
	in.Options.Tenant = "globex"
	_, err = b.ForKey(t.Context(), in)
	wantErr(t, err, ErrNotMember)
}
