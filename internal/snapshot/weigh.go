package snapshot

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A scale collects the risks of one difference, each code once.
type scale struct {
	c     *comparison
	risks []Risk
	more  map[int]int // of a risk, how many others it stands for
}

// risks says what it means for security that the value of one frame becomes
// that of another. A frame that is nil is a value that is not there.
func (c *comparison) risks(a, b *frame) []Risk {
	s := &scale{c: c, more: map[int]int{}}
	switch {
	case a == nil && b == nil: // a file that no schema describes
		s.add(riskUnknown, Ask, "")
	case a == nil:
		s.weigh(b.absent(b.up), b, false)
	case b == nil:
		s.weigh(a, a.absent(a.up), false)
	default:
		s.weigh(a, b, false)
	}
	for i, n := range s.more {
		s.risks[i].Message += fmt.Sprintf(" and %d more", n)
	}
	return sortRisks(s.risks)
}

// oneSidedRisks says what it means that a value comes or goes.
func (c *comparison) oneSidedRisks(f *frame, action Action) []Risk {
	if action == Created {
		return c.risks(nil, f)
	}
	return c.risks(f, nil)
}

// reordered says what it means that the items of a list have another order.
func (c *comparison) reordered(f *frame) []Risk {
	s := &scale{c: c, more: map[int]int{}}
	for _, r := range f.weakening() {
		if r.When == whenChanges {
			s.add(r.Code, r.level(), f.label())
		}
	}
	return sortRisks(s.risks)
}

// absent is the frame of a value that is not there: what describes it is known
// from the one that is.
func (f *frame) absent(up *frame) *frame {
	gone := *f
	gone.up, gone.value = up, nil
	return &gone
}

// effective is the value, or its default.
func (f *frame) effective() any {
	if f.value == nil {
		if v, ok := f.fallback(); ok {
			return v
		}
	}
	return f.value
}

// weigh compares two values of one place and all that is in them. Of what is
// in a new entity only the difference from the defaults counts, and of one
// that is gone nothing but that it is gone.
func (s *scale) weigh(a, b *frame, fresh bool) {
	was, now := a.effective(), b.effective()
	if reflect.DeepEqual(was, now) {
		return
	}
	if was == nil {
		a = b.absent(a.up)
	} else if now == nil {
		b = a.absent(b.up)
	}
	if was == nil || now == nil {
		f := pick(was == nil, b, a)
		if !fresh || f.declares() {
			s.whole(f, move{a: a, b: b, was: was, now: now})
		}
		if f.declares() && !f.single() {
			if now == nil {
				return
			}
			fresh = true
		}
	}
	if a.hidden() || b.hidden() {
		s.leaf(move{a: a, b: b, was: was, now: now}, fresh)
		return
	}
	oldMembers, ok1 := was.(map[string]any)
	newMembers, ok2 := now.(map[string]any)
	if (ok1 || was == nil) && (ok2 || now == nil) && (ok1 || ok2) {
		for _, k := range union(oldMembers, newMembers) {
			s.weigh(s.c.sub(a, oldMembers[k], k, k, a.member(k)), s.c.sub(b, newMembers[k], k, k, b.member(k)), fresh)
		}
		return
	}
	if s.items(a, b, was, now, fresh) {
		return
	}
	s.leaf(move{a: a, b: b, was: was, now: now}, fresh)
}

// single reports whether there is one such entity in every project, which then
// is never new or gone: without it everything has its default.
func (f *frame) single() bool {
	return slices.ContainsFunc(f.words, func(w *keywords) bool {
		return w.Entity != nil && strings.HasPrefix(w.Entity.ID, "=")
	})
}

// items weighs the items of a list of objects that is new or gone, and returns
// false where there is no such list.
func (s *scale) items(a, b *frame, was, now any, fresh bool) bool {
	old, ok1 := was.([]any)
	recent, ok2 := now.([]any)
	switch {
	case ok1 && !plain(old) && len(recent) == 0 && (ok2 || now == nil):
		for i := range old {
			f := s.c.item(a, old, i)
			s.weigh(f, f.absent(b), fresh)
		}
	case ok2 && !plain(recent) && len(old) == 0 && (ok1 || was == nil):
		for i := range recent {
			f := s.c.item(b, recent, i)
			s.weigh(f.absent(a), f, fresh)
		}
	default:
		return false
	}
	return true
}

// whole applies what is said of an object that is new or gone.
func (s *scale) whole(f *frame, m move) {
	rules, _, _ := f.saysOfWeakening()
	for _, r := range rules {
		inside := frame{up: f}
		if r.whole() && whens[r.When].holds(m) == yes && r.While.holds(inside.settled) {
			s.add(r.Code, r.level(), "")
		}
	}
}

// leaf applies what is said of a value that has no parts of its own.
func (s *scale) leaf(m move, fresh bool) {
	if x, y, ok := measured(m.a, m.b); ok {
		// The unit of a length of time: where the number changes as well, it
		// is said there.
		if n := x.effective(); n != nil && reflect.DeepEqual(n, y.effective()) {
			s.leaf(move{a: x, b: y, was: n, now: n}, fresh)
		}
		return
	}
	source := pick(m.a.value != nil, m.a, m.b)
	for _, r := range source.weakening() {
		m := m
		switch {
		case r.whole(), !r.While.holds(m.b.settled), !fresh && !r.While.holds(m.a.settled):
			continue
		case fresh && (r.When == whenChanges || r.When == whenReplaced):
			continue // nothing was there before
		case fresh && r.When == whenGiven:
			m.was = nil
		}
		switch r.holds(m) {
		case yes:
			s.add(r.Code, r.level(), m.words())
		case unclear:
			s.add(r.Code, Ask, m.words())
		case no:
		}
	}
}

// measured finds the length of time that a member is the unit of.
func measured(a, b *frame) (x, y *frame, ok bool) {
	if b.up == nil || b.key == "" {
		return nil, nil, false
	}
	for _, s := range b.up.schemas {
		for _, name := range sortedKeys(s.Properties) {
			if d := keywordsOf(s.Properties[name]).Duration; d != nil && d.Unit == b.key {
				sub := func(up *frame) *frame { return enter(up, child(up.value, name), name, name, b.up.member(name)) }
				return sub(a.up), sub(b.up), true
			}
		}
	}
	return nil, nil, false
}

// settled is what a member is in the nearest enclosing object that knows it.
func (f *frame) settled(member string) any {
	for g := f.up; g != nil; g = g.up {
		if v := child(g.value, member); v != nil {
			return v
		}
		for _, s := range g.schemas {
			if p := s.Properties[member]; p != nil {
				return enter(g, nil, member, member, list(p)).effective()
			}
		}
	}
	return nil
}

// add records a risk. One code has one sentence, with the place that came
// first.
func (s *scale) add(code RiskCode, level RiskLevel, where string) {
	for i, r := range s.risks {
		if r.Code != code {
			continue
		}
		switch {
		case r == riskOf(code, level, where): // two rules that say the same
		case r.Level == level:
			s.more[i]++
		case level == Weakens:
			s.risks[i] = riskOf(code, level, where)
			delete(s.more, i) // they were of the other level
		}
		return
	}
	s.risks = append(s.risks, riskOf(code, level, where))
}

func riskOf(code RiskCode, level RiskLevel, where string) Risk {
	r := Risk{Code: code, Level: level, Message: code.says()}
	if where != "" {
		r.Message += " (" + where + ")"
	}
	return r
}

// words says which value changes and how, for a sentence; not the values of
// what may be a credential.
func (m move) words() string {
	f := pick(m.b.value != nil, m.b, m.a)
	label, how := f.label(), ""
	if !m.a.hidden() && !m.b.hidden() {
		how = m.how()
	}
	if label == "" || how == "" {
		return label + how
	}
	return label + ": " + how
}

// how says the change itself, where it is short.
func (m move) how() string {
	switch m.now.(type) {
	case []any, map[string]any:
		var parts []string
		for _, s := range m.gained() {
			parts = append(parts, "+"+cut(s))
		}
		for _, s := range m.lost() {
			parts = append(parts, "-"+cut(s))
		}
		const most = 4
		if n := len(parts); n > most {
			parts = append(parts[:most], fmt.Sprintf("and %d more", n-most))
		}
		return strings.Join(parts, ", ")
	case bool:
		return ""
	}
	if isZero(m.was) && isZero(m.now) {
		return ""
	}
	return m.a.told(m.was) + " → " + m.b.told(m.now)
}

// told writes a value for a sentence.
func (f *frame) told(v any) string {
	if isZero(v) {
		return "none"
	}
	timed := slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Duration != nil })
	if seconds, ok := f.amount(v); ok && timed && time.Duration(seconds) > 0 {
		return words(int64(seconds))
	}
	return cut(string(render(v)))
}

// cut shortens a text.
func cut(s string) string {
	const longest = 60
	if text := []rune(s); len(text) > longest {
		return string(text[:longest]) + "…"
	}
	return s
}
