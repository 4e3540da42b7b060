// Package secret holds values that must not be seen: Text, a string that never
// prints, and the keyring that seals such values at rest.
//
// Sealing is authenticated encryption by Tink, in two steps: a master key, in a
// file outside the database, wraps one data key per project and version, and a
// data key seals values. What is sealed is bound to its project, entity, field
// and version, and opens nowhere else.
//
// Where wrapped keys and sealed values are kept, and when keys are rotated, is
// left to the packages that own the tables.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a string that prints as [redacted] in every way: fmt, log/slog, JSON.
// The zero value is the empty text. It can be compared with Equal only.
type Text struct {
	_ [0]func() // == would compare addresses, and in varying time

	// A pointer, because fmt does not call the methods of an unexported field:
	// printing a struct with a Text in it shows an address at worst.
	value *string
}

// New returns the Text that holds value.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{value: &value}
}

// Reveal returns the value. Call it only where the value is used.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether t is empty.
func (t Text) IsZero() bool { return t.value == nil }

// Equal reports whether both hold the same value, in a time that depends on
// the lengths only.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// String returns [redacted].
func (t Text) String() string { return redacted }

// GoString returns [redacted].
func (t Text) GoString() string { return redacted }

// Format writes [redacted], whatever the verb.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns [redacted].
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns [redacted].
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
