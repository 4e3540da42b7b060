package snapshot

import (
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
type ext struct{ *keywords }

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
			e := ext{&keywords{}}
			if err := json.Unmarshal(b, e.keywords, json.RejectUnknownMembers(true)); err != nil {
				return nil, err
			}
			return e, nil
		},
	}
}

// keywordsOf returns our keywords of a schema, which nobody changes. Where it has
// none they are empty.
func keywordsOf(s *jsonschema.Schema) *keywords {
	for _, e := range s.Extensions {
		if e, ok := e.(ext); ok {
			return e.keywords
		}
	}
	return &keywords{}
}
