package snapshot

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Every value of every file and of every connector type says by itself, or by
// what encloses it in the same entity, which change of it weakens security.
func TestEveryFieldSaysWhatWeakens(t *testing.T) {
	t.Parallel()
	roots := map[string]*jsonschema.Schema{}
	for _, f := range SchemaFiles() {
		roots[f.Name] = schemas().compiled[f.Name]
	}
	for _, kind := range ConnectorTypes() {
		// Alone, so that a connector does not answer for its configuration.
		roots["connector/"+kind] = schemas().compiled["connector/"+kind]
	}
	fields := 0
	for name, root := range roots {
		eachField(list(root), nil, name, false, map[*jsonschema.Schema]bool{}, func(where string, answered bool) {
			fields++
			if !answered {
				t.Errorf("%s says nothing of x-weakens", where)
			}
		})
	}
	if fields < 1000 {
		t.Errorf("only %d fields were seen", fields)
	}
}

// eachField visits the leaves below schemas that describe one value, with
// whether anything answers for them.
func eachField(subs []*jsonschema.Schema, up []*jsonschema.Schema, where string, answered bool, seen map[*jsonschema.Schema]bool, visit func(string, bool)) {
	all := everyBranch(subs)
	if seen[subs[0]] {
		return
	}
	seen[subs[0]] = true
	defer delete(seen, subs[0])
	f := &frame{schemas: all}
	for _, s := range all {
		f.words = append(f.words, keywordsOf(s))
	}
	f.up = &frame{}
	_, below, said := f.saysOfWeakening()
	if said = said || namedByEntity(up, where) || unitOfSibling(up, where); f.declares() {
		answered = false
	}
	answered = answered || below
	members := map[string][]*jsonschema.Schema{}
	for _, s := range all {
		for k, sub := range s.Properties {
			members["."+k] = append(members["."+k], sub)
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			members[".*"] = append(members[".*"], sub)
		}
		if s.Items2020 != nil {
			members["[]"] = append(members["[]"], s.Items2020)
		}
	}
	if len(members) == 0 {
		visit(where, answered || said)
	}
	for _, k := range slices.Sorted(maps.Keys(members)) {
		if strings.HasPrefix(where, "connector.configuration") {
			break // each type has a root of its own
		}
		eachField(members[k], all, where+k, answered, seen, visit)
	}
}

// everyBranch is every schema that may describe a value.
func everyBranch(subs []*jsonschema.Schema) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, s := range subs {
		if s == nil {
			continue
		}
		out = append(out, s)
		out = append(out, everyBranch(slices.Concat([]*jsonschema.Schema{s.Ref, s.Then, s.Else}, s.AllOf))...)
	}
	return out
}

func namedByEntity(up []*jsonschema.Schema, where string) bool {
	member := where[strings.LastIndexByte(where, '.')+1:]
	return slices.ContainsFunc(up, func(s *jsonschema.Schema) bool {
		w := keywordsOf(s).Entity
		return w != nil && (w.ID == member || w.Name == member)
	})
}

func unitOfSibling(up []*jsonschema.Schema, where string) bool {
	member := where[strings.LastIndexByte(where, '.')+1:]
	for _, s := range up {
		for _, p := range s.Properties {
			if d := keywordsOf(p).Duration; d != nil && d.Unit == member {
				return true
			}
		}
	}
	return false
}

// Each code that a schema names is one that is known, and each that is known
// is used.
func TestRiskCodesAreDeclaredOnce(t *testing.T) {
	t.Parallel()
	used := map[RiskCode]bool{}
	for _, rules := range [][]weakenRule{ofSecret, ofDestination, ofUnknown} {
		for _, r := range rules {
			used[r.Code] = true
		}
	}
	for _, name := range SchemaNames() {
		each(name, func(where string, w *keywords) {
			if w.Weakens == nil {
				return
			}
			for _, r := range w.Weakens.rules {
				used[r.Code] = true
				if r.Code.says() == string(r.Code) {
					t.Errorf("%s: the code %q is not declared", where, r.Code)
				}
				if r.level() != Weakens && r.level() != Ask {
					t.Errorf("%s: there is no level %q", where, r.Level)
				}
				if (r.When == "") == (r.Order == nil) {
					t.Errorf("%s: a rule needs either a change or an order", where)
				}
			}
		})
	}
	known := map[RiskCode]bool{}
	for _, c := range RiskCodes {
		if known[c.Code] {
			t.Errorf("the code %s is there twice", c.Code)
		}
		known[c.Code] = true
		if !used[c.Code] {
			t.Errorf("nothing says %s", c.Code)
		}
		if c.Says != strings.TrimSpace(c.Says) || strings.HasSuffix(c.Says, ".") {
			t.Errorf("%s: %q is a sentence without its dot", c.Code, c.Says)
		}
	}
}
