package api

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const infraPath = "/v1/mgmt/infra"

// manage makes a call of infrastructure as code, as the company's admin where
// id is "".
func (b *bundle) manage(t *testing.T, method, id, data string) *httptest.ResponseRecorder {
	t.Helper()
	auth := "Bearer " + b.key
	if id != "" {
		auth = "Bearer " + id + ":" + b.key
	}
	path, body := infraPath, fmt.Sprintf(`{"entity":"project","id":%q,"data":%s}`, id, data)
	if method == http.MethodGet || method == http.MethodDelete {
		path, body = infraPath+"?entity=project&id="+id, ""
	}
	return b.send(t, method, path, body, "Authorization", auth)
}

type managed struct {
	Entity string         `json:"entity"`
	ID     string         `json:"id"`
	Data   map[string]any `json:"data"`
}

// managedOK makes a call that must succeed.
func (b *bundle) managedOK(t *testing.T, method, id, data string) managed {
	t.Helper()
	w := b.manage(t, method, id, data)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", method, w.Code, w.Body)
	}
	var out managed
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v: %s", method, err, w.Body)
	}
	return out
}

// whole gives data what every client sends.
func whole(data string) string {
	if data != "" {
		data = "," + data
	}
	return `{"version":1,"name":"Managed"` + data + `}`
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// contradictions compares an answer with what was sent, as a client does that
// keeps a state: what was null says nothing; an object must be there; a list
// must hold exactly what was sent, by name where entries have one; another
// value may be missing, as secrets are, but not be another one.
func contradictions(at string, sent, got any) []string {
	switch sent := sent.(type) {
	case nil:
		return nil
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return []string{at + " is no object"}
		}
		var out []string
		for _, k := range slices.Sorted(maps.Keys(sent)) {
			out = append(out, contradictions(at+"."+k, sent[k], have[k])...)
		}
		if at == "data.flows" || at == "data.widgets" {
			for k := range have {
				if _, ok := sent[k]; !ok {
					out = append(out, at+"."+k+" was not sent")
				}
			}
		}
		return out
	case []any:
		have, _ := got.([]any)
		if len(have) != len(sent) {
			return []string{fmt.Sprintf("%s has %d entries, %d were sent", at, len(have), len(sent))}
		}
		var out []string
		for i, item := range sent {
			out = append(out, contradictions(fmt.Sprintf("%s[%d]", at, i), item, counterpart(item, have, i))...)
		}
		return out
	case string:
		if strings.HasPrefix(sent, "ref:") {
			if s, ok := got.(string); !ok || s == "" || strings.Contains(s, "ref:") {
				return []string{fmt.Sprintf("%s is still the placeholder: %v", at, got)}
			}
			return nil
		}
	}
	if got != nil && got != sent {
		return []string{fmt.Sprintf("%s is %v, sent was %v", at, got, sent)}
	}
	return nil
}

func counterpart(item any, have []any, i int) any {
	obj, _ := item.(map[string]any)
	for _, key := range []string{"displayName", "name"} {
		if name, ok := obj[key]; ok {
			for _, other := range have {
				if o, ok := other.(map[string]any); ok && o[key] == name {
					return other
				}
			}
			return nil
		}
	}
	return have[i]
}

// apply sends data, and holds the answer, what is read then, and the same update
// once more against it.
func (b *bundle) apply(t *testing.T, id, data string) managed {
	t.Helper()
	method := http.MethodPut
	if id == "" {
		method = http.MethodPost
	}
	out := b.managedOK(t, method, id, data)
	sent := parse(t, data)
	for _, c := range contradictions("data", sent, out.Data) {
		t.Errorf("answer to %s: %s", method, c)
	}
	read := b.managedOK(t, http.MethodGet, out.ID, "")
	for _, c := range contradictions("data", sent, read.Data) {
		t.Errorf("read: %s", c)
	}
	if strings.Contains(fmt.Sprint(read.Data), "s3cret") {
		t.Errorf("a secret is read back: %v", read.Data)
	}
	was, err := b.Projects.Get(t.Context(), out.ID)
	if err != nil {
		t.Fatal(err)
	}
	// A client knows the ids by now.
	b.managedOK(t, http.MethodPut, out.ID, b.settled(t, sent, read.Data))
	if now, _ := b.Projects.Get(t.Context(), out.ID); now.Head != was.Head {
		t.Errorf("the same again made revision %d of %d", now.Head, was.Head)
	}
	return read
}

// settled is data with the ids that its entries have got.
func (b *bundle) settled(t *testing.T, sent, got map[string]any) string {
	t.Helper()
	ids := map[string]string{}
	var walk func(sent, got any)
	walk = func(sent, got any) {
		switch sent := sent.(type) {
		case map[string]any:
			have, _ := got.(map[string]any)
			if id, _ := sent["id"].(string); strings.HasPrefix(id, "ref:") {
				ids[id], _ = have["id"].(string)
			}
			for k := range sent {
				walk(sent[k], have[k])
			}
		case []any:
			have, _ := got.([]any)
			for i := range sent {
				if i < len(have) {
					walk(sent[i], counterpart(sent[i], have, i))
				}
			}
		}
	}
	walk(sent, got)
	var replace func(v any) any
	replace = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				if s, ok := v[k].(string); ok && ids[s] != "" && k != "id" && (strings.HasSuffix(k, "Provider") || strings.HasSuffix(k, "ProviderId")) {
					v[k] = kindOf(sent, s) + ":" + ids[s]
					continue
				}
				v[k] = replace(v[k])
			}
		case []any:
			for i := range v {
				v[i] = replace(v[i])
			}
		case string:
			if ids[v] != "" {
				return ids[v]
			}
		}
		return v
	}
	// Replacing changes sent, so the types are looked up before.
	text, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	fresh := parse(t, string(text))
	b2, err := json.Marshal(replace(fresh))
	if err != nil {
		t.Fatal(err)
	}
	return string(b2)
}

// kindOf is the type of the connector that a placeholder stands for.
func kindOf(sent map[string]any, placeholder string) string {
	connectors, _ := sent["connectors"].(map[string]any)
	for kind, list := range connectors {
		items, _ := list.([]any)
		for _, item := range items {
			if obj, _ := item.(map[string]any); obj["id"] == placeholder {
				return kind
			}
		}
	}
	return ""
}

func TestInfraRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	base := b.apply(t, "", whole(infraBase))
	for _, c := range infraRefusals {
		t.Run(c.name, func(t *testing.T) {
			for _, id := range []string{"", base.ID} {
				if c.update && id == "" {
					continue
				}
				method := http.MethodPost
				if id != "" {
					method = http.MethodPut
				}
				data := whole(c.data)
				if strings.HasPrefix(c.data, "{") {
					data = c.data
				}
				w := b.manage(t, method, id, data)
				var e envelope
				if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				if w.Code != http.StatusBadRequest || e.Code != "E113007" || !strings.Contains(e.Message, c.want) {
					t.Errorf("%s: %d %s %q, want %q", method, w.Code, e.Code, e.Message, c.want)
				}
			}
		})
	}
	after := b.managedOK(t, http.MethodGet, base.ID, "")
	if fmt.Sprint(after.Data) != fmt.Sprint(base.Data) {
		t.Errorf("what was refused has changed the project:\n%v\n%v", base.Data, after.Data)
	}
	if all, err := b.Projects.List(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("what was refused has made projects: %v %v", all, err)
	}
}

func TestInfraAccepts(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		for _, c := range infraAccepted {
			t.Run(c.name, func(t *testing.T) {
				id := ""
				for i, s := range c.steps {
					data := whole(s.data)
					if strings.HasPrefix(s.data, "{") {
						data = s.data
					}
					out := b.apply(t, id, data)
					id = out.ID
					for path, want := range s.want {
						if got := lookup(out.Data, path); fmt.Sprint(got) != want {
							t.Errorf("step %d: %s is %v, want %s", i, path, got, want)
						}
					}
				}
				w := b.manage(t, http.MethodDelete, id, "")
				if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != "{}" {
					t.Errorf("delete: %d %s", w.Code, got)
				}
				if w := b.manage(t, http.MethodGet, id, ""); w.Code != http.StatusNotFound {
					t.Errorf("read after delete: %d", w.Code)
				}
			})
		}
	})
}

// lookup finds a value by dots: "connectors.smtp.0.name". The end "#" is a
// number of entries, "^" the first two letters of a text.
func lookup(v any, path string) any {
	for seg := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			if seg == "#" {
				v = len(in)
				continue
			}
			v = in[seg]
		case []any:
			if seg == "#" {
				v = len(in)
				continue
			}
			var i int
			if _, err := fmt.Sscan(seg, &i); err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		case string:
			if seg == "^" && len(in) > 2 {
				v = in[:2]
			}
		default:
			if seg == "#" {
				return 0
			}
			return nil
		}
	}
	return v
}

// What infrastructure as code writes is a configuration as any other: its
// export makes the same project elsewhere.
func TestInfraTravels(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		first := b.apply(t, "", whole(infraBase))
		files, _, err := b.Projects.Export(t.Context(), first.ID, snapshot.FormatSplit)
		if err != nil {
			t.Fatal(err)
		}
		// The secrets of applications have no group in inputSecrets.
		files["applications.json"] = bytes.ReplaceAll(files["applications.json"], []byte(snapshot.Placeholder), []byte("another"))
		up := func() *snapshot.Upload { return &snapshot.Upload{Files: maps.Clone(files)} }
		out, err := snapshot.Check(up(), snapshot.Base{}, &snapshot.Cache{})
		if err != nil || len(out.Missing) == 0 {
			t.Fatal(out.Missing, err)
		}
		elsewhere := up()
		for _, m := range out.Missing {
			elsewhere.Secrets = append(elsewhere.Secrets, snapshot.InputSecret{Group: m.Group, ID: m.ID, Type: m.Type, Value: secret.New("another")})
		}
		if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: elsewhere}); err != nil {
			t.Fatalf("%v: %+v", err, fault.From(err).Details)
		}
		second := b.managedOK(t, http.MethodGet, b.project, "")
		for _, d := range []map[string]any{first.Data, second.Data} {
			for _, k := range []string{"name", "environment", "tags"} { // of the project, not of its configuration
				delete(d, k)
			}
		}
		if fmt.Sprint(first.Data) != fmt.Sprint(second.Data) {
			t.Errorf("the project is another elsewhere:\n%v\n%v", first.Data, second.Data)
		}
	})
}

func TestInfraSecrets(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		out := b.apply(t, "", whole(infraBase))
		id, _ := lookup(out.Data, "connectors.smtp.0.id").(string)
		secret := func() string {
			c, err := b.Projects.Config(t.Context(), out.ID)
			if err != nil {
				t.Fatal(err)
			}
			v, err := b.Projects.SecretOf(t.Context(), c, "connector", id, "configuration/password")
			if err != nil {
				t.Fatal(err)
			}
			return v.Reveal()
		}
		smtp := func(name, host, password string) string {
			return fmt.Sprintf(`"connectors":{"smtp":[{"id":%q,"name":%q,"type":"smtp","configuration":{"fromEmail":"a@example.com","fromName":"A","host":%q,"port":25,"username":"u"%s}}]}`, id, name, host, password)
		}
		// Renamed, and without its secret, as after an import of the client's state.
		renamed := b.apply(t, out.ID, whole(smtp("Renamed", "mail.example.com", "")))
		if got := lookup(renamed.Data, "connectors.smtp.0.id"); got != id {
			t.Errorf("renamed: id %v, was %v", got, id)
		}
		if got := secret(); got != "s3cret" {
			t.Errorf("a secret that was left out became %q", got)
		}
		// Elsewhere it must be given again.
		if w := b.manage(t, http.MethodPut, out.ID, whole(smtp("Renamed", "evil.example.com", ""))); w.Code != http.StatusBadRequest {
			t.Errorf("a secret was redirected: %d", w.Code)
		}
		b.apply(t, out.ID, whole(smtp("Renamed", "other.example.com", `,"password":"s3cret2"`)))
		if got := secret(); got != "s3cret2" {
			t.Errorf("the new secret is %q", got)
		}
	})
}

// A flow names its connector: one of the same request, and after that was renamed
// by its new name only.
func TestInfraFlowsNameConnectors(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	made := b.managedOK(t, http.MethodPost, "", whole(`"connectors":{"http":[`+infraHTTP+`]},"flows":{"ref":`+infraRefFlow+`}`))
	id, _ := lookup(made.Data, "connectors.http.0.id").(string)
	bound := func(from managed) any {
		return lookup(from.Data, "flows.ref.contents.tasks.1.arguments.connectorId.value")
	}
	if got := bound(made); got != id || id == "" {
		t.Errorf("the flow calls %v, want %s", got, id)
	}
	renamed := `"connectors":{"http":[` + strings.NewReplacer("ref:connector:9", id, "My HTTP", "Renamed").Replace(infraHTTP) + `]}`
	w := b.manage(t, http.MethodPut, made.ID, whole(renamed+`,"flows":{"ref":`+infraRefFlow+`}`))
	if !strings.Contains(w.Body.String(), `there is no connector \"My HTTP\"`) || w.Code != http.StatusBadRequest {
		t.Errorf("a flow with the older name: %d %s", w.Code, w.Body)
	}
	now := b.managedOK(t, http.MethodPut, made.ID, whole(renamed+`,"flows":{"ref":`+strings.ReplaceAll(infraRefFlow, `"My HTTP"`, `"Renamed"`)+`}`))
	if got := bound(now); got != id {
		t.Errorf("the flow calls %v, want %s", got, id)
	}
}

// Two entities that swap their names stay the same entities.
func TestInfraSwapsNames(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	role := func(id, name string) string { return fmt.Sprintf(`{"id":%q,"name":%q,"permissions":[]}`, id, name) }
	roles := func(list string) string { return whole(`"authorization":{"roles":[` + list + `]}`) }
	out := b.apply(t, "", roles(role("ref:role:1", "A")+","+role("ref:role:2", "B")))
	one, _ := lookup(out.Data, "authorization.roles.0.id").(string)
	two, _ := lookup(out.Data, "authorization.roles.1.id").(string)
	out = b.apply(t, out.ID, roles(role(one, "B")+","+role(two, "A")))
	if got := lookup(out.Data, "authorization.roles.0.id"); got != one {
		t.Errorf("role B has id %v, want %v", got, one)
	}
	// A new one takes the old name of another.
	out = b.apply(t, out.ID, roles(role(one, "C")+","+role("ref:role:3", "B")+","+role(two, "A")))
	if got := lookup(out.Data, "authorization.roles.0.id"); got != one {
		t.Errorf("role C has id %v, want %v", got, one)
	}
	if got := lookup(out.Data, "authorization.roles.1.id"); got == one || got == two {
		t.Errorf("the new role has the id of another: %v", got)
	}
}

// What the data has no word for stays.
func TestInfraLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, sample := range testkit.Samples(t) {
		t.Run(sample.Name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
			res, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: sample.Upload()})
			if err != nil {
				t.Fatal(err)
			}
			read := b.managedOK(t, http.MethodGet, b.project, "")
			data, err := json.Marshal(read.Data)
			if err != nil {
				t.Fatal(err)
			}
			// All that was read, and nothing more: defaults are written out now.
			b.managedOK(t, http.MethodPut, b.project, string(data))
			again := b.managedOK(t, http.MethodGet, b.project, "")
			if diff := cmp.Diff(read.Data, again.Data); diff != "" {
				t.Errorf("writing what was read changes it (-read +after):\n%s", diff)
			}
			files, _, err := b.Projects.Export(t.Context(), b.project, snapshot.FormatPlain)
			if err != nil {
				t.Fatal(err)
			}
			for path := range sample.Files {
				if _, there := files[path]; !there && !strings.HasPrefix(path, "assets/") {
					t.Errorf("%s is gone", path)
				}
			}
			settingsOf := func(m map[string]any) string { return fmt.Sprint(m["rateLimitRetries"], m["rateLimitTimeframe"]) }
			if was, now := files["auth/notp.json"], sample.Files["auth/notp.json"]; len(now) > 0 && len(was) == 0 {
				t.Error("nOTP is gone")
			}
			if was := parse(t, orEmpty(sample.Files["auth/otp.json"])); settingsOf(was) != settingsOf(parse(t, orEmpty(files["auth/otp.json"]))) && len(was) > 0 && was["rateLimitRetries"] != nil {
				t.Errorf("the rate limits of one-time passwords have changed")
			}
			if res.Revision != 1 {
				t.Errorf("revision %d", res.Revision)
			}
		})
	}
}

func orEmpty(b []byte) string {
	if len(b) == 0 {
		return "{}"
	}
	return string(b)
}

func TestInfraAccess(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	out := b.apply(t, "", whole(""))
	limited := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Read, Projects: []string{out.ID}})
	for _, c := range []struct {
		method, auth, query, body string
		status                    int
		code                      string
	}{
		{http.MethodPost, "Bearer " + limited, "", `{"entity":"project","data":{"name":"x"}}`, 403, "P40301"},
		{http.MethodGet, "Bearer " + out.ID + ":" + limited, "?entity=project&id=" + out.ID, "", 200, ""},
		{http.MethodPut, "Bearer " + out.ID + ":" + limited, "", `{"entity":"project","id":"` + out.ID + `","data":{"name":"x"}}`, 403, "P40301"},
		{http.MethodDelete, "Bearer " + out.ID + ":" + limited, "?entity=project&id=" + out.ID, "", 403, "P40301"},
		{http.MethodGet, "Bearer " + b.project + ":" + limited, "?entity=project&id=" + b.project, "", 404, "E011008"},
		{http.MethodGet, "Bearer " + out.ID + ":" + b.key, "?entity=project&id=" + b.project, "", 404, "E011008"},
		{http.MethodGet, "Bearer " + b.key, "?entity=project&id=" + out.ID, "", 400, "E011002"},
		{http.MethodGet, "Bearer " + out.ID + ":" + b.key, "?entity=engine&id=E1", "", 400, "E011004"},
		{http.MethodPost, "Bearer " + b.key, "", `{"entity":"descoper","data":{}}`, 400, "E011004"},
		{http.MethodPost, "Bearer " + b.key, "", `{"entity":`, 400, "E011001"},
		{http.MethodPost, "Bearer " + b.key, "", `{"entity":"management_key","data":{"name":"x","reBac":{}}}`, 400, "E113007"},
		{http.MethodPost, "Bearer " + b.key, "", `{"entity":"management_key","data":{"name":"x","status":"inactive","reBac":{"companyRoles":["company-full-access"]}}}`, 400, "E113007"},
		{http.MethodPost, "Bearer " + b.key, "", `{"entity":"management_key","data":{"name":"x","reBac":{"companyRoles":["company-full-access"],"projectRoles":[{"projectIds":["P1"],"roles":["project-full-access"]}]}}}`, 400, "E113007"},
	} {
		w := b.send(t, c.method, infraPath+c.query, c.body, "Authorization", c.auth)
		var e envelope
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Code != c.code {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.query, c.body, w.Code, w.Body, c.status, c.code)
		}
	}
}

func TestInfraManagementKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		call := func(method, query, body string) managed {
			t.Helper()
			w := b.send(t, method, infraPath+query, body, "Authorization", "Bearer "+b.key)
			var out managed
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", method, w.Code, w.Body)
			}
			return out
		}
		data := `{"name":"ci","description":"d","status":"active","expireTime":0,"permittedIps":["10.0.0.1","10.1.0.0/16"],
			"reBac":{"companyRoles":[],"projectRoles":[{"projectIds":["` + b.project + `"],"roles":["project-full-access"]}],"tagRoles":[]}}`
		made := call(http.MethodPost, "", `{"entity":"management_key","data":`+data+`}`)
		if made.Data["cleartext"] == "" || !strings.HasPrefix(made.ID, "K") {
			t.Errorf("made %+v", made)
		}
		read := call(http.MethodGet, "?entity=management_key&id="+made.ID, "")
		for _, c := range contradictions("data", parse(t, data), read.Data) {
			t.Error(c)
		}
		if read.Data["cleartext"] != nil {
			t.Error("the cleartext is read back")
		}
		changed := call(http.MethodPut, "", `{"entity":"management_key","id":"`+made.ID+`","data":`+strings.Replace(data, `"active"`, `"inactive"`, 1)+`}`)
		if changed.Data["status"] != "inactive" {
			t.Errorf("changed %+v", changed)
		}
		call(http.MethodDelete, "?entity=management_key&id="+made.ID, "")
		if w := b.send(t, http.MethodGet, infraPath+"?entity=management_key&id="+made.ID, "", "Authorization", "Bearer "+b.key); w.Code != http.StatusNotFound {
			t.Errorf("a deleted key: %d", w.Code)
		}
	})
}

// A client that an application needs is made, and its secret shown once.
func TestInfraMakesClients(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "postern.db"))
	data := whole(`"applications":{"oidc":[{"name":"A","oidc":{"clientType":"confidential"}},{"name":"B","oidc":{"clientType":"public"}}]}`)
	made := b.managedOK(t, http.MethodPost, "", data)
	read := b.managedOK(t, http.MethodPut, made.ID, data)
	if s, _ := lookup(made.Data, "applications.oidc.0.oidc.clientSecret").(string); len(s) != 43 {
		t.Errorf("the secret that was made: %q", s)
	}
	for _, path := range []string{"0.oidc.clientId", "1.oidc.clientId", "0.id"} {
		one, two := lookup(made.Data, "applications.oidc."+path), lookup(read.Data, "applications.oidc."+path)
		if one == nil || one != two {
			t.Errorf("%s: %v, then %v", path, one, two)
		}
	}
	if s := fmt.Sprint(lookup(made.Data, "applications.oidc.1.oidc"), lookup(read.Data, "applications.oidc")); strings.Contains(s, "clientSecret") {
		t.Errorf("a secret where none is: %s", s)
	}
}

// Of many writers at once each is whole: the last one wins, and no list of one
// is mixed with that of another.
func TestInfraWritersAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		out := b.apply(t, "", whole(""))
		var writers sync.WaitGroup
		for i := range 6 {
			writers.Go(func() {
				list := fmt.Sprintf(`"lists":[{"name":"A%d","type":"texts","data":[]},{"name":"B%d","type":"texts","data":[]}]`, i, i)
				if w := b.manage(t, http.MethodPut, out.ID, whole(list)); w.Code != http.StatusOK && w.Code != http.StatusConflict {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		writers.Wait()
		read := b.managedOK(t, http.MethodGet, out.ID, "")
		a, _ := lookup(read.Data, "lists.0.name").(string)
		if second := lookup(read.Data, "lists.1.name"); len(a) != 2 || second != "B"+a[1:] {
			t.Errorf("mixed: %v", read.Data["lists"])
		}
	})
}
