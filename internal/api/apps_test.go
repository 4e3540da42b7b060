package api

import (
	"strings"
	"testing"

	"postern/internal/testkit"
)

// Users and tenants have SSO applications that there are. What is unknown is told all
// at once; what was there before may stay when its application goes.
func TestApplicationsOfUsersAndTenantsAreThoseOfTheProject(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "applications.json", `{"applications":[{"id":"SA1","name":"One","oidc":{}}]}`)
		for _, c := range [][2]string{
			{"user/create", `{"loginId":"ann","ssoAppIds":["SA9","SA1","SA8"]}`},
			{"user/create", `{"loginId":"ann","ssoAppIDs":["SA9","SA8"]}`},
			{"tenant/create", `{"id":"T1","name":"T1","federatedAppIds":["SA9","SA1","SA8"]}`},
		} {
			w := b.send(t, "POST", "/v1/mgmt/"+c[0], c[1])
			wantFault(t, w, 400, "E011003")
			if body := w.Body.String(); !strings.Contains(body, `no SSO applications \"SA9\", \"SA8\"`) {
				t.Errorf("%s %s: %s", c[0], c[1], body)
			}
		}
		batch := b.post(t, "user/create/batch", `{"users":[{"loginId":"bad","ssoAppIds":["SA9"]},{"loginId":"ann","ssoAppIds":["SA1"]}]}`)
		if len(batch["createdUsers"].([]any)) != 1 || len(batch["failedUsers"].([]any)) != 1 {
			t.Errorf("of a batch %v", batch)
		}
		b.post(t, "tenant/create", `{"id":"T1","name":"T1","federatedAppIds":["SA1"]}`)
		wantFault(t, b.send(t, "POST", "/v1/mgmt/tenant/update", `{"id":"T1","name":"T1","federatedAppIds":["SA9"]}`), 400, "E011003")

		b.with(t, "applications.json", `{"applications":[{"id":"SA2","name":"Two","oidc":{}}]}`)
		b.post(t, "user/update", `{"loginId":"ann","name":"Ann","ssoAppIds":["SA1","SA2"]}`)
		b.post(t, "tenant/update", `{"id":"T1","name":"One","federatedAppIds":["SA1","SA2"]}`)
		if got := b.tenant(t, "T1")["federatedAppIds"].([]any); len(got) != 2 {
			t.Errorf("the tenant has %v", got)
		}
		other := b.other(t)
		wantFault(t, other.send(t, "POST", "/v1/mgmt/user/create", `{"loginId":"ann","ssoAppIds":["SA2"]}`), 400, "E011003")
	})
}
