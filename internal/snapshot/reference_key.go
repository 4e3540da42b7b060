package snapshot

import (
	"fmt"
	"slices"
	"strings"
)

// keyList is the rows of a table of keys.
type keyList struct{ rows [][]string }

// members adds a row for each key below a schema. when says in which case the
// schema applies, or nothing.
func (k *keyList) members(doc map[string]any, prefix, when string) {
	props, _ := doc["properties"].(map[string]any)
	required, _ := doc["required"].([]any)
	for _, name := range sortedKeys(props) {
		sub, _ := props[name].(map[string]any)
		k.key(sub, joinKey(prefix, name), when, slices.Contains(required, any(name)))
	}
	if sub, ok := doc["additionalProperties"].(map[string]any); ok {
		k.key(sub, joinKey(prefix, "*"), when, false)
	}
	if sub, ok := doc["items"].(map[string]any); ok {
		k.item(sub, prefix+"[]", when)
	}
	k.branches(doc, prefix, when)
	all, _ := doc["allOf"].([]any)
	for _, v := range all {
		if sub, ok := v.(map[string]any); ok {
			k.branches(sub, prefix, when)
		}
	}
}

func joinKey(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// branches adds what holds in a case only.
func (k *keyList) branches(doc map[string]any, prefix, when string) {
	if doc["if"] == nil {
		return
	}
	if when != "" {
		when += " and "
	}
	test := caseOf(doc["if"])
	if sub, ok := doc["then"].(map[string]any); ok {
		k.members(sub, prefix, when+"where "+test)
	}
	if sub, ok := doc["else"].(map[string]any); ok {
		k.members(sub, prefix, when+"unless "+test)
	}
}

// caseOf writes the test of an if in words.
func caseOf(test any) string {
	var parts []string
	props, _ := child(test, "properties").(map[string]any)
	for _, name := range sortedKeys(props) {
		p, _ := props[name].(map[string]any)
		switch {
		case p["const"] != nil:
			parts = append(parts, code(name)+" is "+literal(p["const"]))
		case p["enum"] != nil:
			list, _ := p["enum"].([]any)
			parts = append(parts, code(name)+" is "+literals(list, " or "))
		case p["pattern"] != nil:
			parts = append(parts, code(name)+" matches "+literal(p["pattern"]))
		default:
			parts = append(parts, code(name)+" is not blank")
		}
	}
	return strings.Join(parts, " and ")
}

// key adds the row of one key and those below it.
func (k *keyList) key(doc map[string]any, path, when string, required bool) {
	ref := text(doc, "$ref")
	if strings.HasPrefix(ref, "connector/") {
		return // the types of connectors have tables of their own
	}
	var note []string
	if title := text(doc, "title"); title != "" {
		note = append(note, "**"+title+".**")
	}
	if about := text(doc, "description"); about != "" {
		note = append(note, about)
	}
	if required {
		note = append(note, "Required.")
	}
	note = append(note, valueFacts(doc)...)
	note = append(note, objectFacts(doc)...)
	kind, values, standard := typeOf(doc), allowed(doc), ""
	if v, ok := doc["default"]; ok {
		standard = literal(v)
	}
	if len(note) > 0 || kind+values+standard != "" { // else the row is about what is below it
		if when != "" {
			note = append(note, "This holds "+when+".")
		}
		k.rows = append(k.rows, []string{code(path), kind, standard, values, strings.Join(note, " ")})
	}
	k.members(doc, path, when)
}

// item adds a row for the items of a list where they say more than their type.
func (k *keyList) item(doc map[string]any, path, when string) {
	if len(valueFacts(doc)) > 0 || len(objectFacts(doc)) > 0 || allowed(doc) != "" {
		k.key(doc, path, when, false)
		return
	}
	k.members(doc, path, when)
}

// typeOf writes the type of a value, with a link where it has a shape.
func typeOf(doc map[string]any) string {
	if ref := text(doc, "$ref"); ref != "" {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		return "[" + name + "](#" + slug("Shape "+name) + ")"
	}
	var kinds []string
	switch t := doc["type"].(type) {
	case string:
		kinds = []string{t}
	case []any:
		for _, v := range t {
			if s, ok := v.(string); ok {
				kinds = append(kinds, s)
			}
		}
	}
	for i, kind := range kinds {
		switch items, _ := doc["items"].(map[string]any); {
		case kind == "array" && items != nil && typeOf(items) != "":
			kinds[i] = "list of " + typeOf(items)
		case kind == "array":
			kinds[i] = "list"
		case kind == "object" && child(doc, "additionalProperties") != nil && doc["properties"] == nil && doc["additionalProperties"] != true:
			kinds[i] = "map"
		}
	}
	return strings.Join(kinds, " or ")
}

// allowed writes the bounds of a value.
func allowed(doc map[string]any) string {
	var out []string
	if list, ok := doc["enum"].([]any); ok {
		out = append(out, literals(list, ", "))
	}
	if v, ok := doc["const"]; ok {
		out = append(out, literal(v))
	}
	bounds := func(low, high, unit string) {
		from, hasFrom := doc[low].(float64)
		to, hasTo := doc[high].(float64)
		switch {
		case hasFrom && hasTo:
			out = append(out, number(from)+" to "+number(to)+unit)
		case hasFrom:
			out = append(out, "at least "+number(from)+unit)
		case hasTo:
			out = append(out, "at most "+number(to)+unit)
		}
	}
	bounds("minimum", "maximum", "")
	if doc["minLength"] == 1.0 && doc["maxLength"] == nil {
		out = append(out, "not blank")
	} else {
		bounds("minLength", "maxLength", " characters")
	}
	if doc["minItems"] == 1.0 && doc["maxItems"] == nil {
		out = append(out, "not empty")
	} else {
		bounds("minItems", "maxItems", " items")
	}
	if doc["uniqueItems"] == true {
		out = append(out, "no item twice")
	}
	if p := text(doc, "pattern"); p != "" {
		out = append(out, "the form "+code(p))
	}
	if f := text(doc, "format"); f != "" {
		out = append(out, "meant as "+code(f))
	}
	w := said(doc)
	if w.Unit != "" {
		out = append(out, "in "+w.Unit)
	}
	if d := w.Duration; d != nil {
		note := "a time in the unit of " + code(d.Unit)
		if d.Minimum > 0 {
			note += ", at least " + words(d.Minimum)
		}
		if d.Maximum > 0 {
			note += ", at most " + words(d.Maximum)
		}
		out = append(out, note)
	}
	if len(w.Known) > 0 {
		out = append(out, fmt.Sprintf("%d [known types](#connector-types); another is kept with a warning", len(w.Known)))
	}
	return strings.Join(out, "; ")
}

// valueFacts writes what our keywords say of a value.
func valueFacts(doc map[string]any) []string {
	w := said(doc)
	var out []string
	if w.RequiredWhen != nil {
		out = append(out, "Required where "+conditionWords(w.RequiredWhen)+".")
	}
	if w.URL {
		out = append(out, "An absolute URL, or blank.")
	}
	if w.Unique {
		out = append(out, "No two may share it.")
	}
	if s := w.Secret; s != nil {
		note := "Secret of type " + code(s.Type)
		switch {
		case s.Required:
			note += ", required"
		case s.RequiredWhen != nil:
			note += ", required where " + conditionWords(s.RequiredWhen)
		}
		if s.OnlyWhen != nil {
			note += ", used only where " + conditionWords(s.OnlyWhen)
		}
		out = append(out, note+".")
	}
	if w.Ref != nil {
		out = append(out, refWords(w.Ref))
	}
	if w.RefKeys != nil {
		note := "Its member names are names of " + oneWord(w.RefKeys.Kind) + ", its values their ids; the names decide."
		if w.RefKeys.Level == string(Warning) {
			note += " A name that nobody has is only a warning."
		}
		out = append(out, note)
	}
	if w.Destination {
		out = append(out, "Destination.")
	}
	out = append(out, riskFacts(w)...)
	if len(w.Exclude) > 0 {
		out = append(out, "Exclude key "+codes(w.Exclude, ", ")+".")
	}
	if list, ok := doc["examples"].([]any); ok {
		out = append(out, "For example "+literals(list, ", ")+".")
	}
	return out
}

func refWords(w *refKeyword) string {
	by := map[string]string{"id": "by id", "name": "by name"}[w.By]
	if by == "" {
		by = "by id or name"
	}
	note := "Refers to " + oneWord(w.Kind) + " " + by
	switch w.Form {
	case "type:id":
		note += ", which may stand after its type and a colon"
	case "flow-url":
		note += ", in the query parameter `flow` of a URL"
	}
	if w.Scope == "folder" {
		note += " in the same folder"
	}
	if len(w.Also) > 0 {
		note += "; " + codes(w.Also, " and ") + " are allowed as well"
		if len(w.Also) == 1 {
			note = strings.TrimSuffix(note, " are allowed as well") + " is allowed as well"
		}
	}
	if w.Level == string(Warning) {
		note += "; one that does not exist is only a warning"
	}
	return note + "."
}

// oneWord writes the kind of an entity with its article.
func oneWord(kind string) string {
	if strings.ContainsRune("aeio", rune(kind[0])) {
		return "an " + KindWords(kind)
	}
	return "a " + KindWords(kind)
}

func conditionWords(c condition) string {
	var parts []string
	for _, member := range sortedKeys(c) {
		parts = append(parts, code(member)+" is "+literals(c[member], " or "))
	}
	return strings.Join(parts, " and ")
}

// objectFacts writes what our keywords say of an object as a whole.
func objectFacts(doc map[string]any) []string {
	w := said(doc)
	var out []string
	if w.Settings {
		out = append(out, "A settings object.")
	}
	if e := w.Entity; e != nil {
		note := "An entity of the kind " + code(e.Kind) + ", matched by " + e.Match
		switch {
		case e.ID == "$key":
			note += "; its key is its id"
		case e.ID == "$path":
			note += "; its path gives its id"
		case strings.HasPrefix(e.ID, "="):
			note += "; there is one"
		default:
			note += "; " + code(e.ID) + " is its id"
		}
		if e.Within != "" {
			note += "; its name belongs to what " + code(e.Within) + " names"
		}
		if len(e.Builtin) > 0 {
			note += "; built in: " + codes(e.Builtin, ", ")
		}
		if e.Secrets != "" {
			note += "; its secrets are in the group " + code(e.Secrets)
		}
		out = append(out, note+".")
	}
	if doc["additionalProperties"] == true {
		out = append(out, "Any other member is allowed.")
	}
	return out
}
