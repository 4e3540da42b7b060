package snapshot

import (
	"maps"
	"strings"
	"testing"
)

// FuzzCheck changes the example project in a few places, the way the bytes
// say, and imports it over the unchanged one.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte("take away, exchange and misspell"))
	f.Add([]byte{0xff, 0, 0x80, 7, 0x21, 0x40, 3, 9, 9, 1})
	shop := example(f, "shop")
	g := newTarget()
	g.apply(f, &Upload{Files: maps.Clone(shop.Files), Secrets: shop.Secrets})
	f.Fuzz(func(t *testing.T, script []byte) {
		m := mutator{script: script[:min(len(script), 96)]}
		next := newTarget()
		maps.Copy(next.contents, g.contents)
		next.base.Tree, next.base.Secrets, next.base.Standing = g.base.Tree, g.base.Secrets, g.base.Standing
		for range 1 + m.next(3) { // the later ones over what the first left
			up := &Upload{Files: maps.Clone(shop.Files), Secrets: shop.Secrets}
			for range 4 {
				m.mutate(t, up)
			}
			out, err := next.hold(up)
			if err != nil {
				t.Fatal(err)
			}
			if out.Failed() {
				if out.Tree != nil || out.Set != nil {
					t.Error("a refused import has an outcome")
				}
				continue
			}
			next.commit(out)
			exportedAgain(t, next)
		}
	})
}

// exportedAgain imports what a target exports, which changes nothing.
func exportedAgain(t *testing.T, next *target) {
	t.Helper()
	for _, format := range []Format{FormatSplit, FormatPlain} {
		again, err := next.hold(&Upload{Files: Render(next.files(), format)})
		if err != nil {
			t.Fatal(err)
		}
		if again.Failed() || len(again.Changes) > 0 || len(again.Keep) != len(next.base.Secrets) {
			t.Fatalf("importing its own export in format %q changes %v, keeps %d of %d secrets, and is told\n%s",
				format, again.Changes, len(again.Keep), len(next.base.Secrets), strings.Join(lines(again.Problems), "\n"))
		}
	}
}

// A mutator reads what to do from bytes; without any left it does the first of
// everything.
type mutator struct{ script []byte }

func (m *mutator) next(n int) int {
	if n <= 0 || len(m.script) == 0 {
		return 0
	}
	b := int(m.script[0])
	m.script = m.script[1:]
	if n > 256 && len(m.script) > 0 {
		b = b<<8 | int(m.script[0])
		m.script = m.script[1:]
	}
	return b % n
}

func (m *mutator) mutate(t *testing.T, up *Upload) {
	paths := up.Files.Paths()
	path := paths[m.next(len(paths))]
	switch m.next(8) {
	case 0:
		delete(up.Files, path)
		return
	case 1:
		other := paths[m.next(len(paths))]
		up.Files[path], up.Files[other] = up.Files[other], up.Files[path]
		if formOf(path) != formOf(other) {
			up.Files[path], up.Files[other] = up.Files[other], up.Files[path]
		}
		return
	case 2:
		up.Excludes = append(up.Excludes, ExcludeKeys()[m.next(len(ExcludeKeys()))])
		return
	}
	if formOf(path) != formJSON {
		return
	}
	doc := mustParse(t, up.Files[path])
	m.value(doc)
	up.Files[path] = render(doc)
}

// value changes something below v.
func (m *mutator) value(v any) {
	for {
		var child any
		var set func(any)
		switch c := v.(type) {
		case map[string]any:
			if len(c) == 0 {
				return
			}
			keys := sortedKeys(c)
			k := keys[m.next(len(keys))]
			child, set = c[k], func(x any) {
				if c[k] = x; x == any(gone) {
					delete(c, k)
				}
			}
		case []any:
			if len(c) == 0 {
				return
			}
			i := m.next(len(c))
			child, set = c[i], func(x any) { c[i] = x }
		}
		_, isMap := child.(map[string]any)
		_, isList := child.([]any)
		if set == nil {
			return
		}
		if (isMap || isList) && m.next(8) > 0 {
			v = child
			continue
		}
		set(m.replacement(child))
		return
	}
}

const gone = "\x00gone"

func (m *mutator) replacement(was any) any {
	text, _ := was.(string)
	return []any{
		gone, nil, "", Placeholder, text + "x", strings.Repeat("long ", 150), "System", "asset:mine.txt", 1.0, true,
		[]any{},
		map[string]any{},
		"CI1xhqlc205pnQYEa66RHsdLfx2JY",
		[]any{"a", "a"},
		"data:image/png;base64,eA==", "https://a.example/?flow=sign-in",
	}[m.next(16)]
}
