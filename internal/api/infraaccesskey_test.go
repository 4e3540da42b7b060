package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/mgmtkey"
	"postern/internal/testkit"
)

// An access key is made, read, changed and deleted as the Terraform provider does
// it, and its token works.
func TestInfraAccessKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.with(t, "roles.json", `{"roles":[{"id":"R1","name":"Reader"},{"id":"R2","name":"Writer"},{"id":"R3","name":"Admin"}]}`,
			"attributes.json", `{"accessKey":[{"name":"purpose","displayName":"Purpose","type":"string"}]}`)
		b.tenanted(t, "T1", "T2")
		call := func(method, query, body string) managed {
			t.Helper()
			w := b.send(t, method, infraPath+query, body)
			var out managed
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", method, w.Code, w.Body)
			}
			return out
		}
		data := `{"name":"till","description":"d","status":"active","expireTime":4102444800,"roleNames":["Writer","Admin","Reader"],"keyTenants":[],"customClaims":{"a":1},
			"customAttributes":{"purpose":"p"},"permittedIps":["10.0.0.1","10.1.0.0/16"]}`
		made := call(http.MethodPost, "", `{"entity":"access_key","data":`+data+`}`)
		clear, _ := made.Data["cleartext"].(string)
		if made.Entity != "access_key" || !strings.HasPrefix(made.ID, "K") || !strings.HasPrefix(clear, "K") || made.Data["id"] != nil {
			t.Errorf("made %+v", made)
		}
		for _, c := range contradictions("data", parse(t, data), made.Data) {
			t.Error(c)
		}
		read := call(http.MethodGet, "?entity=access_key&id="+made.ID, "")
		if read.Data["cleartext"] != nil || read.Data["name"] != "till" || read.Data["clientId"] != made.ID || read.Data["createdBy"] == "" {
			t.Errorf("read %+v", read)
		}

		data = `{"name":"till 2","status":"inactive","roleNames":[],"keyTenants":[{"tenantId":"T2","roleNames":["Writer","Reader"]},{"tenantId":"T1","roleNames":[]}],"permittedIps":[]}`
		changed := call(http.MethodPut, "", `{"entity":"access_key","id":"`+made.ID+`","data":`+data+`}`)
		for _, c := range contradictions("data", parse(t, data), changed.Data) {
			t.Error(c)
		}
		if diff := cmp.Diff(map[string]any{"purpose": "p"}, changed.Data["customAttributes"]); diff != "" || changed.Data["description"] != "d" {
			t.Errorf("what is not sent stays: %v", changed.Data)
		}
		wantFault(t, b.exchange(t, clear, `{}`), 401, "P40161")
		call(http.MethodPut, "", `{"entity":"access_key","id":"`+made.ID+`","data":{"status":"active","boundUserId":null}}`)
		if w := b.exchange(t, clear, `{}`); w.Code != http.StatusOK {
			t.Errorf("the key does not work: %d %s", w.Code, w.Body)
		}

		for _, c := range []struct {
			name, method, body string
			want               []string
		}{
			{"what there is not, all of it", http.MethodPost, `{"name":"x","keyTenants":[{"tenantId":"T2foo","roleNames":["Quux"]},{"tenantId":"T1","roleNames":["Quux"]}]}`, []string{
				`Tenant \"T2foo\" does not exist in project`, `"pointer":"/data/keyTenants/0/tenantId"`, `Role \"Quux\" does not exist in project`, `"pointer":"/data/keyTenants/1/roleNames/0"`,
			}},
			{"roles that there are not", http.MethodPost, `{"name":"x","roleNames":["Quux","Reader","Quuux"]}`, []string{`Role \"Quux\" does not exist`, `"pointer":"/data/roleNames/2"`}},
			{"no name", http.MethodPost, `{}`, []string{`"pointer":"/data/name"`}},
			{"inactive at once", http.MethodPost, `{"name":"x","status":"inactive"}`, []string{`"pointer":"/data/status"`}},
			{"roles beside tenants", http.MethodPost, `{"name":"x","roleNames":["Reader"],"keyTenants":[{"tenantId":"T1"}]}`, []string{`"pointer":"/data/roleNames"`}},
			{"a long description", http.MethodPost, `{"name":"x","description":"` + strings.Repeat("ä", 255) + `"}`, []string{`"pointer":"/data/description"`}},
			{"an address that is none", http.MethodPost, `{"name":"x","permittedIps":["x"]}`, []string{"data: "}},
			{"what cannot change", http.MethodPut, `{"expireTime":1,"boundUserId":"U1","status":"gone"}`, []string{`/data/expireTime`, `/data/boundUserId`, `/data/status`}},
			{"no data", http.MethodPost, `null`, []string{"must be an object"}},
		} {
			w := b.send(t, c.method, infraPath, `{"entity":"access_key","id":"`+made.ID+`","data":`+c.body+`}`)
			wantFault(t, w, 400, "E113007")
			for _, text := range c.want {
				if !strings.Contains(w.Body.String(), text) && !strings.Contains(strings.ReplaceAll(w.Body.String(), `\\\"`, `\"`), text) {
					t.Errorf("%s: %s, want %s", c.name, w.Body, text)
				}
			}
		}

		weak, other := *b, b.other(t)
		weak.key = b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import, Projects: []string{b.project}})
		for method, body := range map[string]string{
			http.MethodGet: "", http.MethodDelete: "",
			http.MethodPost: `{"entity":"access_key","data":{"name":"x"}}`, http.MethodPut: `{"entity":"access_key","id":"` + made.ID + `","data":{"name":"x"}}`,
		} {
			query := ""
			if body == "" {
				query = "?entity=access_key&id=" + made.ID
			}
			wantFault(t, weak.send(t, method, infraPath+query, body), 403, "P40301")
			wantFault(t, b.send(t, method, infraPath+query, body, "Authorization", "Bearer "+b.key), 400, "E011002")
			if method != http.MethodPost {
				wantFault(t, other.send(t, method, infraPath+query, body), 404, "P40463")
			}
		}
		call(http.MethodDelete, "?entity=access_key&id="+made.ID, "")
		wantFault(t, b.send(t, http.MethodGet, infraPath+"?entity=access_key&id="+made.ID, ""), 404, "P40463")
	})
}
