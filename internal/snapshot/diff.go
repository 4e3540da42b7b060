package snapshot

import (
	"cmp"
	"slices"
)

// A Change is a file that an import creates, changes or removes.
type Change struct {
	Section string `json:"section,omitempty"` // none for a file that no section has
	File    string `json:"file"`
	Action  Action `json:"action"`
}

// An Action is what happens to a file.
type Action string

// The actions.
const (
	Created Action = "created"
	Changed Action = "changed"
	Removed Action = "removed"
)

// Diff compares two configurations file by file.
func Diff(from, to Tree) []Change {
	var out []Change
	note := func(path string, action Action) {
		c := Change{File: path, Action: action}
		if at, ok := locate(path); ok {
			c.Section = at.Section.Name
		}
		out = append(out, c)
	}
	for path, digest := range to {
		switch was, there := from[path]; {
		case !there:
			note(path, Created)
		case was != digest:
			note(path, Changed)
		}
	}
	for path := range from {
		if _, there := to[path]; !there {
			note(path, Removed)
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.File, b.File) })
	return out
}

func sortMissing(list []MissingSecret) []MissingSecret {
	slices.SortFunc(list, func(a, b MissingSecret) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type))
	})
	return slices.Compact(list)
}
