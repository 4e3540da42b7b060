package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What refers to an entity is known from the table: by id or by name, in an
// entity, in the folder of one, or in settings. An entity is nothing that refers
// to itself, and neither is what lies in its folder.
func TestReferrers(t *testing.T) {
	t.Parallel()
	cache := &Cache{}
	base, out, err := StandIn(&Upload{Files: Files{
		"snapshot.json":              []byte(`{"version":5}`),
		"permissions.json":           []byte(`{"permissions":[{"name":"read"}]}`),
		"roles.json":                 []byte(`{"roles":[{"id":"R1","name":"Writer","permissions":["read"]},{"id":"R2","name":"Reader","permissions":["read"]}]}`),
		"auth/magiclink.json":        []byte(`{"emailServiceProvider":"smtp:CI1","textServiceProvider":"smtp:CI1"}`),
		"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
		"connectors/mail.json":       []byte(`{"configuration":{"fromEmail":"a@example.test","host":"h","username":"u","password":"x"},"id":"CI1","name":"Mail","type":"smtp"}`),
		"flows/flows.json":           []byte(`{"flows":["in","up"]}`),
		"flows/in/metadata.json":     []byte(`{"name":"Sign in","screens":["s"]}`),
		"flows/in/screen-s.json":     []byte(`{"screenId":"SC1","contents":{}}`),
		"flows/in/contents.json": []byte(`{"startTask":"0","tasks":{
			"0":{"id":"0","name":"Ask","type":"screen","screenId":"SC1"},
			"1":{"id":"1","name":"Give","type":"automated","action":"update-user-roles","arguments":{"roleNames":{"type":"inline","value":["R1"]}}},
			"2":{"id":"2","name":"Give","type":"automated","action":"update-user-roles","arguments":{"roleNames":{"type":"inline","value":["Writer"]}}},
			"3":{"id":"3","name":"Again","type":"flow","arguments":{"flowId":{"type":"inline","value":"in"}}}}}`),
		"flows/up/metadata.json": []byte(`{"name":"Sign up","screens":[]}`),
		"flows/up/contents.json": []byte(`{"startTask":"0","tasks":{}}`),
	}}, cache)
	if err != nil || out.Failed() {
		t.Fatal(err, out)
	}
	list := []Difference{
		{Kind: "role", ID: "R1", Name: "Writer", Action: Removed},
		{Kind: "role", ID: "R2", Name: "Reader", Action: Removed},
		{Kind: "permission", Name: "read", Action: Changed, Renames: true, Field: "name"},
		{Kind: "connector", ID: "CI1", Name: "Mail", Action: Removed},
		{Kind: "connector", ID: "CI1", Name: "Mail", Action: Removed, Field: "configuration/host"},
		{Kind: "screen", ID: "SC1", Action: Removed},
		{Kind: "flow", ID: "in", Name: "Sign in", Action: Removed},
		{File: "project.json", Action: Removed},
	}
	want := [][]Referrer{
		{{"flow", "Sign in"}}, nil, {{"role", "Reader"}, {"role", "Writer"}}, {{"", "Magic link"}}, nil, nil, nil, nil,
	}
	got, err := cache.Referrers(base, base, list)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
