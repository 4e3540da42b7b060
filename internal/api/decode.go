package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/snapshot"
)

var errMember = fault.New(fault.Invalid, "E011002", "the body lacks a member that this call needs")

// decode reads the body of a small call. Members that the call does not know
// are passed over; of those that it knows, the case does not matter.
func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.MatchCaseInsensitiveNames(true))
	if err == nil {
		if hasNUL(body) {
			return snapshot.ErrBody.WithMessage("a text of the body has the character U+0000, which no text may have")
		}
		return nil
	}
	if told, ok := errors.AsType[*fault.Error](err); ok { // of a type that says itself what it does not take
		return told
	}
	return snapshot.ErrBody.WithMessage(complaint(body, err))
}

// hasNUL reports whether a text of a body, which is JSON, has the character that
// PostgreSQL keeps in none: an escape behind an even number of backslashes.
func hasNUL(body []byte) bool {
	for rest := body; ; {
		before, after, found := bytes.Cut(rest, []byte(`\u0000`))
		if !found {
			return false
		}
		if (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 0 {
			return true
		}
		rest = after
	}
}

// complaint says what is wrong with a body, and at which member. It shows names
// and never values, which may be secret.
func complaint(body []byte, err error) string {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			return "the body has the member " + placeOf(syntax.JSONPointer) + " twice; the case of letters makes no difference"
		}
		switch {
		case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
			return "the body is cut off: it is not whole JSON"
		case strings.Contains(syntax.Error(), "exceeded max depth"):
			return "the body is nested too deeply"
		case !utf8.Valid(body):
			return "the body is not text in UTF-8"
		}
		return fmt.Sprintf("the body is not JSON (at byte %d)", syntax.ByteOffset)
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" {
		return "the member " + placeOf(wrong.JSONPointer) + " has a value of a type that this call does not take there" + typeOf(wrong.JSONKind)
	}
	if jsontext.Value(body).Kind() != '{' {
		return "the body must be a JSON object" + typeOf(jsontext.Value(body).Kind())
	}
	return snapshot.ErrBody.Message
}

// longestPlace bounds what is shown of a name that a caller made up.
const longestPlace = 100

// placeOf writes the path to a member: "reBac.companyRoles.0".
func placeOf(p jsontext.Pointer) string {
	var parts []string
	for token := range p.Tokens() {
		parts = append(parts, token)
	}
	text := strings.Join(parts, ".")
	if len(text) > longestPlace {
		text = strings.ToValidUTF8(text[:longestPlace], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// typeOf names the type of a value, where it is known.
func typeOf(k jsontext.Kind) string {
	names := map[jsontext.Kind]string{
		'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "a list",
	}
	if names[k] == "" {
		return ""
	}
	return ": it is " + names[k]
}
