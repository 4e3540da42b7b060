package cli

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// folderOf writes files into a folder and reads them as a command does.
func folderOf(t *testing.T, files map[string]string) *local {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "config")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := (&app{}).readLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// wantSARIF fails the test for a log that SARIF 2.1.0 has no place for, and
// returns its results as lines.
func wantSARIF(t *testing.T, log sarifLog) []string {
	t.Helper()
	if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 {
		t.Fatalf("the log is %s %s with %d runs", log.Schema, log.Version, len(log.Runs))
	}
	run := log.Runs[0]
	seen := map[string]bool{}
	for _, r := range run.Tool.Driver.Rules { // §3.49.3: each id once
		if r.ID == "" || seen[r.ID] || !strings.HasSuffix(r.Text.Text, ".") {
			t.Errorf("the rule %+v", r)
		}
		seen[r.ID] = true
	}
	out := []string{}
	for _, r := range run.Results {
		if r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("the rule %d is not %s", r.RuleIndex, r.RuleID)
		}
		if !slices.Contains([]string{"note", "warning", "error"}, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Fatalf("the result %+v", r)
		}
		at := r.Locations[0].Physical
		uri, err := url.Parse(at.Artifact.URI)
		if err != nil || uri.Path == "" {
			t.Errorf("the place %q: %v", at.Artifact.URI, err)
		}
		_, file, _ := strings.Cut(uri.Path, "/config")
		line := fmt.Sprintf("%s %s %s", r.Level, r.RuleID, strings.TrimPrefix(file, "/"))
		if g := at.Region; g != nil {
			line += fmt.Sprintf(":%d:%d", g.StartLine, g.StartColumn)
			if g.StartLine < 1 || g.StartColumn < 1 || g.EndColumn <= g.StartColumn {
				t.Errorf("the region %+v", g)
			}
		}
		out = append(out, line+" "+r.Message.Text)
	}
	return out
}

// Of a plan what is wrong, what weakens security, what goes and what is touched is
// found where it stands in the files; what only changes is not.
func TestPlanAsSARIF(t *testing.T) {
	t.Parallel()
	from := folderOf(t, map[string]string{
		"snapshot.json":              `{"version":5}`,
		"auth/password.json":         "{\n  \"minLength\": 6,\n  \"expiration\": true\n}",
		"roles.json":                 "{\"roles\": [\n  {\"id\": \"R9\", \"name\": \"Author\"}\n]}",
		"connectors/connectors.json": "{\n  \"connectors\": [\"mail\"]\n}",
		"connectors/mail.json":       "{\"id\": \"CI9\", \"name\": \"Mail\", \"type\": \"smtp\",\n \"configuration\": {\n  \"password\": \"PLACEHOLDER_VALUE\"}}",
	})
	role := snapshot.Difference{Section: "authorization", File: "roles.json", Kind: "role", ID: "R1", Name: "Author"}
	renamed, private, gone := role, role, role
	renamed.Action, renamed.Renames, renamed.Field, renamed.Label, renamed.From, renamed.To = snapshot.Changed, true, "name", "Name", []byte(`"Writer"`), []byte(`"Author"`)
	private.Action, private.Field, private.Label, private.To = snapshot.Created, "private", "Private", []byte(`true`)
	private.Effects = []snapshot.Effect{{Code: "users_lose_sight", Message: "3 users see it no more.", Count: 3}}
	gone.Action, gone.ID, gone.Name = snapshot.Removed, "R2", "Reader"
	plan := &client.Plan{
		Details:  []snapshot.Problem{{Code: snapshot.CodeSecretMissing, Level: snapshot.Error, File: "connectors/mail.json", Pointer: "/configuration/password", Message: "it is missing"}},
		Warnings: []snapshot.Problem{{Code: snapshot.CodeUnknownKey, Level: snapshot.Warning, File: "auth/password.json", Pointer: "/expiration", Message: "it is not known", Hint: "try another"}},
		Effects:  []snapshot.Effect{{Code: "waits_for_confirmation", Message: "Revision 2 waits.", Count: 1}},
		Changes: []snapshot.Difference{
			{
				Section: "password", File: "auth/password.json", Action: snapshot.Changed, Field: "minLength", Label: "Shortest", From: []byte(`8`), To: []byte(`6`),
				Risks: []snapshot.Risk{{Code: "password_policy_weaker", Level: snapshot.Weakens, Message: "weaker (8 → 6)"}, {Code: "needs_review", Level: snapshot.Ask, Message: "look"}},
			},
			{Section: "password", File: "auth/password.json", Action: snapshot.Created, Field: "expiration", To: []byte(`true`)},
			{Section: "password", File: "auth/password.json", Action: snapshot.Removed, Field: "lock", From: []byte(`true`)},
			renamed, private, gone,
			{Section: "connectors", File: "connectors/old.json", Kind: "connector", ID: "CI2", Name: "Old", Action: snapshot.Removed, Risks: []snapshot.Risk{{Code: "connector_removed", Level: snapshot.Ask, Message: "a check is gone"}}},
			{Section: "connectors", File: "connectors/mail.json", Kind: "connector", ID: "CI1", Name: "Mail", Action: snapshot.Changed, Field: "configuration/host"},
		},
		Secrets: []client.PlannedSecret{
			{Kind: "connector", ID: "CI1", Name: "Mail", Field: "configuration/password", State: "follows"},
			{Kind: "connector", ID: "CI1", Name: "Mail", Field: "configuration/other", State: "set"},
		},
	}
	want := []string{
		`error secret_missing connectors/mail.json:3:3 it is missing`,
		`warning unknown_key auth/password.json:3:3 it is not known (try another)`,
		`warning touches  Revision 2 waits.`,
		`error password_policy_weaker auth/password.json:2:3 auth/password.json › Shortest: weaker (8 → 6); look.`,
		`note renamed roles.json:2:16 role "Author" › Name: "Writer" → "Author".`,
		`warning touches roles.json:2:3 role "Author" › Private: true. 3 users see it no more.`,
		`warning removed roles.json role "Reader" is removed.`,
		`warning connector_removed connectors/connectors.json:2:3 connector "Old" is removed: a check is gone.`,
		`warning secret_follows connectors/mail.json:3:3 configuration/password of the connector "Mail" follows to another destination`,
	}
	if diff := cmp.Diff(want, wantSARIF(t, sarifOf(from, planFindings(from.upload.Files, plan)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What no file has is nowhere else, and a log without results has all the rules.
func TestSARIFWithoutPlaces(t *testing.T) {
	t.Parallel()
	stdin := &local{upload: &snapshot.Upload{}, name: func(file string) string { return file }}
	empty := sarifOf(stdin, nil)
	if got := wantSARIF(t, empty); len(got) > 0 || len(empty.Runs[0].Tool.Driver.Rules) != len(snapshot.Codes)+len(snapshot.RiskCodes)+len(changeRules) {
		t.Errorf("got %q", got)
	}
	list := problemFindings([]snapshot.Problem{{Code: snapshot.CodeExclude, Level: snapshot.Error, Message: "too much"}})
	log := sarifOf(stdin, list)
	wantSARIF(t, log)
	if got := log.Runs[0].Results[0].Locations[0].Physical.Artifact.URI; got != "." {
		t.Errorf("it is at %q", got)
	}
}
