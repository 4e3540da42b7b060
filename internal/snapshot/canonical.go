package snapshot

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSafe is the largest integer that every JSON reader keeps (RFC 8259 §6).
const maxSafe = 1<<53 - 1

// canonical brings a document into canonical form in place: RFC 8785, with
// integers as they are written. It reports what makes it no document: a
// syntax error, a member twice, text that is not UTF-8, a number that would
// lose digits.
func canonical(file string, doc jsontext.Value, ps *problems) (jsontext.Value, bool) {
	if suspiciousNumbers(doc) && !checkNumbers(file, doc, ps) {
		return nil, false
	}
	if err := doc.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		reportSyntax(file, err, ps)
		return nil, false
	}
	return doc, true
}

// suspiciousNumbers reports whether doc may hold a number that canonical form
// would round, so that only such a document is read a second time.
func suspiciousNumbers(doc []byte) bool {
	inString := false
	digits := 0
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString, digits = true, 0
		case '0' <= c && c <= '9':
			if digits++; digits > 15 {
				return true
			}
		case c == 'e' && digits > 0, c == 'E' && digits > 0:
			return true
		default:
			digits = 0
		}
	}
	return false
}

// checkNumbers reads every number of a document.
func checkNumbers(file string, doc []byte, ps *problems) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	ok := true
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return ok // a syntax error is reported with the rest
		}
		if tok.Kind() != '0' {
			continue
		}
		text := tok.String()
		f, err := strconv.ParseFloat(text, 64)
		whole := !strings.ContainsAny(text, ".eE")
		if err == nil && !math.IsInf(f, 0) && (!whole || math.Abs(f) <= maxSafe) {
			continue
		}
		ok = false
		ps.add(Error, file, string(dec.StackPointer()), CodeNumber,
			"write it as a string, or with fewer digits", "the number is beyond what every JSON reader keeps (2^53 - 1)")
	}
}

// reportSyntax makes a problem of an error of the JSON library. Its texts may
// quote the input, so none of them is shown.
func reportSyntax(file string, err error, ps *problems) {
	pointer := ""
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		pointer = string(syntax.JSONPointer)
	}
	switch text := err.Error(); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		ps.add(Error, file, pointer, CodeDuplicate, "remove one of the two", "the member is there twice")
	case strings.Contains(text, "invalid UTF-8"), strings.Contains(text, "surrogate"):
		ps.add(Error, file, pointer, CodeUTF8, "", "the text is not valid UTF-8")
	case strings.Contains(text, "exceeded max depth"):
		ps.add(Error, file, "", CodeJSON, "", "the document is nested too deeply")
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
