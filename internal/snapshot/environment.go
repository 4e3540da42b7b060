package snapshot

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A placeholder is a text that is nothing but this, a name and a brace: the value
// of that name in the environment stands there.
const environmentPrefix = "${environment."

// environmentsFolder has a file of values for each environment.
const environmentsFolder = "environments/"

// placeholderName returns the name in a placeholder.
func placeholderName(v any) (string, bool) {
	text, _ := v.(string)
	rest, is := strings.CutPrefix(text, environmentPrefix)
	name, closed := strings.CutSuffix(rest, "}")
	return name, is && closed && name != "" && !strings.ContainsAny(name, "{}")
}

// Environments returns the names of the environments that an upload has values
// for, in order.
func (up *Upload) Environments() []string { return environmentsOf(up.Files) }

func environmentsOf(files Files) []string {
	var out []string
	for _, p := range files.Paths() {
		if at, is := beside(p); is {
			if name, ok := at.Vars.value("environment"); ok {
				out = append(out, name)
			}
		}
	}
	return out
}

// A Place is where a placeholder stands.
type Place struct {
	File    string `json:"file"`
	Pointer string `json:"pointer"`
	Name    string `json:"name"` // of the value
}

// Placeholders returns the places of all placeholders in files, in order.
func Placeholders(files Files) []Place {
	var out []Place
	for _, p := range files.Paths() {
		if TravelsBeside(p) || formOf(p) != formJSON || !mayHavePlaceholder(files[p]) {
			continue
		}
		if doc, err := parse(files[p]); err == nil {
			eachText(doc, "", func(pointer, text string) {
				if name, is := placeholderName(text); is {
					out = append(out, Place{p, pointer, name})
				}
			})
		}
	}
	return out
}

// mayHavePlaceholder only looks at the bytes of a document.
func mayHavePlaceholder(doc []byte) bool { return bytes.Contains(doc, []byte(environmentPrefix)) }

// eachText visits every text of a document, in order.
func eachText(v any, pointer string, visit func(pointer, text string)) {
	switch v := v.(type) {
	case string:
		visit(pointer, v)
	case map[string]any:
		for _, k := range sortedKeys(v) {
			eachText(v[k], pointer+"/"+escapePointer(k), visit)
		}
	case []any:
		for i, item := range v {
			eachText(item, pointer+"/"+strconv.Itoa(i), visit)
		}
	}
}

// A resolver puts the values of an environment where the placeholders are.
type resolver struct {
	environment string // blank for none
	file        string // of the values
	values      map[string]any
	known       []string // the environments that there are
	used        map[string]bool
	open        map[[2]string]bool   // places of placeholders that got no value: file and pointer
	filled      map[[2]string]string // those of others, with the name of the value
	ps          *problems
}

// resolve replaces the placeholders in the files of an upload, of which those that
// are no part of the configuration are in besides. What is not resolved is an
// error, but in sections that stay as they are anyway.
func resolve(up *Upload, besides Files, ex excludes, ps *problems) *resolver {
	r := &resolver{environment: up.Environment, used: map[string]bool{}, open: map[[2]string]bool{}, filled: map[[2]string]string{}, ps: ps}
	if up.Stored {
		return r
	}
	r.known = environmentsOf(besides)
	known := r.read(besides)
	for _, p := range up.Files.Paths() {
		if formOf(p) == formText {
			r.text(p, up.Files[p])
		}
		if formOf(p) != formJSON || up.known(p).plain || !mayHavePlaceholder(up.Files[p]) {
			continue
		}
		at, is := locate(p)
		r.document(up.Files, p, at, is && ex.section(at) || !known)
	}
	for _, name := range sortedKeys(r.values) {
		if !r.used[name] {
			ps.add(Warning, r.file, "/"+escapePointer(name), CodeUnusedValue, "remove it, or put "+environmentPrefix+printablePath(name)+"} where it belongs", "no file has a placeholder of this name")
		}
	}
	return r
}

// settle takes away what is said of values that are not there yet, but that they are
// not, and says of those that are wrong where they stand.
func (r *resolver) settle() {
	r.ps.list = slices.DeleteFunc(r.ps.list, func(p Problem) bool { return p.Code != CodePlaceholder && r.open[[2]string{p.File, p.Pointer}] })
	for i := range r.ps.list {
		p := &r.ps.list[i]
		if name := r.filled[[2]string{p.File, p.Pointer}]; name != "" && p.Level == Error && p.Code != CodePlaceholder {
			hint := fmt.Sprintf("it is the value %s in %s", printablePath(name), printablePath(r.file))
			if p.Hint != "" {
				hint = p.Hint + "; " + hint
			}
			p.Hint = hint
		}
	}
}

// read reads the values, and reports whether they can be used.
func (r *resolver) read(besides Files) bool {
	if r.environment == "" {
		return true
	}
	r.file = environmentsFolder + r.environment + ".json"
	content := besides[r.file]
	if content == nil {
		hint := fmt.Sprintf("the files have no %s", printablePath(r.file))
		if len(r.known) > 0 {
			hint = "there are: " + strings.Join(r.known, ", ")
		}
		r.ps.add(Error, "", "/environment", CodeEnvironment, hint, "there is no environment %q", printablePath(r.environment))
		return false
	}
	if found := CheckBeside(r.file, content); len(found) > 0 {
		r.ps.list = append(r.ps.list, found...)
		return false
	}
	doc, _ := parse(content)
	values, _ := doc.(map[string]any)
	for _, name := range sortedKeys(values) {
		if _, is := placeholderName(values[name]); is {
			r.ps.add(Error, r.file, "/"+escapePointer(name), CodePlaceholder, "give the value itself", "a value must not be a placeholder")
			return false
		}
	}
	r.values = values
	return true
}

// document replaces the placeholders of one file.
func (r *resolver) document(files Files, p string, at place, silent bool) {
	doc, err := parse(files[p])
	if err != nil {
		return // it was reported when it was read
	}
	var edits []edit
	eachText(doc, "", func(pointer, text string) {
		name, is := placeholderName(text)
		value, has := r.values[name]
		switch {
		case !is:
			r.mentioned(p, pointer, text)
		case has:
			r.used[name] = true
			r.filled[[2]string{p, pointer}] = name
			edits = append(edits, edit{pointer: pointer, value: value})
		default:
			r.open[[2]string{p, pointer}] = true
			if !silent {
				r.unresolved(p, pointer, name)
			}
		}
	})
	if len(edits) == 0 {
		return
	}
	doc = apply(doc, edits)
	r.secrets(p, at, doc, edits)
	files[p] = render(doc)
}

// text refuses a text in a file of its own that is a placeholder: it would be
// imported as it is written.
func (r *resolver) text(p string, content []byte) {
	text, _ := assetText(p, content)
	if name, is := placeholderName(strings.TrimSpace(text)); is {
		r.ps.add(Error, p, "", CodePlaceholder, "write the placeholder into the document, in place of the reference to this file",
			"a text in a file of its own cannot be the placeholder %s", printablePath(name))
	}
}

// mentioned says of a text that it names a value and is more than a placeholder.
func (r *resolver) mentioned(p, pointer, text string) {
	for _, name := range sortedKeys(r.values) {
		if strings.Contains(text, environmentPrefix+name+"}") {
			r.ps.add(Warning, p, pointer, CodePlaceholder, "make the whole text the placeholder, and give the whole text as the value",
				"the text is more than the placeholder %s, so it stays as it is", name)
			return
		}
	}
}

func (r *resolver) unresolved(p, pointer, name string) {
	name = printablePath(name)
	switch {
	case r.environment != "":
		hint := nearest(name, sortedKeys(r.values))
		if hint == "" {
			hint = "give it one there"
		}
		r.ps.add(Error, p, pointer, CodePlaceholder, hint, "the placeholder %s has no value in %s", name, printablePath(r.file))
	case len(r.known) > 0:
		r.ps.add(Error, p, pointer, CodePlaceholder, "name one: "+strings.Join(r.known, ", "), "the placeholder %s gets its value from an environment, and none is named", name)
	default:
		r.ps.add(Error, p, pointer, CodePlaceholder, "give values in "+environmentsFolder+"<name>.json, and name the environment", "the placeholder %s gets its value from an environment, and the files have none", name)
	}
}

// secrets refuses placeholders where a credential belongs: values lie in the
// folder in clear.
func (r *resolver) secrets(p string, at place, doc any, edits []edit) {
	if at.File == nil || at.File.Schema == "" {
		return
	}
	var hidden []string
	walk(enter(nil, doc, "", "", list(schemaOf(at.File))), func(f *frame) {
		if slices.ContainsFunc(f.words, func(w *keywords) bool { return w.Secret != nil }) {
			hidden = append(hidden, f.pointer)
		}
	})
	for _, e := range edits {
		if slices.ContainsFunc(hidden, func(secret string) bool { return e.pointer == secret || strings.HasPrefix(e.pointer, secret+"/") }) {
			r.ps.add(Error, p, e.pointer, CodePlaceholder, "give it beside the files, in inputSecrets", "a secret must not come from the values of an environment, which lie in the files")
		}
	}
}

// Resolve returns the files with the values of an environment in place of the
// placeholders, and without those that travel beside, and what is wrong with
// them.
func (up *Upload) Resolve() (Files, []Problem) {
	out, ps := up.Clone(), &problems{}
	besides := takeBeside(out.Files)
	resolve(out, besides, excludes{}, ps)
	return out.Files, ps.sorted()
}

// Restore puts the placeholders of a folder back into files that were exported
// from a project, wherever the value there is still that of the environment. It
// returns the places where it is not, or where there is none any more.
func Restore(exported Files, folder *Upload) (lost []Place) {
	content := folder.Files[environmentsFolder+folder.Environment+".json"]
	doc, _ := parse(content)
	values, _ := doc.(map[string]any)
	edits := map[string][]edit{}
	docs := map[string]any{}
	for _, at := range Placeholders(folder.Files) {
		if docs[at.File] == nil {
			docs[at.File], _ = parse(exported[at.File]) // one that is not there has nothing
		}
		value, has := values[at.Name]
		if now, is := lookup(docs[at.File], at.Pointer); !has || !is || !reflect.DeepEqual(now, value) {
			lost = append(lost, at)
			continue
		}
		edits[at.File] = append(edits[at.File], edit{pointer: at.Pointer, value: environmentPrefix + at.Name + "}"})
	}
	for p, list := range edits {
		exported[p] = render(apply(docs[p], list))
	}
	return lost
}

// lookup finds the value at a pointer.
func lookup(doc any, pointer string) (any, bool) {
	for seg := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		doc = child(doc, unescapePointer(seg))
	}
	return doc, doc != nil
}

// EnvironmentFile is where the values of an environment lie.
func EnvironmentFile(name string) string { return path.Join(environmentsFolder, name+".json") }
