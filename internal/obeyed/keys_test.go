package obeyed

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// governed are the files whose keys must have a row: those that say how people sign
// in and what their tokens hold.
func governed() []string {
	return []string{
		project.SettingsFile, project.MagicLinkFile, project.EnchantedLinkFile, project.EmbeddedLinkFile, project.OTPFile, project.NOTPFile,
		project.TOTPFile, project.PasskeyFile, project.PasswordFile, project.QuestionsFile,
		project.RolesFile, project.PermissionsFile, project.AttributesFile, project.JWTTemplatesFile,
	}
}

// A fact is what the schema says of a key.
type fact struct {
	excludes []string // that leave it as it is, the narrowest first
	unit     string   // the key with the unit of the length of time that it is
	id       bool     // it is what its entity is found by, and no setting
}

// A schemaFile is a schema as it is written, with the keywords of our own.
type schemaFile map[string]any

func readSchema(t *testing.T, name string) schemaFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "snapshot", "schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out schemaFile
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// facts returns every key of a governed file, as "project.json domain" or
// "roles.json roles[].name", by walking the table of the project.
func facts(t *testing.T) map[string]fact {
	t.Helper()
	common := readSchema(t, "common")
	out := map[string]fact{}
	for _, path := range governed() {
		section, schema := placeOf(t, path)
		w := walk{common: common, path: path, section: section, out: out}
		w.members(readSchema(t, schema), "", nil)
	}
	return out
}

// placeOf returns the exclude key of the section of a file, and the name of its
// schema.
func placeOf(t *testing.T, path string) (section, schema string) {
	t.Helper()
	for _, s := range snapshot.Sections {
		for _, f := range s.Files {
			if f.Pattern == path {
				return s.Name, f.Schema
			}
		}
	}
	t.Fatalf("no section has the file %s", path)
	return "", ""
}

// A walk goes down a schema.
type walk struct {
	common        schemaFile
	path, section string
	out           map[string]fact
}

// resolve follows a reference to a shared shape.
func (w walk) resolve(doc map[string]any) map[string]any {
	ref, _ := doc["$ref"].(string)
	if _, name, ok := strings.Cut(ref, "#/$defs/"); ok {
		doc, _ = w.common["$defs"].(map[string]any)[name].(map[string]any)
	}
	return doc
}

func (w walk) members(doc map[string]any, prefix string, excludes []string) {
	doc = w.resolve(doc)
	props, _ := doc["properties"].(map[string]any)
	entity, _ := doc["x-entity"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(props)) {
		sub := w.resolve(props[name].(map[string]any))
		key, own := prefix+name, slices.Clone(excludes)
		if list, ok := sub["x-exclude"].([]any); ok {
			for _, v := range list {
				own = append(own, v.(string))
			}
		}
		items, _ := sub["items"].(map[string]any)
		if items != nil {
			items = w.resolve(items)
		}
		switch {
		case sub["properties"] != nil:
			w.members(sub, key+".", own)
		case items != nil && items["properties"] != nil:
			w.members(items, key+"[].", own)
		default:
			f := fact{excludes: append(own, w.section), id: entity != nil && entity["id"] == name}
			if d, ok := sub["x-duration"].(map[string]any); ok {
				f.unit = w.path + " " + prefix + d["unit"].(string)
			}
			w.out[w.path+" "+key] = f
		}
	}
}

// differing returns the keys by which two sets of files differ, as facts names them.
// Of a list that got longer or shorter it is the list.
func differing(t *testing.T, a, b files) []string {
	t.Helper()
	found := map[string]bool{}
	paths := map[string]bool{}
	for _, set := range []files{a, b} {
		for path := range set {
			paths[path] = true
		}
	}
	for path := range paths {
		compare(a[path], b[path], path, "", found)
	}
	return slices.Sorted(maps.Keys(found))
}

func compare(a, b any, path, key string, found map[string]bool) {
	x, isMap := a.(map[string]any)
	y, isMap2 := b.(map[string]any)
	if isMap && isMap2 && key != "templates[].template" {
		for _, name := range slices.Sorted(maps.Keys(merged(x, y))) {
			compare(x[name], y[name], path, strings.TrimPrefix(key+"."+name, "."), found)
		}
		return
	}
	m, isList := a.([]any)
	n, isList2 := b.([]any)
	if isList && isList2 && len(m) == len(n) {
		for i := range m {
			_, object := m[i].(map[string]any)
			at := key
			if object {
				at += "[]"
			}
			compare(m[i], n[i], path, at, found)
		}
		return
	}
	p, _ := json.Marshal(a, json.Deterministic(true))
	q, _ := json.Marshal(b, json.Deterministic(true))
	if string(p) != string(q) {
		found[path+" "+key] = true
	}
}

// merged returns the members of two objects, those of the second over the first.
func merged(a, b map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// Every key of the declared table has a row that shows what it does, or a reason why
// there is nothing to see. A new key fails here until it has one of the two.
func TestEveryKeyHasARow(t *testing.T) {
	t.Parallel()
	all, shown := facts(t), map[string]bool{}
	for _, r := range rows() {
		before, after := r.files(t)
		keys := differing(t, before, after)
		for _, key := range keys {
			shown[key] = true
		}
		r.checkKeys(t, all, keys)
	}
	why := reasons()
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		reason := reasonFor(why, key)
		used[reason] = true
		excused := reason != ""
		switch {
		case shown[key] && excused:
			t.Errorf("%s has a row: take its reason away", key)
		case !shown[key] && !excused && !all[key].id:
			t.Errorf("%s has no row that shows what it does before and after an import", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(why)) {
		if !used[key] {
			t.Errorf("there is a reason for %s, and no such key", key)
		}
	}
}

// reasonFor returns what in why excuses a key: the key itself, or what it is below.
func reasonFor(why map[string]string, key string) string {
	for _, name := range slices.Sorted(maps.Keys(why)) {
		rest, ok := strings.CutPrefix(key, name)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[' || strings.HasSuffix(name, ".json")) {
			return name
		}
	}
	return ""
}

// reasons say why a key, a list or a whole file has no row: nobody sees it, or what
// it decides about is not there yet.
func reasons() map[string]string {
	const (
		label   = "a label for people who edit the project: no message, token or answer has it"
		apps    = "SSO applications are not served yet"
		noPhone = "the wire has no call that sends enchanted links as text messages"
		form    = "what forms of widgets show and who may use them; widgets are not served yet"
	)
	out := map[string]string{
		"project.json defaultNoSSOApps":               apps,
		"project.json inviteEmailTemplates[].name":    label,
		"project.json inviteSmsTemplates[].name":      label,
		"auth/enchantedlink.json textServiceProvider": noPhone,
		"auth/enchantedlink.json textTemplates":       noPhone,
		"roles.json roles[].appId":                    apps,
		"permissions.json permissions[].appId":        apps,
		"jwttemplates.json templates[].issuerType":    apps,
	}
	for _, at := range []string{"magiclink.json email", "magiclink.json text", "enchantedlink.json email", "otp.json email", "otp.json text", "otp.json voice", "password.json email", "notp.json whatsappVerifyNOTP", "notp.json whatsappSuccessNOTP", "notp.json whatsappErrorNOTP"} {
		out["auth/"+at+"Templates[].name"] = label
	}
	for _, of := range []string{"tenant", "accessKey"} {
		for _, member := range []string{"displayName", "options[].label", "viewPermissions", "editPermissions"} {
			out["attributes.json "+of+"[]."+member] = form
		}
	}
	return out
}

// checkKeys holds a row to be about one key, or about a length of time with its unit:
// of two settings that change at once nobody sees which one does what.
func (r row) checkKeys(t *testing.T, all map[string]fact, keys []string) {
	t.Helper()
	switch {
	case len(keys) == 1:
		return
	case len(keys) == 2 && (all[keys[0]].unit == keys[1] || all[keys[1]].unit == keys[0]):
		return
	}
	t.Errorf("%s: it is about %q, and not about one key", r.says, keys)
}

// The rows of the table differ in what they say, and each shows a difference.
func TestRowsShowSomething(t *testing.T) {
	t.Parallel()
	says := map[string]bool{}
	for _, r := range rows() {
		if says[r.says] {
			t.Errorf("two rows say %q", r.says)
		}
		says[r.says] = true
		if r.want[0] == r.want[1] {
			t.Errorf("%s: it is the same before and after: %s", r.says, r.want[0])
		}
	}
}

// Every narrow exclude key of the settings leaves a key of some row as it is, but
// for the one of the wire whose setting is part of the JWT templates now.
func TestEveryExcludeKeyHasARow(t *testing.T) {
	t.Parallel()
	all, used := facts(t), map[string]bool{}
	for _, r := range rows() {
		before, after := r.files(t)
		for _, key := range differing(t, before, after) {
			for _, ex := range all[key].excludes {
				used[ex] = true
			}
		}
	}
	for _, ex := range snapshot.ExcludeKeys() {
		if strings.HasPrefix(ex, "project") && !used[ex] && ex != "project.conformanceJwt" {
			t.Errorf("no row shows what the exclude key %s leaves as it is", ex)
		}
	}
}
