package snapshot

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told writes differences as lines, to compare them.
func told(list []Difference) []string {
	var out []string
	for _, d := range list {
		who := strings.TrimSpace(d.Kind + " " + d.Name)
		line := fmt.Sprintf("%s|%s|%s|%s", d.File, who, d.Action, d.Label)
		switch {
		case d.Hidden:
			line += "|hidden"
		case len(d.Removed)+len(d.Added) > 0:
			line += fmt.Sprintf("|-%s +%s", d.Removed, d.Added)
		case len(d.From)+len(d.To) > 0:
			line += fmt.Sprintf("|%s>%s", d.From, d.To)
		}
		out = append(out, line)
	}
	return out
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path     string
		from, to string // "" is no file
		want     []string
	}{
		"a field": {
			"auth/password.json", `{"minLength":8}`, `{"minLength":12}`,
			[]string{"auth/password.json||changed|Shortest|8>12"},
		},
		"a key that is not known": {
			"auth/password.json", `{}`, `{"minLenght":"hunter2"}`,
			[]string{"auth/password.json||created|minLenght|hidden"},
		},
		"an entity that is new, one that is gone and one that changed": {
			"roles.json",
			`{"roles":[{"id":"1","name":"a","permissions":["p","q"]},{"id":"2","name":"b"}]}`,
			`{"roles":[{"id":"3","name":"c"},{"id":"1","name":"a","permissions":["q","r"]}]}`,
			[]string{
				`roles.json|role a|changed|Permissions|-["p"] +["r"]`,
				"roles.json|role b|removed|", "roles.json|role c|created|",
			},
		},
		"an entity of a list that is called otherwise": {
			"roles.json",
			`{"roles":[{"id":"1","name":"a","permissions":["p"]},{"id":"2","name":"b"}]}`,
			`{"roles":[{"id":"2","name":"b"},{"id":"1","name":"c","permissions":["q"]}]}`,
			[]string{"roles.json||changed|Roles (order)", `roles.json|role c|changed|Name|"a">"c"`, `roles.json|role c|changed|Permissions|-["p"] +["q"]`},
		},
		"two entities that change their names": {
			"roles.json", `{"roles":[{"id":"1","name":"a"},{"id":"2","name":"b"}]}`, `{"roles":[{"id":"2","name":"c"},{"id":"1","name":"d"}]}`,
			[]string{"roles.json||changed|Roles (order)", `roles.json|role c|changed|Name|"b">"c"`, `roles.json|role d|changed|Name|"a">"d"`},
		},
		"another order": {
			"roles.json", `{"roles":[{"name":"a"},{"name":"b"}]}`, `{"roles":[{"name":"b"},{"name":"a"}]}`,
			[]string{"roles.json||changed|Roles (order)"},
		},
		"a file that is new": {
			"roles.json", "", `{"roles":[{"name":"a"},{"name":"b"}]}`,
			[]string{"roles.json|role a|created|", "roles.json|role b|created|"},
		},
		"a file that is new and has no entity": {
			"auth/password.json", "", `{"minLength":8}`, []string{"auth/password.json||created|"},
		},
		"a whole connector": {
			"connectors/mail.json", `{"id":"CI1","name":"Mail","type":"smtp","configuration":{"password":"hunter2"}}`, "",
			[]string{"connectors/mail.json|connector Mail|removed|"},
		},
		"a credential": {
			"connectors/mail.json", `{"id":"CI1","name":"Mail","type":"smtp","configuration":{"host":"a","password":"hunter1"}}`,
			`{"id":"CI1","name":"Mail","type":"smtp","configuration":{"host":"b","password":"hunter2"}}`,
			[]string{
				`connectors/mail.json|connector Mail|changed|Configuration › Host|"a">"b"`,
				"connectors/mail.json|connector Mail|changed|Configuration › Password|hidden",
			},
		},
		"a configuration that no schema describes": {
			"connectors/x.json", `{"id":"CI1","name":"X","type":"unheard","configuration":{"k":"hunter1"}}`,
			`{"id":"CI1","name":"X","type":"unheard","configuration":{"k":"hunter2"}}`,
			[]string{"connectors/x.json|connector X|changed|Configuration › k|hidden"},
		},
		"a configuration that came with a credential in it": {
			"connectors/mail.json", `{"id":"CI1","name":"Mail","type":"smtp"}`,
			`{"id":"CI1","name":"Mail","type":"smtp","configuration":{"host":"b","password":"hunter2"}}`,
			[]string{`connectors/mail.json|connector Mail|created|Configuration|null>{"host":"b","password":"(not shown)"}`},
		},
		"a file that no section has":             {"more/x.json", `{"a":"hunter1"}`, `{"a":"hunter2"}`, []string{"more/x.json||changed|"}},
		"a document of another type than it had": {"roles.json", `{"roles":{}}`, `{"roles":[1]}`, []string{"roles.json||changed|Roles|{}>[1]"}},
		"nothing":                                {"roles.json", `{"roles":[]}`, `{"roles":[]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := Files{}, Files{}
			if test.from != "" {
				from[test.path] = []byte(test.from)
			}
			if test.to != "" {
				to[test.path] = []byte(test.to)
			}
			list := Compare(from, to)
			if diff := cmp.Diff(test.want, told(list)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if strings.Contains(fmt.Sprintf("%+v", list), "hunter") {
				t.Errorf("a secret is told: %+v", list)
			}
		})
	}
}

// Of a flow that is new its folder is not told file by file; of one that
// changed every file is told with the flow.
// An entity that is a file and is called otherwise has another file, and is the
// same entity still.
func TestCompareMovedEntity(t *testing.T) {
	t.Parallel()
	mail := func(name, host string) []byte {
		return fmt.Appendf(nil, `{"id":"CI1","name":%q,"type":"smtp","configuration":{"host":%q}}`, name, host)
	}
	other := []byte(`{"id":"CI2","name":"Other","type":"smtp"}`)
	for name, test := range map[string]struct {
		from, to Files
		want     []string
	}{
		"a new name and another value": {
			Files{"connectors/mail.json": mail("Mail", "a.test")},
			Files{"connectors/post.json": mail("Post", "b.test")},
			[]string{
				`connectors/post.json|connector Post|changed|Configuration › Host|"a.test">"b.test"`, `connectors/post.json|connector Post|changed|Name|"Mail">"Post"`,
			},
		},
		"the file only": {
			Files{"connectors/mail.json": mail("Mail", "a.test")},
			Files{"connectors/post.json": mail("Mail", "a.test")},
			[]string{"connectors/post.json|connector Mail|changed|"},
		},
		"another entity": {
			Files{"connectors/mail.json": mail("Mail", "a.test")},
			Files{"connectors/other.json": other},
			[]string{"connectors/mail.json|connector Mail|removed|", "connectors/other.json|connector Other|created|"},
		},
		"one id twice": {
			Files{"connectors/a.json": mail("A", "a.test"), "connectors/b.json": mail("B", "b.test")},
			Files{"connectors/c.json": mail("C", "a.test")},
			[]string{"connectors/a.json|connector A|removed|", "connectors/b.json|connector B|removed|", "connectors/c.json|connector C|created|"},
		},
	} {
		got := Compare(test.from, test.to)
		if diff := cmp.Diff(test.want, told(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, d := range got {
			if moved := d.Action == Changed; moved != (d.Was == "connectors/mail.json") {
				t.Errorf("%s: was %q", name, d.Was)
			}
			if renames := d.Label == "Name"; d.Renames != renames {
				t.Errorf("%s: %s renames: %v", name, d.Label, d.Renames)
			}
		}
	}
}

func TestCompareFlows(t *testing.T) {
	t.Parallel()
	flow := Files{
		"flows/f/metadata.json":   []byte(`{"name":"F","screens":["s"]}`),
		"flows/f/contents.json":   []byte(`{"startTask":"0","tasks":{"0":{"name":"a"}}}`),
		"flows/f/screen-s.json":   []byte(`{"contents":{},"screenId":"SC1"}`),
		"flows/f/screen-new.json": []byte(`{"contents":{},"screenId":"SC2"}`),
	}
	if diff := cmp.Diff([]string{"flows/f/metadata.json|flow F|created|"}, told(Compare(Files{}, flow))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	was := Files{
		"flows/f/metadata.json": flow["flows/f/metadata.json"], "flows/f/screen-s.json": flow["flows/f/screen-s.json"],
		"flows/f/contents.json": []byte(`{"startTask":"0","tasks":{"0":{"name":"b"}}}`),
	}
	want := []string{`flows/f/contents.json|flow F|changed|Tasks › step "a" (0) › Name|"b">"a"`, "flows/f/screen-new.json|screen|created|"}
	if diff := cmp.Diff(want, told(Compare(was, flow))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A project compared with itself is the same, whatever it mentions.
// A flow is compared in steps and ways, a screen in components, and not by their
// keys and places alone.
func TestCompareSaysSteps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 5000)
	was := Files{
		"flows/f/contents.json": []byte(`{"startTask":"0","tasks":{
		"0":{"name":"Ask","type":"screen","next":{"rules":[{"interactionId":"go","taskId":"1"}]}},"1":{"name":"Send","type":"automated","action":"send"}}}`),
		"flows/f/screen-s.json": []byte(`{"screenId":"SC1","contents":{"ROOT":{"displayName":"Container","props":{"align":"start"}}},"interactions":[{"id":"i","label":"Go on"}]}`),
	}
	now := Files{
		"flows/f/contents.json": []byte(`{"startTask":"2","tasks":{
		"0":{"name":"Ask","type":"screen","next":{"rules":[{"interactionId":"go","taskId":"2"},{"interactionId":"lost","taskId":"9"}]}},"2":{"name":"` + long + `","type":"automated","action":"check"}}}`),
		"flows/f/screen-s.json": []byte(`{"screenId":"SC1","contents":{"ROOT":{"displayName":"Container","props":{"align":"end"}}},"interactions":[{"id":"i","label":"Go"}]}`),
	}
	cut := `step "` + strings.Repeat("é", maxWords) + `…" (2)`
	want := []string{
		`Start: step "Ask" (0) > ` + cut,
		`Tasks › step "Ask" (0) › Next › Rules › way "go" › Task: step "Send" (1) > ` + cut,
		`Tasks › step "Ask" (0) › Next › Rules › way "lost":  > 9`,
		`Tasks › step "Send" (1): automated, send > `,
		`Tasks › ` + cut + `:  > automated, check`,
		`Contents › component "Container" (ROOT) › props › align:  > `,
		`Interactions › interaction "Go" › Label:  > `,
	}
	var got []string
	for _, d := range Compare(was, now) {
		got = append(got, fmt.Sprintf("%s: %s > %s", d.Label, d.FromAs, d.ToAs))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCompareImportOfTheSame(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shop", "edge"} {
		from, to := example(t, name), example(t, name)
		to.Secrets = nil
		c, target, out, err := CompareImport(from, to)
		if err != nil || c == nil {
			t.Fatal(name, err, target, out)
		}
		if len(c.Differences)+len(c.Missing) > 0 {
			t.Errorf("%s: %v %v", name, told(c.Differences), c.Missing)
		}
	}
}

func TestCompareImportSecrets(t *testing.T) {
	t.Parallel()
	up := func(host, password string) *Upload {
		return &Upload{Files: Files{
			"snapshot.json":              []byte(`{"version":5}`),
			"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
			"connectors/mail.json": fmt.Appendf(nil,
				`{"configuration":{"fromEmail":"a@b.example","host":%q,"password":%q,"username":"u"},"id":"CI1","name":"Mail","type":"smtp"}`, host, password),
		}}
	}
	const label = "connectors/mail.json|connector Mail|%s|Configuration › Password|hidden"
	for name, test := range map[string]struct {
		from, to *Upload
		want     []string
		missing  int
	}{
		"the stored one stays":    {up("h", Placeholder), up("h", ""), nil, 0},
		"the same again":          {up("h", "hunter1"), up("h", "hunter1"), nil, 0},
		"another":                 {up("h", "hunter1"), up("h", "hunter2"), []string{fmt.Sprintf(label, Changed)}, 0},
		"one for what was stored": {up("h", Placeholder), up("h", "hunter2"), []string{fmt.Sprintf(label, Changed)}, 0},
		"another host": {up("h", Placeholder), up("i", Placeholder), []string{
			`connectors/mail.json|connector Mail|changed|Configuration › Host|"h">"i"`, fmt.Sprintf(label, Removed),
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, target, out, err := CompareImport(test.from, test.to)
			if err != nil || c == nil {
				t.Fatal(err, target, out)
			}
			if diff := cmp.Diff(test.want, told(c.Differences)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if len(c.Missing) != test.missing {
				t.Errorf("missing: %v", c.Missing)
			}
		})
	}
}
