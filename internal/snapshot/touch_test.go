package snapshot

import "testing"

// Two differences touch where one may undo the other.
func TestTouches(t *testing.T) {
	t.Parallel()
	role := func(id, field string) Difference {
		return Difference{File: "roles.json", Kind: "role", ID: id, Name: id, Field: field}
	}
	for name, row := range map[string]struct {
		a, b Difference
		want bool
	}{
		"the same field":                            {role("A", "description"), role("A", "description"), true},
		"two fields of one entity":                  {role("A", "description"), role("A", "name"), false},
		"a field and a part of it":                  {role("A", "rules"), role("A", "rules/0/name"), true},
		"a field and one whose name begins like it": {role("A", "rule"), role("A", "rules/0"), false},
		"an entity and a field of it":               {role("A", ""), role("A", "description"), true},
		"two entities of one file":                  {role("A", ""), role("B", ""), false},
		"the same field of two entities":            {role("A", "name"), role("B", "name"), false},
		"a file and an entity in it":                {Difference{File: "roles.json"}, role("A", "name"), true},
		"two files":                                 {Difference{File: "roles.json"}, Difference{File: "lists.json"}, false},
		"a setting and another":                     {Difference{File: "project.json", Field: "a"}, Difference{File: "project.json", Field: "b"}, false},
		"a setting of two files":                    {Difference{File: "auth/otp.json", Field: "enabled"}, Difference{File: "auth/password.json", Field: "enabled"}, false},
		"an entity that is in another file now": {
			Difference{File: "connectors/new.json", Was: "connectors/old.json", Kind: "connector", ID: "CI1", Name: "New", Field: "name"},
			Difference{File: "connectors/old.json", Kind: "connector", ID: "CI1", Name: "Old", Field: "name"},
			true,
		},
		"a flow and a screen in its folder": {
			Difference{File: "flows/in/metadata.json", Kind: "flow", ID: "in", Name: "In"},
			Difference{File: "flows/in/screen-start.json", Kind: "screen", ID: "0", Field: "name"},
			true,
		},
		"a flow and a screen in the folder of another": {
			Difference{File: "flows/in/metadata.json", Kind: "flow", ID: "in", Name: "In"},
			Difference{File: "flows/out/screen-start.json", Kind: "screen", ID: "0", Field: "name"},
			false,
		},
	} {
		if got := row.a.Touches(row.b); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := row.b.Touches(row.a); got != row.want {
			t.Errorf("%s, the other way round: %v", name, got)
		}
	}
}
