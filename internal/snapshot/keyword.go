package snapshot

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// keywords are what Postern adds to JSON Schema; schema/README.md says what
// each means.
type keywords struct {
	Settings     bool             `json:"x-settings"`
	Entity       *entityKeyword   `json:"x-entity"`
	Ref          *refKeyword      `json:"x-ref"`
	RefKeys      *refKeyword      `json:"x-ref-keys"`
	Secret       *secretKeyword   `json:"x-secret"`
	RequiredWhen condition        `json:"x-required-when"`
	Destination  bool             `json:"x-destination"`
	Duration     *durationKeyword `json:"x-duration"`
	Unit         string           `json:"x-unit"`
	Exclude      []string         `json:"x-exclude"`
	URL          bool             `json:"x-url"`
	Unique       bool             `json:"x-unique"`
	Known        []string         `json:"x-known"`
	Item         *itemKeyword     `json:"x-item"`
	NamesItem    string           `json:"x-names-item"`
	Weakens      *weakensKeyword  `json:"x-weakens"`
}

// An itemKeyword says how people know an item that is no entity.
type itemKeyword struct {
	Word  string   `json:"word"`
	Name  string   `json:"name"`
	Shows []string `json:"shows"`
}

// An entityKeyword marks an object as one entity.
type entityKeyword struct {
	Kind    string   `json:"kind"`
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Match   string   `json:"match"`
	Secrets string   `json:"secrets"`
	Builtin []string `json:"builtin"`
	Trim    []string `json:"trim"`
	Within  string   `json:"within"`
	Prefix  string   `json:"prefix"` // of the id that an import gives where there is none; empty where it gives none
}

// A refKeyword marks a value that names an entity declared elsewhere.
type refKeyword struct {
	Kind  string   `json:"kind"`
	By    string   `json:"by"`
	Also  []string `json:"also"`
	Level string   `json:"level"`
	Form  string   `json:"form"`
	Scope string   `json:"scope"`
}

// A secretKeyword marks a credential.
type secretKeyword struct {
	Type         string    `json:"type"`
	Required     bool      `json:"required"`
	RequiredWhen condition `json:"requiredWhen"`
	OnlyWhen     condition `json:"onlyWhen"`
}

// A durationKeyword marks a length of time whose unit is another member; the
// bounds are in seconds, 0 is none.
type durationKeyword struct {
	Unit    string `json:"unit"`
	Minimum int64  `json:"minimum"`
	Maximum int64  `json:"maximum"`
}

// A condition holds when each member has one of its values. An absent member,
// null, false and "" are alike.
type condition map[string][]any

func (c condition) holds(lookup func(member string) any) bool {
	for member, values := range c {
		got := lookup(member)
		found := false
		for _, v := range values {
			if v == got || isZero(v) && isZero(got) {
				found = true
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	default:
		return false
	}
}

// ext makes keywords an extension of the schema library.
type ext struct {
	*keywords
	facts bool // one of them is a fact about a value, see isFact
	words bool // one of them is about a value, see isWord
}

// Validate does nothing: our keywords are facts, read by the walker.
func (ext) Validate(*jsonschema.ValidatorContext, any) {}

func vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: "postern:keywords",
		Compile: func(_ *jsonschema.CompilerContext, obj map[string]any) (jsonschema.SchemaExt, error) {
			own := map[string]any{}
			for k, v := range obj {
				if len(k) > 2 && k[:2] == "x-" {
					own[k] = v
				}
			}
			if len(own) == 0 {
				return nil, nil
			}
			b, err := json.Marshal(own)
			if err != nil {
				return nil, err
			}
			names := slices.Collect(maps.Keys(own))
			e := ext{&keywords{}, slices.ContainsFunc(names, isFact), slices.ContainsFunc(names, isWord)}
			if err := json.Unmarshal(b, e.keywords, json.RejectUnknownMembers(true)); err != nil {
				return nil, err
			}
			return e, nil
		},
	}
}

// keywordsOf returns our keywords of a schema, which nobody changes. Where it has
// none they are empty.
func keywordsOf(s *jsonschema.Schema) *keywords { return extOf(s).keywords }

// extOf returns the extension of a schema that is ours, or an empty one.
func extOf(s *jsonschema.Schema) ext {
	for _, e := range s.Extensions {
		if e, ok := e.(ext); ok {
			return e
		}
	}
	return ext{keywords: &keywords{}}
}

// isFact reports whether a keyword of ours is a fact that checks gather. Those that
// only comparisons read are not.
func isFact(keyword string) bool {
	return isWord(keyword) && keyword != "x-item" && keyword != "x-names-item"
}

// isWord reports whether a keyword of ours is about a value. The one that is about
// its changes is left out: nearly every schema has it.
func isWord(keyword string) bool { return keyword != "x-weakens" }

// tells reports whether a schema has a keyword of ours that is about a value.
func tells(s *jsonschema.Schema) bool { return extOf(s).words }

// tellsFacts reports whether a schema has a keyword of ours that is a fact.
func tellsFacts(s *jsonschema.Schema) bool { return extOf(s).facts }
