package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
)

// facts are what the schema says of one document: what it declares, what it
// refers to, which credentials it has, and what is wrong with it alone. They
// hold no secret value.
type facts struct {
	entities []*Entity
	refs     []ref
	problems []Problem
}

// An Entity is one thing that a document declares: a connector, a role, a flow.
type Entity struct {
	Kind string
	ID   string
	Name string

	file    string
	pointer string
	word    *entityKeyword
	scope   string // where its name is unique
	within  string // the entity that it belongs to, by the member that the schema names
	secrets []secretField
	dest    []string // what its stored secrets depend on
	sourced string   // the id that the upload had for it
}

// label is how people know the entity.
func (e *Entity) label() string {
	switch {
	case e.Name != "":
		return e.Name
	case e.ID != "":
		return e.ID
	default:
		return "without a name"
	}
}

// builtin reports whether the entity exists in every project.
func (e *Entity) builtin() bool {
	return slices.Contains(e.word.Builtin, e.ID) || e.Name != "" && slices.Contains(e.word.Builtin, e.Name)
}

// destination is a digest of where the entity's secrets are sent.
func (e *Entity) destination() string {
	sum := sha256.Sum256([]byte(strings.Join(e.dest, "\x00")))
	return hex.EncodeToString(sum[:])
}

// A ref is a place in a document that names an entity.
type ref struct {
	word    *refKeyword
	file    string
	pointer string
	value   string // the id or the name
	prefix  string // what stands before value: "smtp:" of "smtp:CI…"
	keyID   bool   // the id beside a name that is a member name
	name    string // that name
}

// A secretField is a place for a credential in an entity.
type secretField struct {
	word    *secretKeyword
	field   string // the path within the entity, by which the secret is bound
	pointer string
	state   secretState
	needed  bool // by the conditions of the schema
	allowed bool
}

type secretState int

const (
	secretAbsent secretState = iota
	secretBlank
	secretPlaceholder
	secretGiven
)

// Placeholder stands in a document for a secret that is stored elsewhere.
const Placeholder = "PLACEHOLDER_VALUE"

// gather reads the facts of a document.
func gather(file string, at place, doc any) *facts {
	g := &gatherer{file: file, at: at, facts: &facts{}}
	s := schemaOf(at.File)
	if s == nil {
		return g.facts
	}
	g.validate(s, doc)
	walkBut(untold, enter(nil, doc, "", "", list(s)), g.visit)
	g.doubt(doc)
	g.facts.problems = g.ps.list
	return g.facts
}

func list[T any](v T) []T { return []T{v} }

type gatherer struct {
	file  string
	at    place
	facts *facts
	ps    problems
}

func (g *gatherer) visit(f *frame) {
	for _, w := range f.words {
		if w.Entity != nil {
			g.entity(f, w.Entity)
		}
	}
	for _, w := range f.words {
		g.value(f, w)
	}
	if obj, ok := f.value.(map[string]any); ok {
		g.unknownKeys(f, obj)
		g.absent(f, obj)
	}
	if f.value == Placeholder && !slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Secret != nil }) {
		g.ps.add(Warning, g.file, f.pointer, CodeSecretMissing, "give the value itself, or mark it as a secret",
			"the placeholder of a secret stands where no secret is; it is taken as the value")
	}
}

// value reads what the keywords of a present value say.
func (g *gatherer) value(f *frame, w *keywords) {
	if w.Ref != nil {
		g.ref(f, w.Ref)
	}
	if w.RefKeys != nil {
		g.refKeys(f, w.RefKeys)
	}
	if w.Secret != nil {
		g.secret(f, w.Secret, f.value, f.pointer, f.field)
	}
	if w.RequiredWhen != nil && isZero(f.value) && w.RequiredWhen.holds(f.lookup) {
		g.required(f.pointer, w.RequiredWhen)
	}
	if w.Destination && f.entity != nil {
		if d, ok := f.fallback(); !isZero(f.value) && !(ok && reflect.DeepEqual(d, f.value)) {
			f.entity.dest = append(f.entity.dest, f.field+"="+string(render(f.value)))
		}
	}
	if w.Duration != nil {
		g.duration(f, w.Duration)
	}
	if s, ok := f.value.(string); ok && w.URL && s != "" && !absolute(s) {
		g.ps.add(Error, g.file, f.pointer, CodePattern, "for example https://example.com/done", "must be a valid URL")
	}
	if s, ok := f.value.(string); ok && len(w.Known) > 0 && !slices.Contains(w.Known, s) {
		g.ps.add(Warning, g.file, f.pointer, CodeUnknownType, nearest(s, w.Known), "the type is not known; its configuration is kept but not checked")
	}
}

// absolute reports whether s is a URL that says where it leads. Apps have
// schemes of their own.
func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Path != "" || u.Opaque != "")
}

// absent reads what the schema says of members that are not there.
func (g *gatherer) absent(f *frame, obj map[string]any) {
	for _, s := range f.schemas {
		for _, k := range hintsOf(s).needed {
			if _, there := obj[k]; there {
				continue
			}
			gone := enter(f, nil, k, k, list(s.Properties[k]))
			for _, w := range gone.words {
				if w.Secret != nil {
					g.secret(gone, w.Secret, nil, gone.pointer, gone.field)
				}
				if w.RequiredWhen != nil && w.RequiredWhen.holds(gone.lookup) {
					g.required(gone.pointer, w.RequiredWhen)
				}
			}
		}
	}
}

func (g *gatherer) required(pointer string, when condition) {
	var because []string
	for _, k := range sortedKeys(when) {
		var words []string
		for _, v := range when[k] {
			words = append(words, fmt.Sprintf("%v", v))
		}
		because = append(because, k+" is "+strings.Join(words, " or "))
	}
	g.ps.add(Error, g.file, pointer, CodeRequired, "", "must be there, because %s", strings.Join(because, " and "))
}

func (g *gatherer) entity(f *frame, w *entityKeyword) {
	obj, _ := f.value.(map[string]any)
	member := func(k string) string { s, _ := obj[k].(string); return s }
	e := &Entity{Kind: w.Kind, file: g.file, pointer: f.pointer, word: w}
	switch {
	case w.ID == "$key":
		e.ID = f.key
	case w.ID == "$path":
		e.ID = g.at.entityID()
		if g.at.File.Kind != "" {
			e.Kind = g.at.File.Kind
		}
		for _, suffix := range w.Trim {
			if short, ok := strings.CutSuffix(e.ID, suffix); ok {
				e.ID = short
			}
		}
	case strings.HasPrefix(w.ID, "="):
		e.ID = w.ID[1:]
	default:
		e.ID = member(w.ID)
	}
	if w.Name != "" {
		e.Name = member(w.Name)
	}
	e.scope = path.Dir(g.file) // of a whole file
	if f.up != nil {
		e.scope = g.file
		if owner := f.entity; owner != nil {
			e.scope = owner.Kind + "/" + owner.ID
		}
		e.scope += "#" + f.up.field
	}
	if w.Within != "" && member(w.Within) != "" {
		e.within = member(w.Within)
		e.scope += "@" + e.within
	}
	e.sourced = e.ID
	f.entity, f.field = e, ""
	g.facts.entities = append(g.facts.entities, e)
}

func (g *gatherer) ref(f *frame, w *refKeyword) {
	s, ok := f.value.(string)
	if !ok || slices.Contains(w.Also, s) {
		return
	}
	r := ref{word: w, file: g.file, pointer: f.pointer, value: s}
	switch w.Form {
	case "type:id":
		if i := strings.LastIndexByte(s, ':'); i >= 0 {
			r.prefix, r.value = s[:i+1], s[i+1:]
		}
	case "flow-url":
		u, err := url.Parse(s)
		if err != nil || u.Query().Get("flow") == "" {
			return
		}
		r.value = u.Query().Get("flow")
	}
	g.facts.refs = append(g.facts.refs, r)
}

func (g *gatherer) refKeys(f *frame, w *refKeyword) {
	obj, _ := f.value.(map[string]any)
	for _, name := range sortedKeys(obj) {
		id, _ := obj[name].(string)
		g.facts.refs = append(g.facts.refs, ref{
			word: w, file: g.file, pointer: f.pointer + "/" + escapePointer(name), value: id, keyID: true, name: name,
		})
	}
}

func (g *gatherer) secret(f *frame, w *secretKeyword, v any, pointer, field string) {
	if f.entity == nil {
		return // a test of the table refuses such a schema
	}
	s := secretField{word: w, field: field, pointer: pointer}
	switch v := v.(type) {
	case string:
		switch v {
		case "":
			s.state = secretBlank
		case Placeholder:
			s.state = secretPlaceholder
		default:
			s.state = secretGiven
		}
	}
	s.allowed = w.OnlyWhen.holds(f.lookup)
	s.needed = w.Required || w.RequiredWhen != nil && w.RequiredWhen.holds(f.lookup)
	f.entity.secrets = append(f.entity.secrets, s)
}

// unknownKeys reports members that the schema does not know.
func (g *gatherer) unknownKeys(f *frame, obj map[string]any) {
	known, closed := f.knownKeys()
	if !closed {
		return
	}
	for _, k := range sortedKeys(obj) {
		if !known[k] && !g.ps.full() {
			g.ps.add(Warning, g.file, f.pointer+"/"+escapePointer(k), CodeUnknownKey, nearest(k, sortedKeys(known)),
				"the key %q is not known; it is kept and exported again", printablePath(k))
		}
	}
}

// units are the units of a length of time.
var units = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// Duration reads a length of time as the format has it: a number and a unit,
// singular or plural. It returns false where the unit is none.
func Duration(n float64, unit string) (time.Duration, bool) {
	u, ok := units[strings.TrimSuffix(unit, "s")]
	return time.Duration(n * float64(u)), ok
}

func (g *gatherer) duration(f *frame, w *durationKeyword) {
	n, ok := f.value.(float64)
	if !ok {
		return // its type is reported by the schema
	}
	unit, given := f.lookup(w.Unit).(string)
	if !given {
		unit = defaultUnit(f.up, w.Unit)
	}
	if n == 0 && unit == "" {
		return // not set
	}
	d, ok := Duration(n, unit)
	switch {
	case !ok:
		g.ps.add(Error, g.file, f.up.pointer+"/"+w.Unit, CodeDuration, "use seconds, minutes, hours, days or weeks", "the unit is none")
	case w.Minimum > 0 && d < time.Duration(w.Minimum)*time.Second:
		g.ps.add(Error, g.file, f.pointer, CodeDuration, "at least "+words(w.Minimum), "the time is too short")
	case w.Maximum > 0 && d > time.Duration(w.Maximum)*time.Second:
		g.ps.add(Error, g.file, f.pointer, CodeDuration, "at most "+words(w.Maximum), "the time is too long")
	}
}

func defaultUnit(f *frame, member string) string {
	for _, s := range f.schemas {
		if p := s.Properties[member]; p != nil && p.Default != nil {
			unit, _ := (*p.Default).(string)
			return unit
		}
	}
	return ""
}

// words writes a number of seconds in the largest unit that divides it.
func words(seconds int64) string {
	for _, unit := range []string{"week", "day", "hour", "minute", "second"} {
		if n := int64(units[unit] / time.Second); seconds%n == 0 {
			seconds /= n
			if seconds != 1 {
				unit += "s"
			}
			return fmt.Sprintf("%d %s", seconds, unit)
		}
	}
	return ""
}
