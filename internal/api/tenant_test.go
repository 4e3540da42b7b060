package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/tenant"
	"postern/internal/testkit"
	"postern/internal/user"
)

const tenantAttributes = `{"tenant":[{"name":"plan","displayName":"Plan","type":"singleselect","options":[{"value":"free","label":"Free"},{"value":"paid","label":"Paid"}]},
	{"name":"seats","displayName":"Seats","type":"number"}]}`

// tenant reads one, without its times.
func (b *bundle) tenant(t *testing.T, id string) map[string]any {
	t.Helper()
	got := b.did(t, "GET", "/v1/mgmt/tenant?id="+id, "")
	at, ok := got["createdTime"].(float64)
	if d := time.Since(time.Unix(int64(at), 0)); !ok || d < 0 || d > time.Minute {
		t.Errorf("createdTime is %v", got["createdTime"])
	}
	delete(got, "createdTime")
	return got
}

func TestTenantsAreMadeChangedAndFound(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "attributes.json", tenantAttributes, "applications.json", `{"applications":[{"id":"app","name":"App","oidc":{}}]}`)
		made := b.post(t, "tenant/create", `{"name":" One ","selfProvisioningDomains":["One.Example","one.example"],"customAttributes":{"plan":"free","seats":5},
			"enforceSSO":true,"enforceSSOExclusions":["a@one.example"],"disabled":false,"roleInheritance":"userOnly","authType":"saml","federatedAppIds":["app"]}`)
		id, _ := made["id"].(string)
		if len(id) != 30 || id[:3] != "TEN" {
			t.Errorf("a new id is %q", id)
		}
		b.post(t, "tenant/create", `{"id":"sub","name":"Sub","parent":"`+id+`","selfProvisioningDomains":null,"customAttributes":null}`)
		want := map[string]any{
			"id": id, "name": "One", "selfProvisioningDomains": []any{"one.example"}, "customAttributes": map[string]any{"plan": "free", "seats": 5.0},
			"authType": "saml", "domains": []any{}, "disabled": false, "enforceSSO": true, "enforceSSOExclusions": []any{"a@one.example"},
			"federatedAppIds": []any{"app"}, "parent": "", "successors": []any{"sub"}, "defaultRoles": []any{}, "roleInheritance": "userOnly",
		}
		if diff := cmp.Diff(want, b.tenant(t, id)); diff != "" {
			t.Errorf("the new tenant (-want +got):\n%s", diff)
		}
		bare := map[string]any{
			"id": "sub", "name": "Sub", "selfProvisioningDomains": []any{}, "customAttributes": map[string]any{}, "authType": "none", "domains": []any{},
			"disabled": false, "enforceSSO": false, "enforceSSOExclusions": []any{}, "federatedAppIds": []any{}, "parent": id, "successors": []any{},
			"defaultRoles": []any{}, "roleInheritance": "",
		}
		if diff := cmp.Diff(bare, b.tenant(t, "sub")); diff != "" {
			t.Errorf("the tenant under it (-want +got):\n%s", diff)
		}
		// What one of the SDKs does not send stays; what both send is emptied by null.
		b.post(t, "tenant/update", `{"id":"`+id+`","name":"Two","selfProvisioningDomains":null,"customAttributes":{"seats":6}}`)
		want["name"], want["selfProvisioningDomains"], want["customAttributes"] = "Two", []any{}, map[string]any{"seats": 6.0}
		if diff := cmp.Diff(want, b.tenant(t, id)); diff != "" {
			t.Errorf("the changed tenant (-want +got):\n%s", diff)
		}
		b.post(t, "tenant/update", `{"id":"`+id+`","name":"Two","enforceSSO":false,"enforceSSOExclusions":null,"disabled":true}`)
		want["enforceSSO"], want["enforceSSOExclusions"], want["disabled"], want["customAttributes"] = false, []any{}, true, map[string]any{}
		if diff := cmp.Diff(want, b.tenant(t, id)); diff != "" {
			t.Errorf("the tenant that was turned off (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"tenant.update", "tenant.update", "tenant.create", "tenant.create"}, b.audited(t)[:4]); diff != "" {
			t.Errorf("the audit (-want +got):\n%s", diff)
		}
	})
}

func TestTenantsThatAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "attributes.json", tenantAttributes)
		b.post(t, "tenant/create", `{"id":"one","name":"One"}`)
		b.post(t, "tenant/create", `{"id":"two","name":"Two"}`)
		b.post(t, "tenant/settings", `{"tenantId":"one","domains":["one.example"]}`)
		before := testkit.Rows(t, b.Projects.DB)["tenants"]
		b.refusals(t, map[string][4]string{
			"no name":                    {"tenant/create", `{}`, "400", "E011003"},
			"a name of two lines":        {"tenant/create", `{"name":"a\nb"}`, "400", "E011003"},
			"an id with a slash":         {"tenant/create", `{"name":"x","id":"a/b"}`, "400", "E011003"},
			"an id that is no text":      {"tenant/create", `{"name":"x","id":"a\u0000b"}`, "400", "E011001"},
			"an id that another has":     {"tenant/create", `{"name":"x","id":"one"}`, "409", "P40961"},
			"a name that another has":    {"tenant/create", `{"name":"One"}`, "409", "P40961"},
			"a parent that there is not": {"tenant/create", `{"name":"x","parent":"none"}`, "404", "E112202"},
			"a domain that is none":      {"tenant/create", `{"name":"x","selfProvisioningDomains":["a b"]}`, "400", "E011003"},
			"an attribute that is none":  {"tenant/create", `{"name":"x","customAttributes":{"no":1}}`, "400", "E011003"},
			"an attribute of a text":     {"tenant/create", `{"name":"x","customAttributes":{"seats":"many"}}`, "400", "E011003"},
			"an option that is none":     {"tenant/update", `{"id":"one","name":"One","customAttributes":{"plan":"gold"}}`, "400", "E011003"},
			"another kind of sign-in":    {"tenant/create", `{"name":"x","authType":"magic"}`, "400", "E011003"},
			"another inheritance":        {"tenant/create", `{"name":"x","roleInheritance":"all"}`, "400", "E011003"},
			"an update of none":          {"tenant/update", `{"id":"none","name":"x"}`, "404", "E112202"},
			"an update without an id":    {"tenant/update", `{"name":"x"}`, "400", "E011002"},
			"an update to a taken name":  {"tenant/update", `{"id":"two","name":"One"}`, "409", "P40961"},
			"an update to no name":       {"tenant/update", `{"id":"two"}`, "400", "E011003"},
			"a taken SSO domain":         {"tenant/settings", `{"tenantId":"two","domains":["ONE.example"]}`, "409", "P40962"},
			"settings of none":           {"tenant/settings", `{"tenantId":"none"}`, "404", "E112202"},
			"a short lifetime":           {"tenant/settings", `{"tenantId":"two","sessionTokenExpiration":1,"sessionTokenExpirationUnit":"minutes"}`, "400", "E011003"},
			"a long lifetime":            {"tenant/settings", `{"tenantId":"two","refreshTokenExpiration":1001,"refreshTokenExpirationUnit":"weeks"}`, "400", "E011003"},
			"a negative lifetime":        {"tenant/settings", `{"tenantId":"two","refreshTokenExpiration":-4,"refreshTokenExpirationUnit":"weeks"}`, "400", "E011003"},
			"a unit that is none":        {"tenant/settings", `{"tenantId":"two","stepupTokenExpiration":5,"stepupTokenExpirationUnit":"years"}`, "400", "E011003"},
			"a short inactivity":         {"tenant/settings", `{"tenantId":"two","inactivityTime":5,"inactivityTimeUnit":"minutes"}`, "400", "E011003"},
			"a session beyond its token": {"tenant/settings", `{"tenantId":"two","sessionTokenExpiration":5,"sessionTokenExpirationUnit":"days","refreshTokenExpiration":4,"refreshTokenExpirationUnit":"days"}`, "400", "E011003"},
			"a default role of none":     {"tenant/updateDefaultRoles", `{"id":"two","defaultRoles":["none"]}`, "400", "E011003"},
			"default roles of none":      {"tenant/updateDefaultRoles", `{"id":"none","defaultRoles":[]}`, "404", "E112202"},
			"a deletion of none":         {"tenant/delete", `{"id":"none"}`, "404", "E112202"},
		})
		wantFault(t, b.send(t, "GET", "/v1/mgmt/tenant?id=none", ""), 404, "E112202")
		wantFault(t, b.send(t, "GET", "/v1/mgmt/tenant?id=%00", ""), 400, "P40017")
		wantFault(t, b.send(t, "GET", "/v1/mgmt/tenant/settings?id=none", ""), 404, "E112202")
		if diff := cmp.Diff(before, testkit.Rows(t, b.Projects.DB)["tenants"]); diff != "" {
			t.Errorf("what is refused changes something:\n%s", diff)
		}
	})
}

func TestTenantsAreSearched(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "attributes.json", tenantAttributes)
		b.post(t, "tenant/create", `{"id":"a","name":"Alpha","selfProvisioningDomains":["a.example","x.example"],"customAttributes":{"plan":"free","seats":1},"authType":"oidc"}`)
		b.post(t, "tenant/create", `{"id":"b","name":"Beta","selfProvisioningDomains":["x.example"],"customAttributes":{"plan":"paid"}}`)
		b.post(t, "tenant/create", `{"id":"c","name":"Alpha and Beta","parent":"a"}`)
		b.post(t, "tenant/settings", `{"tenantId":"b","domains":["sso.example"]}`)
		for body, want := range map[string][]string{
			`{}`: {"a", "c", "b"},
			`{"tenantIds":null,"tenantNames":null,"tenantSelfProvisioningDomains":null,"customAttributes":null,"authType":""}`: {"a", "c", "b"},
			`{"tenantIds":["b","a","none"]}`: {"a", "b"}, `{"tenantNames":["Alpha"]}`: {"a"}, `{"tenantSelfProvisioningDomains":["X.example"]}`: {"a", "b"},
			`{"tenantSSODomains":["sso.example"]}`: {"b"}, `{"customAttributes":{"plan":"free"}}`: {"a"}, `{"customAttributes":{"plan":"free","seats":2}}`: nil,
			`{"authType":"oidc"}`: {"a"}, `{"authType":"none"}`: {"c", "b"}, `{"parentTenantId":"a"}`: {"c"}, `{"topLevelOnly":true}`: {"a", "b"},
			`{"tenantIds":["a"],"tenantNames":["Beta"]}`: nil,
		} {
			if diff := cmp.Diff(want, ids(b.post(t, "tenant/search", body)["tenants"])); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
		}
		if diff := cmp.Diff([]string{"a", "c", "b"}, ids(b.did(t, "GET", "/v1/mgmt/tenant/all", "")["tenants"])); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		if got := ids(b.other(t).did(t, "GET", "/v1/mgmt/tenant/all", "")["tenants"]); got != nil {
			t.Errorf("another project has %v", got)
		}
	})
}

// ids are those of a list of objects, in its order.
func ids(list any) []string {
	var out []string
	items, _ := list.([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		id, _ := m["id"].(string)
		out = append(out, id)
	}
	return out
}

func TestTenantSettings(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "tenant/create", `{"id":"one","name":"One"}`)
		settings := func() map[string]any { return b.did(t, "GET", "/v1/mgmt/tenant/settings?id=one", "") }
		want := map[string]any{
			"domains": []any{}, "selfProvisioningDomains": []any{}, "authType": "none", "enabled": false, "refreshTokenExpiration": 0.0, "refreshTokenExpirationUnit": "",
			"sessionTokenExpiration": 0.0, "sessionTokenExpirationUnit": "", "stepupTokenExpiration": 0.0, "stepupTokenExpirationUnit": "", "enableInactivity": false,
			"inactivityTime": 0.0, "inactivityTimeUnit": "", "JITDisabled": false, "ssoSetupSuiteSettings": map[string]any{
				"enabled": false, "styleId": "", "disabledFeatures": map[string]any{"saml": false, "oidc": false, "scim": false, "ssoDomains": false, "groupMapping": false},
			},
		}
		if diff := cmp.Diff(want, settings()); diff != "" {
			t.Errorf("of a new tenant (-want +got):\n%s", diff)
		}
		b.post(t, "tenant/settings", `{"tenantId":"one","domains":["sso.example"],"selfProvisioningDomains":["a.example"],"authType":"oidc","enabled":true,
			"refreshTokenExpiration":"2","refreshTokenExpirationUnit":"days","sessionTokenExpiration":5,"sessionTokenExpirationUnit":"minutes",
			"enableInactivity":true,"inactivityTime":1,"inactivityTimeUnit":"hours","JITDisabled":true,"ssoSetupSuiteSettings":{"enabled":true,"disabledFeatures":{"scim":true}}}`)
		set := settings()
		want["domains"], want["selfProvisioningDomains"], want["authType"], want["enabled"] = []any{"sso.example"}, []any{"a.example"}, "oidc", true
		want["refreshTokenExpiration"], want["refreshTokenExpirationUnit"], want["sessionTokenExpiration"], want["sessionTokenExpirationUnit"] = 2.0, "days", 5.0, "minutes"
		want["enableInactivity"], want["inactivityTime"], want["inactivityTimeUnit"], want["JITDisabled"] = true, 1.0, "hours", true
		want["ssoSetupSuiteSettings"] = map[string]any{"enabled": true, "styleId": "", "disabledFeatures": map[string]any{"saml": false, "oidc": false, "scim": true, "ssoDomains": false, "groupMapping": false}}
		if diff := cmp.Diff(want, set); diff != "" {
			t.Errorf("as set (-want +got):\n%s", diff)
		}
		of, err := b.Tenants.Settings(t.Context(), b.project, "one")
		if err != nil {
			t.Fatal(err)
		}
		p := project.Settings{RefreshTokenLifetime: time.Hour, SessionTokenLifetime: time.Hour, StepUpTokenLifetime: time.Hour, RotateRefreshTokens: true}
		p = of.Over(p)
		if p.RefreshTokenLifetime != 48*time.Hour || p.SessionTokenLifetime != 5*time.Minute || p.StepUpTokenLifetime != time.Hour || p.Inactivity != time.Hour || !p.RotateRefreshTokens {
			t.Errorf("over those of the project: %+v", p)
		}
		b.post(t, "tenant/settings", `{"tenantId":"one","enabled":false,"domains":null}`)
		want["enabled"], want["domains"] = false, []any{}
		if diff := cmp.Diff(want, settings()); diff != "" {
			t.Errorf("what is not sent stays (-want +got):\n%s", diff)
		}
		if of, err = b.Tenants.Settings(t.Context(), b.project, "one"); err != nil || of.Over(project.Settings{Inactivity: time.Minute}).Inactivity != time.Minute {
			t.Errorf("settings that are off count: %+v, %v", of, err)
		}
	})
}

// member makes a user who belongs to tenants.
func (b *bundle) member(t *testing.T, tenants ...string) string {
	t.Helper()
	u := &user.User{Project: b.project}
	for _, id := range tenants {
		u.Tenants = append(u.Tenants, user.Membership{Tenant: id, Roles: []string{"ROL1"}})
	}
	err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		u.ID = ""
		return user.Create(tx, u)
	})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}

// tenantsOf returns those of a user, or false where there is no such user.
func (b *bundle) tenantsOf(t *testing.T, id string) (tenants []string, there bool) {
	t.Helper()
	err := b.Projects.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		u, err := user.Load(tx, b.project, id)
		if err != nil {
			return err
		}
		for _, m := range u.Tenants {
			tenants = append(tenants, m.Tenant)
		}
		return nil
	})
	return tenants, err == nil
}

func TestTenantsAreDeletedWithTheirMembersOrWithout(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		make := func() (one, both string) {
			b.post(t, "tenant/create", `{"id":"a","name":"A","selfProvisioningDomains":["a.example"]}`)
			b.post(t, "tenant/create", `{"id":"under","name":"Under","parent":"a"}`)
			return b.member(t, "a"), b.member(t, "a", "b")
		}
		b.post(t, "tenant/create", `{"id":"b","name":"B"}`)
		stranger := b.member(t)

		one, both := make()
		b.refusals(t, map[string][4]string{"a tenant with one under it": {"tenant/delete", `{"id":"a"}`, "409", "P40963"}})
		b.post(t, "tenant/delete", `{"id":"under"}`)
		b.post(t, "tenant/delete", `{"id":"a","cascade":false}`)
		if got, there := b.tenantsOf(t, one); !there || got != nil {
			t.Errorf("without cascade, who was in it alone: %v, %v", got, there)
		}
		if got, there := b.tenantsOf(t, both); !there || !slices.Equal(got, []string{"b"}) {
			t.Errorf("without cascade, who is in another, too: %v, %v", got, there)
		}
		rows := testkit.Rows(t, b.Projects.DB)
		if len(rows["tenant_domains"]) > 0 || len(rows["user_roles"]) != 1 {
			t.Errorf("left: %v %v", rows["tenant_domains"], rows["user_roles"])
		}
		one, both = make()
		sub := b.member(t, "under")
		b.post(t, "tenant/delete", `{"id":"a","cascade":true}`)
		for name, id := range map[string]string{"who was in it alone": one, "who was in one under it alone": sub} {
			if got, there := b.tenantsOf(t, id); there {
				t.Errorf("with cascade, %s: %v", name, got)
			}
		}
		if got, there := b.tenantsOf(t, both); !there || !slices.Equal(got, []string{"b"}) {
			t.Errorf("with cascade, who is in another, too: %v, %v", got, there)
		}
		if _, there := b.tenantsOf(t, stranger); !there {
			t.Error("who is in no tenant is gone")
		}
		if got := ids(b.did(t, "GET", "/v1/mgmt/tenant/all", "")["tenants"]); !slices.Equal(got, []string{"b"}) {
			t.Errorf("left: %v", got)
		}
	})
}

func TestTenantsOfOneNameRace(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		if n := b.atOnce(t, 12, "tenant/create", `{"name":"One"}`, "P40961"); n != 1 {
			t.Errorf("%d tenants got the name", n)
		}
		for i := range 6 {
			b.post(t, "tenant/create", fmt.Sprintf(`{"id":"t%d","name":"T%d"}`, i, i))
		}
		done := make(chan int)
		for i := range 6 {
			go func() {
				w := b.send(t, "POST", "/v1/mgmt/tenant/settings", fmt.Sprintf(`{"tenantId":"t%d","domains":["sso.example"]}`, i))
				done <- w.Code
			}()
		}
		codes := map[int]int{}
		for range 6 {
			codes[<-done]++
		}
		if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusConflict: 5}, codes); diff != "" {
			t.Errorf("tenants that got the domain (-want +got):\n%s", diff)
		}
	})
}

func TestTenantsForOthers(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		for _, body := range []string{
			`{"id":"a","name":"A","selfProvisioningDomains":["x.example"]}`, `{"id":"b","name":"B","parent":"a","selfProvisioningDomains":["x.example"],"disabled":true}`,
			`{"id":"c","name":"C","parent":"b","selfProvisioningDomains":["x.example","y.example"]}`, `{"id":"d","name":"D"}`,
		} {
			b.post(t, "tenant/create", body)
		}
		other := b.other(t)
		other.post(t, "tenant/create", `{"id":"a","name":"Other","selfProvisioningDomains":["x.example"]}`)
		err := b.Projects.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
			names, err := tenant.Names(tx, b.project, []string{"a", "d", "none", "a", "\x00"})
			if diff := cmp.Diff(map[string]string{"a": "A", "d": "D"}, names); err != nil || diff != "" {
				t.Errorf("names: %v\n%s", err, diff)
			}
			below, err := tenant.Below(tx, b.project, []string{"b", "a", "none", "\x00"})
			if diff := cmp.Diff([]string{"a", "b", "c"}, below); err != nil || diff != "" {
				t.Errorf("under a: %v\n%s", err, diff)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Both databases give back what was stored, though an attribute is gone since.
func TestTenantsKeepTheValuesOfAttributesThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.with(t, "attributes.json", tenantAttributes)
	b.post(t, "tenant/create", `{"id":"one","name":"One","customAttributes":{"plan":"free","seats":5}}`)
	b.with(t, "attributes.json", `{"tenant":[{"name":"seats","displayName":"Seats","type":"number"}]}`)
	if got, _ := json.Marshal(b.tenant(t, "one")["customAttributes"]); string(got) != `{"seats":5}` {
		t.Errorf("shows %s", got)
	}
	b.post(t, "tenant/settings", `{"tenantId":"one","enabled":true}`)
	b.with(t, "attributes.json", tenantAttributes)
	if got, _ := json.Marshal(b.tenant(t, "one")["customAttributes"], json.Deterministic(true)); string(got) != `{"plan":"free","seats":5}` {
		t.Errorf("shows %s", got)
	}
}
