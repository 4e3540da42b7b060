package session

import (
	"slices"

	"postern/internal/fault"
	"postern/internal/store"
)

// claimType is the claim that says of which type a session is: a word of the
// application's own, such as "mobile", that the template of the tokens or a management
// key puts there. What a person asks for stands apart, in nsec, and types nothing: who
// wants to outlive a logout must not choose a type that it does not name.
const claimType = "dtt"

// ErrTypes is a list of types that no sessions can be found by.
var ErrTypes = fault.New(fault.Invalid, "E011003", "Request is invalid: at most 20 types of sessions can be named, each with 1 to 200 bytes on one line")

// The bounds of a list of types.
const (
	mostTypes   = 20
	longestType = 200 // bytes
)

// CheckTypes says why a list of types is refused, or nil.
func CheckTypes(types []string) error {
	if len(types) > mostTypes || slices.ContainsFunc(types, func(t string) bool { return !isType(t) }) {
		return ErrTypes
	}
	return nil
}

func isType(text string) bool { return text != "" && store.Plain(text, longestType, "") }

// kind returns the type of the session that tokens are made of; blank for none. It is
// what they say: the template goes over what was asked for, as in claims.
func (m minting) kind() (string, error) {
	said := m.session.Extra.Trusted[claimType]
	templated, err := m.templated()
	if err != nil {
		return "", err
	}
	if own, ok := templated[claimType]; ok {
		if filled, ok := m.fillTemplate(map[string]any{claimType: own})[claimType]; ok {
			said = filled
		}
	}
	if text, ok := said.(string); ok && isType(text) {
		return text, nil
	}
	return "", nil
}

// classify sets the type of a session that is about to be written, and reports whether
// it was another one.
func (m *made) classify() (bool, error) {
	kind, err := m.minting().kind()
	if err != nil {
		return false, err
	}
	was := m.session.Kind
	m.session.Kind = kind
	return kind != was, nil
}
