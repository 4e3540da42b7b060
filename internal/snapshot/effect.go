package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Effect is what a difference does beyond itself: to other parts of a
// configuration, or to data that is none. Whoever owns that tells it.
type Effect struct {
	Code    string `json:"code"`    // for programs; stable
	Message string `json:"message"` // a whole sentence; never holds a secret
	Count   int    `json:"count"`   // how many are touched; at least 1
}

// A Referrer is something in a configuration that refers to an entity.
type Referrer struct {
	Kind string // in words; blank for what declares no entity
	Name string // or its id; of what declares no entity the title of its section
}

// String is what people call it.
func (r Referrer) String() string {
	if r.Kind == "" {
		return r.Name
	}
	return fmt.Sprintf("%s %q", r.Kind, r.Name)
}

// Referrers returns, for each difference between two configurations, what refers
// to its entity: before where it is removed, and afterwards where it is called
// otherwise; nothing for other differences. Each is there once, in order, without
// the entity itself.
func (c *Cache) Referrers(before, after Base, list []Difference) ([][]Referrer, error) {
	out := make([][]Referrer, len(list))
	gone, renamed := map[subject]int{}, map[subject]int{}
	for i, d := range list {
		switch {
		case d.Kind == "":
		case d.Action == Removed && d.Field == "":
			gone[subjectOf(d.Kind, d.ID, d.Name)] = i
		case d.Renames:
			renamed[subjectOf(d.Kind, d.ID, d.Name)] = i
		}
	}
	if err := c.referrers(before, gone, out); err != nil {
		return nil, err
	}
	return out, c.referrers(after, renamed, out)
}

// A subject tells entities apart, of which some have no id.
type subject struct{ kind, key string } // the kind is in words

func subjectOf(kind, id, name string) subject { return subject{kind, cmp.Or(id, name)} }

func (e *Entity) subject() subject { return subjectOf(KindWords(e.Kind), e.ID, e.Name) }

// referrers puts what refers to some entities of a configuration where these
// entities are in a list.
func (c *Cache) referrers(base Base, of map[subject]int, out [][]Referrer) error {
	if len(of) == 0 {
		return nil
	}
	all, err := c.read(base)
	if err != nil {
		return err
	}
	w := newWorld()
	for _, file := range sortedKeys(all) {
		for _, e := range all[file].entities {
			w.add(e)
		}
	}
	for _, file := range sortedKeys(all) {
		for _, r := range all[file].refs {
			e := w.target(r)
			if e == nil || r.word.Scope == "folder" { // of an entity that is a folder only what is outside counts
				continue
			}
			i, wanted := of[e.subject()]
			if by := declaring(all, r); wanted && by != e {
				out[i] = append(out[i], referrer(file, by))
			}
		}
	}
	for _, i := range of {
		slices.SortFunc(out[i], func(a, b Referrer) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
		out[i] = slices.Compact(out[i])
	}
	return nil
}

// target returns the entity that a reference names, or nil.
func (w *world) target(r ref) *Entity {
	if r.keyID {
		return w.named(r.word.Kind, r.name)
	}
	if e := w.ids[idKey{r.word.Kind, r.value}]; e != nil && r.word.By != "name" {
		return e
	}
	if r.word.By == "id" {
		return nil
	}
	return w.named(r.word.Kind, r.value)
}

// declaring returns the entity that a reference stands in: the innermost one in
// its file, or the one in whose folder the file lies; nil where there is none.
func declaring(all map[string]*facts, r ref) *Entity {
	var inner *Entity
	for _, e := range all[r.file].entities {
		within := r.pointer == e.pointer || strings.HasPrefix(r.pointer, e.pointer+"/")
		if within && (inner == nil || len(e.pointer) > len(inner.pointer)) {
			inner = e
		}
	}
	at, _ := locate(r.file)
	owner, ok := (&comparison{at: at, path: r.file}).owner()
	if (inner == nil || inner.pointer == "") && ok && all[owner] != nil && len(all[owner].entities) > 0 {
		return all[owner].entities[0]
	}
	return inner
}

func referrer(file string, e *Entity) Referrer {
	if e != nil && !strings.HasPrefix(e.word.ID, "=") {
		return Referrer{KindWords(e.Kind), e.label()}
	}
	at, _ := locate(file)
	return Referrer{Name: at.Section.Title}
}
