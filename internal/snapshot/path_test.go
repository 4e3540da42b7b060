package snapshot

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		paths []string
		fault string // what it says, in part; none is a path that is taken
	}{
		"ordinary paths": {[]string{
			"project.json", "flows/sign-in/screen-a.json", "assets/img-1.png", "é/ü.json", "a b/c d.json", "a-b/c.d.json", "README", "common.json",
			"com0/x.json", "com10.json", "console.json", "ein Wort/ﷺ.json", "flows/日本語/contents.json", "a_b~1/(x)[y]{z}+=,;@#$%&'!.json",
		}, ""},
		"settings of tools": {[]string{".git/config", ".envrc", ".github/workflows/x.yml", "a/.npmrc", ".json", "...json", "a/...", ".../a"}, "begins with a dot"},
		"options":           {[]string{"-rf", "a/--checkpoint-action=exec.json", "-/a.json"}, "begins with a hyphen"},
		"devices": {[]string{
			"CON", "con.json", "a/Aux.json", "nul", "PRN.tar.gz", "com1.json", "LPT9", "COM\u00b9.json", "con .x.json", "conin$", "CONOUT$.txt", "nul .json",
		}, "a device of Windows"},
		"characters of Windows":       {[]string{"a:b", "a.json:stream", "a<b", "a>b", `a"b`, "a|b", "a?b.json", "a*/b.json"}, "Windows does not allow"},
		"ends that are cut off":       {[]string{"trailing.", "trailing ", "a./b.json", "a /b.json"}, "Windows cuts off"},
		"characters that nobody sees": {[]string{"a\u202egnp.json", "a\u200bb", "\ufeffa", "a\u0085b", "a\u2028b", "\u200c.git/config", "a\u00adb", "a\u2066b"}, "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range tt.paths {
				if got := pathFault(p); (got == "") != (tt.fault == "") || !strings.Contains(got, tt.fault) {
					t.Errorf("%q: %q, want %q", p, got, tt.fault)
				}
				if tt.fault == "" {
					continue
				}
				if up, err := Decode(strings.NewReader(`{"files": {`+string(render(p))+`: "x"}}`), 10); err != nil || len(up.Files) > 0 || !Failed(up.Problems) {
					t.Errorf("%q is taken from the wire: %v", p, err)
				} else if strings.ContainsAny(up.Problems[0].File, "\u202e\u0085\u2066") {
					t.Errorf("%q is shown as it is", p)
				}
			}
		})
	}
}

func TestWritesOnlyWhatIsRead(t *testing.T) {
	t.Parallel()
	files := Files{
		"snapshot.json": []byte(`{"version":5}`), "assets/a.txt": []byte("x"), "logo.png": []byte("x"), "other/page.html": []byte("x"), "Makefile": []byte("x"),
		".git/config": []byte("x"), ".vscode/settings.json": []byte(`{}`), "setup.sh": []byte("x"), "__MACOSX/a.json": []byte(`{}`),
		"con.json": []byte(`{}`), "../up.json": []byte(`{}`), "/abs.json": []byte(`{}`), "-rf.json": []byte(`{}`),
	}
	wantOut := []string{"-rf.json", "../up.json", ".git/config", ".vscode/settings.json", "/abs.json", "Makefile", "__MACOSX/a.json", "con.json", "setup.sh"}
	want := []string{"assets/a.txt", "logo.png", "other/page.html", "snapshot.json"}
	dir := filepath.Join(t.TempDir(), "in", "out")
	leftOut, err := WriteFolder(dir, files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantOut, leftOut); diff != "" {
		t.Errorf("left out of a folder (-want +got):\n%s", diff)
	}
	var there []string
	if err := fs.WalkDir(os.DirFS(filepath.Dir(filepath.Dir(dir))), ".", func(p string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() {
			there = append(there, strings.TrimPrefix(p, "in/out/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, there); diff != "" {
		t.Errorf("in the folder (-want +got):\n%s", diff)
	}
	var b bytes.Buffer
	leftOut, err = WriteZip(&b, files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantOut, leftOut); diff != "" {
		t.Errorf("left out of an archive (-want +got):\n%s", diff)
	}
	back, found, err := readZip(bytes.NewReader(b.Bytes()), int64(b.Len()), 1<<20, 20)
	if diff := cmp.Diff(want, back.Paths()); err != nil || len(found) > 0 || diff != "" {
		t.Errorf("out of the archive (-want +got):\n%s%v %v", diff, err, found)
	}
}

// A folder may hold what is not the snapshot's, and links to anywhere.
func TestOpenFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for file, content := range map[string]string{
		"s/roles.json": "{}", "s/notes.md": "x", "s/flows/Makefile": "x", "s/.git/config": "x", "s/.hidden": "x", "s/__MACOSX/a.txt": "x",
		"outside.json": `{"a": "x-secret"}`,
	} {
		file = filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"out.json": "../outside.json", "abs.json": filepath.Join(dir, "outside.json"), "none.json": "nothing", "in.json": "roles.json", "dir.json": "flows", "folder": "flows",
	} {
		if err := os.Symlink(to, filepath.Join(dir, "s", link)); err != nil {
			t.Fatal(err)
		}
	}
	up, err := OpenFolder(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"in.json", "roles.json"}, up.Files.Paths()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"flows/Makefile", "folder", "notes.md"}, up.PassedOver); diff != "" {
		t.Errorf("passed over (-want +got):\n%s", diff)
	}
	const hint, out = " (put the file itself into the folder)", "the link leads out of the folder, or to nothing"
	if diff := cmp.Diff([]string{
		"error path abs.json: " + out + hint, "error path dir.json: there is no file here, but something else" + hint,
		"error path none.json: " + out + hint, "error path out.json: " + out + hint,
	}, lines(up.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	archive := pack(t, `snapshot.json={}`, `notes.md=x`, `a/Makefile=x`, `.git/config=x`, `__MACOSX/b.md=x`)
	zipped, err := OpenZip(bytes.NewReader(archive), int64(len(archive)), 1000, 9)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"notes.md", "a/Makefile"}, zipped.PassedOver); diff != "" {
		t.Errorf("passed over in an archive (-want +got):\n%s", diff)
	}
}

// readZip is OpenZip for who needs the files only.
func readZip(r io.ReaderAt, size int64, maxBytes int64, maxFiles int) (Files, []Problem, error) {
	up, err := OpenZip(r, size, maxBytes, maxFiles)
	if err != nil {
		return nil, nil, err
	}
	return up.Files, up.Problems, nil
}
