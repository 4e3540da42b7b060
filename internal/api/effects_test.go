package api

import (
	"fmt"
	"slices"
	"testing"

	"postern/internal/testkit"
)

// A plan says which access keys and tenants hold a role that it removes, and who has
// a value of a custom attribute that it removes or makes another type: of this
// project, each once.
func TestPlansSayWhatKeysAndTenantsLose(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.Projects.Effects = append(b.Projects.Effects, b.Users.Effects(), b.Tenants.Effects(), b.AccessKeys.Effects())
		for _, b := range []*bundle{b, b.other(t)} {
			b.with(t, "roles.json", `{"roles":[{"id":"R1","name":"Reader"},{"id":"R2","name":"Writer"}]}`,
				"attributes.json", `{"user":[{"name":"a","displayName":"A","type":"string"}],"tenant":[{"name":"a","displayName":"A","type":"string"},{"name":"b","displayName":"B","type":"string"}],
				"accessKey":[{"name":"a","displayName":"A","type":"string"},{"name":"b","displayName":"B","type":"number"}]}`)
			for i, custom := range []string{`{"a":"x","b":"y"}`, `{"a":"\"b\":"}`, `{}`} {
				b.post(t, "tenant/create", fmt.Sprintf(`{"id":"T%d","name":"T%d","customAttributes":%s}`, i, i, custom))
			}
			b.post(t, "tenant/updateDefaultRoles", `{"id":"T0","defaultRoles":["Reader"]}`)
			b.post(t, "accesskey/create", `{"name":"one","roleNames":["Reader","Writer"],"customAttributes":{"a":"x","b":1}}`)
			b.post(t, "accesskey/create", `{"name":"two","keyTenants":[{"tenantId":"T0","roleNames":["Reader"]},{"tenantId":"T1","roleNames":["Reader"]}]}`)
			b.post(t, "user/create", `{"loginId":"ann","roleNames":["Reader"],"customAttributes":{"a":"x"}}`)
		}
		plan := b.plan(t, `{"files":{"roles.json":{"roles":[{"id":"R2","name":"Writer"}]},
			"attributes.json":{"user":[],"tenant":[{"name":"b","displayName":"B","type":"number"}],"accessKey":[{"name":"b","displayName":"Bee","type":"number"}]}}}`)
		var got []string
		for _, d := range plan.Changes {
			for _, e := range d.Effects {
				got = append(got, fmt.Sprintf("%s %s: %s %d %s", d.Kind, d.Name, e.Code, e.Count, e.Message))
			}
		}
		slices.Sort(got)
		want := []string{
			"access key attribute A: attribute_values 1 1 access key has a value of it, which is kept and shown no more.",
			"role Reader: role_holders 1 1 person has this role, and what it permits, no more.",
			"role Reader: role_holders 1 1 tenant gives new members this role, and what it permits, no more.",
			"role Reader: role_holders 2 2 access keys have this role, and what it permits, no more.",
			"tenant attribute A: attribute_values 2 2 tenants have a value of it, which is kept and shown no more.",
			"tenant attribute B: attribute_values 1 1 tenant has a value of it, which stays of the old type until it is set again.",
			"user attribute A: attribute_values 1 1 person has a value of it, which is kept and shown no more.",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}
