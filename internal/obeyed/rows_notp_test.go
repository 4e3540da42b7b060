package obeyed

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

const notpFile = "auth/notp.json"

// A written sign-in is one by a message that somebody sends themselves.
type written struct {
	p                    *place
	phone, pending, link string
}

// writes begins a sign-up, whose link opens WhatsApp with the text to send.
func writes(p *place) written {
	p.t.Helper()
	phone := p.number()
	a := p.as("", "/v1/auth/notp/whatsapp/signup", object{"loginId": phone, "phone": phone})
	a.ok(p.t)
	return written{p, phone, a.word("pendingRef"), a.word("redirectUrl")}
}

// send plays the person who sends a text, and returns what it is answered.
func (w written) send(text string) string {
	w.p.t.Helper()
	w.p.manage("POST", "/v1/mgmt/outbox/receive", object{"from": w.phone, "text": text}).ok(w.p.t)
	said, _ := w.p.message(w.phone)["text"].(string)
	return said
}

// show sends the text of the link.
func (w written) show() string {
	w.p.t.Helper()
	u, err := url.Parse(w.link)
	if err != nil {
		w.p.t.Fatal(err)
	}
	return w.send(u.Query().Get("text"))
}

// ends asks for the session.
func (w written) ends() answer {
	w.p.t.Helper()
	return w.p.as("", "/v1/auth/notp/pending-session", object{"pendingRef": w.pending})
}

func notpRows() []row {
	on := func(on bool) docs { return docs{notpFile: fmt.Sprintf(`{"enabled":%t}`, on)} }
	begins := func(p *place) string {
		phone := p.number()
		return status(p.as("", "/v1/auth/notp/whatsapp/signup", object{"loginId": phone, "phone": phone}))
	}
	// template is a row of one of the three answers of ours.
	template := func(says, what string, look func(p *place) string) row {
		list, id := "whatsapp"+what+"NOTPTemplates", "whatsapp"+what+"TemplateId"
		return row{
			says: says, given: docs{notpFile: fmt.Sprintf(`{%q:[{"id":"TMone","name":"one","body":"our own words"}]}`, list)},
			before: docs{notpFile: fmt.Sprintf(`{%q:"System"}`, id)}, after: docs{notpFile: fmt.Sprintf(`{%q:"TMone"}`, id)},
			look: func(p *place) string { return fmt.Sprint(look(p) == "our own words") }, want: [2]string{"false", "true"},
		}
	}
	return []row{
		{says: "messages of one's own are switched off", before: on(true), after: on(false), look: begins, want: [2]string{"taken", off}},
		{says: "messages of one's own are switched on", before: on(false), after: on(true), look: begins, want: [2]string{off, "taken"}},
		{says: "how long a sign-in waits for a message", before: span(notpFile, 2, "hours"), after: span(notpFile, 3, "minutes"), look: func(p *place) string {
			w := writes(p)
			w.show()
			w.send("yes")
			p.later(5 * time.Minute)
			return status(w.ends())
		}, want: [2]string{"taken", "401 P40113"}},
		{
			says: "which number the message goes to", given: docs{"connectors/connectors.json": withGateways}, before: docs{notpFile: `{"whatsappChatbotProvider":"Descope"}`}, after: docs{notpFile: `{"whatsappChatbotProvider":"CIphone"}`},
			look: func(p *place) string {
				at, _, _ := strings.Cut(writes(p).link, "?")
				return at
			},
			want: [2]string{"https://wa.me/", "https://wa.me/12025550199"},
		},
		{says: "messages of one's own do not tell who is a user", before: docs{notpFile: `{"maskError":false}`}, after: docs{notpFile: `{"maskError":true}`}, look: stranger("/v1/auth/notp/whatsapp/signin"), want: [2]string{"404 E062108", "taken"}},
		template("what asks who sent a message", "Verify", func(p *place) string { return writes(p).show() }),
		template("what tells who sent a message that it worked", "Success", func(p *place) string {
			w := writes(p)
			w.show()
			return w.send("yes")
		}),
		template("what tells who sent a message that it did not work", "Error", func(p *place) string {
			w := writes(p)
			w.show()
			return w.send("no")
		}),
	}
}
