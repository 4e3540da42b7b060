package project

import (
	"fmt"
	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// Items are the entities that one file of a configuration lists, for an edit. What
// nobody knows in them stays.
type Items struct {
	List []Item

	path, member string
	rest         map[string]jsontext.Value
}

// An Item is one entity.
type Item map[string]jsontext.Value

// ItemsOf reads the entities that the file at path lists in a member; there may be
// no such file.
func ItemsOf(files snapshot.Files, path, member string) (*Items, error) {
	l := &Items{path: path, member: member, rest: map[string]jsontext.Value{}}
	content, ok := files[path]
	if !ok {
		return l, nil
	}
	if err := json.Unmarshal(content, &l.rest); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if list, ok := l.rest[member]; ok {
		if err := json.Unmarshal(list, &l.List); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return l, nil
}

// Into writes the file that lists the entities.
func (l *Items) Into(files snapshot.Files) error {
	list := l.List
	if list == nil {
		list = []Item{}
	}
	all := maps.Clone(l.rest)
	text, err := json.Marshal(list, json.Deterministic(true))
	if err != nil {
		return err
	}
	all[l.member] = text
	files[l.path], err = json.Marshal(all, json.Deterministic(true))
	return err
}

// Text returns a member that is a text, or "".
func (i Item) Text(member string) string {
	var s string
	if v, ok := i[member]; ok && v.Kind() == '"' && json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// Texts returns a member that is a list of texts.
func (i Item) Texts(member string) []string {
	var list []string
	if v, ok := i[member]; ok && json.Unmarshal(v, &list) != nil {
		return nil
	}
	return list
}

// Set gives a member a value.
func (i Item) Set(member string, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err == nil {
		i[member] = text
	}
	return err
}
