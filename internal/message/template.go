package message

import (
	"html"
	"strings"
	"time"
)

// A Template is a text with variables, in the form that a project keeps: of a mail
// a subject and one body or two, of the others Text.
//
// A variable is written {{.code}} or {{code}}, with spaces or without, and with
// dots for what lies inside: {{user.customAttributes.team}}. One that there is
// nothing for becomes nothing. There are no conditions, loops or functions, and
// what a variable brings is never read as a template.
type Template struct {
	Subject string
	HTML    string
	Text    string
}

// EmailTemplate returns the template that a project keeps for a mail: one of its
// bodies is in use.
func EmailTemplate(subject, body, plain string, usePlain bool) Template {
	if usePlain {
		return Template{Subject: subject, Text: plain}
	}
	return Template{Subject: subject, HTML: body}
}

// Values are what templates can show.
type Values struct {
	Code        string
	Token       string
	RedirectURL string
	InviteURL   string
	// Choices are the links of an enchanted link, in the order shown, of which one
	// is the right one.
	Choices     [3]Choice
	ProjectName string
	Domain      string // for which browsers fill in a code from a text message
	// Expiration is how long the code or link works; zero shows nothing.
	Expiration time.Duration
	// User holds the fields of the user as the API names them, objects as
	// map[string]any.
	User map[string]any
	// Options are what the caller of the API brings (templateOptions). They never
	// stand for one of the values above.
	Options map[string]string
}

// A Choice is one link of an enchanted link, with the number that it is shown as.
type Choice struct{ URL, Key string }

// Render returns the message that a template gives for somebody. It checks it.
func (t Template) Render(kind Kind, to string, v *Values) (Message, error) {
	m := Message{Kind: kind, To: to, Code: v.Code}
	if kind == Email {
		m.Subject = fill(t.Subject, v, nil)
		m.HTML = fill(t.HTML, v, html.EscapeString)
	}
	m.Text = fill(t.Text, v, nil)
	return m, m.Check()
}

// Fill puts the values into a plain text that is no message, such as the label that
// an authenticator app shows.
func Fill(text string, v *Values) string { return fill(text, v, nil) }

// fill puts the values into a text, each as escape writes it; nil leaves it as it
// is. It passes over the text once, so that no value is read as a template.
func fill(text string, v *Values, escape func(string) string) string {
	if !strings.Contains(text, opening) {
		return text
	}
	var b strings.Builder
	for {
		at := strings.Index(text, opening)
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at])
		text = text[at:]
		name, rest, ok := variable(text)
		if !ok {
			b.WriteString(text[:1]) // braces that are no variable, as a style sheet has them
			text = text[1:]
			continue
		}
		value := v.lookup(name)
		if escape != nil {
			value = escape(value)
		}
		b.WriteString(value)
		text = rest
	}
}

const (
	opening = "{{"
	closing = "}}"

	maxName = 200 // bytes; what is longer is no variable
)

// variable reads the variable that text begins with, and returns what follows.
func variable(text string) (name, rest string, ok bool) {
	inner := text[len(opening):]
	window := inner[:min(len(inner), maxName)]
	end := strings.Index(window, closing)
	if end < 0 {
		return "", "", false
	}
	name = strings.TrimPrefix(strings.TrimSpace(window[:end]), ".")
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.ContainsFunc(part, notInName) {
			return "", "", false
		}
	}
	return name, inner[end+len(closing):], true
}

func notInName(r rune) bool {
	return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
