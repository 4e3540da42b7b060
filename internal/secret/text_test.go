package secret_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/secret"
)

const hidden = "hunter2-is-a-secret"

// holder has a Text where fmt may not call its methods.
type holder struct {
	Shown   secret.Text
	unshown secret.Text
	inner   struct{ deep *secret.Text }
}

func TestTextNeverPrints(t *testing.T) {
	t.Parallel()
	text := secret.New(hidden)
	h := holder{Shown: text, unshown: text}
	h.inner.deep = &text
	values := map[string]any{
		"value": text, "pointer": &text, "slice": []secret.Text{text}, "map": map[string]secret.Text{"k": text},
		"struct": h, "pointer to struct": &h, "error": fmt.Errorf("sign in with %v", text),
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%10.3s"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			fmt.Fprintln(&out, v)
			slog.New(slog.NewTextHandler(&out, nil)).InfoContext(t.Context(), "m", "v", v)
			slog.New(slog.NewJSONHandler(&out, nil)).InfoContext(t.Context(), "m", "v", v)
			j, err := json.Marshal(v)
			if err == nil { // a struct without exported fields has no JSON
				out.Write(j)
			}
			hex := fmt.Sprintf("%x", hidden)
			for _, leak := range []string{hidden, hex, strings.ToUpper(hex), "hun"} {
				if strings.Contains(out.String(), leak) {
					t.Errorf("%q leaks in:\n%s", leak, out.String())
				}
			}
		})
	}
}

func TestTextPrintsRedacted(t *testing.T) {
	t.Parallel()
	text := secret.New(hidden)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "m", "v", text)
	if !strings.Contains(log.String(), `v=[redacted]`) {
		t.Errorf("log = %s", log.String())
	}
	doc, err := json.Marshal(map[string]any{"v": text, "n": map[string]any{"w": &text}}, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(doc), `{"n":{"w":"[redacted]"},"v":"[redacted]"}`; got != want {
		t.Errorf("JSON = %s, want %s", got, want)
	}
	plain, err := text.MarshalText()
	if err != nil || string(plain) != "[redacted]" {
		t.Errorf("MarshalText = %q, %v", plain, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb, text); got != "[redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if text.String() != "[redacted]" || text.GoString() != "[redacted]" {
		t.Errorf("String = %q, GoString = %q", text.String(), text.GoString())
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	var zero secret.Text
	if !zero.IsZero() || !secret.New("").IsZero() || secret.New(" ").IsZero() {
		t.Error("IsZero does not mean empty")
	}
	if zero.Reveal() != "" || secret.New(hidden).Reveal() != hidden {
		t.Error("Reveal does not give the value back")
	}
	equal := []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "aa", false},
		{"", "", true},
		{"", "a", false},
	}
	for _, tt := range equal {
		if got := secret.New(tt.a).Equal(secret.New(tt.b)); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}
