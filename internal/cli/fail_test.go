package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/client"
)

// What is wrong with a command ends with 2, whoever finds it: the parser, the
// command or the server. What failed ends with 1.
func TestExits(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"projct":                      exitInvalid,
		"project":                     exitInvalid,
		"project plan --bogus":        exitInvalid,
		"project plan . --format xml": exitInvalid,
		"project plan . --format json --markdown":           exitInvalid,
		"project plan . --json --markdown":                  exitInvalid,
		"diff . . --json --format text":                     exitInvalid,
		"project diff @1 --json --format sarif --project P": exitInvalid,
		"project policy --require-signed --allow-unsigned":  exitInvalid,
		"project show abc":                                  exitInvalid,
		"project show 0":                                    exitInvalid,
		"doctor":                                            exitInvalid, // without a master key
		"version":                                           exitDone,
		"--version":                                         exitDone,
		"--help":                                            exitDone,
		"help":                                              exitDone,
		"help project log":                                  exitDone,
		"help projct":                                       exitInvalid,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var out, complaints bytes.Buffer
			if got := Run(t.Context(), strings.Fields(line), strings.NewReader(""), &out, &complaints); got != want {
				t.Errorf("exits with %d, want %d: %s", got, want, &complaints)
			}
		})
	}
	a := &app{stderr: &bytes.Buffer{}}
	for status, want := range map[int]int{400: exitInvalid, 401: exitFailed, 403: exitFailed, 404: exitFailed, 409: exitFailed, 412: exitFailed, 500: exitFailed} {
		if got := a.fail(fmt.Errorf("plan: %w", &client.Error{Status: status, Code: "E011003"})); got != want {
			t.Errorf("an answer with %d exits with %d, want %d", status, got, want)
		}
	}
	if got := a.fail(errors.New("the disk is full")); got != exitFailed {
		t.Errorf("a failure exits with %d", got)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typed          string
		json, markdown bool
		format         string
		want           string
	}{
		{"", false, false, "text", "text"},
		{"json", true, false, "text", "json"},
		{"markdown", false, true, "text", "markdown"},
		{"format", false, false, "sarif", "sarif"},
		{"", true, false, "text", "json"},             // from a settings file
		{"format", true, false, "sarif", "sarif"},     // what is typed goes before it
		{"format json", true, false, "json", "json"},  // the same in two ways
		{"format json", true, false, "sarif", "none"}, // two forms
		{"format markdown", false, true, "json", "none"},
		{"json markdown", true, true, "text", "none"},
	} {
		a := &app{typed: map[string]bool{}}
		for flag := range strings.FieldsSeq(tt.typed) {
			a.typed[flag] = true
		}
		got, err := a.formOf(tt.json, tt.markdown, tt.format)
		if err != nil {
			got = "none"
		}
		if got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// What people type first is understood.
func TestFirstWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--version":        "postern ",
		"help":             "Usage: postern <command>",
		"help project log": "Usage: postern project log",
	} {
		var out, complaints bytes.Buffer
		if Run(t.Context(), strings.Fields(line), strings.NewReader(""), &out, &complaints); !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s says %q %s", line, &out, &complaints)
		}
	}
}

// A server that is not there is one that somebody forgot to start, or another address.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("K1"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	code := Run(t.Context(), []string{"project", "list", "--url", "http://127.0.0.1:1", "--key-file", key}, strings.NewReader(""), &out, &complaints)
	if code != exitFailed || !strings.Contains(complaints.String(), "postern: no answer from http://127.0.0.1:1") || !strings.Contains(complaints.String(), "is a server running there?") {
		t.Errorf("exits with %d: %s", code, &complaints)
	}
}

// What postern dev tells people to type next must run where they are.
func TestCalledAs(t *testing.T) {
	t.Parallel()
	for self, want := range map[string]string{
		"postern":                         "postern",
		"bin/postern":                     "bin/postern",
		"./postern":                       "./postern",
		"/usr/local/bin/postern":          "/usr/local/bin/postern",
		"/tmp/go-build7/b001/exe/postern": "go run ./cmd/postern",
		"cache/go-build/ab/postern":       "go run ./cmd/postern",
		"my tools/postern":                "'my tools/postern'",
		"/tmp/go/cli.test":                "postern",
	} {
		if got := calledAs(self); got != want {
			t.Errorf("%s is called as %s, want %s", self, got, want)
		}
	}
}
