package snapshot

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What gather leaves out says nothing: a visit of every value finds the same.
func TestNothingUntoldIsAFact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for path, content := range project(t).Files {
			at, ok := locate(path)
			if !ok || at.File.Schema == "" {
				continue
			}
			doc, err := parse(odd(t, content))
			if err != nil {
				t.Fatal(err)
			}
			g := &gatherer{file: path, at: at, facts: &facts{}}
			g.validate(schemaOf(at.File), doc)
			walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
				g.visit(f)
				for _, s := range f.schemas { // members that are not there, asked for one by one
					for k, sub := range s.Properties {
						obj, isObject := f.value.(map[string]any)
						if _, there := obj[k]; !isObject || there || slices.Contains(hintsOf(s).needed, k) {
							continue
						}
						for _, w := range enter(f, nil, k, k, list(sub)).words {
							if w.Secret != nil || w.RequiredWhen != nil {
								t.Errorf("%s: the absence of %s%s is passed over", path, f.pointer, k)
							}
						}
					}
				}
			})
			g.doubt(doc)
			g.facts.problems = g.ps.sorted()
			got := gather(path, at, doc)
			got.problems = (&problems{list: got.problems}).sorted()
			if !reflect.DeepEqual(g.facts, got) {
				t.Errorf("%s: other facts:\n%s", path, content)
			}
		}
	})
}
