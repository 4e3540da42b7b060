package snapshot

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// imported is a new target with a drawn project.
func imported(t *rapid.T, up *Upload) *target {
	g := newTarget()
	out, err := g.hold(up)
	if err != nil {
		t.Fatal(err)
	}
	if out.Failed() {
		t.Fatalf("the drawn project is refused:\n%s", strings.Join(lines(out.Problems), "\n"))
	}
	g.commit(out)
	return g
}

func copied(up *Upload) *Upload {
	return &Upload{Files: maps.Clone(up.Files), Secrets: up.Secrets}
}

func TestDrawnProjectsUseEverySection(t *testing.T) {
	t.Parallel()
	used, secrets, refs := map[string]bool{}, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		up := project(t)
		secrets += len(up.Secrets)
		for path, content := range up.Files {
			at, ok := locate(path)
			if !ok {
				t.Fatalf("%s is in no section", path)
			}
			used[at.Section.Name] = true
			doc, err := parse(content)
			if err != nil {
				t.Fatal(err)
			}
			refs += len(gather(path, at, doc).refs)
		}
	})
	for _, s := range Sections {
		if !used[s.Name] && s.Name != "assets" {
			t.Errorf("no drawn project has %s", s.Name)
		}
	}
	if secrets == 0 || refs == 0 {
		t.Errorf("drawn projects have %d secrets and %d references", secrets, refs)
	}
}

func TestDrawnProjectsKeepThePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		up := project(t)
		g := imported(t, copied(up))

		// Another fresh target has the same, whatever the order.
		other := newTarget()
		shuffled, err := Decode(bytes.NewReader(wire(t, up.Files)), len(up.Files))
		if err != nil || len(shuffled.Problems) > 0 {
			t.Fatal(err, shuffled.Problems)
		}
		shuffled.Secrets = up.Secrets
		slices.Reverse(shuffled.Secrets)
		other.commit(mustCheck(t, other, shuffled))
		if g.base.Tree.Digest() != other.base.Tree.Digest() {
			t.Errorf("two fresh targets differ:\n%s", cmp.Diff(g.base.Tree, other.base.Tree))
		}

		// What comes out is what went in, but for secrets.
		exported := Render(g.files(), FormatSplit)
		inlineAssets(&Upload{Files: exported}, &problems{})
		for path, content := range up.Files {
			if diff := cmp.Diff(blanked(content), blanked(exported[path])); diff != "" {
				t.Errorf("%s (-imported +exported):\n%s", path, diff)
			}
		}
		if len(exported) != len(up.Files) {
			t.Errorf("%d files went in, %d came out", len(up.Files), len(exported))
		}

		// And going in again it changes nothing.
		for _, format := range []Format{FormatSplit, FormatPlain} {
			out := mustCheck(t, g, again(g.files(), format))
			if len(out.Changes) > 0 || len(out.Keep) != len(g.base.Secrets) || len(out.Set) > 0 {
				t.Errorf("importing its own export in format %q changes %v and keeps %d of %d secrets", format, out.Changes, len(out.Keep), len(g.base.Secrets))
			}
		}
	})
}

func mustCheck(t *rapid.T, g *target, up *Upload) *Outcome {
	out, err := g.hold(up)
	if err != nil {
		t.Fatal(err)
	}
	if out.Failed() {
		t.Fatalf("it is refused:\n%s", strings.Join(lines(out.Problems), "\n"))
	}
	return out
}

// wire writes files as a request has them, members in reverse.
func wire(t *rapid.T, files Files) []byte {
	var b bytes.Buffer
	b.WriteString(`{"files":{`)
	paths := files.Paths()
	slices.Reverse(paths)
	for i, path := range paths {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := jsontext.AppendQuote(nil, path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := parse(files[path])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s:%s", name, backwards(doc))
	}
	b.WriteString("}}")
	return b.Bytes()
}

// backwards writes a document with its members in reverse.
func backwards(v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			parts = append(parts, string(render(k))+" : "+backwards(v[k]))
		}
		slices.Reverse(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, backwards(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return string(render(v))
}

// blanked is a document without its placeholders, blank texts and null in
// settings: all of them say that nothing is there.
func blanked(content []byte) string {
	doc, err := parse(content)
	if err != nil {
		return string(content)
	}
	return string(render(withoutBlanks(doc)))
}

func withoutBlanks(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v["secret"] == true { // a header whose value is kept apart, where the file brings it
			delete(v, "value")
		}
		for k, sub := range v {
			if sub = withoutBlanks(sub); sub == any("") || sub == any(Placeholder) {
				delete(v, k)
			} else {
				v[k] = sub
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutBlanks(v[i])
		}
	}
	return v
}

func TestDrawnSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		up := project(t)
		planted := len(up.Secrets)
		// Half of the secrets come in the files, the other half beside them.
		up.Secrets = slices.DeleteFunc(up.Secrets, func(in InputSecret) bool {
			return rapid.Bool().Draw(t, "in the file") && plantInFile(up.Files, in)
		})
		bad := copied(up)
		bad.Excludes, bad.Strict = []string{"zz"}, true
		refused, err := Check(bad, Base{}, &Cache{})
		if err != nil {
			t.Fatal(err)
		}
		g := newTarget()
		out := mustCheck(t, g, up)
		if len(out.Set) < planted {
			t.Errorf("%d of %d secrets were found", len(out.Set), planted)
		}
		shown := fmt.Sprintf("%+v %#v %v", out, refused, out.Set)
		for _, content := range out.Fresh {
			shown += string(content)
		}
		if strings.Contains(shown, secretMark) {
			t.Errorf("a secret is shown: …%s", shown[max(0, strings.Index(shown, secretMark)-200):][:300])
		}
	})
}

// plantInFile puts an input secret into the file where it belongs.
func plantInFile(files Files, in InputSecret) bool {
	for path, content := range files {
		at, _ := locate(path)
		doc, err := parse(content)
		if err != nil || at.File == nil {
			continue
		}
		for _, e := range gather(path, at, doc).entities {
			for _, f := range e.secrets {
				if e.word.Secrets == in.Group && e.ID == in.ID && in.fits(f) {
					files[path] = render(apply(doc, list(edit{pointer: f.pointer, value: in.Value.Reveal()})))
					return true
				}
			}
		}
	}
	return false
}

// TestMain draws fewer projects than rapid would, as each is large; the flag
// -rapid.checks asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	m.Run()
}
