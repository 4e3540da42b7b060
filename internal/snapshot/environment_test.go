package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// templated is a small folder for two environments.
func templated() *Upload {
	return &Upload{Files: Files{
		"snapshot.json":                []byte(`{"version":5}`),
		"auth/password.json":           []byte(`{"minLength":"${environment.shortest}","lowercase":true}`),
		"project.json":                 []byte(`{"trustedDomains":"${environment.domain}"}`),
		"connectors/connectors.json":   []byte(`{"connectors":["mail"]}`),
		"connectors/mail.json":         []byte(`{"configuration":{"fromEmail":"a@example.com","host":"${environment.host}","username":"u","password":"hunter2"},"id":"CI1","name":"Mail","type":"smtp"}`),
		"environments/staging.json":    []byte(`{"domain":"staging.example.com","host":"mail.staging.example.com","shortest":8}`),
		"environments/production.json": []byte(`{"domain":"example.com","host":"mail.example.com","shortest":12}`),
	}}
}

// Values take the place of placeholders, with their types; nothing of what travels
// beside becomes part of the project.
func TestAnEnvironmentGivesItsValues(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]string{"staging": "8 staging.example.com mail.staging.example.com", "production": "12 example.com mail.example.com"} {
		up := templated()
		up.Environment = environment
		g := newTarget()
		g.apply(t, up)
		files := g.files()
		password, _ := parse(files["auth/password.json"])
		project, _ := parse(files["project.json"])
		mail, _ := parse(files["connectors/mail.json"])
		got := fmt.Sprint(child(password, "minLength"), " ", child(project, "trustedDomains"), " ", child(child(mail, "configuration"), "host"))
		if got = strings.ReplaceAll(got, "<nil>", ""); got != want {
			t.Errorf("%s: got %q, want %q", environment, got, want)
		}
		for p := range files {
			if TravelsBeside(p) {
				t.Errorf("%s is part of the project", p)
			}
		}
	}
}

// Whatever is wrong with placeholders is said with its file and its place.
func TestWhatIsWrongWithPlaceholders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*Upload)
		want   []string
	}{
		"nothing": {func(*Upload) {}, nil},
		"no environment is named": {func(up *Upload) { up.Environment = "" }, []string{
			"error placeholder auth/password.json#/minLength", "error placeholder connectors/mail.json#/configuration/host", "error placeholder project.json#/trustedDomains",
		}},
		"there are no environments": {func(up *Upload) {
			up.Environment = ""
			takeBeside(up.Files)
		}, []string{
			"error placeholder auth/password.json#/minLength", "error placeholder connectors/mail.json#/configuration/host", "error placeholder project.json#/trustedDomains",
		}},
		"another environment":   {func(up *Upload) { up.Environment = "prod" }, []string{"error unknown_environment #/environment"}},
		"a path as environment": {func(up *Upload) { up.Environment = "../environments/staging" }, []string{"error unknown_environment #/environment"}},
		"a value is missing": {func(up *Upload) {
			up.Files["environments/staging.json"] = []byte(`{"domain":"a.example.com","hots":"b","shortest":8}`)
		}, []string{"error placeholder connectors/mail.json#/configuration/host", "warning unused_value environments/staging.json#/hots"}},
		"a value is of the wrong type for its place": {func(up *Upload) {
			up.Files["environments/staging.json"] = []byte(`{"domain":"a.example.com","host":"b","shortest":"8"}`)
		}, []string{"error type auth/password.json#/minLength"}},
		"a value is a list": {func(up *Upload) {
			up.Files["environments/staging.json"] = []byte(`{"domain":["a.example.com"],"host":null,"shortest":8}`)
		}, []string{"error type environments/staging.json#/domain", "error type environments/staging.json#/host"}},
		"a value is a placeholder": {func(up *Upload) {
			up.Files["environments/staging.json"] = []byte(`{"domain":"${environment.host}","host":"b","shortest":8}`)
		}, []string{"error placeholder environments/staging.json#/domain"}},
		"the text is more than it": {func(up *Upload) {
			up.Files["project.json"] = []byte(`{"trustedDomains":"www.${environment.domain}","domain":"${environment.domain}"}`)
		}, []string{"warning placeholder project.json#/trustedDomains"}},
		"it is a text in a file of its own": {func(up *Upload) {
			up.Files["project.json"] = []byte(`{"trustedDomains":"asset:dom.txt","domain":"${environment.domain}"}`)
			up.Files["assets/dom.txt"] = []byte("${environment.domain}\n")
		}, []string{"error placeholder assets/dom.txt#"}},
		"it stands for a secret": {func(up *Upload) {
			was := string(up.Files["connectors/mail.json"])
			up.Files["connectors/mail.json"] = []byte(strings.Replace(was, "hunter2", "${environment.host}", 1))
		}, []string{"error placeholder connectors/mail.json#/configuration/password"}},
		"it stands for a secret, and its kind for another": {func(up *Upload) {
			was := string(up.Files["connectors/mail.json"])
			was = strings.Replace(was, `"smtp"`, `"${environment.kind}"`, 1)
			up.Files["connectors/mail.json"] = []byte(strings.Replace(was, "hunter2", "${environment.host}", 1))
			up.Files["environments/staging.json"] = []byte(`{"domain":"a.example.com","host":"b","shortest":8,"kind":"smtp"}`)
		}, []string{"error placeholder connectors/mail.json#/configuration/password"}},
		"its section stays as it is": {func(up *Upload) {
			up.Excludes = []string{"connectors"}
			up.Files["environments/staging.json"] = []byte(`{"domain":"a.example.com","shortest":8}`)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := templated()
			up.Environment = "staging"
			tt.change(up)
			out, err := Check(up, Base{}, &Cache{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range out.Problems {
				if p.Message == "" || p.Hint == "" && (p.Code == CodePlaceholder || p.Code == CodeEnvironment) {
					t.Errorf("%+v", p)
				}
				got = append(got, fmt.Sprintf("%s %s %s#%s", p.Level, p.Code, p.File, p.Pointer))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s%v", diff, out.Problems)
			}
		})
	}
}

// What is wrong with a value is said where it belongs, with the file that it stands in.
func TestAWrongValueIsFound(t *testing.T) {
	t.Parallel()
	up := templated()
	up.Environment = "staging"
	up.Files["environments/staging.json"] = []byte(`{"domain":"a.example.com","shortest":1200}`)
	out, err := Check(up, Base{}, &Cache{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"error range auth/password.json#/minLength: is too large (at most 64; it is the value shortest in environments/staging.json)",
		"error placeholder connectors/mail.json#/configuration/host: the placeholder host has no value in environments/staging.json (give it one there)",
	}
	var got []string
	for _, p := range out.Problems {
		got = append(got, fmt.Sprintf("%s %s %s#%s: %s (%s)", p.Level, p.Code, p.File, p.Pointer, p.Message, p.Hint))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A revision holds no placeholders, whatever its texts look like: a rollback must
// not fail on one.
func TestWhatIsStoredHasNoPlaceholders(t *testing.T) {
	t.Parallel()
	up := &Upload{Files: Files{"roles.json": []byte(`{"roles":[{"name":"${environment.role}","permissions":[]}]}`)}, Stored: true}
	out, err := Check(up, Base{}, &Cache{})
	if err != nil || out.Failed() {
		t.Error(err, out.Problems)
	}
}

// What is imported from a folder for an environment, and exported into it again,
// is the folder, wherever its placeholders are.
func TestAnExportPutsPlaceholdersBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		up := project(t)
		g := imported(t, up)
		folder := Render(g.files(), FormatSplit)
		values := map[string]any{}
		for _, p := range folder.Paths() {
			if at, ok := locate(p); ok && at.File.Schema != "" {
				folder[p] = withPlaceholders(t, folder[p], at, values)
			}
		}
		want := maps.Clone(folder)
		brought := &Upload{Files: maps.Clone(folder), Environment: "test"}
		brought.Files[EnvironmentFile("test")] = render(values)
		brought.Secrets = lacking(t, brought) // an export has none, and those that stood in drawn files are not up.Secrets
		again := imported(t, brought)
		if diff := cmp.Diff(g.base.Tree, again.base.Tree); diff != "" {
			t.Fatalf("it is another project (-without +with placeholders):\n%s", diff)
		}
		exported := Render(again.files(), FormatSplit)
		there := &Upload{Files: folder, Environment: "test"}
		there.Files[EnvironmentFile("test")] = render(values)
		if lost := Restore(exported, there); len(lost) > 0 {
			t.Fatalf("these were not put back: %v", lost)
		}
		if diff := cmp.Diff(texts(want), texts(exported)); diff != "" {
			t.Fatalf("the folder (-was +is):\n%s", diff)
		}
	})
}

// lacking gives a value to each secret that a new target would lack.
func lacking(t *rapid.T, up *Upload) (given []InputSecret) {
	g := newTarget()
	out, err := Check(up.Clone(), g.base, &g.cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Missing {
		given = append(given, m.given("given"))
	}
	return given
}

// withPlaceholders draws placeholders for some of the plain values of a document
// that are no secrets.
func withPlaceholders(t *rapid.T, content []byte, at place, values map[string]any) []byte {
	doc, err := parse(content)
	if err != nil {
		t.Fatal(err)
	}
	var edits []edit
	hidden := ""
	walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
		if slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Secret != nil }) {
			hidden = f.pointer
		}
		if hidden != "" && strings.HasPrefix(f.pointer, hidden) || f.pointer == "" {
			return
		}
		switch f.value.(type) {
		case string, float64, bool:
			if rapid.IntRange(0, 3).Draw(t, "placeholder") == 0 {
				name := fmt.Sprintf("v%d", len(values))
				values[name] = f.value
				edits = append(edits, edit{pointer: f.pointer, value: environmentPrefix + name + "}"})
			}
		}
	})
	return render(apply(doc, edits))
}

// A value that is another now is written, and not taken for the placeholder.
func TestAnotherValueIsNoPlaceholder(t *testing.T) {
	t.Parallel()
	up := templated()
	up.Environment = "staging"
	exported := Files{
		"auth/password.json": []byte(`{"minLength":9}`),
		"project.json":       []byte(`{"trustedDomains":"staging.example.com"}`),
	}
	lost := Restore(exported, up)
	want := []Place{{"auth/password.json", "/minLength", "shortest"}, {"connectors/mail.json", "/configuration/host", "host"}}
	if diff := cmp.Diff(want, lost); diff != "" {
		t.Errorf("lost (-want +got):\n%s", diff)
	}
	if got := string(exported["auth/password.json"]); got != `{"minLength":9}` {
		t.Errorf("got %s", got)
	}
	if got := string(exported["project.json"]); got != `{"trustedDomains":"${environment.domain}"}` {
		t.Errorf("got %s", got)
	}
}
