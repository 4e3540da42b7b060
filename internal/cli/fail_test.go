package cli

import (
	"bytes"
	"errors"
	"fmt"
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
		"version": exitDone,
		"--help":  exitDone,
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
