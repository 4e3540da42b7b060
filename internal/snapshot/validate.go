package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// validate holds a document against its schema. The texts are ours: those of
// the library quote values, and a value may be a secret in the wrong place.
func (g *gatherer) validate(s *jsonschema.Schema, doc any) {
	var failed *jsonschema.ValidationError
	if err := s.Validate(doc); errors.As(err, &failed) {
		g.leaves(failed)
	}
}

// leaves reports the innermost errors: those above only say that one below failed.
func (g *gatherer) leaves(e *jsonschema.ValidationError) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			g.leaves(c)
		}
		return
	}
	var b strings.Builder
	for _, seg := range e.InstanceLocation {
		b.WriteString("/" + escapePointer(seg))
	}
	at := b.String()
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, m := range k.Missing {
			g.ps.add(Error, g.file, at+"/"+escapePointer(m), CodeRequired, "", "must be there")
		}
	case *kind.Type:
		g.ps.add(Error, g.file, at, CodeType, "", "must be %s, this is %s", oneOf(k.Want), k.Got)
	case *kind.Enum:
		g.enum(at, k)
	case *kind.Const:
		g.ps.add(Error, g.file, at, CodeEnum, fmt.Sprintf("only %v is allowed", k.Want), "is not allowed")
	case *kind.Pattern:
		g.ps.add(Error, g.file, at, CodePattern, "the form is "+k.Want, "does not have the right form")
	case *kind.Format:
		g.ps.add(Error, g.file, at, CodePattern, "", "is not a valid %s", k.Want)
	default:
		g.bounds(at, e.ErrorKind)
	}
}

// bounds reports what is too small, too large, too short or too long.
func (g *gatherer) bounds(at string, e jsonschema.ErrorKind) {
	switch k := e.(type) {
	case *kind.Minimum:
		want, _ := k.Want.Float64()
		g.ps.add(Error, g.file, at, CodeRange, "at least "+number(want), "is too small")
	case *kind.Maximum:
		want, _ := k.Want.Float64()
		g.ps.add(Error, g.file, at, CodeRange, "at most "+number(want), "is too large")
	case *kind.MinLength:
		if k.Want == 1 {
			g.ps.add(Error, g.file, at, CodeRequired, "", "must not be blank")
			return
		}
		g.ps.add(Error, g.file, at, CodeLength, fmt.Sprintf("at least %d characters", k.Want), "is too short")
	case *kind.MaxLength:
		g.ps.add(Error, g.file, at, CodeLength, fmt.Sprintf("at most %d characters", k.Want), "is too long: %d characters", k.Got)
	case *kind.MinItems:
		g.ps.add(Error, g.file, at, CodeRange, fmt.Sprintf("at least %d", k.Want), "has too few items")
	case *kind.MaxItems:
		g.ps.add(Error, g.file, at, CodeRange, fmt.Sprintf("at most %d", k.Want), "has too many items")
	case *kind.UniqueItems:
		g.ps.add(Error, g.file, at, CodeRule, "", "has the same item twice")
	default:
		g.ps.add(Error, g.file, at, CodeSchema, "", "does not fit the schema (%s)", strings.Join(e.KeywordPath(), " "))
	}
}

func (g *gatherer) enum(at string, k *kind.Enum) {
	var allowed []string
	for _, v := range k.Want {
		allowed = append(allowed, fmt.Sprint(v))
	}
	hint := ""
	if got, ok := k.Got.(string); ok {
		hint = nearest(got, allowed)
	}
	if hint == "" {
		hint = "allowed: " + strings.Join(quoted(allowed), ", ")
	}
	g.ps.add(Error, g.file, at, CodeEnum, hint, "is not one of the allowed values")
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return out
}

func oneOf(names []string) string {
	if len(names) == 1 {
		return "of type " + names[0]
	}
	return "of type " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
