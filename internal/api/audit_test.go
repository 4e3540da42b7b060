package api

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

const auditPath = "/v1/mgmt/audit/search"

// actions returns what a search finds, each with what came of it.
func (b *bundle) actions(t *testing.T, body string) ([]string, auditAnswer) {
	t.Helper()
	w := b.send(t, "POST", auditPath, body)
	var out auditAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 || out.Audits == nil {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	var got []string
	for _, a := range out.Audits {
		got = append(got, a.Action+" "+a.Type)
	}
	return got, out
}

// The search takes what clients send and answers in the wire's types.
func TestSearchAudit(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.send(t, "POST", "/v1/mgmt/project/import", importBody(t, snapshot.Files{"snapshot.json": []byte(`{"version":5}`)}, ""))
		b.send(t, "POST", "/v1/mgmt/project/update/name", `{"name":"Other"}`)
		b.send(t, "POST", "/v1/mgmt/project/import", `{"files":{"project.json":{"rotateJwt":7}}}`)
		all := []string{"project.import warn", "project.rename info", "project.import info", "project.create info"}
		for name, tt := range map[string]struct {
			body  string
			want  []string
			total int
		}{
			"nothing asked":                {`{}`, all, 4},
			"as the Go SDK has no times":   {`{"from":-62135596800000,"to":-62135596800000,"actions":null,"tenants":null,"noTenants":false,"size":0,"page":0}`, all, 4},
			"a time as text":               {`{"from":"1"}`, all, 4},
			"by action":                    {`{"actions":["project.rename"]}`, all[1:2], 1},
			"by level":                     {`{"levels":["warn","error"]}`, all[:1], 1},
			"by a level that there is not": {`{"auditTypes":["debug"]}`, nil, 0},
			"by a text":                    {`{"text":"OTHER"}`, all[1:2], 1},
			"the second page":              {`{"size":3,"page":1}`, all[3:], 4},
			"a page over the largest":      {`{"size":5000,"page":1}`, nil, 4},
			"a page out of range":          {`{"size":3,"page":9223372036854775807}`, nil, 4},
			"of a user":                    {`{"userIds":["U1"]}`, nil, 0},
			"of a tenant":                  {`{"tenants":["T1"]}`, nil, 0},
			"of a tenant or of none":       {`{"tenants":["T1"],"noTenants":true}`, all, 4},
			"the oldest first":             {`{"oldestFirst":true,"size":1}`, all[3:], 4},
		} {
			if got, out := b.actions(t, tt.body); !slices.Equal(got, tt.want) || out.Total != tt.total {
				t.Errorf("%s: %v of %d, want %v of %d", name, got, out.Total, tt.want, tt.total)
			}
		}
		wantFault(t, b.send(t, "POST", auditPath, `{}`, "Authorization", "Bearer P2aAc4T2V93bddihGEx2Ryhc8e5Z:"+b.key), 404, "E011008")
		_, out := b.actions(t, `{"actions":["project.rename"]}`)
		one := out.Audits[0]
		if one.ProjectID != b.project || !strings.HasPrefix(one.ActorID, "K") || one.RemoteAddress != "192.0.2.1" || len(one.Occurred) != 13 || one.Data["name"] != "Other" {
			t.Errorf("%+v", one)
		}
	})
}

// A search that names no size gets as many as a page may have, and a size over
// that one leaves nothing out between two pages.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	b := setup(t, filepath.Join(t.TempDir(), "test.db"))
	err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for range audit.MostFound + 1 {
			if err := audit.Record(tx, audit.Event{Project: b.project, Action: "test", Outcome: audit.Done, Actor: "test"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{`{}`: audit.MostFound, `{"size":5000}`: audit.MostFound, `{"size":5000,"page":1}`: 2, `{"size":101}`: 101} {
		if got, _ := b.actions(t, body); len(got) != want {
			t.Errorf("%s finds %d, want %d", body, len(got), want)
		}
	}
}

// A key that is known and asks for what it may not do leaves a record, which
// those of another project do not see.
func TestRefusedRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		reader := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Read, Projects: []string{b.project}})
		stranger := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin, Projects: []string{"Pother"}})
		b.send(t, "POST", "/v1/mgmt/project/delete", `{}`, "Authorization", "Bearer "+b.project+":"+reader)
		b.send(t, "POST", "/v1/mgmt/project/delete", `{}`, "Authorization", "Bearer "+b.project+":"+stranger)
		b.send(t, "POST", "/v1/mgmt/project/delete", `{}`, "Authorization", "Bearer "+b.project+":Kunknown")
		b.send(t, "POST", "/v1/mgmt/project/import", `{"files":{}}`, "If-Match", `"other"`)
		got, out := b.actions(t, `{"oldestFirst":true}`)
		want := []string{"project.create info", "request.refused warn", "request.refused warn"}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if d := fmt.Sprint(out.Audits[1].Data["call"], out.Audits[1].Data["code"], out.Audits[2].Data["code"]); d != "/v1/mgmt/project/deleteP40301P41201" {
			t.Error(d)
		}
		events, _, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Limit: 1})
		if err != nil || events[0].Action != "request.refused" || events[0].Details["project"] != b.project || events[0].Actor != stranger[:28] {
			t.Errorf("the attempt of a stranger: %+v, %v", events, err)
		}
	})
}
