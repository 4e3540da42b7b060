package snapshot

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// sameFacts holds what is gathered of the outline of a document against what is
// gathered of all of it. It reports how much of the document was left out.
func sameFacts(t rapid.TB, path string, content []byte) (left int) {
	at, ok := locate(path)
	if !ok || at.File.Schema == "" {
		return 0
	}
	whole, err := parse(content)
	if err != nil {
		t.Fatal(err)
	}
	part, err := parseOutline(content, schemaOf(at.File))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	want, got := gather(path, at, whole), gather(path, at, part)
	for _, f := range []*facts{want, got} {
		f.problems = (&problems{list: f.problems}).sorted()
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s: other facts of its outline:\n%s\nproblems %v, want %v", path, content, got.problems, want.problems)
	}
	return len(content) - len(render(part))
}

func TestOutlinesOfExamples(t *testing.T) {
	t.Parallel()
	left := 0
	for _, dir := range []string{"../../testdata/projects/edge", "../../examples/shop", "../../../shared/snapshots/full"} {
		if !exists(dir) {
			continue // the real export is not beside the checkout
		}
		files, _, err := ReadFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		for path, content := range files {
			if formOf(path) == formJSON {
				left += sameFacts(t, path, content)
			}
		}
	}
	if left == 0 {
		t.Error("no outline leaves anything out")
	}
}

// Values of any shape at any place, so that what is wrong is found in an outline
// as it is in the whole.
func TestOutlinesOfDrawnDocuments(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for path, content := range project(t).Files {
			if formOf(path) != formJSON {
				continue
			}
			sameFacts(t, path, odd(t, content))
		}
	})
}

// odd puts values of any shape at some places of a document.
func odd(t *rapid.T, content []byte) []byte {
	values := []any{
		nil, true, 1.5, "", "x", Placeholder,
		[]any{},
		[]any{map[string]any{"key": "k"}, "x"},
		map[string]any{},
		map[string]any{"id": "x", "value": map[string]any{}},
	}
	doc, err := parse(content)
	if err != nil {
		t.Fatal(err)
	}
	return render(eachValue(doc, func(v any) any {
		if rapid.IntRange(0, 30).Draw(t, "odd") == 0 {
			return rapid.SampledFrom(values).Draw(t, "value")
		}
		return v
	}))
}

// eachValue replaces the values in a document by what replace returns.
func eachValue(v any, replace func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			v[k] = replace(eachValue(v[k], replace))
		}
	case []any:
		for i := range v {
			v[i] = replace(eachValue(v[i], replace))
		}
	}
	return v
}
