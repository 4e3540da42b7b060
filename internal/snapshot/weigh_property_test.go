package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A directed value is one whose change weakens security one way and not the
// other.
type directed struct {
	path, pointer string
	value         any
	rule          weakenRule
}

// directedIn finds the numbers and booleans of a project that have a direction.
func directedIn(t *rapid.T, files Files) []directed {
	var out []directed
	for _, path := range files.Paths() {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		doc, err := parse(files[path])
		if err != nil {
			t.Fatal(err)
		}
		walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
			for _, r := range f.weakening() {
				_, isBool := f.value.(bool)
				n, isNumber := f.value.(float64)
				if r.While == nil && r.level() == Weakens && !f.hidden() &&
					(isBool && (r.When == "on" || r.When == "off") || isNumber && n > 0 && (r.When == "up" || r.When == "down")) {
					out = append(out, directed{path, f.pointer, f.value, r})
				}
			}
		})
	}
	return out
}

// moved is the value on the weaker side, or on the stronger one.
func (d directed) moved(weaker bool) any {
	n, _ := d.value.(float64)
	up := n + 1
	if n == 0 {
		up = 1
	}
	switch d.rule.When {
	case "on":
		return weaker
	case "off":
		return !weaker
	case "up":
		return pick[any](weaker, up, n)
	default:
		return pick[any](weaker, n, up)
	}
}

func (d directed) with(files Files, v any) Files {
	out := maps.Clone(files)
	doc, _ := parse(files[d.path])
	out[d.path] = render(apply(doc, list(edit{pointer: d.pointer, value: v})))
	return out
}

// No weakening of a value with a direction passes unmarked, and no change the
// other way is marked.
func TestDrawnWeakeningsAreMarked(t *testing.T) {
	t.Parallel()
	seen := map[RiskCode]bool{}
	rapid.Check(t, func(t *rapid.T) {
		files := project(t).Files
		for _, d := range directedIn(t, files) {
			strong, weak := d.with(files, d.moved(false)), d.with(files, d.moved(true))
			there, back := Compare(strong, weak), Compare(weak, strong)
			if !slices.Contains(riskLines(there), string(d.rule.Code)) {
				t.Errorf("%s%s from %v to %v is not marked with %s: %v", d.path, d.pointer, d.moved(false), d.moved(true), d.rule.Code, there)
			}
			if slices.Contains(riskLines(back), string(d.rule.Code)) {
				t.Errorf("%s%s from %v to %v is marked with %s: %v", d.path, d.pointer, d.moved(true), d.moved(false), d.rule.Code, back)
			}
			seen[d.rule.Code] = true
		}
	})
	if len(seen) < 20 {
		t.Errorf("only %d codes were drawn: %v", len(seen), slices.Sorted(maps.Keys(seen)))
	}
}

// weakerPlaces are the places that weaken security, and how.
func weakerPlaces(list []Difference) []string {
	var out []string
	for _, d := range list {
		for _, r := range d.Risks {
			if r.Level == Weakens {
				out = append(out, fmt.Sprintf("%s %s %s %s %s", d.File, d.Kind, d.Name, d.Field, r.Code))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Whatever is marked between two projects does not depend on the order of
// entities in their lists, and a project beside itself has no risk.
func TestDrawnRisksDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	marked := 0
	rapid.Check(t, func(t *rapid.T) {
		from, to := project(t).Files, project(t).Files
		want := weakerPlaces(Compare(from, to))
		marked += len(want)
		if diff := cmp.Diff(want, weakerPlaces(Compare(from, backToFront(t, to)))); diff != "" {
			t.Errorf("in another order (-want +got):\n%s", diff)
		}
		if again := weakerPlaces(Compare(to, backToFront(t, to))); len(again) > 0 {
			t.Errorf("a project beside itself is weaker: %v", again)
		}
	})
	if marked == 0 {
		t.Error("nothing was marked")
	}
}

// backToFront turns lists of entities round.
func backToFront(t *rapid.T, files Files) Files {
	out := maps.Clone(files)
	for path, content := range files {
		at, ok := locate(path)
		if !ok || at.File.Schema == "" {
			continue
		}
		doc, err := parse(content)
		if err != nil {
			t.Fatal(err)
		}
		walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
			items, _ := f.value.([]any)
			if len(items) > 0 && enter(f, items[0], "", "0", f.items()).declares() {
				slices.Reverse(items)
			}
		})
		out[path] = render(doc)
	}
	return out
}

// A risk that stands for no other does not say so.
func TestRisksCountOthersOnly(t *testing.T) {
	t.Parallel()
	for _, d := range Compare(Files{}, example(t, "shop").Files) {
		for _, r := range d.Risks {
			if strings.Contains(r.Message, "and 0 more") {
				t.Errorf("%s: %s", d.File, r.Message)
			}
		}
	}
}
