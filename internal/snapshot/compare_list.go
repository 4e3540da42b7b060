package snapshot

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// side is what describes the values of one side of a comparison.
type side = *jsonschema.Schema

// items compares two lists: of entities by their ids and names, of other
// objects by the member that tells them apart, of plain values as sets, and of
// whatever else place by place.
func (c *comparison) items(a, b *frame, was, now []any) {
	if plain(was) && plain(now) {
		c.plainItems(a, b, was, now)
		return
	}
	pairs, ok := c.pair(a, b, was, now)
	if !ok {
		c.byPlace(a, b, was, now)
		return
	}
	moved, last := false, -1
	for _, p := range pairs {
		switch {
		case p.was < 0 || p.now < 0:
			c.lonely(a, b, was, now, p)
		default:
			moved = moved || p.now < last
			last = p.now
			c.compare(c.item(a, was, p.was), c.item(b, now, p.now))
		}
	}
	if moved {
		d := c.field(a, b, c.reordered(b))
		d.Label += " (order)"
	}
}

func (c *comparison) item(f *frame, values []any, i int) *frame {
	return c.sub(f, values[i], "", strconv.Itoa(i), f.items())
}

// lonely records an item that is on one side only.
func (c *comparison) lonely(a, b *frame, was, now []any, p pairing) {
	has := p.now >= 0
	var f *frame
	if has {
		f = c.item(b, now, p.now)
	} else {
		f = c.item(a, was, p.was)
	}
	if f.declares() {
		action := pick(has, Created, Removed)
		c.note(f, action, c.oneSidedRisks(f, action)).Content = c.seen(f)
		return
	}
	c.oneSided(pick(has, f.absent(a), f), pick(has, f, f.absent(b)), has)
}

// byPlace compares item by item.
func (c *comparison) byPlace(a, b *frame, was, now []any) {
	for i := range max(len(was), len(now)) {
		switch {
		case i >= len(was):
			c.lonely(a, b, was, now, pairing{-1, i})
		case i >= len(now):
			c.lonely(a, b, was, now, pairing{i, -1})
		default:
			c.compare(c.item(a, was, i), c.item(b, now, i))
		}
	}
}

func plain(values []any) bool {
	for _, v := range values {
		switch v.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return true
}

// plainItems compares two lists of plain values: what came and what went.
func (c *comparison) plainItems(a, b *frame, was, now []any) {
	d := c.field(a, b, c.risks(a, b))
	for i := range was {
		if x := c.item(a, was, i); x.hidden() {
			d.Hidden = true
			return
		}
	}
	for i := range now {
		if x := c.item(b, now, i); x.hidden() {
			d.Hidden = true
			return
		}
	}
	d.Removed, d.Added = without(was, now), without(now, was)
	if len(d.Removed)+len(d.Added) == 0 { // another order, or one more often
		d.From, d.To = render(was), render(now)
	}
}

// without returns the values of a list that another does not have.
func without(values, other []any) []jsontext.Value {
	var out []jsontext.Value
	has := map[any]bool{}
	for _, v := range other {
		has[v] = true
	}
	for _, v := range values {
		if !has[v] {
			out = append(out, render(v))
		}
	}
	return out
}

// A pairing is an item of one list and the same one of another; -1 is none.
type pairing struct{ was, now int }

// pair finds the items of one list in another. It returns false where nothing
// tells them apart.
func (c *comparison) pair(a, b *frame, was, now []any) ([]pairing, bool) {
	names, id := c.telling(a, b, was, now)
	for _, member := range names {
		old, ok1 := keysOf(was, member)
		fresh, ok2 := keysOf(now, member)
		if !ok1 || !ok2 {
			continue
		}
		var out []pairing
		for i, v := range was {
			j, there := fresh[child(v, member)]
			if !there {
				j = -1
			}
			out = append(out, pairing{i, j})
		}
		for j, v := range now {
			if _, there := old[child(v, member)]; !there {
				out = append(out, pairing{-1, j})
			}
		}
		if id != "" && member != id {
			out = joinRenamed(out, was, now, id)
		}
		return out, true
	}
	return nil, false
}

// joinRenamed makes one pair of an item that is gone and one that is new where
// both have the same id: it is called otherwise now.
func joinRenamed(pairs []pairing, was, now []any, id string) []pairing {
	fresh := map[string]int{}
	for _, p := range pairs {
		if key, _ := child(itemAt(now, p.now), id).(string); p.was < 0 && key != "" {
			fresh[key] = p.now
		}
	}
	joined := map[int]bool{}
	for i, p := range pairs {
		key, _ := child(itemAt(was, p.was), id).(string)
		if j, there := fresh[key]; there && p.now < 0 {
			pairs[i].now, joined[j] = j, true
			delete(fresh, key)
		}
	}
	return slices.DeleteFunc(pairs, func(p pairing) bool { return p.was < 0 && joined[p.now] })
}

func itemAt(values []any, i int) any {
	if i < 0 {
		return nil
	}
	return values[i]
}

// telling are the members that may tell the items of two lists apart: those
// that the schema names for entities go first. It also returns the member with
// the id, where the items are entities.
func (c *comparison) telling(a, b *frame, was, now []any) (out []string, id string) {
	for _, side := range []struct {
		up     *frame
		values []any
	}{{b, now}, {a, was}} {
		if len(side.values) == 0 {
			continue
		}
		if e := c.item(side.up, side.values, 0); e.declares() {
			id = e.entity.word.ID
			if w := e.entity.word; w.Match == "name" && w.Name != "" {
				out = append(out, w.Name, w.ID)
			} else {
				out = append(out, w.ID, w.Name)
			}
			break
		}
	}
	return append(out, "id", "key", "name", "interactionId"), id
}

// keysOf finds the items of a list by a member that each of them has, with
// another text.
func keysOf(values []any, member string) (map[any]int, bool) {
	out := map[any]int{}
	for i, v := range values {
		k, ok := child(v, member).(string)
		if _, twice := out[k]; !ok || twice || reflect.DeepEqual(v, nil) {
			return nil, false
		}
		out[k] = i
	}
	return out, true
}
