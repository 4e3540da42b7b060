package snapshot

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// The words of x-weakens that code names.
const (
	whenChanges  = "changes"
	whenSet      = "set"
	whenGiven    = "given"
	whenReplaced = "replaced"
	whenCreated  = "created"
	whenDeleted  = "deleted"
)

// An answer says whether a rule applies to a change.
type answer int

const (
	no answer = iota
	yes
	unclear // the values cannot be compared in that way
)

func answerOf(ok bool) answer {
	if ok {
		return yes
	}
	return no
}

// A move is one value before and after; a missing one is its default.
type move struct {
	a, b     *frame
	was, now any
	among    []string // the items that count; nil is all
}

// whens are the words for changes, each with what people read after "when it".
var whens = map[string]struct {
	words string
	whole bool // of an object as a whole: not inherited by its members
	holds func(move) answer
}{
	"up":         {"goes up", false, func(m move) answer { return m.number(func(x, y float64) bool { return y > x }) }},
	"down":       {"goes down", false, func(m move) answer { return m.number(func(x, y float64) bool { return y < x }) }},
	"on":         {"is switched on", false, func(m move) answer { return m.switched(true) }},
	"off":        {"is switched off", false, func(m move) answer { return m.switched(false) }},
	"added":      {"gains an item", false, func(m move) answer { return answerOf(len(m.gained()) > 0) }},
	"removed":    {"loses an item", false, func(m move) answer { return answerOf(len(m.lost()) > 0) }},
	"emptied":    {"becomes blank", false, func(m move) answer { return answerOf(!blank(m.was) && blank(m.now)) }},
	"widened":    {"gains an item or becomes blank, which means no limit", false, move.widened},
	"wildcard":   {"gains a wildcard", false, func(m move) answer { return answerOf(slices.ContainsFunc(m.gained(), hasWildcard)) }},
	whenSet:      {"gets a value, or another one", false, func(m move) answer { return answerOf(!blank(m.now)) }},
	whenGiven:    {"gets a value", false, func(m move) answer { return answerOf(blank(m.was) && !blank(m.now)) }},
	whenReplaced: {"changes after it was set", false, func(m move) answer { return answerOf(!blank(m.was)) }},
	whenChanges:  {"changes", false, func(move) answer { return yes }},
	whenCreated:  {"is new", true, func(m move) answer { return answerOf(m.was == nil) }},
	whenDeleted:  {"is removed", true, func(m move) answer { return answerOf(m.now == nil) }},
}

// holds reports whether the rule applies to a change of unequal values.
func (r weakenRule) holds(m move) answer {
	if r.Among == "builtin" {
		m.among = builtinsNamed(m.b)
	}
	if r.Order != nil {
		x, ok1 := rankIn(r.Order, m.was)
		y, ok2 := rankIn(r.Order, m.now)
		if !ok1 || !ok2 {
			return unclear
		}
		return answerOf(y > x)
	}
	return whens[r.When].holds(m)
}

// rankIn is the place of a value in an order, whose items may be lists of
// equals.
func rankIn(order []any, v any) (int, bool) {
	for i, item := range order {
		if equals, ok := item.([]any); ok && slices.Contains(equals, v) || reflect.DeepEqual(item, v) {
			return i, true
		}
	}
	return 0, false
}

// blank reports whether a value says nothing.
func blank(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case float64:
		return v == 0
	default:
		return isZero(v)
	}
}

// number compares two numbers, or two lengths of time in seconds.
func (m move) number(weaker func(was, now float64) bool) answer {
	x, ok1 := m.a.amount(m.was)
	y, ok2 := m.b.amount(m.now)
	if !ok1 || !ok2 {
		return unclear
	}
	return answerOf(weaker(x, y))
}

// amount is a number; of a length of time, its seconds.
func (f *frame) amount(v any) (float64, bool) {
	n, ok := v.(float64)
	if !ok {
		return 0, false
	}
	for _, w := range f.words {
		if w.Duration != nil {
			unit, given := f.lookup(w.Duration.Unit).(string)
			if !given {
				unit = defaultUnit(f.up, w.Duration.Unit)
			}
			d, ok := Duration(n, unit)
			return float64(d / time.Second), ok
		}
	}
	return n, true
}

// switched compares two booleans; a missing one without a default is off.
func (m move) switched(to bool) answer {
	was, ok1 := m.was.(bool)
	now, ok2 := m.now.(bool)
	if !ok1 && m.was != nil || !ok2 && m.now != nil {
		return unclear
	}
	return answerOf(was != now && now == to)
}

// gained are the items that came, lost those that went.
func (m move) gained() []string { return m.without(m.now, m.was) }
func (m move) lost() []string   { return m.without(m.was, m.now) }

func (m move) without(v, other any) []string {
	has := entries(other)
	return slices.DeleteFunc(entries(v), func(s string) bool {
		return slices.Contains(has, s) || m.among != nil && !slices.Contains(m.among, s)
	})
}

// widened is for lists that let in whom they name, and everybody where they
// name nobody.
func (m move) widened() answer {
	if blank(m.was) {
		return no
	}
	return answerOf(blank(m.now) || len(m.gained()) > 0)
}

// entries are the items of a list, of a map, or of a text that separates them
// by commas or spaces.
func entries(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			out[i] = entry(item)
		}
		return out
	case map[string]any:
		var out []string
		for _, k := range sortedKeys(v) {
			out = append(out, k+"="+entry(v[k]))
		}
		return out
	case nil:
		return nil
	default:
		return []string{entry(v)}
	}
}

func entry(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(render(v))
}

// hasWildcard reports whether an address or a pattern fits anything.
func hasWildcard(s string) bool { return strings.Contains(s, "*") }

// builtinsNamed are the built-in entities of the kind that the items of a list
// refer to.
func builtinsNamed(f *frame) []string {
	names := []string{}
	for _, s := range f.items() {
		w := keywordsOf(s).Ref
		for key := range builtins() {
			if w != nil && key.kind == w.Kind {
				names = append(names, key.id)
			}
		}
	}
	return names
}
