package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/client"
	"postern/internal/snapshot"
)

func TestLifetime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "never": 0,
		"": -1, "90": -1, "-1d": -1, "0h": -1, "1.5d": -1, "soon": -1, "99999999d": -1,
	} {
		var got lifetime
		err := got.UnmarshalText([]byte(text))
		if want < 0 && err == nil || want >= 0 && (err != nil || time.Duration(got) != want) {
			t.Errorf("%q: %s, %v", text, time.Duration(got), err)
		}
	}
}

func TestSecretsFile(t *testing.T) {
	t.Parallel()
	missing := client.MissingSecrets{
		"connectors":     {{ID: "CI1", Name: "Mail", Type: "password"}, {ID: "CI1", Name: "Mail", Type: "user"}},
		"oauthProviders": {{ID: "my-idp", Name: "my-idp", Type: "clientSecret"}},
		"outboundApps":   {{ID: "app", Name: "App", Type: "clientSecret"}},
	}
	file := filepath.Join(t.TempDir(), "missing.json")
	if err := writeTemplate(file, missing); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := readSecrets(file); err != nil || len(list) != 0 {
		t.Errorf("a template that is not filled in gives %d secrets, %v", len(list), err)
	}
	filled := bytes.ReplaceAll(b, []byte(`""`), []byte(`"s3cret"`))
	list, err := parseSecrets(filled)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, strings.Join([]string{s.Group, s.ID, s.Name, s.Type, s.Value.Reveal()}, " "))
	}
	want := []string{
		"connectors CI1 Mail password s3cret", "connectors CI1 Mail user s3cret",
		"oauthProviders my-idp my-idp clientSecret s3cret", "outboundApps app App clientSecret s3cret",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, wrong := range []string{``, `[]`, `{"CI1":{}}`, `{"connector-":{}}`, `{"connector-1":"s3cret"}`, `{"connector-1":{"secret":"s3cret"}}`} {
		if _, err := parseSecrets([]byte(wrong)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{
		"snapshot.json", "roles.json", "flows/flows.json", "flows/old/contents.json", "flows/old/notes.md", "flows/gone/contents.json",
		"connectors/broken.json", "package.json", "src/roles.json", ".hidden/flows/x.json", "flows/.hidden.json",
	} {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content := "{}"
		if strings.Contains(file, "broken") {
			content = "{"
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := stale(dir, snapshot.Files{"snapshot.json": nil, "flows/flows.json": nil})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"connectors/broken.json", "flows/gone/contents.json", "flows/old/contents.json", "roles.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("stale: -want +got\n%s", diff)
	}
	if err := prune(dir, got); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{
		"roles.json": false, "connectors": false, "flows/gone": false, "flows/old/contents.json": false,
		"flows/old/notes.md": true, "package.json": true, "src/roles.json": true, ".hidden/flows/x.json": true, "flows/.hidden.json": true,
	} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); (err == nil) != want {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A command that is killed half way leaves the old file or the new one.
func TestWriteWholeKeepsOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := writeWhole(file, 0o600, func(w io.Writer) error {
		_, _ = w.Write([]byte("ne"))
		return os.ErrDeadlineExceeded
	})
	if err == nil {
		t.Error("no error")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	quiet := (&app{stderr: &out}).progress()
	quiet.sent(1, 2)
	quiet.end()
	if out.Len() > 0 {
		t.Errorf("where there is no terminal it writes %q", out.String())
	}
	live := (&app{stderr: &out, live: true}).progress()
	live.sent(1<<20, 3<<20)
	live.sent(2<<20, 3<<20) // too soon after the one before
	live.sent(3<<20, 3<<20)
	live.end()
	live.sent(3<<20, 3<<20) // the upload may end later than the answer
	want := "\r\x1b[KSending 1.0 MiB of 3.0 MiB …\r\x1b[KSent 3.0 MiB, the server checks it …\r\x1b[K"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	from := &local{
		name: func(file string) string { return "dir/" + file },
		raw:  func(string) ([]byte, error) { return []byte("{\n  \"a\": 1\n}"), nil },
	}
	list := []snapshot.Problem{
		{Pointer: "/excludes/0", Code: "unknown_exclude", Level: snapshot.Error, Message: "no such key"},
		{File: "x.json", Pointer: "/a", Code: "type", Level: snapshot.Error, Message: "must be a text", Hint: "put it in quotes"},
		{File: "x.json", Code: "unlisted", Level: snapshot.Warning, Message: "is not listed"},
		{File: "logo.png", Code: "asset", Level: snapshot.Warning, Message: "nothing refers to it"},
	}
	var out bytes.Buffer
	a := &app{stderr: &out}
	a.report(from, list)
	want := `/excludes/0: error: no such key [unknown_exclude]

dir/x.json:2:3: error: must be a text [type]
    put it in quotes
dir/x.json:1:1: warning: is not listed [unlisted]

dir/logo.png: warning: nothing refers to it [asset]

2 errors, 2 warnings
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	out.Reset()
	a.reportOne(from, snapshot.Problem{File: "x\x1b[2J.png", Level: snapshot.Error, Message: "\x1b]0;title\a"})
	if strings.ContainsAny(out.String(), "\x1b\a") {
		t.Errorf("a server steers the terminal: %q", out.String())
	}
	out.Reset()
	a.color = true
	a.report(from, list[1:2])
	if !strings.Contains(out.String(), "\x1b[31merror:\x1b[0m") {
		t.Errorf("no colour: %q", out.String())
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		".postern/dev.env": ".postern/dev.env", "dev.env": "./dev.env", "/a b/it's": `'/a b/it'\''s'`, "$HOME/x": `'$HOME/x'`,
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// An import whose connection is cut after it was sent says what became of it.
func TestImportWhoseAnswerDoesNotCome(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"it was applied": true, "it was not applied": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/import"):
					sent = r.Header.Get("Idempotency-Key")
					panic(http.ErrAbortHandler) // cuts the connection
				case applied && r.URL.Path == "/v1/mgmt/project/imports/"+sent:
					_, _ = io.WriteString(w, `{"import":{"revision":7,"digest":"d","changed":true},"createdTime":1}`)
				default:
					w.WriteHeader(http.StatusNotFound)
					_, _ = io.WriteString(w, `{"errorCode":"P40403","errorDescription":"no import with this key"}`)
				}
			}))
			t.Cleanup(s.Close)
			dir := t.TempDir()
			for file, content := range map[string]string{"snapshot.json": `{"version":5}`, "key": "Kx"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out, complaints bytes.Buffer
			code := Run(t.Context(), []string{"project", "import", dir, "--url", s.URL, "--project", "P1", "--key-file", filepath.Join(dir, "key")}, strings.NewReader(""), &out, &complaints)
			said := strings.Contains(complaints.String(), "but the import was applied") && strings.Contains(complaints.String(), "revision 7")
			if len(sent) != 22 || said != applied || (code == exitDone) != applied {
				t.Errorf("key %q, exit %d: %s", sent, code, &complaints)
			}
		})
	}
}
