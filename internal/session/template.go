package session

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// templated returns the claims of the template as it stands.
func (m minting) templated() (map[string]any, error) {
	claims, err := m.template.Claims()
	if err != nil {
		return nil, fmt.Errorf("read JWT template %s: %w", m.template.ID, err)
	}
	return claims, nil
}

// fillTemplate returns claims of the template with the values of the holder in the
// place of its macros. A value is never read as a macro again, and never ends the text
// that it is put into: the template is JSON, and filled as such.
func (m minting) fillTemplate(claims map[string]any) map[string]any {
	if len(claims) == 0 {
		return nil
	}
	var own map[string]any
	if m.holder.values != nil {
		own = m.holder.values()
	}
	values := map[string]any{
		m.holder.kind: own,
		"project":     map[string]any{"id": m.config.Project, "name": m.config.Name, "environment": m.config.Environment},
		"tenant":      map[string]any{"id": m.session.Tenant},
	}
	return fillObject(claims, values, m.template.EmptyClaimPolicy)
}

// fillObject replaces the macros in an object. What becomes of a member that has
// no value then is the policy: "none" keeps it blank, "nil" makes it null, and
// "delete" leaves it out.
func fillObject(object, values map[string]any, empty string) map[string]any {
	out := map[string]any{}
	for name, v := range object {
		filled := fill(v, values, empty)
		switch {
		case !nothing(filled) || empty == "none" || empty == "":
			out[name] = filled
		case empty == "nil":
			out[name] = nil
		}
	}
	return out
}

// fill replaces the macros in a value.
func fill(v any, values map[string]any, empty string) any {
	switch v := v.(type) {
	case string:
		return expand(v, values)
	case map[string]any:
		return fillObject(v, values, empty)
	case []any:
		out := make([]any, 0, len(v))
		for _, one := range v {
			out = append(out, fill(one, values, empty))
		}
		return out
	}
	return v
}

// nothing reports whether a value is none.
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// expand replaces the macros in a text. One that is all of the text keeps the type
// of its value.
func expand(text string, values map[string]any) any {
	if inner, ok := strings.CutPrefix(text, "{{"); ok {
		if inner, ok := strings.CutSuffix(inner, "}}"); ok && !strings.Contains(inner, "{{") && !strings.Contains(inner, "}}") {
			if v := lookup(inner, values); v != nil {
				return v
			}
			return ""
		}
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		inner, after, closed := strings.Cut(rest, "}}")
		if !ok || !closed {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(before)
		out.WriteString(plain(lookup(inner, values)))
		text = after
	}
}

// plain writes a value inside a text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return ""
	}
	return string(b)
}

func lookup(macro string, values map[string]any) any {
	var v any = values
	for name := range strings.SplitSeq(strings.TrimSpace(macro), ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
