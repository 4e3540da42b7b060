package api

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/user"
)

// What clients in JavaScript read by exactly these names, and never as null.
func TestUserOnWire(t *testing.T) {
	t.Parallel()
	config := &project.Config{
		Roles:      []project.Role{{ID: "R1", Name: "editor", Permissions: []string{"write", "read"}}, {ID: "R2", Name: "admin", Permissions: []string{"all"}}},
		Attributes: project.Attributes{User: []project.Attribute{{Name: "tier"}}},
	}
	made := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		name string
		user user.User
		want string
	}{
		{"a user with nothing has lists, and no null", user.User{ID: "U1", Status: user.Enabled, CreatedAt: made, ModifiedAt: made}, `{
			"loginIds":[],"externalIds":[],"userId":"U1","name":"","givenName":"","middleName":"","familyName":"","email":"","phone":"",
			"verifiedEmail":false,"verifiedPhone":false,"roleNames":[],"permissions":[],"userTenants":[],"status":"enabled","picture":"","test":false,
			"customAttributes":{},"createdTime":1700000000,"modifiedTime":1700000000,"consentExpiration":0,"ssoAppIds":[],"editable":true,
			"recoveryEmail":"","recoveryPhone":"","verifiedRecoveryEmail":false,"verifiedRecoveryPhone":false,
			"TOTP":false,"SAML":false,"SCIM":false,"OIDC":false,"OAuth":{},"webauthn":false,"password":false,"push":false}`},
		{"a user with all has names for ids, and an invitation that ended", user.User{
			ID: "U2", LoginIDs: []string{"a@b.de", "anna"}, Status: user.Invited, ExpiresAt: made, Name: "Anna B", GivenName: "Anna", MiddleName: "M", FamilyName: "B",
			Email: "a@b.de", Phone: "+4930123456", VerifiedEmail: true, VerifiedPhone: true, Picture: "https://b.de/a.png", Test: true,
			Recovery: user.Recovery{Email: "r@b.de", Phone: "+4930999999", VerifiedEmail: true, VerifiedPhone: true},
			Custom:   map[string]any{"tier": "gold", "gone": 1}, Apps: []string{"SA1"}, Roles: []string{"R1", "Rgone"}, CreatedAt: made, ModifiedAt: made, ConsentUntil: made,
			Tenants: []user.Membership{{Tenant: "T1", Roles: []string{"R2"}}}, Methods: user.TOTP | user.SAML | user.SCIM | user.OIDC | user.Passkey | user.Password | user.Push,
		}, `{
			"loginIds":["a@b.de","anna"],"externalIds":["a@b.de","anna"],"userId":"U2","name":"Anna B","givenName":"Anna","middleName":"M","familyName":"B","email":"a@b.de","phone":"+4930123456",
			"verifiedEmail":true,"verifiedPhone":true,"roleNames":["editor"],"permissions":["read","write"],
			"userTenants":[{"tenantId":"T1","tenantName":"One","roleNames":["admin"],"permissions":["all"]}],"status":"expired","picture":"https://b.de/a.png","test":true,
			"customAttributes":{"tier":"gold"},"createdTime":1700000000,"modifiedTime":1700000000,"consentExpiration":1700000000,"ssoAppIds":["SA1"],"editable":true,
			"recoveryEmail":"r@b.de","recoveryPhone":"+4930999999","verifiedRecoveryEmail":true,"verifiedRecoveryPhone":true,
			"TOTP":true,"SAML":true,"SCIM":true,"OIDC":true,"OAuth":{},"webauthn":true,"password":true,"push":true}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := json.Marshal(writeUser(config, &tt.user, authz.Of(config), map[string]string{"T1": "One"}, time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			var got, want map[string]any
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the user on the wire, - wanted, + got:\n%s", diff)
			}
		})
	}
}
