package snapshot

import (
	"cmp"
	"slices"
	"strings"
)

// label is what people call the field of a frame: the titles of the members on
// the way to it from its entity.
func (f *frame) label() string {
	var words []string
	for g := f; g != nil && g.up != nil && !(g != f && g.declares() || g.field == ""); g = g.up {
		words = append(words, g.title())
	}
	slices.Reverse(words)
	return strings.Join(words, " › ")
}

// title is what people call one member or item.
func (f *frame) title() string {
	if text := f.called(); text != "" {
		return text
	}
	segment := f.pointer[strings.LastIndexByte(f.pointer, '/')+1:]
	if _, isItem := f.up.value.([]any); isItem {
		return "#" + segment
	}
	for _, s := range f.up.schemas {
		if s.Properties[f.key] != nil && len(f.schemas) > 0 {
			for _, own := range f.schemas {
				if own.Title != "" {
					return own.Title
				}
			}
		}
	}
	return unescapePointer(segment)
}

// maxWords bounds what is said of a name, in characters: each difference of an
// item says it.
const maxWords = 100

func brief(text string) string {
	if runes := []rune(text); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return text
}

// called is how people know an item: step "Send code" (3). It is blank where no
// schema says so, and for an item without a name.
func (f *frame) called() string {
	for _, w := range f.words {
		if w.Item == nil {
			continue
		}
		name, _ := child(f.value, w.Item.Name).(string)
		if name == "" || f.hidden() {
			return ""
		}
		text := w.Item.Word + ` "` + brief(name) + `"`
		if f.key != "" && f.key != name {
			text += " (" + f.key + ")"
		}
		return text
	}
	return ""
}

// shown is a value in words, where a schema says how: an item by the members that
// stand for it, and the key of an item by the item.
func (f *frame) shown() string {
	for _, w := range f.words {
		switch {
		case w.NamesItem != "":
			return f.named(w.NamesItem)
		case w.Item != nil:
			var parts []string
			for _, k := range w.Item.Shows {
				text, _ := child(f.value, k).(string)
				g := enter(f, text, k, k, f.member(k))
				if g.hidden() || text == "" {
					continue
				}
				parts = append(parts, cmp.Or(g.shown(), brief(text)))
			}
			return strings.Join(parts, ", ")
		}
	}
	return ""
}

// named is how people know the item of which a text is the key, in a member of
// the document.
func (f *frame) named(member string) string {
	key, _ := f.value.(string)
	root := f
	for root.up != nil {
		root = root.up
	}
	all := enter(root, child(root.value, member), member, member, root.member(member))
	item := child(all.value, key)
	if item == nil {
		return ""
	}
	return enter(all, item, key, key, all.member(key)).called()
}
