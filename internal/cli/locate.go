package cli

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A position is a place in a text file. Both count from 1; a column is a
// character, not a byte.
type position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// locate finds the place in a document that a JSON pointer (RFC 6901) names: the
// name of a member, or an element of a list. Of a place that does not exist it
// finds the nearest one around it, as the pointer of a missing member must be
// shown somewhere.
func locate(doc []byte, pointer string) position { return positionOf(doc, offsetOf(doc, pointer)) }

// offsetOf is locate in bytes.
func offsetOf(doc []byte, pointer string) int {
	dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	best, depth := 0, -1
	for {
		start := tokenStart(doc, dec.InputOffset())
		if _, err := dec.ReadToken(); err != nil {
			break // what comes after is not JSON, or the document has ended
		}
		at := string(dec.StackPointer())
		if n := len(at); n > depth && (at == pointer || n == 0 || strings.HasPrefix(pointer, at+"/")) {
			best, depth = start, n
		}
		if at == pointer {
			break
		}
	}
	return best
}

// tokenStart skips what may stand before a token.
func tokenStart(doc []byte, offset int64) int {
	i := int(offset)
	for i < len(doc) && strings.IndexByte(" \t\r\n,:", doc[i]) >= 0 {
		i++
	}
	return i
}

// positionOf turns an offset into a line and a column.
func positionOf(doc []byte, offset int) position {
	before := doc[:min(offset, len(doc))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return position{Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[line:]) + 1}
}
