package snapshot

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
)

// A Risk is what a difference means for the security of a project.
type Risk struct {
	Code    RiskCode  `json:"code"`
	Level   RiskLevel `json:"level"`
	Message string    `json:"message"` // a plain sentence; never holds a credential
}

// A RiskLevel says whether security is weaker, or may be.
type RiskLevel string

// The levels of a risk.
const (
	Weakens RiskLevel = "weakens" // security is weaker than before
	Ask     RiskLevel = "ask"     // which way it goes cannot be told; a person should look
)

// A weakensKeyword says which change of a value weakens security.
type weakensKeyword struct {
	rules []weakenRule
	below bool // it answers for the members, too
}

// A weakenRule is one change that weakens security, or that a person should
// look at.
type weakenRule struct {
	When  string    `json:"when"`  // a word of whens
	Order []any     `json:"order"` // instead of it: values from the strongest to the weakest; a list in it is of equals
	Code  RiskCode  `json:"code"`
	Level RiskLevel `json:"level"` // Weakens where it is not said
	While condition `json:"while"` // what must be so before and after
	Among string    `json:"among"` // "builtin": only items that name what is built in
}

// The words that stand for a whole declaration.
const (
	sayNever = `"never"`
	sayAsk   = `"ask"`
)

// UnmarshalJSON reads a word, a rule, or a list of rules.
func (k *weakensKeyword) UnmarshalJSON(b []byte) error {
	strict := json.RejectUnknownMembers(true)
	switch b[0] {
	case '"':
		return k.word(string(b))
	case '[':
		if err := json.Unmarshal(b, &k.rules, strict); err != nil {
			return err
		}
	default:
		k.rules = make([]weakenRule, 1)
		if err := json.Unmarshal(b, &k.rules[0], strict); err != nil {
			return err
		}
	}
	for _, r := range k.rules {
		if _, known := whens[r.When]; !known && r.Order == nil {
			return fmt.Errorf("x-weakens: no change is called %q", r.When)
		}
		k.below = k.below || !r.whole()
	}
	return nil
}

// word reads a declaration that is one word.
func (k *weakensKeyword) word(quoted string) error {
	k.below = true
	switch quoted {
	case sayNever:
	case sayAsk:
		for _, when := range []string{whenChanges, whenCreated, whenDeleted} {
			k.rules = append(k.rules, weakenRule{When: when, Code: riskReview, Level: Ask})
		}
	default:
		return fmt.Errorf("x-weakens: %s is no answer", quoted)
	}
	return nil
}

// whole reports whether the rule is about an object as a whole, and not about
// its members.
func (r weakenRule) whole() bool { return r.Order == nil && whens[r.When].whole }

// level is how grave the change is.
func (r weakenRule) level() RiskLevel {
	if r.Level == "" {
		return Weakens
	}
	return r.Level
}

// What is derived from other keywords, and so declared nowhere else.
var (
	ofSecret = []weakenRule{
		{When: whenChanges, Code: riskSealed, Level: Ask},
	}
	ofDestination = []weakenRule{
		{When: whenReplaced, Code: riskMoved},
		{When: whenGiven, Code: riskAdded, Level: Ask},
	}
	ofUnknown = []weakenRule{
		{When: whenChanges, Code: riskUnknown, Level: Ask},
		{When: whenSet, Code: riskUnknown, Level: Ask},
	}
)

// weakening is what the schema declares of changes of a value: by its own
// word, by what its other keywords mean, or by what encloses it in the same
// entity. What nobody answers for is for a person.
func (f *frame) weakening() []weakenRule {
	for g := f; g != nil; g = g.up {
		rules, below, said := g.saysOfWeakening()
		switch {
		case said && g == f:
			return rules
		case said && below:
			return slices.DeleteFunc(slices.Clone(rules), weakenRule.whole)
		case g.stray() || g.declares():
			return ofUnknown
		}
	}
	return ofUnknown
}

// saysOfWeakening is what the schemas of the value itself say, whether they
// say it of what is below as well, and false where they say nothing.
func (f *frame) saysOfWeakening() (rules []weakenRule, below, said bool) {
	for _, s := range f.schemas {
		if w := keywordsOf(s).Weakens; w != nil {
			said, below = true, below || w.below
			rules = append(rules, w.rules...)
		}
	}
	if said {
		return rules, below, true
	}
	for _, w := range f.words {
		switch {
		case w.Secret != nil:
			return ofSecret, false, true
		case w.Destination:
			return ofDestination, true, true
		}
	}
	return nil, false, f.up != nil && f.up.identifiedBy(f.key)
}

// identifiedBy reports whether a member is the id or the name of the entity: a
// thing with another one is another thing.
func (f *frame) identifiedBy(member string) bool {
	return slices.ContainsFunc(f.words, func(w *keywords) bool {
		return w.Entity != nil && member != "" && (w.Entity.ID == member || w.Entity.Name == member)
	})
}

// stray reports whether no schema knows a member of an object whose members
// are known.
func (f *frame) stray() bool {
	if len(f.schemas) > 0 || f.up == nil {
		return false
	}
	_, isObject := f.up.value.(map[string]any)
	_, closed := f.up.knownKeys()
	return isObject && closed
}
