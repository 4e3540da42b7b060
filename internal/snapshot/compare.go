package snapshot

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Difference is one thing that differs between two configurations: a file,
// an entity in it, or a field.
type Difference struct {
	Section string `json:"section,omitempty"` // none for a file that no section has
	File    string `json:"file"`
	Kind    string `json:"kind,omitempty"` // of the entity, in words: "connector"
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Action  Action `json:"action"`
	Field   string `json:"field,omitempty"` // the path in the entity, or in the file where it has none; blank is the whole
	Label   string `json:"label,omitempty"` // the field as people know it

	// What a field was and is; neither where it is hidden, and for a list of
	// plain values what it lost and gained.
	From    jsontext.Value   `json:"from,omitzero"`
	To      jsontext.Value   `json:"to,omitzero"`
	FromAs  string           `json:"fromAs,omitzero"` // what they are in words, where a schema says how: a step of a flow
	ToAs    string           `json:"toAs,omitzero"`
	Removed []jsontext.Value `json:"removed,omitzero"`
	Added   []jsontext.Value `json:"added,omitzero"`
	Hidden  bool             `json:"hidden,omitzero"`  // a credential, or what may be one
	Content jsontext.Value   `json:"content,omitzero"` // of an entity or a file that is new or gone: what is, or was, in it, without what is hidden
	Parts   []Part           `json:"parts,omitempty"`  // likewise the other files of an entity that is a folder
	Renames bool             `json:"renames,omitzero"` // the name of the entity changes, and it stays the same one
	Was     string           `json:"was,omitzero"`     // the file that the entity was in, where it is in another one now

	Risks   []Risk   `json:"risks,omitzero"`    // what it means for security, the weakenings first
	Effects []Effect `json:"effects,omitempty"` // what it does beyond itself, in a plan; Compare tells none

	guards   []string // the exclude keys that would have left it alone
	formerly string   // the name of the entity before, where it has another one now
}

// A Part is one of the files of an entity that is new or gone.
type Part struct {
	File    string         `json:"file"`
	Content jsontext.Value `json:"content"`
}

// Compare says how two configurations differ, in the order of the table: whole
// entities where they are new or gone, fields where they changed. It never
// tells the value of a credential.
func Compare(from, to Files) []Difference {
	c := &comparison{from: from, to: to, parts: map[string][]Part{}}
	was, gone := c.moves()
	for _, path := range union(from, to) {
		switch old, moved := was[path]; {
		case moved:
			c.move(old, path)
		case !gone[path]:
			c.file(path)
		}
	}
	for i, d := range c.out {
		if d.Field == "" && d.Action != Changed {
			c.out[i].Parts = c.parts[d.File]
		}
	}
	return inOrder(c.out)
}

// inOrder sorts differences as the table has their sections, those of one
// entity together.
func inOrder(list []Difference) []Difference {
	rank := map[string]int{}
	for i, s := range Sections {
		rank[s.Name] = i - len(Sections)
	}
	slices.SortStableFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(rank[a.Section], rank[b.Section]), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func union[V any](a, b map[string]V) []string {
	keys := slices.Concat(sortedKeys(a), sortedKeys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// A comparison collects differences.
type comparison struct {
	from, to Files
	at       place
	path     string
	out      []Difference
	parts    map[string][]Part // of entities that are new or gone as a whole, by the files that declare them
}

// file compares one file.
func (c *comparison) file(path string) {
	was, had := c.from[path]
	now, has := c.to[path]
	if had && has && string(was) == string(now) || path == assetsIndex {
		return
	}
	at, known := locate(path)
	c.at, c.path = at, path
	action := actionOf(had, has)
	if !known || at.File.Schema == "" {
		c.note(nil, action, c.risks(nil, nil))
		return
	}
	if !had || !has {
		c.whole(action, pick(has, now, was))
		return
	}
	a, errA := parse(was)
	b, errB := parse(now)
	if errA != nil || errB != nil {
		c.note(nil, Changed, c.risks(nil, nil))
		return
	}
	c.compare(c.root(a), c.root(b))
}

func actionOf(had, has bool) Action {
	switch {
	case !had:
		return Created
	case !has:
		return Removed
	default:
		return Changed
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// whole notes a file that is new or gone: its entities, or itself where it
// declares none. Of an entity that is a folder only the file that declares it
// is noted.
func (c *comparison) whole(action Action, content []byte) {
	if owner, ok := c.owner(); ok {
		_, had := c.from[owner]
		_, has := c.to[owner]
		if had != has {
			if doc, err := parse(content); err == nil {
				c.parts[owner] = append(c.parts[owner], Part{c.path, c.seen(c.root(doc))})
			}
			return
		}
	}
	doc, err := parse(content)
	if err != nil {
		c.note(nil, action, c.risks(nil, nil))
		return
	}
	if root := c.root(doc); !c.outermost(root, action) {
		c.note(nil, action, c.oneSidedRisks(root, action)).Content = c.seen(root)
	}
}

// outermost notes the entities in a value that are in no other, and reports
// whether there were any.
func (c *comparison) outermost(f *frame, action Action) bool {
	if f.declares() {
		c.note(f, action, c.oneSidedRisks(f, action)).Content = c.seen(f)
		return true
	}
	noted := false
	switch v := f.value.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			noted = c.outermost(c.sub(f, v[k], k, k, f.member(k)), action) || noted
		}
	case []any:
		for i := range v {
			noted = c.outermost(c.item(f, v, i), action) || noted
		}
	}
	return noted
}

// owner is the file that declares the entity whose folder the file lies in.
func (c *comparison) owner() (string, bool) {
	for i := range c.at.Section.Files {
		f := &c.at.Section.Files[i]
		if f == c.at.File || f.Schema == "" || !strings.Contains(f.Pattern, "{") {
			continue
		}
		if w := keywordsOf(schemaOf(f)).Entity; w == nil || w.ID != "$path" {
			continue
		}
		if owner, ok := substitute(f.Pattern, c.at.Vars); ok && strings.HasPrefix(c.path, owner[:strings.LastIndexByte(owner, '/')+1]) {
			return owner, true
		}
	}
	return "", false
}

// root is the frame of a document.
func (c *comparison) root(doc any) *frame {
	f := enter(nil, doc, "", "", list(schemaOf(c.at.File)))
	c.declare(f)
	if owner, ok := c.owner(); ok && f.entity == nil {
		f.entity = c.entityOf(owner)
	}
	return f
}

// entityOf is the entity that a file declares as a whole, or nil.
func (c *comparison) entityOf(path string) *Entity {
	content := c.to[path]
	if content == nil {
		content = c.from[path]
	}
	at, ok := locate(path)
	doc, err := parse(content)
	if !ok || err != nil {
		return nil
	}
	other := &comparison{at: at, path: path}
	f := enter(nil, doc, "", "", list(schemaOf(at.File)))
	other.declare(f)
	return f.entity
}

// declare makes the entity of a frame, if it is one.
func (c *comparison) declare(f *frame) {
	for _, w := range f.words {
		if w.Entity != nil {
			g := &gatherer{file: c.path, at: c.at, facts: &facts{}}
			g.entity(f, w.Entity)
			return
		}
	}
}

// sub is the frame of a member or an item.
func (c *comparison) sub(up *frame, v any, key, segment string, subs []side) *frame {
	f := enter(up, v, key, segment, subs)
	c.declare(f)
	return f
}

// note records what happens to the whole entity of a frame, or to the file, and
// what it means for security.
func (c *comparison) note(f *frame, action Action, risks []Risk) *Difference {
	d := Difference{File: c.path, Action: action, Risks: risks, guards: c.guards(f)}
	if c.at.Section != nil {
		d.Section = c.at.Section.Name
	}
	if f != nil && f.entity != nil && !strings.HasPrefix(f.entity.word.ID, "=") {
		d.Kind, d.ID, d.Name = KindWords(f.entity.Kind), f.entity.ID, f.entity.Name
	}
	c.out = append(c.out, d)
	return &c.out[len(c.out)-1]
}

// compare compares two values of one place.
func (c *comparison) compare(a, b *frame) {
	if reflect.DeepEqual(a.value, b.value) {
		return
	}
	if a.hidden() || b.hidden() {
		c.field(a, b, c.risks(a, b)).Hidden = true
		return
	}
	if was, ok := a.value.(map[string]any); ok {
		if now, ok := b.value.(map[string]any); ok {
			c.members(a, b, was, now)
			return
		}
	}
	if was, ok := a.value.([]any); ok {
		if now, ok := b.value.([]any); ok {
			c.items(a, b, was, now)
			return
		}
	}
	d := c.field(a, b, c.risks(a, b))
	d.From, d.To = c.seen(a), c.seen(b)
	d.FromAs, d.ToAs = a.shown(), b.shown()
}

// field records that a field changed.
func (c *comparison) field(a, b *frame, risks []Risk) *Difference {
	d := c.note(b, Changed, risks)
	d.Field, d.Label = b.field, b.label()
	if d.Field == "" {
		d.Field = a.field
	}
	if e := b.entity; e != nil && a.entity != nil && a.entity.ID == e.ID && a.entity.Name != e.Name {
		d.formerly = a.entity.Name
		d.Renames = d.Field == e.word.Name
	}
	return d
}

// members compares two objects.
func (c *comparison) members(a, b *frame, was, now map[string]any) {
	for _, k := range union(was, now) {
		_, had := was[k]
		_, has := now[k]
		x, y := c.sub(a, was[k], k, k, a.member(k)), c.sub(b, now[k], k, k, b.member(k))
		switch {
		case had && has:
			c.compare(x, y)
		case (x.declares() || y.declares()):
			c.note(pick(has, y, x), actionOf(had, has), c.risks(x, y)).Content = c.seen(pick(has, y, x))
		default:
			c.oneSided(x, y, has)
		}
	}
}

// oneSided records a field that is on one side only.
func (c *comparison) oneSided(x, y *frame, has bool) {
	f := pick(has, y, x)
	d := c.note(f, pick(has, Created, Removed), c.risks(x, y))
	d.Field, d.Label = f.field, f.label()
	switch {
	case f.hidden():
		d.Hidden = true
	case has:
		d.To, d.ToAs = c.seen(f), f.shown()
	default:
		d.From, d.FromAs = c.seen(f), f.shown()
	}
}

// declares reports whether a frame is that of an entity.
func (f *frame) declares() bool {
	return slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Entity != nil })
}
