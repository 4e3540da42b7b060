package user

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
	"postern/internal/project"
)

// ErrAttribute is a custom attribute that the project does not have, or a value that
// it does not take. The message names the attribute and never the value.
var ErrAttribute = fault.New(fault.Invalid, "E011003", "Request is invalid: the custom attributes are not those of the project")

// longestValue bounds the text of a custom attribute, in bytes.
const longestValue = 8 << 10

// custom returns values of custom attributes as they are stored: of JSON's types, a
// choice of several without the same one twice. A null removes and stays a null.
func custom(known []project.Attribute, values map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for name, v := range values {
		i := slices.IndexFunc(known, func(a project.Attribute) bool { return a.Name == name })
		if i < 0 {
			return nil, ErrAttribute.WithMessage(fmt.Sprintf("Request is invalid: the project has no custom attribute %q of users", cut(name)))
		}
		if v != nil {
			var want string
			if v, want = value(known[i], v); want != "" {
				return nil, ErrAttribute.WithMessage(fmt.Sprintf("Request is invalid: the custom attribute %q takes %s", name, want))
			}
		}
		out[name] = v
	}
	return out, nil
}

// value returns a value as it is stored, or says what the attribute takes instead.
func value(a project.Attribute, v any) (stored any, want string) {
	text, isText := v.(string)
	if isText && (len(text) > longestValue || !utf8.ValidString(text)) {
		return nil, fmt.Sprintf("text of at most %d bytes", longestValue)
	}
	option := func(text string) bool {
		return slices.ContainsFunc(a.Options, func(o project.Option) bool { return o.Value == text })
	}
	switch a.Type {
	case "number":
		if n, ok := number(v); ok {
			return n, ""
		}
		return nil, "a number"
	case "boolean":
		if b, ok := v.(bool); ok {
			return b, ""
		}
		return nil, "true or false"
	case "singleselect":
		if isText && option(text) {
			return text, ""
		}
		return nil, "one of its options"
	case "multiselect":
		return several(v, option)
	case "date":
		if n, ok := number(v); ok && n == math.Trunc(n) {
			return n, ""
		}
		if isText && isDate(text) {
			return text, ""
		}
		return nil, "a date: 2026-01-31, a time as RFC 3339 has it, or a Unix time"
	case "monthday":
		if _, err := time.Parse("01-02", text); isText && (err == nil || text == "02-29") {
			return text, ""
		}
		return nil, "a month and a day: 01-31"
	default: // "string"
		if isText {
			return text, ""
		}
		return nil, "text"
	}
}

// number returns a number of JSON or of Go.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	}
	return 0, false
}

func several(v any, option func(string) bool) (any, string) {
	const want = "a list of its options"
	list, ok := v.([]any)
	if texts, isTexts := v.([]string); isTexts {
		ok = true
		for _, text := range texts {
			list = append(list, text)
		}
	}
	if !ok {
		return nil, want
	}
	out := []any{}
	for _, v := range list {
		text, ok := v.(string)
		if !ok || !option(text) {
			return nil, want
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, ""
}

func isDate(text string) bool {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// cut bounds what is shown of a name that a caller made up.
func cut(name string) string {
	const most = 40
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}
