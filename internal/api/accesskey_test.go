package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/accesskey"
	"postern/internal/mgmtkey"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// exchange shows an access key.
func (b *bundle) exchange(t *testing.T, clear, body string) *httptest.ResponseRecorder {
	t.Helper()
	return b.send(t, "POST", "/v1/auth/accesskey/exchange", body, "Authorization", "Bearer "+b.project+":"+clear)
}

// claimsOf are those of the token that an exchange gave, without its times.
func claimsOf(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var got exchangeAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(got.Session, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	out := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil || out["sub"] != got.KeyID || out["exp"] != float64(got.Expiration) {
		t.Errorf("%v: %s is not of the key %s until %d", err, raw, got.KeyID, got.Expiration)
	}
	return out
}

// keyOf reads an access key, without its id and times.
func keyOf(t *testing.T, answer map[string]any) map[string]any {
	t.Helper()
	k, ok := answer["key"].(map[string]any)
	if !ok {
		t.Fatalf("there is no key in %v", answer)
	}
	if at, _ := k["createdTime"].(float64); time.Since(time.Unix(int64(at), 0)) > time.Minute || k["id"] != k["clientId"] || k["createdBy"] == "" {
		t.Errorf("of the key: %v", k)
	}
	for _, member := range []string{"id", "clientId", "createdTime", "createdBy"} {
		delete(k, member)
	}
	return k
}

const keyAttributes = `{"accessKey":[{"name":"purpose","displayName":"Purpose","type":"string"},{"name":"calls","displayName":"Calls","type":"number"}]}`

func TestAccessKeysAreMadeChangedAndShown(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "attributes.json", keyAttributes)
		b.post(t, "permission/create", `{"name":"read"}`)
		b.post(t, "role/create", `{"name":"Reader","permissionNames":["read"]}`)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		b.post(t, "role/create", `{"name":"Local","permissionNames":["read"],"tenantId":"acme"}`)
		expires := time.Now().Add(time.Hour).Unix()
		made := b.post(t, "accesskey/create", fmt.Sprintf(`{"name":"Robot","description":"Does it","expireTime":"%d","roleNames":["Reader"],
			"keyTenants":[{"tenantId":"acme","roleNames":["Local"]}],"customClaims":{"scope":"x"},"permittedIps":["192.0.2.1","10.0.0.0/8"],
			"customAttributes":{"purpose":"tests"},"userId":""}`, expires))
		id := made["key"].(map[string]any)["id"].(string)
		clear, _ := made["cleartext"].(string)
		if !strings.HasPrefix(clear, "K") || mgmtkey.Looks(clear) || strings.Contains(jsonOf(t, testkit.Rows(t, b.Projects.DB)), clear) {
			t.Errorf("the cleartext %s looks like a management key, or is stored", clear)
		}
		want := map[string]any{
			"name": "Robot", "description": "Does it", "roleNames": []any{"Reader"}, "status": "active", "expireTime": float64(expires), "boundUserId": "",
			"keyTenants":   []any{map[string]any{"tenantId": "acme", "tenantName": "Acme", "roleNames": []any{"Local"}, "permissions": []any{"read"}}},
			"customClaims": map[string]any{"scope": "x"}, "editable": true, "permittedIps": []any{"192.0.2.1", "10.0.0.0/8"},
			"customAttributes": map[string]any{"purpose": "tests"},
		}
		if diff := cmp.Diff(want, keyOf(t, made)); diff != "" {
			t.Errorf("as made (-want +got):\n%s", diff)
		}
		load := func() map[string]any { return keyOf(t, b.did(t, "GET", "/v1/mgmt/accesskey?id="+id, "")) }
		if diff := cmp.Diff(want, load()); diff != "" {
			t.Errorf("as loaded (-want +got):\n%s", diff)
		}
		// What is not sent stays.
		b.post(t, "accesskey/update", `{"id":"`+id+`","name":"Robot 2","roleNames":null,"customAttributes":null}`)
		want["name"] = "Robot 2"
		if diff := cmp.Diff(want, load()); diff != "" {
			t.Errorf("with another name (-want +got):\n%s", diff)
		}
		got := b.post(t, "accesskey/update", `{"id":"`+id+`","name":"Robot 2","description":"","roleNames":[],"keyTenants":[],"customClaims":{},"permittedIps":[],"customAttributes":{"calls":5}}`)
		want["description"], want["roleNames"], want["keyTenants"], want["customClaims"] = "", []any{}, []any{}, map[string]any{}
		want["permittedIps"], want["customAttributes"] = []any{}, map[string]any{"calls": 5.0}
		if diff := cmp.Diff(want, keyOf(t, got)); diff != "" {
			t.Errorf("emptied (-want +got):\n%s", diff)
		}
		b.refusals(t, map[string][4]string{
			"no name":                       {"accesskey/create", `{}`, "400", "E011003"},
			"an end in the past":            {"accesskey/create", `{"name":"x","expireTime":1}`, "400", "E011003"},
			"an end out of range":           {"accesskey/create", `{"name":"x","expireTime":-1}`, "400", "E011003"},
			"a role that is none":           {"accesskey/create", `{"name":"x","roleNames":["none"]}`, "400", "E011003"},
			"the role of a tenant":          {"accesskey/create", `{"name":"x","roleNames":["Local"]}`, "400", "E011003"},
			"a tenant that is none":         {"accesskey/create", `{"name":"x","keyTenants":[{"tenantId":"none"}]}`, "404", "E112202"},
			"a tenant twice":                {"accesskey/create", `{"name":"x","keyTenants":[{"tenantId":"acme"},{"tenantId":"acme"}]}`, "400", "E011003"},
			"a user that is none":           {"accesskey/create", `{"name":"x","userId":"Unone"}`, "404", "E062108"},
			"an address that is none":       {"accesskey/create", `{"name":"x","permittedIps":["here"]}`, "400", "E011003"},
			"an attribute that is none":     {"accesskey/create", `{"name":"x","customAttributes":{"none":1}}`, "400", "E011003"},
			"an update of none":             {"accesskey/update", `{"id":"Knone","name":"x"}`, "404", "P40463"},
			"an update without a name":      {"accesskey/update", `{"id":"` + id + `"}`, "400", "E011003"},
			"a deletion of none":            {"accesskey/delete/batch", `{"ids":["` + id + `","Knone"]}`, "404", "P40463"},
			"a deletion of nothing":         {"accesskey/delete", `{}`, "400", "E011002"},
			"a rotation of none":            {"accesskey/rotate", `{"id":"Knone"}`, "404", "P40463"},
			"an import without a key":       {"accesskey/import", `{"keys":[{"name":"x"}]}`, "400", "E011002"},
			"an import of a short key":      {"accesskey/import", `{"keys":[{"name":"x","cleartext":"short"}]}`, "400", "E011003"},
			"an import of a management key": {"accesskey/import", `{"keys":[{"name":"x","cleartext":"` + b.key + `"}]}`, "400", "E011003"},
			"an import of a known key":      {"accesskey/import", `{"keys":[{"name":"x","cleartext":"` + clear + `"}]}`, "409", "P40966"},
		})
		if diff := cmp.Diff(want, load()); diff != "" {
			t.Errorf("after what was refused (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"accesskey.update", "accesskey.update", "accesskey.create"}, b.audited(t)[:3]); diff != "" {
			t.Errorf("the audit (-want +got):\n%s", diff)
		}
	})
}

func TestAccessKeysAreExchanged(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "project.json", `{"keySessionTokenExpiration":7,"keySessionTokenExpirationUnit":"minutes"}`)
		b.post(t, "permission/create/batch", `{"permissions":[{"name":"read"},{"name":"write"}]}`)
		b.post(t, "role/create", `{"name":"Reader","permissionNames":["read"]}`)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		b.post(t, "tenant/create", `{"id":"beta","name":"Beta"}`)
		b.post(t, "role/create", `{"name":"Local","permissionNames":["write"],"tenantId":"acme"}`)
		made := b.post(t, "accesskey/create", `{"name":"Robot","roleNames":["Reader"],"keyTenants":[{"tenantId":"acme","roleNames":["Local"]},{"tenantId":"beta"}],"customClaims":{"scope":"x"}}`)
		id, clear := made["key"].(map[string]any)["id"].(string), made["cleartext"].(string)

		claims := claimsOf(t, b.exchange(t, clear, `{}`))
		if life := claims["exp"].(float64) - claims["iat"].(float64); life != 420 {
			t.Errorf("the token lives %v s", life)
		}
		soon := time.Now().Add(time.Minute).Unix()
		short := b.post(t, "accesskey/create", fmt.Sprintf(`{"name":"Brief","expireTime":%d}`, soon))["cleartext"].(string)
		if ends := claimsOf(t, b.exchange(t, short, `{}`))["exp"].(float64); int64(ends) != soon {
			t.Errorf("the token of a key that ends at %d ends at %v", soon, ends)
		}
		acme := map[string]any{"roles": []any{"Local"}, "permissions": []any{"write"}}
		want := map[string]any{"roles": []any{"Reader"}, "permissions": []any{"read"}, "scope": "x", "drn": "DS", "tenants": map[string]any{
			"acme": acme, "beta": map[string]any{"roles": []any{}, "permissions": []any{}},
		}}
		for member, v := range want {
			if diff := cmp.Diff(v, claims[member], cmp.Transformer("loose", func(m map[string]any) string { return jsonOf(t, m) })); diff != "" && member != "tenants" {
				t.Errorf("%s (-want +got):\n%s", member, diff)
			}
		}
		if tenants, _ := claims["tenants"].(map[string]any); len(tenants) != 2 || cmp.Diff(acme, tenants["acme"]) != "" {
			t.Errorf("tenants: %v", claims["tenants"])
		}
		chosen := claimsOf(t, b.exchange(t, clear, `{"loginOptions":{"customClaims":{"mine":1},"selectedTenant":"acme"}}`))
		if chosen["dct"] != "acme" || jsonOf(t, chosen["nsec"]) != `{"mine":1}` {
			t.Errorf("with options: %v", chosen)
		}
		if w := b.exchange(t, clear, `{"loginOptions":{"selectedTenant":"none"}}`); w.Code == http.StatusOK {
			t.Errorf("a tenant of others: %s", w.Body)
		}
		// A tenant that is disabled is none of the key's.
		b.post(t, "tenant/update", `{"id":"beta","name":"Beta","disabled":true}`)
		if tenants, _ := claimsOf(t, b.exchange(t, clear, ``))["tenants"].(map[string]any); len(tenants) != 1 {
			t.Errorf("with a disabled tenant: %v", tenants)
		}
		// The key loses what is deleted.
		b.post(t, "role/delete", `{"name":"Reader"}`)
		b.post(t, "tenant/delete", `{"id":"acme"}`)
		if claims := jsonOf(t, claimsOf(t, b.exchange(t, clear, ``))); strings.Contains(claims, "Reader") || strings.Contains(claims, "acme") || strings.Contains(claims, "read") {
			t.Errorf("after deletions: %s", claims)
		}
		fresh := b.post(t, "accesskey/rotate", `{"id":"`+id+`"}`)["cleartext"].(string)
		wantFault(t, b.exchange(t, clear, ``), 401, "P40161")
		if got := claimsOf(t, b.exchange(t, fresh, ``)); got["sub"] != id {
			t.Errorf("the rotated key is %v", got["sub"])
		}
		b.post(t, "accesskey/deactivate", `{"id":"`+id+`"}`)
		wantFault(t, b.exchange(t, fresh, ``), 401, "P40161")
		b.post(t, "accesskey/activate/batch", `{"ids":["`+id+`"]}`)
		claimsOf(t, b.exchange(t, fresh, ``))
		b.post(t, "accesskey/delete/batch", `{"ids":["`+id+`"]}`)
		wantFault(t, b.exchange(t, fresh, ``), 401, "P40161")

		const elsewhere = "made-elsewhere-0123456789"
		b.post(t, "accesskey/import", `{"keys":[{"name":"Old","cleartext":"`+elsewhere+`"}]}`)
		claimsOf(t, b.exchange(t, elsewhere, ``))
		other := b.other(t)
		wantFault(t, other.exchange(t, elsewhere, ``), 401, "P40161")
	})
}

func TestAccessKeysThatWorkFromSomewhereForAWhileOrForSomebody(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		create := func(more string) string {
			return b.post(t, "accesskey/create", `{"name":"Robot"`+more+`}`)["cleartext"].(string)
		}
		here, there := create(`,"permittedIps":["192.0.2.0/24"]`), create(`,"permittedIps":["198.51.100.1","2001:db8::/32"]`)
		claimsOf(t, b.exchange(t, here, ``)) // tests call from 192.0.2.1
		wantFault(t, b.exchange(t, there, ``), 401, "P40161")

		brief := create(fmt.Sprintf(`,"expireTime":%d`, time.Now().Add(time.Hour).Unix()))
		claimsOf(t, b.exchange(t, brief, ``))
		past := func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE access_keys SET expires_at = $2 WHERE project = $1 AND expires_at > 0`, b.project, time.Now().Unix()-1)
			return err
		}
		if err := b.Projects.DB.Write(t.Context(), past); err != nil {
			t.Fatal(err)
		}
		wantFault(t, b.exchange(t, brief, ``), 401, "P40161")

		id := b.member(t)
		bound := create(`,"userId":"` + id + `"`)
		claimsOf(t, b.exchange(t, bound, ``))
		err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			u, err := user.Load(tx, b.project, id)
			if err != nil {
				return err
			}
			u.Status = user.Disabled
			return user.Save(tx, u)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, b.exchange(t, bound, ``), 401, "P40161")
		err = b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return user.Delete(tx, b.project, id) })
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := b.AccessKeys.Search(t.Context(), b.project, accesskey.Filter{BoundUser: id}); err != nil || len(keys) > 0 {
			t.Errorf("the key of a user who is gone: %v, %v", keys, err)
		}
	})
}

// Who guesses is stopped, and who shares an address with them is not.
func TestWrongAccessKeysAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		clear := b.post(t, "accesskey/create", `{"name":"Robot"}`)["cleartext"].(string)
		codes := map[int]int{}
		for i := range 33 {
			codes[b.exchange(t, fmt.Sprintf("K%040d", i), ``).Code]++
		}
		if diff := cmp.Diff(map[int]int{401: 30, 429: 3}, codes); diff != "" {
			t.Errorf("wrong keys (-want +got):\n%s", diff)
		}
		claimsOf(t, b.exchange(t, clear, ``))
	})
}

func TestAccessKeysAreSearched(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "attributes.json", keyAttributes)
		b.post(t, "tenant/create", `{"id":"acme","name":"Acme"}`)
		person := b.member(t, "acme")
		b.post(t, "accesskey/create", `{"name":"Alpha","keyTenants":[{"tenantId":"acme"}],"customAttributes":{"purpose":"a"}}`)
		b.post(t, "accesskey/create", `{"name":"Beta","description":"of alpha","userId":"`+person+`"}`)
		b.other(t).post(t, "accesskey/create", `{"name":"Gamma"}`)
		for body, want := range map[string][]string{
			`{"sort":[{"field":"name"}]}`: {"Alpha", "Beta"}, `{"sort":[{"field":"name","desc":true}]}`: {"Beta", "Alpha"},
			`{"tenantIds":["acme"]}`: {"Alpha"}, `{"text":"ALPHA","sort":[{"field":"name"}]}`: {"Alpha", "Beta"}, `{"boundUserId":"` + person + `"}`: {"Beta"},
			`{"creatingUser":"Knone"}`: {}, `{"customAttributes":{"purpose":"a"}}`: {"Alpha"}, `{"tenantIds":["none"]}`: {},
		} {
			got := []string{}
			for _, k := range b.post(t, "accesskey/search", body)["keys"].([]any) {
				got = append(got, k.(map[string]any)["name"].(string))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", body, diff)
			}
		}
		b.post(t, "tenant/delete", `{"id":"acme","cascade":true}`)
		if left := b.post(t, "accesskey/search", `{}`)["keys"].([]any); len(left) > 0 {
			t.Errorf("after the tenant of one and the user of the other are gone: %v", left)
		}
	})
}
