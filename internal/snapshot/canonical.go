package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSafe is the largest integer that every JSON reader keeps (RFC 8259 §6).
const maxSafe = 1<<53 - 1

// maxDepth bounds how deep a document nests. Real ones have some 20 levels, and
// what is read must be written again inside the body of an answer.
const maxDepth = 500

// maxName bounds the name of a member, in bytes as it is written: problems name
// their place by the names on the way to it, and there may be many of them.
const maxName = 1000

// canonical brings a document into canonical form in place: RFC 8785, with
// integers as they are written. It reports what makes it no document: a
// syntax error, a member twice, text that is not UTF-8, a number that would
// lose digits.
func canonical(file string, doc jsontext.Value, ps *problems) (jsontext.Value, bool) {
	if moreValues(doc, maxValues) {
		ps.add(Error, file, "", CodeJSON, "", "the document has more than %d values", maxValues)
		return nil, false
	}
	depth, name, numbers := scan(doc)
	if name > maxName {
		ps.add(Error, file, "", CodeLength, "", "the document has a name of %d bytes, and %d are the most", name, maxName)
		return nil, false
	}
	if depth > maxDepth {
		ps.add(Error, file, "", CodeJSON, fmt.Sprintf("at most %d levels", maxDepth), "the document is nested too deeply")
		return nil, false
	}
	if numbers && !checkNumbers(file, doc, ps) {
		return nil, false
	}
	if err := doc.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		reportSyntax(file, doc, err, ps)
		return nil, false
	}
	return doc, true
}

// maxValues bounds the values of one document, which take up to fifty bytes each
// when it is parsed, however small they are.
const maxValues = 150_000

// moreValues reports whether doc has more values than most, counted by what
// stands before each of them.
func moreValues(doc []byte, most int) bool {
	if bytes.Count(doc, []byte(","))+bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) <= most {
		return false
	}
	n, inString := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n > most
}

// scan looks at the bytes of a document: how deep it nests, how long the longest
// name of a member is, and whether it may hold a number that canonical form would
// round, so that only such a document is read a second time.
func scan(doc []byte) (depth, name int, numbers bool) {
	inString := false
	digits, level, begin, long := 0, 0, 0, 0
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString, long = false, i-begin-1
			}
		case c == '"':
			inString, digits, begin = true, 0, i
		case c == ':':
			name, digits = max(name, long), 0
		case '0' <= c && c <= '9':
			digits++
			numbers = numbers || digits > 15
		case c == 'e' && digits > 0, c == 'E' && digits > 0:
			numbers = true
		case c == '{', c == '[':
			level++
			depth, digits = max(depth, level), 0
		case c == '}', c == ']':
			level--
			digits = 0
		default:
			digits = 0
		}
	}
	return depth, name, numbers
}

// checkNumbers reads every number of a document.
func checkNumbers(file string, doc []byte, ps *problems) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	ok := true
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return ok // a syntax error is reported with the rest
		}
		if tok.Kind() != '0' {
			continue
		}
		// Canonical form writes 1e20 as an integer, so how a number is written
		// does not matter.
		if f, err := strconv.ParseFloat(tok.String(), 64); err == nil && math.Abs(f) <= maxSafe {
			continue
		}
		ok = false
		ps.add(Error, file, string(dec.StackPointer()), CodeNumber,
			"write it as a string, or with fewer digits", "the number is beyond what every JSON reader keeps (2^53 - 1)")
	}
}

// reportSyntax makes a problem of an error of the JSON library. Its texts may
// quote the input, so none of them is shown.
func reportSyntax(file string, doc []byte, err error, ps *problems) {
	pointer := ""
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		pointer = string(syntax.JSONPointer)
	}
	message, hint := mistake(doc)
	switch text := err.Error(); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		ps.add(Error, file, pointer, CodeDuplicate, "remove one of the two", "the member is there twice")
	case strings.Contains(text, "invalid UTF-8"), strings.Contains(text, "surrogate"):
		ps.add(Error, file, pointer, CodeUTF8, "", "the text is not valid UTF-8")
	case message != "":
		ps.add(Error, file, pointer, CodeJSON, hint, "%s", message)
	case errors.Is(err, io.ErrUnexpectedEOF):
		ps.add(Error, file, pointer, CodeJSON, "", "the document ends too early")
	default:
		ps.add(Error, file, pointer, CodeJSON, "", "the document is not JSON")
	}
}

// parse reads a document that is in canonical form.
func parse(doc []byte) (any, error) {
	var v any
	err := json.Unmarshal(doc, &v)
	return v, err
}

// render writes a document in canonical form.
func render(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err == nil {
		value := jsontext.Value(b)
		if err = value.Canonicalize(jsontext.CanonicalizeRawInts(false)); err == nil {
			return value
		}
	}
	panic("snapshot: a parsed document does not render: " + err.Error())
}
