// Package message is what goes out to people: mails, text messages, calls. It
// owns their form, the templates that they are made of, the texts of our own, and
// what an address and a phone number are.
//
// It sends nothing: package connector does.
package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/internal/fault"
)

// A Kind is a way to reach somebody.
type Kind string

// The kinds. Email goes to an address, the others to a phone number.
const (
	Email    Kind = "email"
	SMS      Kind = "sms"
	Voice    Kind = "voice"
	WhatsApp Kind = "whatsapp"
)

// The bounds of a message, in bytes. A subject is a header of a mail, and RFC
// 5322 has no use for a longer line.
const (
	maxSubject = 900
	maxBody    = 1 << 20
	maxText    = 1600 // of a text message: ten parts are the most that gateways join
)

// What callers are told of a message that cannot go out.
var (
	ErrInvalid = fault.New(fault.Invalid, "E011003", "Request is invalid: the message cannot be sent")
	ErrEmail   = fault.New(fault.Invalid, "E011003", "Request is invalid: the e-mail address is not valid")
	ErrPhone   = fault.New(fault.Invalid, "E011003", "Request is invalid: the phone number is not valid; write it with + and the country code, such as +12025550143")
)

// A Message is one that is ready to go to one recipient.
type Message struct {
	Kind Kind
	To   string // an e-mail address, or a phone number as E.164 writes it
	// From is the sender; blank for that of the connector.
	From    string
	Subject string // of a mail; no other kind has one
	// HTML and Text are the body: a mail has one of them or both, the others have
	// Text only.
	HTML string
	Text string
	// Code is the one-time code that the body says, for services that want it by
	// itself; blank for a message without one.
	Code string
}

// Check reports what would make the message another one on its way: lines in the
// headers, more than one recipient, a recipient that is none. It is called before
// a message is handed to anything outside.
func (m Message) Check() error {
	switch m.Kind {
	case Email:
		if err := CheckEmail(m.To); err != nil {
			return err
		}
	case SMS, Voice, WhatsApp:
		if to, err := Phone(m.To); err != nil || to != m.To {
			return ErrPhone
		}
	default:
		return ErrInvalid.WithMessage("Request is invalid: there is no such kind of message")
	}
	switch {
	case hasControl(m.From) || len(m.From) > maxSubject:
		return ErrInvalid.WithMessage("Request is invalid: the sender of the message must be one short line")
	case hasControl(m.Subject) || len(m.Subject) > maxSubject:
		return ErrInvalid.WithMessage("Request is invalid: the subject of the message must be one line of at most 900 bytes")
	case !utf8.ValidString(m.HTML) || !utf8.ValidString(m.Text):
		return ErrInvalid.WithMessage("Request is invalid: the message is not UTF-8")
	case strings.TrimSpace(m.HTML) == "" && strings.TrimSpace(m.Text) == "":
		return ErrInvalid.WithMessage("Request is invalid: the message is empty")
	case m.Kind != Email && m.HTML != "":
		return ErrInvalid.WithMessage("Request is invalid: only mails have HTML")
	case len(m.HTML) > maxBody || len(m.Text) > maxBody || m.Kind != Email && len(m.Text) > maxText:
		return ErrInvalid.WithMessage("Request is invalid: the message is too long")
	}
	return nil
}

// hasControl reports whether s is more than one line of text: a line break would
// begin a new header.
func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
