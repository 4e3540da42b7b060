package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// run runs a command, and returns what it exits with and prints.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// lay puts files into a new folder.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for file, content := range files {
		file = filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func says(t *testing.T, text string, want, never []string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(text, s) {
			t.Errorf("it does not say %q:\n%s", s, text)
		}
	}
	for _, s := range never {
		if strings.Contains(text, s) {
			t.Errorf("it says %q:\n%s", s, text)
		}
	}
}

// broken has a file that is no JSON, and things wrong with others, before a
// server could be asked.
var broken = map[string]string{
	"roles.json":                 `{"roles": [}`,
	"auth/otp.json":              `{"expirationTime": "soon", "wholly": 1}`,
	"connectors/connectors.json": `{"connectors": ["mail", "none"]}`,
	"connectors/mail.json":       `{"id": `,
	"flows/flows.json":           `{"flows": `,
	"flows/in/contents.json":     `{"a": 1}`,
	"assets/a.png":               `x`,
	"styles/styles.json":         `{"styles": "x"}`,
	"lists.json":                 `{"lists": [{"id": "LI1", "name": "a", "type": "text", "data": 1}]}`,
	"notes.md":                   "x",
	".git/config":                "x",
	"__MACOSX/._roles.json":      "x",
	"Makefile":                   "x",
}

func TestImportSaysAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	dir := lay(t, broken)
	for _, command := range []string{"import", "validate"} {
		code, _, stderr := run(t, "project", command, dir)
		if code != exitInvalid {
			t.Errorf("%s exits with %d", command, code)
		}
		says(t, stderr, []string{
			"roles.json:1:12: error:", "mail.json:1:", "flows.json:1:", "otp.json:1:2: error:", "otp.json:1:28: warning:", "styles.json:1:2: error:",
			`lists "none", but connectors/none.json is not in the snapshot`,
			"passed over: Makefile, notes.md (not files of a snapshot)", "Nothing was sent.",
		}, []string{"connectors/mail.json is not in the snapshot", "no index lists", "nothing refers to", ".git", "MACOSX"})
	}
	code, stdout, _ := run(t, "project", "import", dir, "--json")
	if code != exitInvalid {
		t.Errorf("--json exits with %d", code)
	}
	says(t, stdout, []string{`"roles.json"`, `"auth/otp.json"`, `"ok": false`}, nil)
	_, _, stderr := run(t, "project", "import", dir, "--strict")
	says(t, stderr, []string{"otp.json:1:28: error:"}, nil)
	_, _, stderr = run(t, "check", dir)
	says(t, stderr, []string{"passed over: Makefile, notes.md (not files of a snapshot)", "otp.json:1:28: warning:"}, []string{"connectors/mail.json is not in"})
}

func TestImportRefusesLinks(t *testing.T) {
	t.Parallel()
	dir := lay(t, map[string]string{"s/lists.json": `{"lists": []}`, "outside.json": `{}`})
	if err := os.Symlink("../outside.json", filepath.Join(dir, "s", "roles.json")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, "project", "import", filepath.Join(dir, "s"))
	if code != exitInvalid {
		t.Errorf("exits with %d", code)
	}
	says(t, stderr, []string{"roles.json", "the link leads out of the folder, or to nothing [path]", "put the file itself into the folder"}, nil)
}

func TestWrongFilesAreSentences(t *testing.T) {
	t.Parallel()
	dir := lay(t, map[string]string{
		"plain": "x", "ok/lists.json": `{"lists": []}`, "none.json": `{"version": 5}`, "broken.json": `{`, "flow.json": `{"flowId": "in", "contents": {}, "metadata": {}}`, "folder.zip/x": "x",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"no secrets file":            {[]string{"project", "import", at("ok"), "--secrets-input", at("no")}, []string{"there is no secrets file", "--secrets-output"}},
		"no secrets file for check":  {[]string{"check", at("ok"), "--secrets", at("no")}, []string{"there is no secrets file"}},
		"no key file":                {[]string{"project", "list", "--key-file", at("no")}, []string{"there is no file", "--key-file"}},
		"an export into a file":      {[]string{"project", "export", at("plain"), "--project", "P"}, []string{"is a file, and not a folder to write into", "name a folder, a .zip or a .json file"}},
		"an export over a folder":    {[]string{"project", "export", at("folder.zip"), "--project", "P"}, []string{"is a folder"}},
		"an export into no folder":   {[]string{"project", "export", at("no/x.zip"), "--project", "P"}, []string{"there is no folder", "make it first"}},
		"a conversion into a file":   {[]string{"convert", at("ok"), at("plain")}, []string{"is a file, and not a folder to write into"}},
		"an import of no folder":     {[]string{"project", "import", at("no")}, []string{"there is no folder"}},
		"an import of no archive":    {[]string{"project", "import", at("no.zip")}, []string{"there is no file"}},
		"an import of no document":   {[]string{"project", "import", at("no.json")}, []string{"there is no file", ".json file of the snapshot"}},
		"an import of a plain file":  {[]string{"project", "import", at("plain")}, []string{"is not a folder", "name the folder"}},
		"an import of another JSON":  {[]string{"project", "import", at("none.json")}, []string{"neither a snapshot nor a flow", `{"files": …}`}},
		"an import of broken JSON":   {[]string{"project", "import", at("broken.json")}, []string{"broken.json: "}},
		"an import of a single flow": {[]string{"project", "import", at("flow.json")}, []string{"is a single flow", "postern convert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := run(t, tt.args...)
			if code != exitInvalid {
				t.Errorf("exits with %d", code)
			}
			says(t, stderr, tt.want, []string{"no such file", "not a directory", "openat"})
		})
	}
}

func TestEscaped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain name": "plain name", "Łódź 日本 👩‍💻": "Łódź 日本 👩‍💻", "a\x1b[2Jb": `a\x1b[2Jb`, "a\nb\tc": `a\nb\tc`, "a\u202eb": `a\u202eb`, "\u0085": `\u0085`, "\u2066\x7f": `\u2066\x7f`,
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := printable("a\u202eb\x1bc\n"); got != "a\ufffdb\ufffdc\n" {
		t.Errorf("printable: %q", got)
	}
}

// What a server names as members of a request, the command line has as flags.
func TestSpoken(t *testing.T) {
	t.Parallel()
	p := snapshot.Problem{Pointer: "/inputSecrets/connectors", Code: "x", Level: snapshot.Error, Message: "m", Hint: "give it in inputSecrets, or import with allowMovedSecrets"}
	var out bytes.Buffer
	a := &app{stderr: &out}
	a.reportOne(&local{}, p)
	says(t, out.String(), []string{"--secrets-input/connectors: error:", "give it in --secrets-input, or import with --allow-moved-secrets"}, []string{"inputSecrets"})
	out.Reset()
	a.offers = map[string]bool{"secrets": true}
	a.reportOne(&local{}, p)
	says(t, out.String(), []string{"give it in --secrets, or"}, nil)
	out.Reset()
	a.offers = nil
	a.fail(&client.Error{Message: "only an admin key may use allowMovedSecrets", Hint: "see inputSecrets"})
	says(t, out.String(), []string{"use --allow-moved-secrets", "see --secrets-input"}, nil)
}
