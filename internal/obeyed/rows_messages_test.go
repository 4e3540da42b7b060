package obeyed

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// A channel is a way by which messages of a method leave.
type channel struct {
	says, file string
	provider   string // the key with the connector
	templates  string // the key with the templates
	connector  string // the one of the gateway that sends such messages
	keys       map[string]string
	chosen     string // the key with the id of the template in use; blank where templates say it themselves
	given      string // further members of the file
	send       func(p *place) string
	mail       bool
	alone      bool // the mail is sent as plain text alone
}

const (
	otpFile       = "auth/otp.json"
	magicFile     = "auth/magiclink.json"
	enchantedFile = "auth/enchantedlink.json"
	embeddedFile  = "auth/embeddedlink.json"
	passwordFile  = "auth/password.json"
)

// byMail asks for a message to a new user, and returns the address.
func byMail(path string) func(p *place) string {
	return func(p *place) string {
		who, _ := p.user()
		p.as("", path, object{"loginId": who}).ok(p.t)
		return who
	}
}

// byPhone likewise, and returns the number.
func byPhone(path string) func(p *place) string {
	return func(p *place) string {
		phone := p.number()
		p.as("", path, object{"loginId": phone}).ok(p.t)
		return phone
	}
}

// invite invites somebody, and returns the address and the number.
func invite(p *place) (who, phone string) {
	who, phone = p.someone(), p.number()
	p.manage("POST", "/v1/mgmt/user/create", object{"loginId": who, "email": who, "phone": phone, "invite": true}).ok(p.t)
	return who, phone
}

// forgets asks for a link to reset the password of somebody.
func forgets(p *place) string {
	who := p.someone()
	p.as("", "/v1/auth/password/signup", object{"loginId": who, "password": "Lantern-oil-7", "user": object{"email": who}}).ok(p.t)
	p.as("", "/v1/auth/password/reset", object{"loginId": who, "redirectUrl": page + "/reset"}).ok(p.t)
	return who
}

func channels() []channel {
	const emails, texts, voices = "emailTemplates", "textTemplates", "voiceTemplates"
	ours := map[string]string{"subject": "subject", "html": "body", "plain": "bodyPlainText", "only": "useBodyPlainText", "text": "body"}
	const at = `"redirectUrl":"` + page + `/in"`
	invited := func(pick func(a, b string) string) func(p *place) string {
		return func(p *place) string { return pick(invite(p)) }
	}
	return []channel{
		{says: "codes by mail", file: otpFile, provider: "emailServiceProvider", templates: emails, connector: "CIpost", keys: ours, mail: true, send: byMail("/v1/auth/otp/signin/email")},
		{says: "codes by text message", file: otpFile, provider: "textServiceProvider", templates: texts, connector: "CIphone", keys: ours, send: byPhone("/v1/auth/otp/signup/sms")},
		{says: "codes by call", file: otpFile, provider: "voiceServiceProvider", templates: voices, connector: "CIphone", keys: ours, send: byPhone("/v1/auth/otp/signup/voice")},
		{says: "magic links by mail", file: magicFile, given: at, provider: "emailServiceProvider", templates: emails, connector: "CIpost", keys: ours, mail: true, send: byMail("/v1/auth/magiclink/signin/email")},
		{says: "magic links by text message", file: magicFile, given: at, provider: "textServiceProvider", templates: texts, connector: "CIphone", keys: ours, send: byPhone("/v1/auth/magiclink/signup/sms")},
		{says: "enchanted links by mail", file: enchantedFile, given: at, provider: "emailServiceProvider", templates: emails, connector: "CIpost", keys: ours, mail: true, send: byMail("/v1/auth/enchantedlink/signin/email")},
		{says: "mails to reset a password", file: passwordFile, given: `"maskError":false`, provider: "emailServiceProvider", templates: emails, connector: "CIpost", keys: ours, mail: true, send: forgets},
		{
			says: "invitations by mail", file: settings, given: `"inviteUrl":"` + page + `","inviteSendEmail":true,"trustedDomains":"shop.lantern.example"`, provider: "inviteEmailProviderId", templates: "inviteEmailTemplates", chosen: "inviteEmailTemplateId", connector: "CIpost", mail: true,
			keys: map[string]string{"subject": "emailSubject", "html": "emailBody", "plain": "emailBodyPlainText", "only": "useEmailBodyPlainText"}, send: invited(func(a, _ string) string { return a }),
		},
		{
			says: "invitations by text message", file: settings, given: `"inviteUrl":"` + page + `","inviteSendSms":true`, provider: "inviteSmsProviderId", templates: "inviteSmsTemplates", chosen: "inviteSmsTemplateId", connector: "CIphone",
			keys: map[string]string{"text": "textMessageBody"}, send: invited(func(_, b string) string { return b }),
		},
	}
}

// template is one of the templates of a channel, as JSON, with another value for a
// part of it.
func (c channel) template(part, value string) string {
	parts := map[string]string{"text": `"t1"`}
	if c.mail {
		parts = map[string]string{"subject": `"s1"`, "html": `"<p>h1</p>"`, "plain": `"p1"`, "only": fmt.Sprint(c.alone)}
	}
	active := "true"
	if part == "active" {
		active = value
	} else if part != "" {
		parts[part] = value
	}
	text := `{"id":"TMone","name":"one"`
	if c.chosen == "" {
		text += `,"active":` + active
	}
	for name, v := range parts {
		text += fmt.Sprintf(",%q:%s", c.keys[name], v)
	}
	return text + "}"
}

// with is the file of the channel with a template.
func (c channel) with(part, value string) docs {
	members := fmt.Sprintf(`%q:[%s]`, c.templates, c.template(part, value))
	return docs{c.file: "{" + members + "}"}
}

// messageRows are those of each way by which a message leaves: by which connector, and
// which template of the project with which text.
func messageRows() []row {
	var out []row
	for _, c := range channels() {
		given := docs{"connectors/connectors.json": withGateways, c.file: "{" + strings.Trim(strings.Join([]string{c.given, c.rate()}, ","), ",") + "}"}
		if c.file != settings {
			given[settings] = `{"trustedDomains":"shop.lantern.example"}`
		}
		gone := strings.TrimPrefix(c.connector, "CI")
		out = append(out, row{
			says: c.says + " leave by the connector that is named", given: given, before: docs{c.file: fmt.Sprintf(`{%q:"Descope"}`, c.provider)}, after: docs{c.file: fmt.Sprintf(`{%q:%q}`, c.provider, c.connector)},
			look: func(p *place) string {
				to := c.send(p)
				return fmt.Sprint("kept: ", len(p.message(to)) > 0, ", sent: ", p.gateway.by(to))
			},
			want: [2]string{"kept: true, sent: ", "kept: false, sent: /" + gone},
		})
		look := func(p *place) string {
			m := p.message(c.send(p))
			return fmt.Sprintf("%v|%v|%v", m["subject"], m["html"], m["text"])
		}
		chosen := maps.Clone(given)
		if c.chosen != "" {
			chosen[c.file] = strings.TrimSuffix(given[c.file], "}") + fmt.Sprintf(`,%q:"TMone"}`, c.chosen)
		}
		variant := func(part, from, to, before, after string) row {
			return row{says: c.says + ": the " + part + " of the template", given: chosen, before: c.with(part, from), after: c.with(part, to), look: look, want: [2]string{before, after}}
		}
		if c.mail {
			out = append(out,
				variant("subject", `"s1"`, `"s2"`, "s1|<p>h1</p>|", "s2|<p>h1</p>|"), variant("html", `"<p>h1</p>"`, `"<p>h2</p>"`, "s1|<p>h1</p>|", "s1|<p>h2</p>|"),
				variant("only", "false", "true", "s1|<p>h1</p>|", "s1||p1"))
			c.alone = true
			out = append(out, variant("plain", `"p1"`, `"p2"`, "s1||p1", "s1||p2"))
			c.alone = false
		} else {
			out = append(out, variant("text", `"t1"`, `"t2 {{projectName}}"`, "||t1", "||t2 Lantern"))
		}
		is := "||t1"
		if c.mail {
			is = "s1|<p>h1</p>|"
		}
		active := row{says: c.says + " are those of the active template", given: given, before: c.with("active", "false"), after: c.with("active", "true"), want: [2]string{"ours", "the project's"}}
		if c.chosen != "" {
			active.given = maps.Clone(given)
			active.before, active.after = docs{c.file: fmt.Sprintf(`{%q:"System"}`, c.chosen)}, docs{c.file: fmt.Sprintf(`{%q:"TMone"}`, c.chosen)}
			active.given[c.file] = strings.TrimSuffix(given[c.file], "}") + fmt.Sprintf(`,%q:[%s]}`, c.templates, c.template("", ""))
		}
		active.look = func(p *place) string {
			if look(p) == is {
				return "the project's"
			}
			return "ours"
		}
		out = append(out, active)
	}
	return out
}

// rate lets tests ask often, where the method bounds that.
func (c channel) rate() string {
	switch c.file {
	case otpFile, magicFile, enchantedFile:
		return `"rateLimitRetries":50`
	}
	return ""
}

func inviteRows() []row {
	const to = `"inviteUrl":"` + page + `","inviteSendEmail":true`
	text := func(p *place, to string) string {
		s, _ := p.message(to)["text"].(string)
		return s
	}
	// comes is whether somebody who was invited signs in after a while.
	comes := func(after time.Duration) func(p *place) string {
		return func(p *place) string {
			who, _ := invite(p)
			p.later(after)
			return status(p.as("", "/v1/auth/otp/signin/email", object{"loginId": who}))
		}
	}
	return []row{
		{says: "where the link of an invitation leads", given: ofProject(`"inviteSendEmail":true`), before: ofProject(`"inviteUrl":"https://one.example/come"`), after: ofProject(`"inviteUrl":"https://two.example/in"`), look: func(p *place) string {
			who, _ := invite(p)
			m := text(p, who)
			return fmt.Sprint(strings.Contains(m, "https://one.example/come"), strings.Contains(m, "https://two.example/in"))
		}, want: [2]string{"true false", "false true"}},
		{says: "the link of an invitation signs in", given: ofProject(to), before: ofProject(`"inviteMagicLink":false`), after: ofProject(`"inviteMagicLink":true`), look: func(p *place) string {
			who, _ := invite(p)
			return status(p.as("", "/v1/auth/magiclink/verify", object{"token": p.link(who)}))
		}, want: [2]string{"400 E011002", "taken"}},
		{says: "invitations are mailed", given: ofProject(`"inviteUrl":"` + page + `"`), before: ofProject(`"inviteSendEmail":false`), after: ofProject(`"inviteSendEmail":true`), look: func(p *place) string {
			who, phone := invite(p)
			return fmt.Sprint("mail: ", text(p, who) != "", ", text message: ", text(p, phone) != "")
		}, want: [2]string{"mail: false, text message: false", "mail: true, text message: false"}},
		{says: "invitations are sent as text messages", given: ofProject(`"inviteUrl":"` + page + `","inviteSendEmail":false`), before: ofProject(`"inviteSendSms":false`), after: ofProject(`"inviteSendSms":true`), look: func(p *place) string {
			who, phone := invite(p)
			return fmt.Sprint("mail: ", text(p, who) != "", ", text message: ", text(p, phone) != "")
		}, want: [2]string{"mail: false, text message: false", "mail: false, text message: true"}},
		{says: "who was invited and does not come may not come any more", given: docs{settings: "{" + to + "}", otpFile: `{"rateLimitRetries":50}`}, before: ofProject(`"inviteExpireUser":false`), after: ofProject(`"inviteExpireUser":true`), look: comes(8 * 24 * time.Hour), want: [2]string{"taken", "403 P40306"}},
		{says: "until when who was invited may come", given: docs{settings: "{" + to + `,"inviteExpireUser":true}`}, before: ofProject(`"inviteExpirationTime":2,"inviteExpirationTimeUnit":"weeks"`), after: ofProject(`"inviteExpirationTime":1,"inviteExpirationTimeUnit":"days"`), look: comes(3 * 24 * time.Hour), want: [2]string{"taken", "403 P40306"}},
		{says: "how long the link of an invitation works", given: docs{settings: "{" + to + `,"inviteMagicLink":true}`}, before: ofProject(`"inviteExpirationTime":2,"inviteExpirationTimeUnit":"weeks"`), after: ofProject(`"inviteExpirationTime":1,"inviteExpirationTimeUnit":"days"`), look: func(p *place) string {
			who, _ := invite(p)
			p.later(3 * 24 * time.Hour)
			return status(p.as("", "/v1/auth/magiclink/verify", object{"token": p.link(who)}))
		}, want: [2]string{"taken", "401 E062504"}},
	}
}
