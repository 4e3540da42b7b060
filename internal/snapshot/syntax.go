package snapshot

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Broken returns where in a document the token begins at which it stops being
// JSON, or -1 where it does not: a comma with nothing behind it is one, too.
func Broken(doc []byte) int {
	at, _ := brokenAt(doc)
	return at
}

// brokenAt is Broken, and says whether a comma or a bracket should stand there:
// before it a value ended in an object or a list.
func brokenAt(doc []byte) (at int, lacking bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(doc))
	for {
		if _, err := dec.ReadToken(); err != nil || dec.StackDepth() == 0 {
			break // or the document has ended, and what follows is too much
		}
	}
	end := int(dec.InputOffset())
	at = end + blanks(doc[end:])
	if at == len(doc) {
		if dec.StackDepth() == 0 && end > 0 {
			return -1, false
		}
		return at, false
	}
	kind, n := dec.StackIndex(dec.StackDepth())
	inside := dec.StackDepth() > 0 && n > 0 && (kind == '[' || n%2 == 0)
	if c := doc[at]; c != ',' && c != ':' {
		return at, inside && startsValue(c)
	}
	next := at + 1 + blanks(doc[at+1:])
	if next < len(doc) && (doc[at] == ':' || doc[next] != '}' && doc[next] != ']') {
		return next, false
	}
	return at, false
}

// blanks counts the white space that doc begins with.
func blanks(doc []byte) int { return len(doc) - len(bytes.TrimLeft(doc, " \t\r\n")) }

func startsValue(c byte) bool { return bytes.IndexByte([]byte(`"{[-0123456789tfn`), c) >= 0 }

// mistake says what is wrong with a document that is no JSON, where that is
// something which people often do, and what to do. It quotes nothing of it.
func mistake(doc []byte) (message, hint string) {
	if len(bytes.TrimSpace(doc)) == 0 {
		return "the file is empty", "write {} into it, or remove it"
	}
	if bytes.HasPrefix(doc, []byte("\xEF\xBB\xBF")) {
		return "the file begins with a byte order mark", "save it as UTF-8 without one"
	}
	at, lacking := brokenAt(doc)
	if at < 0 || at >= len(doc) {
		return "", ""
	}
	switch rest := doc[at:]; {
	case lacking:
		return "a comma or a closing bracket is missing", "put it before this place"
	case rest[0] == ',':
		return "there is a comma before the closing bracket", "remove the comma"
	case rest[0] == '#', bytes.HasPrefix(rest, []byte("//")), bytes.HasPrefix(rest, []byte("/*")):
		return "JSON has no comments", "remove the comment"
	case (at == 0 || doc[at-1] == '\n') && conflict(rest):
		return "a merge conflict is not resolved", "keep what is right of both sides, and remove the lines of git between them"
	case ended(doc[:at]):
		return "something follows the end of the document", "keep one document in the file"
	}
	return "", ""
}

// ended reports whether doc is a whole document.
func ended(doc []byte) bool { return jsontext.Value(doc).IsValid() }

// conflict reports whether doc begins with a line that git writes into a file
// that two branches changed.
func conflict(doc []byte) bool {
	const letters = 7
	return len(doc) >= letters && bytes.IndexByte([]byte("<|=>"), doc[0]) >= 0 && bytes.Count(doc[:letters], doc[:1]) == letters
}
