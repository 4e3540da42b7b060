package snapshot

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/secret"
)

// A target is a project as the package sees it: a base whose contents and
// secrets are kept as a store would keep them.
type target struct {
	base     Base
	contents map[Digest][]byte
	cache    Cache
	versions int
}

func newTarget() *target {
	g := &target{contents: map[Digest][]byte{}}
	g.base.Load = func(digests []Digest) (map[Digest][]byte, error) {
		out := map[Digest][]byte{}
		for _, d := range digests {
			content, ok := g.contents[d]
			if !ok {
				return nil, fmt.Errorf("no content %s", d)
			}
			out[d] = content
		}
		return out, nil
	}
	return g
}

// check holds an upload against the target and changes nothing.
func (g *target) check(t testing.TB, up *Upload) *Outcome {
	t.Helper()
	out, err := g.hold(up)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hold is Check. What is known of the target already must make no difference to it,
// so it is done without that too.
func (g *target) hold(up *Upload) (*Outcome, error) {
	unknown := g.base
	unknown.Standing = nil
	want, err := Check(up.Clone(), unknown, &g.cache)
	if err != nil {
		return nil, err
	}
	out, err := Check(up, g.base, &g.cache)
	if err != nil {
		return nil, err
	}
	inOrder := cmpopts.SortSlices(func(a, b StoredSecret) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
	if diff := cmp.Diff(want, out, inOrder, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Outcome{}, "Standing")); diff != "" {
		return nil, fmt.Errorf("what is known of the target makes a difference (-without +with):\n%s", diff)
	}
	return out, nil
}

// apply makes an upload the configuration of the target.
func (g *target) apply(t testing.TB, up *Upload) *Outcome {
	t.Helper()
	out := g.check(t, up)
	if out.Failed() {
		t.Fatalf("the import is refused:\n%s", strings.Join(lines(out.Problems), "\n"))
	}
	g.commit(out)
	return out
}

func (g *target) commit(out *Outcome) {
	maps.Copy(g.contents, out.Fresh)
	secrets := slices.Clone(out.Keep)
	for _, v := range out.Set {
		g.versions++
		secrets = append(secrets, StoredSecret{Kind: v.Kind, Entity: v.Entity, Field: v.Field, ID: fmt.Sprintf("SV%d", g.versions)})
	}
	same := maps.Equal(g.base.Tree, out.Tree) && sameSecrets(g.base.Secrets, secrets)
	if g.base.Tree, g.base.Secrets = out.Tree, secrets; !same || out.Standing != nil {
		g.base.Standing = out.Standing
	}
}

// files returns the stored files of the target, to be changed at will.
func (g *target) files() Files {
	out := Files{}
	for path, digest := range g.base.Tree {
		out[path] = slices.Clone(g.contents[digest])
	}
	return out
}

// text returns a stored file.
func (g *target) text(path string) string { return string(g.contents[g.base.Tree[path]]) }

// secrets names the stored secrets: "connector/CI1/configuration/password SV1".
func (g *target) secrets() []string { return secretNames(g.base.Secrets) }

func secretNames(list []StoredSecret) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Kind+"/"+s.Entity+"/"+s.Field+" "+s.ID)
	}
	slices.Sort(out)
	return out
}

// docs are the files of an upload in a test, by path.
type docs map[string]string

// upload brings files into portable form.
func (d docs) upload(t testing.TB) *Upload {
	t.Helper()
	up := &Upload{Files: Files{}}
	for _, path := range sortedKeys(d) {
		content, found := FileFromBytes(path, []byte(d[path]))
		if len(found) > 0 {
			t.Fatal(found)
		}
		up.Files[path] = content
	}
	return up
}

// with returns a copy with other files in it; "" takes one away.
func (d docs) with(pairs ...string) docs {
	out := maps.Clone(d)
	for i := 0; i < len(pairs); i += 2 {
		if out[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

// given is a target that has these files.
func (d docs) given(t testing.TB) *target {
	t.Helper()
	g := newTarget()
	g.apply(t, d.upload(t))
	return g
}

// lines writes problems as one line each, level and code first.
func lines(list []Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%s %s %s", p.Level, p.Code, p))
	}
	return out
}

func wantProblems(t testing.TB, out *Outcome, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lines(out.Problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// example reads a project of this repository together with its secrets.
func example(t testing.TB, name string) *Upload {
	t.Helper()
	dir := filepath.Join("..", "..", "testdata", "projects", name)
	if name == "shop" {
		dir = filepath.Join("..", "..", "examples", name)
	}
	if name == "full" {
		if dir = filepath.Join("..", "..", "..", "shared", "snapshots", name); !exists(dir) {
			t.Skip("the real export is not beside the checkout")
		}
	}
	files, found, err := ReadFolder(dir)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	up := &Upload{Files: files}
	if name == "full" {
		up.Secrets = inputs("connectors//Forter/secretKey=x-forter", "connectors//SMTP Connector/password=x-smtp")
		return up
	}
	if exists(dir + ".secrets.json") {
		up.Secrets = secretsFile(t, dir+".secrets.json")
	}
	return up
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// secretsFile reads the secrets file of the command line.
func secretsFile(t testing.TB, path string) []InputSecret {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]struct {
		Name    string            `json:"name"`
		Secrets map[string]string `json:"secrets"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var out []InputSecret
	for _, key := range sortedKeys(doc) {
		word, id, _ := strings.Cut(key, "-")
		for _, kind := range sortedKeys(doc[key].Secrets) {
			out = append(out, InputSecret{Group: SecretGroupOf(word), ID: id, Name: doc[key].Name, Type: kind, Value: secret.New(doc[key].Secrets[kind])})
		}
	}
	return out
}

// inputs writes input secrets as "group/id/name/type=value".
func inputs(list ...string) []InputSecret {
	var out []InputSecret
	for _, s := range list {
		place, value, _ := strings.Cut(s, "=")
		p := strings.SplitN(place, "/", 4)
		out = append(out, InputSecret{Group: p[0], ID: p[1], Name: p[2], Type: p[3], Value: secret.New(value)})
	}
	return out
}

// again makes an upload of stored files, as an export and an import of it do.
func again(files Files, format Format) *Upload { return &Upload{Files: Render(files, format)} }
