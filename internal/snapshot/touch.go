package snapshot

import "strings"

// Touches reports whether two differences, each between two states of one
// configuration, are about the same thing: the same field, or a whole and a part
// of it. Where both happened, one may undo the other.
func (d Difference) Touches(o Difference) bool {
	if d.holds(o) || o.holds(d) {
		return true
	}
	return d.sameThing(o) && (within(d.Field, o.Field) || within(o.Field, d.Field))
}

// sameThing reports whether two differences are of one entity, or of one file
// outside of its entities.
func (d Difference) sameThing(o Difference) bool {
	if d.Kind != o.Kind || d.ID != o.ID {
		return false
	}
	return d.ID != "" || d.Name == o.Name && d.sameFile(o)
}

func (d Difference) sameFile(o Difference) bool {
	return d.File == o.File || d.Was != "" && d.Was == o.File || o.Was != "" && o.Was == d.File
}

// holds reports whether a difference is of a whole that the other one is in: a
// file, an entity, or an entity that is a folder.
func (d Difference) holds(o Difference) bool {
	switch {
	case d.Field != "":
		return false
	case d.Kind == "":
		return d.sameFile(o)
	case d.sameThing(o):
		return true
	}
	at, known := locate(o.File)
	if !known {
		return false
	}
	owner, ok := (&comparison{at: at, path: o.File}).owner()
	return ok && d.sameFile(Difference{File: owner})
}

// within reports whether a path of a field is another one, or leads into it.
func within(whole, part string) bool {
	return whole == part || strings.HasPrefix(part, whole+"/")
}
