package obeyed

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

const (
	jwtTemplates = "jwttemplates.json"
	rolesFile    = "roles.json"
	permsFile    = "permissions.json"
	attributes   = "attributes.json"
)

// claimsOf reads the claims of a token, as clients do that only look.
func claimsOf(tok string) object {
	claims := object{}
	parts := strings.Split(tok, ".")
	if len(parts) != 3 {
		return claims
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		_ = json.Unmarshal(b, &claims) // none then
	}
	return claims
}

// compact writes a value as JSON, members sorted; an absent one is nothing.
func compact(v any) string {
	if v == nil {
		return "absent"
	}
	b, _ := json.Marshal(v, json.Deterministic(true))
	return string(b)
}

// claim is a claim of the session token of somebody who signs in now.
func claim(name string) func(p *place) string {
	return func(p *place) string {
		who, in := p.user()
		claims := claimsOf(in.word("sessionJwt"))
		id, _ := in.body["user"].(object)["userId"].(string)
		v, there := claims[name]
		if !there {
			return "absent"
		}
		if v == nil {
			return "null"
		}
		return strings.NewReplacer(who, "WHO", id, "USER", p.project, "PROJECT").Replace(compact(v))
	}
}

func templateRows() []row {
	// one is a user template with further members, which is in use.
	one := func(members string) docs {
		return docs{jwtTemplates: `{"templates":[{"id":"JTone","name":"one","type":"user","template":{"shop":"lantern","plan":"{{user.customAttributes.plan}}","sub":"{{user.email}}"}` + members + `}]}`}
	}
	with := func(text string) docs {
		return docs{jwtTemplates: `{"templates":[{"id":"JTone","name":"one","type":"user","template":` + text + `}]}`}
	}
	used := docs{settings: `{"userTemplateId":"JTone"}`}
	both := docs{jwtTemplates: `{"templates":[{"id":"JTone","name":"one","type":"user","template":{"shop":"one"}},{"id":"JTkey","name":"till","type":"key","template":{"shop":"till"}}]}`}
	authorized := docs{
		settings: used[settings], rolesFile: `{"roles":[{"id":"ROLclerk","name":"clerk","permissions":["sell"],"default":true}]}`,
		permsFile: `{"permissions":[{"id":"PERsell","name":"sell"}]}`,
	}
	// member signs in somebody of one tenant, who is a clerk there, too.
	member := func(names ...string) func(p *place) string {
		return func(p *place) string {
			tenant := fmt.Sprintf("north%d", p.people.Add(1))
			p.manage("POST", "/v1/mgmt/tenant/create", object{"id": tenant, "name": tenant}).ok(p.t)
			who := p.someone()
			p.manage("POST", "/v1/mgmt/user/create", object{"loginId": who, "email": who, "userTenants": []any{object{"tenantId": tenant, "roleNames": []string{"clerk"}}}}).ok(p.t)
			claims := claimsOf(p.manage("POST", "/v1/mgmt/auth/signin", object{"loginId": who}).word("sessionJwt"))
			var out []string
			for _, name := range names {
				out = append(out, strings.ReplaceAll(compact(claims[name]), tenant, "TENANT"))
			}
			return strings.Join(out, " ")
		}
	}
	old := func(p *place) { // a session whose tokens have the issuer of before
		_, in := p.user()
		p.kept["refresh"] = in.word("refreshJwt")
	}
	shown := func(member string) func(p *place) string {
		return func(p *place) string {
			list, _ := p.manage("POST", "/v1/mgmt/jwt/templates/list", object{}).ok(p.t)["templates"].([]any)
			return compact(list[0].(object)[member])
		}
	}
	return []row{
		{says: "what a template is for", given: used, before: one(`,"description":"tills"`), after: one(`,"description":"shops"`), look: shown("description"), want: [2]string{`"tills"`, `"shops"`}},
		{says: "what a template is called", given: used, before: one(""), after: docs{jwtTemplates: strings.Replace(one("")[jwtTemplates], `"name":"one"`, `"name":"two"`, 1)}, look: shown("name"), want: [2]string{`"one"`, `"two"`}},
		{says: "which template tokens of users follow", given: both, before: ofProject(`"userTemplateId":""`), after: ofProject(`"userTemplateId":"JTone"`), look: claim("shop"), want: [2]string{"absent", `"one"`}},
		{says: "which template tokens of access keys follow", given: both, before: ofProject(`"keyTemplateId":""`), after: ofProject(`"keyTemplateId":"JTkey"`), look: func(p *place) string {
			return compact(claimsOf(exchanged(p).word("sessionJwt"))["shop"])
		}, want: [2]string{"absent", `"till"`}},
		{says: "the claims of a template", given: used, before: with(`{"shop":"one"}`), after: with(`{"shop":"two","mail":"{{user.email}}"}`), look: claim("shop"), want: [2]string{`"one"`, `"two"`}},
		{says: "the audience is the template's", given: used, before: with(`{"aud":"one"}`), after: with(`{"aud":["{{project.id}}"]}`), look: claim("aud"), want: [2]string{`"one"`, `["PROJECT"]`}},
		{says: "a template of access keys is none of users", given: used, before: one(""), after: docs{jwtTemplates: strings.Replace(one("")[jwtTemplates], `"type":"user"`, `"type":"key"`, 1)}, look: claim("shop"), want: [2]string{`"lantern"`, "absent"}},
		{says: "roles and permissions stand in the token", given: authorized, before: one(`,"authSchema":"default"`), after: one(`,"authSchema":"tenantOnly"`), look: member("roles", "tenants", "dct"), want: [2]string{`["clerk"] {"TENANT":{"permissions":["sell"],"roles":["clerk"]}} absent`, "absent absent absent"}},
		{says: "no roles stand in the token", given: authorized, before: one(`,"authSchema":"default"`), after: one(`,"authSchema":"none"`), look: member("roles", "permissions"), want: [2]string{`["clerk"] ["sell"]`, "absent absent"}},
		{says: "a claim without a value is left out", given: used, before: one(`,"emptyClaimPolicy":"none"`), after: one(`,"emptyClaimPolicy":"delete"`), look: claim("plan"), want: [2]string{`""`, "absent"}},
		{says: "a claim without a value is null", given: used, before: one(`,"emptyClaimPolicy":"none"`), after: one(`,"emptyClaimPolicy":"nil"`), look: claim("plan"), want: [2]string{`""`, "null"}},
		{says: "the only tenant of a user is the current one", given: authorized, before: one(`,"autoDCT":false`), after: one(`,"autoDCT":true`), look: member("dct"), want: [2]string{"absent", `"TENANT"`}},
		{says: "the issuer is a URL", given: used, before: one(`,"conformanceIssuer":false`), after: one(`,"conformanceIssuer":true`), look: claim("iss"), want: [2]string{`"PROJECT"`, `"http://id.lantern.example/v1/apps/PROJECT"`}},
		{
			says: "tokens of another form of issuer are refused", given: docs{settings: `{"userTemplateId":"JTone","rotateJwt":false}`}, before: one(`,"conformanceIssuer":true,"enforceIssuer":false`), after: one(`,"conformanceIssuer":true,"enforceIssuer":true`),
			prepare: func(p *place) {
				p.imports(files{settings: object{"userTemplateId": ""}}).ok(p.t)
				old(p)
				p.imports(files{settings: object{"userTemplateId": "JTone"}}).ok(p.t)
			},
			look: refreshed, want: [2]string{"taken", "401 P40106"},
		},
		{says: "permissions are left out", given: authorized, before: one(`,"excludePermissions":false`), after: one(`,"excludePermissions":true`), look: member("roles", "permissions"), want: [2]string{`["clerk"] ["sell"]`, `["clerk"] absent`}},
		{says: "the subject is the template's", given: used, before: one(`,"overrideSubject":false`), after: one(`,"overrideSubject":true`), look: func(p *place) string {
			return claim("sub")(p) + " " + claim("dsub")(p)
		}, want: [2]string{`"USER" absent`, `"WHO" "USER"`}},
		{says: "each token has an id of its own", given: used, before: one(`,"addJti":false`), after: one(`,"addJti":true`), look: func(p *place) string {
			first, second := claim("jti")(p), claim("jti")(p)
			return fmt.Sprint(first != "absent", first == second)
		}, want: [2]string{"false true", "true false"}},
	}
}

// listed is a member of an item that a call of the management API lists, found by its
// name; "absent" where there is no such item.
func listed(p *place, path, list, name, member string) string {
	items, _ := p.manage("GET", path, nil).ok(p.t)[list].([]any)
	i := slices.IndexFunc(items, func(v any) bool { return v.(object)["name"] == name })
	if i < 0 {
		return "absent"
	}
	return compact(items[i].(object)[member])
}

func roleRows() []row {
	role := func(members string) docs {
		return docs{rolesFile: `{"roles":[{"id":"ROLclerk",` + members + `}]}`}
	}
	perm := func(members string) docs {
		return docs{permsFile: `{"permissions":[{"id":"PERsell",` + members + `},{"id":"PERbuy","name":"buy"}]}`}
	}
	plain := perm(`"name":"sell"`)
	clerk := role(`"name":"clerk","permissions":["sell"]`)
	// hire makes somebody a clerk.
	hire := func(p *place) {
		who, in := p.user()
		p.manage("POST", "/v1/mgmt/user/update/role/add", object{"loginId": who, "roleNames": []string{"clerk"}}).ok(p.t)
		p.kept["refresh"] = in.word("refreshJwt")
	}
	// holds is what the next token of the clerk says.
	holds := func(p *place) string {
		claims := claimsOf(p.as(p.kept["refresh"], "/v1/auth/refresh", object{}).word("sessionJwt"))
		return compact(claims["roles"]) + " " + compact(claims["permissions"])
	}
	roleMember := func(member string) func(p *place) string {
		return func(p *place) string { return listed(p, "/v1/mgmt/role/all", "roles", "clerk", member) }
	}
	return []row{
		{says: "a role with another name is the same role", given: plain, before: role(`"name":"clerk","permissions":["sell"]`), after: role(`"name":"seller","permissions":["sell"]`), prepare: hire, look: holds, want: [2]string{`["clerk"] ["sell"]`, `["seller"] ["sell"]`}},
		{says: "what a role permits", given: plain, before: clerk, after: role(`"name":"clerk","permissions":["buy"]`), prepare: hire, look: holds, want: [2]string{`["clerk"] ["sell"]`, `["clerk"] ["buy"]`}},
		{says: "a role that is gone is in no token", given: plain, before: clerk, after: docs{rolesFile: `{"roles":[]}`}, prepare: hire, look: holds, want: [2]string{`["clerk"] ["sell"]`, "absent absent"}},
		{says: "everybody new has a role", before: role(`"name":"clerk","default":false`), after: role(`"name":"clerk","default":true`), look: claim("roles"), want: [2]string{"absent", `["clerk"]`}},
		{says: "what a role is for", before: role(`"name":"clerk","description":"sells"`), after: role(`"name":"clerk","description":"buys"`), look: roleMember("description"), want: [2]string{`"sells"`, `"buys"`}},
		{says: "whether a role is private", before: role(`"name":"clerk","private":false`), after: role(`"name":"clerk","private":true`), look: roleMember("private"), want: [2]string{"false", "true"}},
		{
			says: "a permission that is gone is in no token", given: role(`"name":"clerk","permissions":["buy"]`), before: perm(`"name":"sell"`), after: perm(`"name":"trade"`),
			look: func(p *place) string {
				return listed(p, "/v1/mgmt/permission/all", "permissions", "sell", "name") + " " + listed(p, "/v1/mgmt/permission/all", "permissions", "trade", "name")
			},
			want: [2]string{`"sell" absent`, `absent "trade"`},
		},
		{says: "what a permission is for", given: clerk, before: perm(`"name":"sell","description":"one"`), after: perm(`"name":"sell","description":"two"`), look: func(p *place) string {
			return listed(p, "/v1/mgmt/permission/all", "permissions", "sell", "description")
		}, want: [2]string{`"one"`, `"two"`}},
	}
}

func attributeRows() []row {
	var out []row
	// takes is whether something may have a value of the attribute.
	takes := map[string]func(p *place, v any) answer{
		"user": func(p *place, v any) answer {
			return p.manage("POST", "/v1/mgmt/user/create", object{"loginId": p.someone(), "customAttributes": object{"plan": v}})
		},
		"tenant": func(p *place, v any) answer {
			return p.manage("POST", "/v1/mgmt/tenant/create", object{"name": p.someone(), "customAttributes": object{"plan": v}})
		},
		"accessKey": func(p *place, v any) answer {
			return p.manage("POST", "/v1/mgmt/accesskey/create", object{"name": p.someone(), "customAttributes": object{"plan": v}})
		},
	}
	for _, of := range []string{"user", "tenant", "accessKey"} {
		one := func(members string) docs {
			return docs{attributes: fmt.Sprintf(`{%q:[{"name":"plan","displayName":"Plan"%s}]}`, of, members)}
		}
		try := func(values ...any) func(p *place) string {
			return func(p *place) string {
				var seen []string
				for _, v := range values {
					seen = append(seen, status(takes[of](p, v)))
				}
				return strings.Join(seen, ", ")
			}
		}
		const refused = "400 E011003"
		choose := func(value, label string) docs {
			return one(fmt.Sprintf(`,"type":"singleselect","options":[{"value":%q,"label":%q}]`, value, label))
		}
		out = append(
			out,
			row{says: "the type of an attribute of a " + of, before: one(`,"type":"string"`), after: one(`,"type":"number"`), look: try("gold", 7), want: [2]string{"taken, " + refused, refused + ", taken"}},
			row{says: "the options of an attribute of a " + of, before: choose("gold", "Best"), after: choose("silver", "Best"), look: try("gold", "silver"), want: [2]string{"taken, " + refused, refused + ", taken"}},
			row{says: "an attribute of a " + of + " that there is not", before: docs{attributes: fmt.Sprintf(`{%q:[]}`, of)}, after: one(`,"type":"string"`), look: try("gold"), want: [2]string{refused, "taken"}},
		)
		if of != "user" {
			continue
		}
		shown := func(member string) func(p *place) string {
			return func(p *place) string { return listed(p, "/v1/mgmt/user/customattributes", "data", "plan", member) }
		}
		text := `,"type":"string"`
		out = append(
			out,
			row{says: "what people call an attribute", before: one(text), after: docs{attributes: `{"user":[{"name":"plan","displayName":"Tariff","type":"string"}]}`}, look: shown("displayName"), want: [2]string{`"Plan"`, `"Tariff"`}},
			row{says: "what people call an option", before: choose("gold", "Best"), after: choose("gold", "Finest"), look: shown("options"), want: [2]string{`[{"label":"Best","value":"gold"}]`, `[{"label":"Finest","value":"gold"}]`}},
			row{says: "who may see an attribute", before: one(text + `,"viewPermissions":[]`), after: one(text + `,"viewPermissions":["User Admin"]`), look: shown("viewPermissions"), want: [2]string{"[]", `["User Admin"]`}},
			row{says: "who may change an attribute", before: one(text + `,"editPermissions":[]`), after: one(text + `,"editPermissions":["User Admin"]`), look: shown("editPermissions"), want: [2]string{"[]", `["User Admin"]`}},
		)
	}
	return out
}
