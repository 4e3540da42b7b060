package cli

import (
	"testing"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	const doc = `{
  "name": "Ünï",  "after": 1,
  "a/b": {"~": [10, {"deep": null}]},
  "list": [
    "one",
    {"two": 2}
  ]
}
`
	for pointer, want := range map[string]position{
		"":                 {1, 1},
		"/name":            {2, 3},
		"/after":           {2, 19}, // columns are characters
		"/a~1b":            {3, 3},
		"/a~1b/~0":         {3, 11},
		"/a~1b/~0/1":       {3, 21},
		"/a~1b/~0/1/deep":  {3, 22},
		"/list/0":          {5, 5},
		"/list/1":          {6, 5},
		"/list/1/two":      {6, 6},
		"/list/1/missing":  {6, 5}, // a member that must be added: its object
		"/list/7":          {4, 3}, // an element that is not there: its list
		"/missing/further": {1, 1},
		"/na":              {1, 1}, // a name that only begins like one
	} {
		if got := locate([]byte(doc), pointer); got != want {
			t.Errorf("%q is at %d:%d, want %d:%d", pointer, got.Line, got.Column, want.Line, want.Column)
		}
	}
}

func TestLocateInWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]position{
		"":                        {1, 1},
		"\n\n  {\"a\": 1, }":      {3, 4}, // what was found before it broke
		"{\"a\": 1, \"a\": 2}":    {1, 2}, // twice the same name: the first
		"{\"b\": [\xff], \"a\":1": {1, 1},
	} {
		if got := locate([]byte(doc), "/a"); got != want {
			t.Errorf("%q: at %d:%d, want %d:%d", doc, got.Line, got.Column, want.Line, want.Column)
		}
	}
}

func FuzzLocate(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}]}`), "/a/1/b")
	f.Add([]byte("{\n\"a\xff\": 1"), "/a")
	f.Fuzz(func(t *testing.T, doc []byte, pointer string) {
		if at := locate(doc, pointer); at.Line < 1 || at.Column < 1 {
			t.Errorf("%q in %q is at %+v", pointer, doc, at)
		}
	})
}
