package message

import "strings"

// A Purpose is what a message of the server is for.
type Purpose string

// The purposes, each with a text of our own for where a project has none.
const (
	OTP           Purpose = "otp"
	MagicLink     Purpose = "magiclink"
	EnchantedLink Purpose = "enchantedlink"
	Invite        Purpose = "invite"
	PasswordReset Purpose = "password"
	NOTPVerify    Purpose = "notp.verify" // what is answered to who signs in by a message of theirs
	NOTPSuccess   Purpose = "notp.success"
	NOTPError     Purpose = "notp.error"
)

// Builtin returns our own template for a purpose: the one that is used where no
// template of the project is active. A purpose that a kind cannot carry has none:
// nobody can open a link of a call.
func Builtin(p Purpose, kind Kind) (Template, bool) {
	if kind != Email {
		text, ok := shortTexts[kind == Voice][p]
		return Template{Text: text}, ok
	}
	m, ok := mails[p]
	if !ok {
		return Template{}, false
	}
	return Template{Subject: m.subject, HTML: m.html(), Text: m.text()}, true
}

// shortTexts are the texts for phones; true are those that are spoken.
//
//nolint:gosec // texts with variables, no credentials
var shortTexts = map[bool]map[Purpose]string{
	false: {
		OTP:           "{{code}} is your code for {{projectName}}. It works for {{expirationTime}}. Nobody of us will ever ask you for it.{{boundCode}}",
		MagicLink:     "Sign in to {{projectName}}: {{redirectUrl}} (works once, for {{expirationTime}})",
		EnchantedLink: "Sign in to {{projectName}}. Open the link beside the number that you see:\n{{redirectUrlKey1}}: {{redirectUrl1}}\n{{redirectUrlKey2}}: {{redirectUrl2}}\n{{redirectUrlKey3}}: {{redirectUrl3}}",
		Invite:        "You are invited to {{projectName}}: {{inviteUrl}}",
		PasswordReset: "Choose a new password for {{projectName}}: {{redirectUrl}} (works once, for {{expirationTime}})",
		NOTPVerify:    "Do you sign in to {{projectName}} right now, on a page that you opened yourself? Reply YES to go on. If somebody sent you the link, reply NO.",
		NOTPSuccess:   "It worked. Go back to the page where you sign in to {{projectName}}.",
		NOTPError:     "This did not work. Begin again on the page of {{projectName}}.",
	},
	true: {
		OTP: "Hello. Your code for {{projectName}} is {{code}}. Once more: {{code}}. It works for {{expirationTime}}.",
	},
}

// A mail is one of our own, as its parts: what both of its bodies are made of.
type mail struct {
	subject string
	lead    string
	code    string // shown large; blank for none
	links   []link
	note    string
}

type link struct{ label, url string }

const ignore = "If you did not ask for this, you need not do anything."

var mails = map[Purpose]mail{
	OTP: {
		subject: "{{code}} is your code for {{projectName}}",
		lead:    "Enter this code to go on:", code: "{{code}}",
		note: "It works once, for {{expirationTime}}. Keep it to yourself: nobody of us will ever ask you for it. " + ignore,
	},
	MagicLink: {
		subject: "Your link to {{projectName}}",
		lead:    "Open this link to sign in to {{projectName}}:",
		links:   []link{{"Sign in", "{{redirectUrl}}"}},
		note:    "It works once, for {{expirationTime}}. " + ignore,
	},
	EnchantedLink: {
		subject: "Sign in to {{projectName}}",
		lead:    "The page where you sign in shows a number. Open the link with the same number:",
		links: []link{
			{"{{redirectUrlKey1}}", "{{redirectUrl1}}"}, {"{{redirectUrlKey2}}", "{{redirectUrl2}}"}, {"{{redirectUrlKey3}}", "{{redirectUrl3}}"},
		},
		note: "The right one works once, for {{expirationTime}}. If you see no such number, somebody else is trying to sign in: open none of them.",
	},
	Invite: {
		subject: "You are invited to {{projectName}}",
		lead:    "Somebody made an account for you at {{projectName}}. Open this link to begin:",
		links:   []link{{"Accept", "{{inviteUrl}}"}},
		note:    "If you do not know what this is about, you need not do anything.",
	},
	PasswordReset: {
		subject: "A new password for {{projectName}}",
		lead:    "Open this link to choose a new password:",
		links:   []link{{"Choose a password", "{{redirectUrl}}"}},
		note:    "It works once, for {{expirationTime}}. Your password stays as it is until then. " + ignore,
	},
}

func (m mail) text() string {
	parts := []string{m.lead}
	if m.code != "" {
		parts = append(parts, m.code)
	}
	for _, l := range m.links {
		if strings.HasPrefix(l.label, opening) {
			parts = append(parts, l.label+": "+l.url)
		} else {
			parts = append(parts, l.url)
		}
	}
	return strings.Join(append(parts, m.note), "\n\n") + "\n"
}

func (m mail) html() string {
	const (
		page   = `max-width:32em;margin:2em auto;padding:0 1em;font:16px/1.5 system-ui,sans-serif;color:#1c2024`
		large  = `font-size:32px;letter-spacing:.2em;font-weight:600`
		button = `display:inline-block;padding:.6em 1.4em;border-radius:6px;background:#1f4f8f;color:#ffffff;text-decoration:none`
		quiet  = `font-size:14px;color:#5b6470`
	)
	var b strings.Builder
	b.WriteString("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><body style=\"" + page + "\">\n<p>" + m.lead + "</p>\n")
	if m.code != "" {
		b.WriteString(`<p style="` + large + `">` + m.code + "</p>\n")
	}
	for _, l := range m.links {
		b.WriteString(`<p><a href="` + l.url + `" style="` + button + `">` + l.label + "</a></p>\n")
	}
	b.WriteString(`<p style="` + quiet + `">` + m.note + "</p>\n</body></html>\n")
	return b.String()
}
