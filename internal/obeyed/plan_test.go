package obeyed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit"
)

// A planned import, and what its plan tells of the people who are there.
type planned struct {
	says    string
	before  docs
	prepare func(p *place)
	after   docs
	want    string // the file, the field, the code and the count of each effect
}

// Each method and setting says in the plan whom it shuts out: users who lose the only
// way in, sessions that end, holders of what is removed. A plan changes nothing.
func TestPlansSayWhomTheyShutOut(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		h := open(t, url)
		for _, tt := range plannedImports() {
			t.Run(tt.says, func(t *testing.T) {
				t.Parallel()
				p := h.newPlace(t)
				before, after := row{says: tt.says, before: tt.before, after: tt.after}.files(t)
				p.imports(everyFile()).ok(t) // so that what changes are fields
				p.imports(before).ok(t)
				if tt.prepare != nil {
					tt.prepare(p)
				}
				for range 2 {
					if got := p.effects(after); got != tt.want {
						t.Fatalf("the plan says %q, want %q", got, tt.want)
					}
				}
			})
		}
	})
}

// everyFile is a configuration that has each file of a method.
func everyFile() files {
	out := files{"snapshot.json": object{"version": 5}, settings: object{"rotateJwt": false}, questionsFile: object{"enabled": false}}
	for _, file := range []string{otpFile, magicFile, enchantedFile, embeddedFile, totpFile, passkeyFile, passwordFile} {
		out[file] = object{"enabled": true}
	}
	return out
}

// effects are those of the plan of an import: "file field code count", one a line.
func (p *place) effects(in files) string {
	p.t.Helper()
	plan := p.manage("POST", "/v1/mgmt/project/plan", object{"files": in}).ok(p.t)
	if plan["ok"] != true {
		p.t.Fatalf("it would be refused: %v", plan["details"])
	}
	var lines []string
	add := func(where string, list any) {
		effects, _ := list.([]any)
		for _, e := range effects {
			lines = append(lines, fmt.Sprintf("%s %v %v", where, e.(object)["code"], e.(object)["count"]))
		}
	}
	add("whole", plan["effects"])
	for _, d := range plan["changes"].([]any) {
		field, _ := d.(object)["field"].(string)
		add(strings.TrimSpace(fmt.Sprint(d.(object)["file"], " ", field)), d.(object)["effects"])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// many does something so many times.
func many(n int, do func(p *place)) func(p *place) {
	return func(p *place) {
		for range n {
			do(p)
		}
	}
}

func plannedImports() []planned {
	trusted := docs{settings: `{"trustedDomains":"shop.lantern.example"}`}
	onlyPassword := docs{otpFile: `{"enabled":false}`, magicFile: `{"enabled":false}`, enchantedFile: `{"enabled":false}`}
	caller := func(p *place) { // somebody who is reached by phone alone
		p.manage("POST", "/v1/mgmt/user/create", object{"loginId": p.number(), "phone": p.number()}).ok(p.t)
	}
	signedIn := func(p *place) { p.user() }
	app := func(p *place) {
		who := p.someone()
		seed := p.as("", "/v1/auth/totp/signup", object{"loginId": who}).word("key")
		in := p.as("", "/v1/auth/totp/verify", object{"loginId": who, "code": appCode(p, seed)})
		in.ok(p.t)
		p.as(in.word("refreshJwt"), "/v1/auth/recovery-codes", object{"loginId": who}).ok(p.t)
	}
	template := func(members string) docs {
		return docs{
			settings:     `{"userTemplateId":"JTone","sessionTokenExpiration":10}`,
			jwtTemplates: `{"templates":[{"id":"JTone","name":"one","type":"user","template":{}` + comma(members) + `}]}`,
		}
	}
	clerk := docs{rolesFile: `{"roles":[{"id":"ROLclerk","name":"clerk","permissions":["sell"]}]}`, permsFile: `{"permissions":[{"id":"PERsell","name":"sell"}]}`}
	hire := func(p *place) {
		who, _ := p.user()
		p.manage("POST", "/v1/mgmt/user/update/role/add", object{"loginId": who, "roleNames": []string{"clerk"}}).ok(p.t)
	}
	plan := docs{attributes: `{"user":[{"name":"plan","displayName":"Plan","type":"string"}]}`}
	hasPlan := func(p *place) {
		p.manage("POST", "/v1/mgmt/user/create", object{"loginId": p.someone(), "customAttributes": object{"plan": "gold"}}).ok(p.t)
	}
	wrongThrice := func(p *place) {
		who := owner(p)
		for range 3 {
			signsIn(p, who, "wrong")
		}
	}
	answered := func(p *place) {
		_, in := p.user()
		answers(p, in.word("refreshJwt"), 1).ok(p.t)
	}
	asked := docs{questionsFile: `{"enabled":true,"securityQuestions":[{"id":"SQone","text":"One?"}]}`}
	aged := func(d time.Duration, do func(p *place)) func(p *place) {
		return func(p *place) {
			do(p)
			p.later(d)
			do(p)
		}
	}
	return []planned{
		{"no method of messages is left", nil, many(2, signedIn), onlyPassword, otpFile + " enabled users_lose_only_method 2"},
		{"who is reached by phone alone", nil, many(3, caller), docs{otpFile: `{"enabled":false}`, magicFile: `{"enabled":false}`}, otpFile + " enabled users_lose_only_method 3"},
		{"another method of messages is left", nil, many(2, signedIn), docs{otpFile: `{"enabled":false}`}, ""},
		{"passwords are the only way in", onlyPassword, many(2, func(p *place) { owner(p) }), docs{passwordFile: `{"enabled":false}`}, passwordFile + " enabled users_lose_only_method 2"},
		{"old passwords expire", nil, aged(3*7*24*time.Hour, func(p *place) { owner(p) }), docs{passwordFile: `{"expiration":true,"expirationWeeks":2}`}, passwordFile + " expiration passwords_expire 1"},
		{"passwords lock at once", nil, wrongThrice, docs{passwordFile: `{"lock":true,"lockAttempts":3}`}, passwordFile + " lock passwords_lock 1"},
		{"passkeys are switched off", trusted, many(2, func(p *place) { makePasskey(p, p.someone()) }), docs{passkeyFile: `{"enabled":false}`}, passkeyFile + " enabled users_lose_passkey 2"},
		{"passkeys are bound to another domain", trusted, func(p *place) { makePasskey(p, p.someone()) }, docs{passkeyFile: `{"relyingPartyId":"lantern.example"}`}, passkeyFile + " relyingPartyId passkeys_useless 1"},
		{"passkeys are of a page that is not trusted any more", trusted, func(p *place) { makePasskey(p, p.someone()) }, docs{settings: `{"trustedDomains":"other.example"}`}, settings + " trustedDomains passkeys_useless 1"},
		{"a domain more is trusted", trusted, func(p *place) { makePasskey(p, p.someone()) }, docs{settings: `{"trustedDomains":"shop.lantern.example,other.example"}`}, ""},
		{"authenticator apps are switched off", nil, app, docs{totpFile: `{"enabled":false}`}, totpFile + " enabled users_lose_totp 1"},
		{"nothing is left that recovery codes stand in for", nil, app, docs{totpFile: `{"enabled":false}`, passkeyFile: `{"enabled":false}`}, totpFile + " enabled recovery_codes_useless 1\n" + totpFile + " enabled users_lose_totp 1"},
		{"questions are switched off", asked, answered, docs{questionsFile: `{"enabled":false}`}, questionsFile + " enabled answers_dropped 1"},
		{"more questions are asked than were answered", asked, answered, docs{questionsFile: `{"verifyQuestionsCount":2}`}, questionsFile + " verifyQuestionsCount answers_dropped 1"},
		{"sessions end that are older", nil, aged(3*time.Hour, signedIn), docs{settings: `{"refreshTokenExpiration":2,"refreshTokenExpirationUnit":"hours"}`}, settings + " refreshTokenExpiration sessions_end 1"},
		{"sessions end that lie still", nil, aged(3*time.Hour, signedIn), docs{settings: `{"enableInactivity":true,"inactivityTime":30,"inactivityTimeUnit":"minutes"}`}, settings + " enableInactivity sessions_end 1"},
		{"sessions end whose tokens have another issuer", template(""), many(2, signedIn), template(`"conformanceIssuer":true,"enforceIssuer":true`), jwtTemplates + " conformanceIssuer sessions_end 2"},
		{"tokens get another issuer, and those of before count", template(""), many(2, signedIn), template(`"conformanceIssuer":true`), ""},
		{"devices are trusted no more", nil, aged(3*time.Hour, func(p *place) { trusts(p) }), docs{settings: `{"trustedDeviceTokenExpiration":2,"trustedDeviceTokenExpirationUnit":"hours"}`}, settings + " trustedDeviceTokenExpiration devices_forgotten 1"},
		{"a role is removed", clerk, many(2, hire), docs{rolesFile: `{"roles":[]}`}, rolesFile + " role_holders 2"},
		{"a role permits less", clerk, many(2, hire), docs{rolesFile: `{"roles":[{"id":"ROLclerk","name":"clerk","permissions":[]}]}`}, rolesFile + " permissions role_permits_less 2"},
		{"an attribute is removed", plan, many(2, hasPlan), docs{attributes: `{"user":[]}`}, attributes + " attribute_values 2"},
		{"an attribute takes other values", plan, hasPlan, docs{attributes: `{"user":[{"name":"plan","displayName":"Plan","type":"number"}]}`}, attributes + " type attribute_values 1"},
		{"tenants have no users of their own any more", docs{settings: `{"tenantUserIsolation":true}`}, func(p *place) {
			twoTenants(p)
			who, _ := p.user()
			joinsAt(p, "north", who, right).ok(p.t)
			joinsAt(p, "south", who, right).ok(p.t)
			joinsAt(p, "south", p.someone(), right).ok(p.t)
		}, docs{settings: `{"tenantUserIsolation":false}`}, settings + " tenantUserIsolation login_ids_shared 1\n" + settings + " tenantUserIsolation users_not_found 3"},
		{"tenants have users of their own from now on", nil, func(p *place) {
			twoTenants(p)
			who, _ := p.user()
			p.manage("POST", "/v1/mgmt/user/update/tenant/add", object{"loginId": who, "tenantId": p.kept["north"]}).ok(p.t)
		}, docs{settings: `{"tenantUserIsolation":true}`}, settings + " tenantUserIsolation users_not_in_tenants 1"},
		{"codes could not be sent", nil, nil, docs{
			otpFile: `{"emailServiceProvider":"CIhook"}`, "connectors/connectors.json": `{"connectors":["hook"]}`,
			"connectors/hook.json": `{"id":"CIhook","name":"hook","type":"http","configuration":{"baseUrl":"https://hook.lantern.example"}}`,
		}, otpFile + " emailServiceProvider messages_not_sent 1"},
	}
}
