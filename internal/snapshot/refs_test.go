package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A site is a reference in an example: one for each place in the schemas that
// declares one.
type site struct {
	name   string // "auth/otp.json#/emailServiceProvider"
	ref    ref
	files  Files
	target *target // a project that has the files
}

// sites finds an example of every x-ref and x-ref-keys of the schemas, and says
// which have none.
func sites(t *testing.T) []site {
	t.Helper()
	found := map[*refKeyword]site{}
	for _, up := range []*Upload{example(t, "shop"), example(t, "edge"), everyReference(t)} {
		files := up.Files
		inlineAssets(&Upload{Files: files}, &problems{})
		g := newTarget()
		g.apply(t, &Upload{Files: maps.Clone(files), Secrets: up.Secrets})
		for path := range files {
			at, ok := locate(path)
			if !ok || at.File.Schema == "" {
				continue
			}
			doc, err := parse(files[path])
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range gather(path, at, doc).refs {
				if _, there := found[r.word]; !there && r.said() != "" && !builtins()[idKey{r.word.Kind, r.said()}] {
					found[r.word] = site{path + "#" + r.pointer, r, files, g}
				}
			}
		}
	}
	var out []site
	for where, w := range refKeywords() {
		s, ok := found[w]
		if !ok {
			t.Errorf("no example has the reference that %s declares", where)
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b site) int { return strings.Compare(a.name, b.name) })
	return out
}

// everyReference has the references that the examples do without.
func everyReference(t *testing.T) *Upload {
	t.Helper()
	task := func(id, argument, value string) string {
		return `"` + id + `":{"id":"` + id + `","type":"automated","action":"x","arguments":{"` + argument + `":{"type":"inline","value":` + value + `}}}`
	}
	return small.with(
		"auth/notp.json", `{"whatsappChatbotProvider":"CI1","whatsappVerifyTemplateId":"TM1","whatsappSuccessTemplateId":"TM2","whatsappErrorTemplateId":"TM3",
			"whatsappVerifyNOTPTemplates":[{"id":"TM1","name":"V"}],"whatsappSuccessNOTPTemplates":[{"id":"TM2","name":"S"}],"whatsappErrorNOTPTemplates":[{"id":"TM3","name":"E"}]}`,
		"auth/enchantedlink.json", `{"textServiceProvider":"hibp:CI1"}`,
		"auth/oauth.json", `{"providerSettings":{"own":{"name":"own"}}}`,
		"roles.json", twoRoles,
		"permissions.json", twoPerms,
		"attributes.json", `{"tenant":[{"name":"tier","displayName":"Tier","type":"string","editPermissions":["write"]}]}`,
		"flows/in/contents.json", `{"startTask":"0","tasks":{`+task("1", "roleNames", `["Reader"]`)+`,`+task("2", "roles", `["Reader"]`)+`,`+
			task("3", "roleIds", `["R1"]`)+`,`+task("4", "defaultProvider", `"own"`)+`}}`,
	).upload(t)
}

// schemasOf visits every schema that describes a part of a file.
func schemasOf(visit func(where string, w *keywords)) {
	seen := map[string]bool{}
	for _, s := range Sections {
		for _, f := range s.Files {
			if f.Schema == "" || seen[f.Schema] {
				continue
			}
			seen[f.Schema] = true
			each(f.Schema, visit)
		}
	}
}

// refKeywords is every place in the schemas that declares a reference.
func refKeywords() map[string]*refKeyword {
	out := map[string]*refKeyword{}
	schemasOf(func(where string, w *keywords) {
		if w.Ref != nil {
			out[where] = w.Ref
		}
		if w.RefKeys != nil {
			out[where] = w.RefKeys
		}
	})
	return out
}

func TestAReferenceThatNamesNothingIsReported(t *testing.T) {
	t.Parallel()
	for _, s := range sites(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			up := &Upload{Files: maps.Clone(s.files)}
			pointer, wrong := s.ref.pointer, s.ref.said()+"q"
			up.Files[s.ref.file] = edited(t, up.Files[s.ref.file], func(doc any) {
				if s.ref.keyID {
					parent := lookupPointer(doc, pointer[:strings.LastIndex(pointer, "/")]).(map[string]any)
					delete(parent, s.ref.name)
					parent[wrong] = s.ref.value
					pointer = pointer[:strings.LastIndex(pointer, "/")] + "/" + escapePointer(wrong)
					return
				}
				was := lookupPointer(doc, pointer).(string)
				apply(doc, []edit{{pointer: pointer, value: strings.Replace(was, s.ref.value, wrong, 1)}})
			})
			out := newTarget().check(t, up)
			i := slices.IndexFunc(out.Problems, func(p Problem) bool {
				return p.File == s.ref.file && p.Pointer == pointer && p.Code == CodeReference
			})
			if i < 0 {
				t.Fatalf("it is not reported, only\n%s", strings.Join(lines(out.Problems), "\n"))
			}
			p := out.Problems[i]
			if p.Level != s.ref.level() {
				t.Errorf("it is an %s, want %s", p.Level, s.ref.level())
			}
			if want := fmt.Sprintf("did you mean %q?", s.ref.said()); p.Hint != want && !missingInExample(s) {
				t.Errorf("hint %q, want %q", p.Hint, want)
			}
			if want := fmt.Sprintf("there is no %s %q", KindWords(s.ref.word.Kind), wrong); p.Message != want {
				t.Errorf("message %q, want %q", p.Message, want)
			}
		})
	}
}

// missingInExample reports whether what a reference names is not in its project.
func missingInExample(s site) bool {
	w := newWorld()
	for path, content := range s.files {
		if at, ok := locate(path); ok && at.File.Schema != "" {
			doc, _ := parse(content)
			for _, e := range gather(path, at, doc).entities {
				w.add(e)
			}
		}
	}
	return !w.resolves(s.ref)
}

func edited(t *testing.T, content []byte, change func(doc any)) []byte {
	t.Helper()
	doc, err := parse(content)
	if err != nil {
		t.Fatal(err)
	}
	change(doc)
	return render(doc)
}

func TestWhatIsReferredToIsNotRemoved(t *testing.T) {
	t.Parallel()
	for _, s := range sites(t) {
		if missingInExample(s) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(s.files)
			for path := range files {
				remove(t, files, path, s.ref)
			}
			out := s.target.check(t, &Upload{Files: files})
			i := slices.IndexFunc(out.Problems, func(p Problem) bool {
				return p.File == s.ref.file && p.Pointer == s.ref.pointer && p.Code == CodeStillNeeded
			})
			if i < 0 {
				t.Fatalf("it may be removed:\n%s", strings.Join(lines(out.Problems), "\n"))
			}
			if out.Problems[i].Level != s.ref.level() {
				t.Errorf("it is an %s, want %s", out.Problems[i].Level, s.ref.level())
			}
		})
	}
}

// remove takes what a reference names out of a file, or the file out of its
// index.
func remove(t *testing.T, files Files, path string, r ref) {
	t.Helper()
	at, ok := locate(path)
	if !ok || at.File.Schema == "" {
		return
	}
	doc, err := parse(files[path])
	if err != nil {
		t.Fatal(err)
	}
	es := gather(path, at, doc).entities
	slices.Reverse(es) // items go from the end of a list
	for _, e := range es {
		if e.Kind != r.word.Kind || e.ID != r.said() && e.Name != r.said() {
			continue
		}
		if e.pointer == "" {
			unlist(t, files, at)
			return
		}
		parent, last := e.pointer[:strings.LastIndex(e.pointer, "/")], e.pointer[strings.LastIndex(e.pointer, "/")+1:]
		switch items := lookupPointer(doc, parent).(type) {
		case map[string]any:
			delete(items, unescapePointer(last))
		case []any:
			var kept []any
			for i, item := range items {
				if fmt.Sprint(i) != last {
					kept = append(kept, item)
				}
			}
			apply(doc, []edit{{pointer: parent, value: kept}})
		}
	}
	files[path] = render(doc)
}

func unlist(t *testing.T, files Files, at place) {
	t.Helper()
	for _, variable := range []string{"slug", "flow", "id"} {
		index, row := governor(at, variable)
		value, _ := at.Vars.value(variable)
		if row == nil || !slices.Contains(names(files[index], row), value) {
			continue
		}
		files[index] = edited(t, files[index], func(doc any) {
			obj := doc.(map[string]any)
			obj[row.Lists] = slices.DeleteFunc(obj[row.Lists].([]any), func(v any) bool { return v == any(value) })
		})
		return
	}
}
