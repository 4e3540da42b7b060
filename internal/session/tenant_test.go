package session

import (
	"testing"

	"postern/internal/store"
	"postern/internal/testkit"
)

// The lifetimes of the current tenant count, where it has some; and a tenant that is
// disabled is current for nobody.
func TestTenantOfASession(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.join(t, "acme")
		b.join(t, "globex")
		set := func(column, value, id string) {
			b.write(t, func(tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE tenants SET `+column+` = `+value+` WHERE project = $1 AND id = $2`, b.project, id)
				return err
			})
		}
		set("settings", `'{"sessions":{"enabled":true,"session":{"n":3,"unit":"hours"},"refresh":{"n":1,"unit":"days"}}}'`, "acme")
		life := func(out *Tokens) float64 {
			claims := b.payload(t, out.Session)
			return claims["exp"].(float64) - claims["iat"].(float64)
		}
		login := b.proof(t)
		login.Options.Tenant = "acme"
		in := b.signInAs(t, login)
		if got := life(in); got != 3*3600 {
			t.Errorf("with the tenant a session token lives %v s", got)
		}
		if claims := b.payload(t, in.Refresh); claims["exp"].(float64)-claims["iat"].(float64) != 86400 {
			t.Errorf("with the tenant the session lives %v", claims)
		}
		again, err := b.refresh(t, in.Refresh)
		if err != nil || life(again) != 3*3600 {
			t.Errorf("after a refresh %v, %v", again, err)
		}
		out, err := b.SelectTenant(t.Context(), b.config(t), in.Refresh, Client{}, "globex")
		if err != nil || life(out) != 600 {
			t.Errorf("with another tenant %v, %v", out, err)
		}
		set("disabled", "1", "globex")
		_, err = b.SelectTenant(t.Context(), b.config(t), in.Refresh, Client{}, "globex")
		wantErr(t, err, ErrTenantOff)
		out, err = b.refresh(t, in.Refresh)
		if err != nil || out.Claims["dct"] != nil {
			t.Errorf("a disabled tenant is current still: %v, %v", out.Claims, err)
		}
		if tenants, _ := out.Claims["tenants"].(map[string]any); tenants["acme"] == nil || tenants["globex"] != nil {
			t.Errorf("with a tenant that is disabled the token has the tenants %v", tenants)
		}
		login.Options.Tenant = "globex"
		_, err = b.SignIn(t.Context(), login)
		wantErr(t, err, ErrTenantOff)
		_, err = b.Anonymous(t.Context(), b.config(t), nil, Change{Tenant: "nowhere"}, Client{})
		wantErr(t, err, ErrNotMember)
	})
}
