package project

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/store"
)

// ErrAttribute is a custom attribute that there is not, or a value that is none of
// its type.
var ErrAttribute = fault.New(fault.Invalid, "E011003", "Request is invalid: the custom attributes are not valid")

// longestValue bounds a text in a custom attribute, in bytes.
const longestValue = 4096

// Typed returns the values of custom attributes, of JSON's types, as they are kept:
// each of an attribute of the list and of its type; null takes a value away. It
// refuses with ErrAttribute.
func Typed(list []Attribute, values map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for name, v := range values {
		i := slices.IndexFunc(list, func(a Attribute) bool { return a.Name == name })
		if i < 0 {
			return nil, ErrAttribute.WithMessage(fmt.Sprintf("Request is invalid: there is no custom attribute %.100q", name))
		}
		if v == nil {
			continue
		}
		kept, ok := list[i].typed(v)
		if !ok {
			return nil, ErrAttribute.WithMessage(fmt.Sprintf("Request is invalid: the custom attribute %q takes %s", name, list[i].takes()))
		}
		out[name] = kept
	}
	return out, nil
}

// CountCustom counts the rows of a query, which returns custom attributes as JSON, that
// have a value by a name.
func CountCustom(ctx context.Context, db *store.DB, name, query string, args ...any) (n int, err error) {
	err = db.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		n = 0
		return store.Each(tx, func(row store.Scanner) (text string, err error) { return text, row.Scan(&text) }, func(text string) error {
			var custom map[string]jsontext.Value
			if err := json.Unmarshal([]byte(text), &custom); err != nil {
				return err
			}
			if _, ok := custom[name]; ok {
				n++
			}
			return nil
		}, query, args...)
	})
	return n, err
}

// Retyped is Typed for what has custom attributes already: a value that stays is kept
// as it is, though its attribute may be gone or take others now.
func Retyped(list []Attribute, stored, values map[string]any) (map[string]any, error) {
	fresh, out := map[string]any{}, map[string]any{}
	for name, v := range values {
		if was, ok := stored[name]; ok && reflect.DeepEqual(was, v) {
			out[name] = v
		} else {
			fresh[name] = v
		}
	}
	fresh, err := Typed(list, fresh)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, fresh)
	return out, nil
}

// Defined returns the values of attributes that there are: those of one that is gone
// are kept, and show again when it comes back.
func Defined(list []Attribute, values map[string]any) map[string]any {
	out := map[string]any{}
	for _, a := range list {
		if v, ok := values[a.Name]; ok {
			out[a.Name] = v
		}
	}
	return out
}

// takes says which values an attribute takes.
func (a Attribute) takes() string {
	switch a.Type {
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	case "singleselect":
		return "one of its options"
	case "multiselect":
		return "a list of its options"
	case "date":
		return "a date (2006-01-02), a time (RFC 3339) or a number of seconds"
	case "monthday":
		return "a month and a day (01-31)"
	}
	return "a text of at most 4096 bytes"
}

var monthDay = regexp.MustCompile(`^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)

// typed returns a value as it is kept, and whether the attribute takes it.
func (a Attribute) typed(v any) (any, bool) {
	text, isText := v.(string)
	isText = isText && store.Plain(text, longestValue, "\n\r\t")
	number, isNumber := v.(float64)
	switch a.Type {
	case "number":
		return v, isNumber && !math.IsInf(number, 0) && !math.IsNaN(number)
	case "boolean":
		_, ok := v.(bool)
		return v, ok
	case "singleselect":
		return v, isText && a.offers(text)
	case "multiselect":
		return a.several(v)
	case "date":
		return v, isNumber && number == math.Trunc(number) || isText && isDate(text)
	case "monthday":
		return v, isText && monthDay.MatchString(text)
	}
	return v, isText
}

// several reads the value of an attribute that takes some of its options, each once.
func (a Attribute) several(v any) (any, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := []any{}
	for _, item := range list {
		text, ok := item.(string)
		if !ok || !a.offers(text) {
			return nil, false
		}
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out, true
}

func (a Attribute) offers(value string) bool {
	return slices.ContainsFunc(a.Options, func(o Option) bool { return o.Value == value })
}

func isDate(s string) bool {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// Holds reports whether custom attributes have all the wanted values: the filter of
// searches. A list has what it contains; of a wanted list each item.
func Holds(have, wanted map[string]any) bool {
	for name, want := range wanted {
		if v, ok := have[name]; !ok || !holds(v, want) {
			return false
		}
	}
	return true
}

func holds(have, want any) bool {
	if reflect.DeepEqual(have, want) {
		return true
	}
	list, ok := have.([]any)
	if !ok {
		return false
	}
	wanted, ok := want.([]any)
	if !ok {
		wanted = []any{want}
	}
	return !slices.ContainsFunc(wanted, func(w any) bool {
		return !slices.ContainsFunc(list, func(v any) bool { return reflect.DeepEqual(v, w) })
	})
}
