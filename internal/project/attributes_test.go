package project

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCustomAttributesAreTyped(t *testing.T) {
	t.Parallel()
	options := []Option{{Value: "a"}, {Value: "b"}}
	list := []Attribute{
		{Name: "text", Type: "string"},
		{Name: "number", Type: "number"},
		{Name: "flag", Type: "boolean"},
		{Name: "one", Type: "singleselect", Options: options},
		{Name: "some", Type: "multiselect", Options: options},
		{Name: "date", Type: "date"},
		{Name: "day", Type: "monthday"},
	}
	for name, good := range map[string][]any{
		"text": {"", "x", "two\nlines"}, "number": {0.0, -1.5}, "flag": {true, false}, "one": {"a"}, "some": {[]any{}, []any{"b", "a"}},
		"date": {"2026-11-26", "2026-11-26T10:00:00Z", 1764151200.0}, "day": {"02-29"},
	} {
		for _, v := range good {
			got, err := Typed(list, map[string]any{name: v})
			if diff := cmp.Diff(map[string]any{name: v}, got); err != nil || diff != "" {
				t.Errorf("%s takes %v: %v\n%s", name, v, err, diff)
			}
		}
	}
	for name, bad := range map[string][]any{
		"text": {1.0, true, "a\x00b", strings.Repeat("x", 4097), []any{"x"}}, "number": {"1", true}, "flag": {"true", 1.0}, "one": {"c", []any{"a"}, 1.0},
		"some": {"a", []any{"c"}, []any{1.0}}, "date": {"tomorrow", true, 1.5}, "day": {"2-29", "13-01", 229.0}, "absent": {"x", nil},
	} {
		for _, v := range bad {
			if got, err := Typed(list, map[string]any{name: v}); !errors.Is(err, ErrAttribute) {
				t.Errorf("%s takes %v: %v, %v", name, v, got, err)
			}
		}
	}
	got, err := Typed(list, map[string]any{"text": nil, "some": []any{"a", "a"}})
	if diff := cmp.Diff(map[string]any{"some": []any{"a"}}, got); err != nil || diff != "" {
		t.Errorf("null takes a value away, and a list has each option once: %v\n%s", err, diff)
	}
}

func TestCustomAttributesOfTheirPast(t *testing.T) {
	t.Parallel()
	list := []Attribute{{Name: "text", Type: "string"}}
	stored := map[string]any{"text": 1.0, "gone": "x"}
	for name, values := range map[string]map[string]any{"all stays": {"text": 1.0, "gone": "x"}, "one goes": {"gone": "x"}, "one is new": {"text": "now", "gone": "x"}} {
		got, err := Retyped(list, stored, values)
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if got, err := Retyped(list, stored, map[string]any{"gone": "y"}); !errors.Is(err, ErrAttribute) {
		t.Errorf("an attribute that is gone takes another value: %v, %v", got, err)
	}
	if diff := cmp.Diff(map[string]any{"text": "now"}, Defined(list, map[string]any{"text": "now", "gone": "x"})); diff != "" {
		t.Errorf("the value of an attribute that is gone shows:\n%s", diff)
	}
}

func TestSearchesByCustomAttributes(t *testing.T) {
	t.Parallel()
	have := map[string]any{"text": "x", "number": 1.0, "some": []any{"a", "b"}}
	for _, wanted := range []map[string]any{nil, {"text": "x"}, {"text": "x", "number": 1.0}, {"some": "a"}, {"some": []any{"b"}}, {"some": []any{"b", "a"}}} {
		if !Holds(have, wanted) {
			t.Errorf("%v is not found", wanted)
		}
	}
	for _, wanted := range []map[string]any{{"text": "y"}, {"number": "1"}, {"absent": nil}, {"text": "x", "some": "c"}, {"some": []any{"a", "c"}}} {
		if Holds(have, wanted) {
			t.Errorf("%v is found", wanted)
		}
	}
}
