package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// projects are those that the promises of the format are held against.
var projects = []string{"shop", "edge", "minimal", "empty-sections", "untouched", "full"}

func TestAnExportImportsWithoutAChange(t *testing.T) {
	t.Parallel()
	for _, name := range projects {
		for _, format := range []Format{FormatSplit, FormatPlain} {
			t.Run(fmt.Sprintf("%s %q", name, format), func(t *testing.T) {
				t.Parallel()
				g := newTarget()
				g.apply(t, example(t, name))
				before := g.secrets()
				out := g.apply(t, again(g.files(), format))
				if diff := cmp.Diff([]Change(nil), out.Changes); diff != "" {
					t.Errorf("changes (-want +got):\n%s", diff)
				}
				if len(out.Fresh) > 0 {
					t.Errorf("%d contents are written again", len(out.Fresh))
				}
				if diff := cmp.Diff(before, g.secrets()); diff != "" {
					t.Errorf("secrets (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestAnExportIsWhatWasImported(t *testing.T) {
	t.Parallel()
	for _, name := range projects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := example(t, name)
			want := maps.Clone(up.Files)
			g := newTarget()
			g.apply(t, up)
			if diff := cmp.Diff(texts(want), texts(Render(g.files(), FormatSplit))); diff != "" {
				t.Errorf("files (-imported +exported):\n%s", diff)
			}
		})
	}
}

// texts shows files as text. Assets of text are as the command line writes
// them, with or without a newline at their end.
func texts(files Files) map[string]string {
	out := map[string]string{}
	for path, content := range files {
		out[path] = string(content)
		if formOf(path) == formText {
			out[path] = strings.TrimSuffix(string(content), "\n")
		}
	}
	return out
}

func TestBothFormatsMakeTheSameProject(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shop", "edge", "full"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newTarget()
			g.apply(t, example(t, name))
			plain := newTarget()
			up := again(g.files(), FormatPlain)
			up.Secrets = example(t, name).Secrets
			plain.apply(t, up)
			if diff := cmp.Diff(g.base.Tree, plain.base.Tree); diff != "" {
				t.Errorf("trees (-split +plain):\n%s", diff)
			}
		})
	}
}

func TestAnotherEnvironmentIsStableAfterOneImport(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"shop", "edge"}, {"edge", "shop"}, {"full", "shop"}, {"full", "edge"}, {"edge", "minimal"}} {
		t.Run(strings.Join(pair[:], " then "), func(t *testing.T) {
			t.Parallel()
			g := newTarget()
			g.apply(t, example(t, pair[0]))
			g.apply(t, example(t, pair[1]))
			for _, format := range []Format{FormatSplit, FormatPlain} {
				if out := g.apply(t, again(g.files(), format)); len(out.Changes) > 0 {
					t.Errorf("importing its own export in format %q changes %v", format, out.Changes)
				}
			}
			if out := g.apply(t, example(t, pair[1])); len(out.Changes) > 0 {
				t.Errorf("the same import for the second time changes %v", out.Changes)
			}
		})
	}
}

func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shop", "edge"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := example(t, name)
			var planted []string
			for _, s := range up.Secrets {
				planted = append(planted, s.Value.Reveal())
			}
			if len(planted) < 10 {
				t.Fatalf("only %d secrets are planted", len(planted))
			}
			g := newTarget()
			shown := fmt.Sprintf("%+v", g.apply(t, up))
			for _, content := range g.contents {
				shown += string(content)
			}
			bad := example(t, name)
			bad.Secrets, bad.Strict = nil, true
			bad.Files["connectors/surprise.json"] = []byte(`{"name":"` + planted[0] + `"}`)
			shown += fmt.Sprintf("%+v", g.check(t, bad).Missing)
			if i := slices.IndexFunc(planted, func(s string) bool { return strings.Contains(shown, s) }); i >= 0 {
				t.Errorf("the secret %q is shown", planted[i])
			}
		})
	}
}
