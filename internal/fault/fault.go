// Package fault is the one kind of error that callers are told about. Every
// error without a fault in its chain is internal: it is logged, and answered
// with its request id only.
//
// The package knows no protocol. Each edge maps a Kind to its own words: an
// HTTP status, an OAuth error, a SCIM scimType, an exit code.
package fault

import "errors"

// A Kind says who can mend a failure and how. The zero value is Internal, so
// that an Error that forgets its kind tells nobody anything.
type Kind int

// The kinds, each with the one thing that its caller can do about it.
const (
	Internal        Kind = iota // nothing; the operator reads the log
	Invalid                     // send a right request
	Unauthenticated             // say who is asking
	Forbidden                   // ask someone with more rights
	NotFound                    // look elsewhere
	Conflict                    // read again: it exists already, or changed meanwhile
	TooLarge                    // send less
	Unsupported                 // use another form, format or version
	Limited                     // wait, there were too many attempts
	Unavailable                 // wait, something that we need is missing now
	Unknown                     // find out: whether it happened is not known
)

// String returns the name of k, for logs and metrics.
func (k Kind) String() string {
	names := [...]string{
		"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict",
		"too large", "unsupported", "limited", "unavailable", "unknown",
	}
	if k < 0 || int(k) >= len(names) {
		return names[Internal]
	}
	return names[k]
}

// An Error is declared once, as a package variable beside what it is about, and
// wrapped with %w on the way up. It is never changed: the With methods copy.
type Error struct {
	Kind    Kind
	Code    string // stable, for programs: the wire's "E011003", or "P40901" where the wire has none
	Message string // for people; never a secret, never an internal detail
	Hint    string // for people; what to try next, or empty
	Details any    // for programs; what exactly is wrong, or nil
}

// New returns an Error to declare as a package variable.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Is matches by code, so that a copy made by one of the With methods still is
// the error that was declared.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy of e that carries details.
func (e *Error) With(details any) *Error {
	c := *e
	c.Details = details
	return &c
}

// WithMessage returns a copy of e that says message.
func (e *Error) WithMessage(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

// WithHint returns a copy of e that says what to try next.
func (e *Error) WithHint(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// ErrInternal is what a caller is told of an error that is not a fault.
var ErrInternal = New(Internal, "P50001", "something went wrong on our side")

// From returns what the caller may know of err: the first fault in its chain,
// else ErrInternal. It returns nil for a nil err.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return ErrInternal
}
