package snapshot

import (
	"regexp"
	"slices"
)

// placePattern is what a placeholder looks like, as JSON Schema says it.
var placePattern = "^" + regexp.QuoteMeta(environmentPrefix) + `[^{}]+\}$`

// aboutTexts are what schemas say of texts that a placeholder would not meet.
var aboutTexts = []string{"enum", "pattern", "format", "minLength", "maxLength"}

// orPlaceholder lets a schema of a plain value take a placeholder, too: a project of
// several environments has it in place of a number, and an editor must not call that
// wrong. Where a secret belongs none does.
func orPlaceholder(original, copied any) any {
	was, ok1 := original.(map[string]any)
	out, ok2 := copied.(map[string]any)
	if !ok1 || !ok2 || was["writeOnly"] == true || was["x-secret"] != nil {
		return copied
	}
	kind, _ := was["type"].(string)
	switch {
	case !slices.Contains([]string{"string", "number", "integer", "boolean"}, kind):
		return copied
	case kind != "string" && out["enum"] == nil:
		out["type"] = withType(out["type"], "string")
		out["pattern"] = placePattern // it says nothing of a number
		return out
	}
	strict := map[string]any{}
	for _, k := range aboutTexts {
		if v, there := out[k]; there {
			strict[k] = v
			delete(out, k)
		}
	}
	if len(strict) == 0 {
		return out
	}
	if kind != "string" {
		strict["type"], out["type"] = out["type"], withType(out["type"], "string")
	}
	rule := map[string]any{"if": map[string]any{"type": "string", "pattern": placePattern}, "else": strict}
	all, _ := out["allOf"].([]any)
	out["allOf"] = append(slices.Clone(all), rule)
	return out
}

// withType adds a type to those that a schema takes.
func withType(types any, more string) any {
	if list, ok := types.([]any); ok {
		return append(slices.Clone(list), more)
	}
	return []any{types, more}
}
