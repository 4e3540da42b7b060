package cli

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// fieldText says how a field changes.
func fieldText(d snapshot.Difference) string {
	text := ""
	switch {
	case d.Hidden && d.Action == snapshot.Removed:
		text = "is dropped (not shown)"
	case d.Hidden && d.Action == snapshot.Created:
		text = "is set (not shown)"
	case d.Hidden:
		text = "changes (not shown)"
	case len(d.Added)+len(d.Removed) > 0:
		var parts []string
		for _, v := range d.Removed {
			parts = append(parts, "-"+short(v))
		}
		for _, v := range d.Added {
			parts = append(parts, "+"+short(v))
		}
		if n := len(parts); n > mostParts {
			parts = append(parts[:mostParts:mostParts], fmt.Sprintf("and %d more", n-mostParts))
		}
		text = strings.Join(parts, ", ")
	case d.Action == snapshot.Created:
		text = inWords(d.ToAs, d.To)
	case d.Action == snapshot.Removed:
		text = "was " + inWords(d.FromAs, d.From)
	case len(d.From) == 0 && len(d.To) == 0:
		text = "changes"
	case d.FromAs != "" || d.ToAs != "":
		text = inWords(d.FromAs, d.From) + " → " + inWords(d.ToAs, d.To)
	default:
		text = change(d.From, d.To)
	}
	return printable(labelText(d) + ": " + text)
}

// labelText is the field as people know it.
func labelText(d snapshot.Difference) string { return cmp.Or(d.Label, d.Field) }

// mostParts is how many items of a list are shown on one line.
const mostParts = 8

// inWords is a value in words, where there are some.
func inWords(words string, v jsontext.Value) string {
	if words == "" {
		return short(v)
	}
	if utf8.RuneCountInString(words) > 2*maxValue {
		return string([]rune(words)[:2*maxValue]) + "…"
	}
	return strings.ReplaceAll(words, "\n", "⏎")
}

// maxValue is how many characters of a value are shown.
const maxValue = 60

// short writes a value on one line.
func short(v jsontext.Value) string {
	if v.Kind() == '{' || v.Kind() == '[' {
		var list []jsontext.Value
		var members map[string]jsontext.Value
		if json.Unmarshal(v, &list) == nil {
			return plural(len(list), "item")
		}
		if json.Unmarshal(v, &members) == nil {
			return "{" + plural(len(members), "member") + "}"
		}
	}
	text := cut(v)
	var whole string
	if strings.HasSuffix(text, "…") && json.Unmarshal(v, &whole) == nil {
		text += fmt.Sprintf(" (%s)", plural(utf8.RuneCountInString(whole), "character"))
	}
	return text
}

// cut is as much of a value as is shown, on one line.
func cut(v jsontext.Value) string {
	text := strings.ReplaceAll(string(v), `\n`, "⏎")
	if utf8.RuneCountInString(text) > maxValue {
		return string([]rune(text)[:maxValue]) + "…"
	}
	return text
}

// change writes two values; of long texts only where they begin to differ.
func change(from, to jsontext.Value) string {
	a, b := []rune(string(from)), []rune(string(to))
	if from.Kind() != '"' || to.Kind() != '"' || len(a) <= maxValue && len(b) <= maxValue {
		return short(from) + " → " + short(to)
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	const before = 12
	if n <= before {
		return short(from) + " → " + short(to)
	}
	from, to = jsontext.Value(string(a[n-before:])), jsontext.Value(string(b[n-before:]))
	return fmt.Sprintf("at character %d: …%s → …%s", n, cut(from), cut(to))
}
