package snapshot

import (
	"cmp"
	"slices"
	"strings"

	"postern/internal/secret"
)

// A SecretGroup is a list of inputSecrets and of missingSecrets.
type SecretGroup struct {
	Name   string // on the wire, and what the schemas say of an entity
	Prefix string // of its entities' names in the secrets file of the official CLI
}

// SecretGroups are the groups, in the order shown to people.
var SecretGroups = []SecretGroup{
	{"connectors", "connector"},
	{"oauthProviders", "oauthprovider"},
	{"outboundApps", "outboundapp"},
	{"externalAuth", "externalauth"},
}

// SecretGroupOf returns the name of the group whose entities have that prefix
// in a secrets file, or "" where there is none.
func SecretGroupOf(prefix string) string {
	for _, g := range SecretGroups {
		if g.Prefix == prefix {
			return g.Name
		}
	}
	return ""
}

// A StoredSecret is a secret that a configuration has; ID is the name under
// which the store knows it.
type StoredSecret struct {
	Kind   string `json:"kind"`
	Entity string `json:"entity"`
	Field  string `json:"field"`
	ID     string `json:"id"`
}

// A SecretValue is a secret that an upload brings.
type SecretValue struct {
	Kind, Entity, Field string
	Value               secret.Text
}

// A MissingSecret is a secret that an entity needs and nobody has.
type MissingSecret struct {
	Group string `json:"-"` // the name of one of SecretGroups
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
}

// sealer decides for each credential of an upload whether it is set, kept or
// missing, and takes the values out of the documents.
type sealer struct {
	d       *draft
	up      *Upload
	ps      *problems
	used    []bool // which input secrets found their entity
	base    map[idKey]*Entity
	stored  map[StoredSecret]string
	set     []SecretValue
	keep    []StoredSecret
	carried []StoredSecret // kept although their destination changed
	missing []MissingSecret
	lacking []StoredSecret // where the missing ones would be kept
}

func newSealer(d *draft, up *Upload, base Base, ps *problems) *sealer {
	s := &sealer{
		d: d, up: up, ps: ps, used: make([]bool, len(up.Secrets)),
		base: map[idKey]*Entity{}, stored: map[StoredSecret]string{},
	}
	for _, e := range d.base {
		s.base[idKey{e.Kind, e.ID}] = e
	}
	for _, k := range base.Secrets {
		s.stored[StoredSecret{Kind: k.Kind, Entity: k.Entity, Field: k.Field}] = k.ID
	}
	return s
}

// run settles every credential of the upload, and keeps those of the entities
// that the upload does not touch.
func (s *sealer) run() {
	stored := sortedStored(s.stored)
	s.d.incoming(func(e *Entity) {
		fields := merged(e.secrets)
		for _, f := range fields {
			s.field(e, f)
		}
		s.orphans(e, fields, stored)
	})
	for _, file := range sortedKeys(s.d.kept) {
		for _, e := range s.d.kept[file].entities {
			for _, key := range stored {
				if key.Kind == e.Kind && key.Entity == e.ID {
					key.ID = s.stored[key]
					s.keep = append(s.keep, key)
				}
			}
		}
	}
	s.unusedInputs()
}

// orphans warns of stored secrets for which an entity has no place any more, as
// when its type is misspelt.
func (s *sealer) orphans(e *Entity, fields []secretField, stored []StoredSecret) {
	for _, key := range stored {
		if key.Kind == e.Kind && key.Entity == e.ID && !slices.ContainsFunc(fields, func(f secretField) bool { return f.field == key.Field }) {
			s.ps.add(Warning, e.file, e.pointer, CodeSecretMoved, "give it again if it is still wanted",
				"the stored secret %s of %s %q is dropped, because there is no place for it any more", key.Field, KindWords(e.Kind), e.label())
		}
	}
}

// merged joins what several schemas say of one credential.
func merged(fields []secretField) []secretField {
	var out []secretField
	at := map[string]int{}
	for _, f := range fields {
		if i, ok := at[f.field]; ok {
			out[i].needed = out[i].needed || f.needed
			continue
		}
		at[f.field] = len(out)
		out = append(out, f)
	}
	return out
}

func sortedStored(m map[StoredSecret]string) []StoredSecret {
	keys := make([]StoredSecret, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b StoredSecret) int {
		return strings.Compare(a.Kind+"\x00"+a.Entity+"\x00"+a.Field, b.Kind+"\x00"+b.Entity+"\x00"+b.Field)
	})
	return keys
}

func (s *sealer) field(e *Entity, f secretField) {
	value, brought := s.input(e, f)
	if !brought && f.state == secretGiven {
		text, _ := lookupPointer(s.d.docs[e.file].value(), f.pointer).(string)
		value, brought = secret.New(text), true
	}
	key := StoredSecret{Kind: e.Kind, Entity: e.ID, Field: f.field}
	id, have := s.stored[key]
	key.ID = id
	needed := f.needed || f.state == secretPlaceholder && f.allowed
	was := s.base[idKey{e.Kind, e.ID}]
	wanted := needed || f.allowed || f.state != secretAbsent
	moved := have && (was == nil || was.destination() != e.destination())
	switch {
	case brought:
		s.set = append(s.set, SecretValue{Kind: e.Kind, Entity: e.ID, Field: f.field, Value: value})
		s.hide(e, f)
	case have && moved && s.up.AllowMoved && wanted:
		s.carried = append(s.carried, key)
		s.keep = append(s.keep, key)
		s.hide(e, f)
	case have && moved && needed:
		s.miss(e, f)
		s.ps.add(Error, e.file, f.pointer, CodeSecretMoved, "give it again, or let an admin key import with allowMovedSecrets",
			"the stored %s of %s %q is not carried over, because where it would be sent has changed", f.kind(), KindWords(e.Kind), e.label())
	case have && moved:
		s.ps.add(Warning, e.file, f.pointer, CodeSecretMoved, "give it again if it is still wanted",
			"the stored %s of %s %q is dropped, because where it would be sent has changed", f.kind(), KindWords(e.Kind), e.label())
	case have && wanted:
		s.keep = append(s.keep, key)
		s.hide(e, f)
	case needed:
		s.miss(e, f)
		s.ps.add(Error, e.file, f.pointer, CodeSecretMissing, "give it in inputSecrets or in the file",
			"the %s of %s %q is missing", f.kind(), KindWords(e.Kind), e.label())
	}
}

// hide puts the placeholder where the credential stands.
func (s *sealer) hide(e *Entity, f secretField) {
	if f.state != secretPlaceholder {
		s.d.edit(e.file, edit{pointer: f.pointer, value: Placeholder})
	}
}

func (s *sealer) miss(e *Entity, f secretField) {
	s.missing = append(s.missing, MissingSecret{Group: e.word.Secrets, ID: e.sourced, Name: e.label(), Type: f.kind()})
	s.lacking = append(s.lacking, StoredSecret{Kind: e.Kind, Entity: e.ID, Field: f.field})
}

// input finds the input secret for a credential: by the entity's id in the
// upload or in the target, or by its name where no id is given.
func (s *sealer) input(e *Entity, f secretField) (secret.Text, bool) {
	var value secret.Text
	found := false
	for i, in := range s.up.Secrets {
		if in.Group != e.word.Secrets || !s.names(in, e) || !in.fits(f) {
			continue
		}
		s.used[i] = true
		if !in.Value.IsZero() && in.Value.Reveal() != Placeholder {
			value, found = in.Value, true
		}
	}
	return value, found
}

// names reports whether an input secret means an entity. The id that the upload
// has for it goes before the one that it gets in the target: the same id may be
// that of another entity there, which must not be given the secret.
func (s *sealer) names(in InputSecret, e *Entity) bool {
	switch {
	case in.Group == "":
		return false
	case in.ID == "":
		return in.Name != "" && in.Name == e.Name
	case in.ID == e.sourced:
		return true
	case in.ID != e.ID:
		return false
	}
	other := false
	s.d.incoming(func(x *Entity) { other = other || x.Kind == e.Kind && x.sourced == in.ID })
	return !other
}

// fits reports whether the type of an input secret means a credential: the
// word that missingSecrets has for it, or its path in the entity.
func (in InputSecret) fits(f secretField) bool {
	dotted := strings.ReplaceAll(f.field, "/", ".")
	return strings.EqualFold(in.Type, f.kind()) || strings.EqualFold(in.Type, dotted)
}

// kind is the word for a credential in missingSecrets and inputSecrets. An item
// of a list has that of the others, so there it is the path in the entity.
func (f secretField) kind() string {
	if strings.Contains(f.field, "/[") {
		return strings.TrimPrefix(strings.ReplaceAll(f.field, "/", "."), "configuration.")
	}
	return f.word.Type
}

// unusedInputs refuses input secrets that found no place. Those for a section
// that is excluded are passed over, as its secrets stay as they are.
func (s *sealer) unusedInputs() {
	for i, in := range s.up.Secrets {
		if s.used[i] {
			continue
		}
		var ids, types []string
		known := false
		look := func(e *Entity) {
			if e.word.Secrets != in.Group {
				return
			}
			ids = append(ids, e.sourced, e.Name)
			if s.names(in, e) {
				known = true
				for _, f := range e.secrets {
					types = append(types, f.kind())
				}
			}
		}
		s.d.incoming(look)
		pointer := "/inputSecrets/" + escapePointer(in.Group)
		switch {
		case known && len(types) > 0:
			s.ps.add(Error, "", pointer, CodeSecretType, "types: "+strings.Join(quoted(compact(types)), ", "),
				"%q has no secret of type %q", in.label(), printablePath(in.Type))
		case known:
			s.ps.add(Error, "", pointer, CodeSecretType, "", "%q has no secrets", in.label())
		case slices.ContainsFunc(s.d.aside, func(e *Entity) bool { return s.names(in, e) && e.word.Secrets == in.Group }):
		default:
			s.ps.add(Error, "", pointer, CodeSecretUnknown, nearest(in.label(), ids), "the input secret for %q matches nothing in the snapshot", in.label())
		}
	}
}

// label is what the sender called the entity.
func (in InputSecret) label() string { return printablePath(cmp.Or(in.ID, in.Name)) }

func compact(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

func lookupPointer(doc any, pointer string) any {
	if pointer == "" {
		return doc
	}
	for seg := range strings.SplitSeq(pointer[1:], "/") {
		doc = child(doc, unescapePointer(seg))
	}
	return doc
}
