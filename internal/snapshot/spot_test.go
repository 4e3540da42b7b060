package snapshot

import "testing"

// What a difference is about is found in files that have other ids and another
// order, and what is gone in the list that named it.
func TestFinder(t *testing.T) {
	t.Parallel()
	f := NewFinder(Files{
		"roles.json":                 []byte(`{"roles":[{"id":"R9","name":"Reader"},{"id":"R8","name":"R1","permissions":["a"]}]}`),
		"auth/password.json":         []byte(`{"minLength":8,"odd":1}`),
		"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
		"connectors/mail.json":       []byte(`{"id":"CI7","name":"Mail","type":"smtp","configuration":{"host":"h"}}`),
		"flows/flows.json":           []byte(`{"flows":["in"]}`),
		"flows/in/metadata.json":     []byte(`{"name":"Sign in","screens":[]}`),
		"flows/in/contents.json":     []byte(`{"startTask":"0","tasks":{"0":{"name":"Ask"}}}`),
		"more/x.json":                []byte(`{"a":1}`),
	})
	for name, tt := range map[string]struct {
		d    Difference
		want string
	}{
		"a setting":                          {Difference{File: "auth/password.json", Field: "minLength"}, "auth/password.json#/minLength"},
		"a setting that is gone":             {Difference{File: "auth/password.json", Field: "lock"}, "auth/password.json#"},
		"a whole file":                       {Difference{File: "auth/password.json"}, "auth/password.json#"},
		"an entity by its name":              {Difference{File: "roles.json", Kind: "role", ID: "R1", Name: "Reader"}, "roles.json#/roles/0"},
		"an entity by its id":                {Difference{File: "roles.json", Kind: "role", ID: "R8", Name: "Other"}, "roles.json#/roles/1"},
		"a field of an entity":               {Difference{File: "roles.json", Kind: "role", Name: "R1", Field: "permissions"}, "roles.json#/roles/1/permissions"},
		"a field that is gone":               {Difference{File: "roles.json", Kind: "role", Name: "R1", Field: "private"}, "roles.json#/roles/1"},
		"an entity that is gone from a list": {Difference{File: "roles.json", Kind: "role", ID: "R2", Name: "Writer"}, "roles.json#"},
		"a deep field":                       {Difference{File: "connectors/mail.json", Kind: "connector", ID: "CI1", Name: "Mail", Field: "configuration/host"}, "connectors/mail.json#/configuration/host"},
		"a credential that no file has":      {Difference{File: "connectors/mail.json", Kind: "connector", ID: "CI1", Name: "Mail", Field: "configuration/password"}, "connectors/mail.json#/configuration"},
		"a connector that is gone":           {Difference{File: "connectors/old.json", Kind: "connector", ID: "CI2", Name: "Old"}, "connectors/connectors.json#/connectors"},
		"a flow that is gone":                {Difference{File: "flows/old/metadata.json", Kind: "flow", ID: "old"}, "flows/flows.json#/flows"},
		"a screen that is gone":              {Difference{File: "flows/in/screen-s.json", Kind: "screen", ID: "SC1"}, "flows/in/metadata.json#/screens"},
		"a step of a flow":                   {Difference{File: "flows/in/contents.json", Kind: "flow", ID: "in", Name: "Sign in", Field: "tasks/0/name"}, "flows/in/contents.json#/tasks/0/name"},
		"a file that no section has":         {Difference{File: "more/x.json"}, "more/x.json#"},
		"a file that is not there":           {Difference{File: "gone.json"}, "gone.json#"},
	} {
		if file, pointer := f.Find(tt.d); file+"#"+pointer != tt.want {
			t.Errorf("%s: got %s#%s, want %s", name, file, pointer, tt.want)
		}
	}
	for m, want := range map[MissingSecret]string{
		{Group: "connectors", ID: "CI1", Name: "Mail", Type: "password"}: "connectors/mail.json#/configuration/password",
		{Group: "connectors", ID: "CI7", Name: "Other", Type: "token"}:   "connectors/mail.json#",
		{Group: "connectors", ID: "CI1", Name: "Other", Type: "token"}:   "#",
		{Group: "oauthProviders", ID: "CI7", Name: "Mail", Type: "a"}:    "#",
	} {
		if file, pointer := f.FindSecret(m); file+"#"+pointer != want {
			t.Errorf("%+v: got %s#%s, want %s", m, file, pointer, want)
		}
	}
}
