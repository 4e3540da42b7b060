package snapshot

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Of any two projects: what a check says that an import of the second would make
// of the first is what it makes, the same import then has nothing left to do, and
// the export of what it made, imported into the first, makes exactly that again.
func TestDrawnChangesAreWhatIsDone(t *testing.T) {
	t.Parallel()
	moved := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := project(t), project(t)
		b.AllowMoved = true // that is about secrets; here it is about files
		g := imported(t, a)
		before, was := g.base, g.files()
		out, err := Suppose(b, g.base, &g.cache)
		if err != nil {
			t.Fatal(err)
		}
		for out.Failed() { // what stays may need what is gone, or the two together break a rule
			withoutFaults(b, out.Problems)
			if out, err = Suppose(b, g.base, &g.cache); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(Diff(before.Tree, out.Tree), out.Changes); diff != "" {
			t.Fatalf("the changes are not what differs (-want +got):\n%s", diff)
		}
		moved += len(out.Changes)
		g.commit(out)
		if again := mustSuppose(t, b, g); len(again.Changes) > 0 {
			for _, c := range again.Changes {
				t.Errorf("the same again makes of %s, for %s:\n%s\nafter:\n%s", was[c.File], b.Files[c.File], again.Fresh[again.Tree[c.File]], g.text(c.File))
			}
		}
		list := Compare(was, g.files())
		if (len(list) == 0) != (len(out.Changes) == 0) {
			t.Errorf("%d files differ, and %d differences are told", len(out.Changes), len(list))
		}
		if back := Compare(g.files(), g.files()); len(back) > 0 {
			t.Errorf("the same differs: %v", back)
		}
		for _, d := range list {
			if !d.Touches(d) {
				t.Errorf("a difference does not touch itself: %+v", d)
			}
		}
		for _, format := range []Format{FormatSplit, FormatPlain} {
			first := &target{base: before, cache: Cache{}}
			redone := mustSuppose(t, again(g.files(), format), first)
			if got, want := redone.Tree.Digest(), out.Tree.Digest(); got != want {
				t.Errorf("the export of what was made makes something else of the first project, in format %q (-want +got):\n%s", format, cmp.Diff(g.base.Tree, redone.Tree))
			}
		}
	})
	if moved < 10 {
		t.Errorf("all imports together changed %d files", moved)
	}
}

// withoutFaults takes the sections out of an upload that have errors, or one where none
// of them has any.
func withoutFaults(up *Upload, list []Problem) {
	section := func(path string) string {
		at, known := locate(path)
		if !known {
			return path
		}
		return at.Section.Name
	}
	bad, before := map[string]bool{}, len(up.Files)
	for _, p := range list {
		bad[section(p.File)] = bad[section(p.File)] || p.Level == Error
	}
	maps.DeleteFunc(up.Files, func(path string, _ []byte) bool { return bad[section(path)] })
	if len(up.Files) == before {
		first := section(up.Files.Paths()[0])
		maps.DeleteFunc(up.Files, func(path string, _ []byte) bool { return section(path) == first })
	}
	up.Secrets = nil // those that are needed are supposed to be there
}

func mustSuppose(t *rapid.T, up *Upload, g *target) *Outcome {
	up = up.Clone()
	up.AllowMoved = true
	out, err := Suppose(up, g.base, &g.cache)
	if err != nil {
		t.Fatal(err)
	}
	if out.Failed() {
		t.Fatalf("it is refused:\n%s", strings.Join(lines(out.Problems), "\n"))
	}
	return out
}
