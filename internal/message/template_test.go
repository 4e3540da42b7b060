package message

import (
	"errors"
	"html"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
)

func values() *Values {
	return &Values{
		Code: "123456", Token: "tok", RedirectURL: "https://app.example/in?a=1&b=2", InviteURL: "https://app.example/join",
		Choices:     [3]Choice{{"https://app.example/1", "17"}, {"https://app.example/2", "42"}, {"https://app.example/3", "88"}},
		ProjectName: "Lantern & Quill", Domain: "app.example", Expiration: 5 * time.Minute,
		User: map[string]any{
			"name": "Ada <b>Lovelace</b>", "email": "ada@a.example", "verifiedEmail": true,
			"customAttributes": map[string]any{"team": "engines", "level": float64(7), "tags": []any{"x", "y"}},
		},
		Options: map[string]string{"greeting": "Hi", "code": "999999", "user.name": "Mallory", "a.b": "dotted"},
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a name with a dot":                         {"{{.code}}", "123456"},
		"a name without one":                        {"{{code}}", "123456"},
		"spaces inside the braces":                  {"{{ .code }}|{{ code }}", "123456|123456"},
		"each macro of the wire":                    {"{{token}} {{redirectUrl}} {{inviteUrl}} {{projectName}} {{domain}} {{expirationTime}}", "tok https://app.example/in?a=1&b=2 https://app.example/join Lantern & Quill app.example 5 minutes"},
		"the links of an enchanted link":            {"{{.redirectUrlKey1}}={{.redirectUrl1}} {{.redirectUrlKey2}}={{.redirectUrl2}} {{.redirectUrlKey3}}={{.redirectUrl3}}", "17=https://app.example/1 42=https://app.example/2 88=https://app.example/3"},
		"a field of the user":                       {"{{user.email}} {{.user.verifiedEmail}}", "ada@a.example true"},
		"a field inside a field":                    {"{{user.customAttributes.team}} {{user.customAttributes.level}} {{user.customAttributes.tags}}", "engines 7 x, y"},
		"a field of what has none":                  {"[{{user.email.x}}{{user.customAttributes}}{{user.nobody.x}}]", "[]"},
		"an option by its name":                     {"{{greeting}}", "Hi"},
		"an option in full":                         {"{{options.greeting}} {{.options.a.b}}", "Hi dotted"},
		"an option never stands for a macro":        {"{{code}} {{user.name}}", "123456 Ada <b>Lovelace</b>"},
		"an option in full may have a macro's name": {"{{options.code}}", "999999"},
		"an unknown variable is empty":              {"a{{nothing}}b{{.also.nothing}}c", "abc"},
		"braces that are no variable stay":          {"a{b{c}} {{}} {{ }} {{.}} {{if x}} {{\"x\"}} {{a..b}} {{code", "a{b{c}} {{}} {{ }} {{.}} {{if x}} {{\"x\"}} {{a..b}} {{code"},
		"braces before a variable stay":             {"{{{code}}}", "{123456}"},
		"a number that there is no link for":        {"[{{redirectUrl4}}{{redirectUrl0}}]", "[]"},
		"a code bound to a domain":                  {"x{{boundCode}}", "x\n\n@app.example #123456"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fill(c.text, values(), nil); got != c.want {
				t.Errorf("%q gives %q, want %q", c.text, got, c.want)
			}
		})
	}
}

// A value is data: it is not read as a template, whatever it holds.
func TestValuesAreNoTemplates(t *testing.T) {
	t.Parallel()
	v := values()
	v.Options["greeting"] = "{{code}}"
	v.User["name"] = "{{token}}"
	v.ProjectName = "{{"
	if got := fill("{{greeting}} {{user.name}} {{projectName}}code}}", v, nil); got != "{{code}} {{token}} {{code}}" {
		t.Errorf("got %q", got)
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	tpl := EmailTemplate("{{code}} for {{projectName}}", `<a href="{{redirectUrl}}">{{user.name}}</a>`, "", false)
	m, err := tpl.Render(Email, "ada@a.example", values())
	if err != nil {
		t.Fatal(err)
	}
	if want := `<a href="https://app.example/in?a=1&amp;b=2">Ada &lt;b&gt;Lovelace&lt;/b&gt;</a>`; m.HTML != want {
		t.Errorf("HTML %q, want %q", m.HTML, want)
	}
	if m.Subject != "123456 for Lantern & Quill" {
		t.Errorf("subject %q: it is no HTML", m.Subject)
	}
	if m.Text != "" {
		t.Errorf("text %q of a template that has none", m.Text)
	}
	if m.Code != "123456" {
		t.Errorf("code %q", m.Code)
	}
	v := values()
	v.User["name"], v.ProjectName = "Ada\r\nBcc: all@a.example", "Two\nLines"
	m, err = Template{Subject: "{{user.name}} {{projectName}}", Text: "x"}.Render(Email, "ada@a.example", v)
	if err != nil || m.Subject != "Ada Bcc: all@a.example Two Lines" {
		t.Errorf("subject %q, %v; want one line", m.Subject, err)
	}
	v.Options["greeting"] = "Hi\r\nBcc: all@a.example"
	if _, err = (Template{Subject: "{{greeting}}", Text: "x"}).Render(Email, "ada@a.example", v); !errors.Is(err, ErrInvalid) {
		t.Errorf("a line break that a caller brings into the subject: %v, want a refusal", err)
	}
	if m, err = EmailTemplate("s", "<p>", "plain {{code}}", true).Render(Email, "ada@a.example", v); err != nil || m.HTML != "" || m.Text != "plain 123456" {
		t.Errorf("a plain template gives %+v, %v", m, err)
	}
	if m, err = (Template{Subject: "s", HTML: "h", Text: "{{code}} {{user.name}}"}).Render(SMS, "+12025550143", values()); err != nil ||
		m.Subject != "" || m.HTML != "" || m.Text != "123456 Ada <b>Lovelace</b>" {
		t.Errorf("a text message gives %+v, %v", m, err)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	mail := Message{Kind: Email, To: "ada@a.example", Subject: "s", Text: "t"}
	text := Message{Kind: SMS, To: "+12025550143", Text: "t"}
	if err := errors.Join(mail.Check(), text.Check()); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Message{
		"no kind":                          {To: "ada@a.example", Text: "t"},
		"a kind that there is not":         {Kind: "pigeon", To: "ada@a.example", Text: "t"},
		"a subject of two lines":           {Kind: Email, To: "ada@a.example", Subject: "a\nBcc: b@a.example", Text: "t"},
		"a subject with a lone return":     {Kind: Email, To: "ada@a.example", Subject: "a\rb", Text: "t"},
		"a subject with a line of Unicode": {Kind: Email, To: "ada@a.example", Subject: "a\u2028b", Text: "t"},
		"a subject too long":               {Kind: Email, To: "ada@a.example", Subject: strings.Repeat("a", 901), Text: "t"},
		"a recipient of two lines":         {Kind: Email, To: "ada@a.example\r\nBcc: b@a.example", Text: "t"},
		"two recipients":                   {Kind: Email, To: "ada@a.example,b@a.example", Text: "t"},
		"a sender of two lines":            {Kind: Email, To: "ada@a.example", From: "a@a.example\r\nBcc: b@a.example", Text: "t"},
		"no recipient":                     {Kind: Email, Text: "t"},
		"a mail to a number":               {Kind: Email, To: "+12025550143", Text: "t"},
		"a text message to an address":     {Kind: SMS, To: "ada@a.example", Text: "t"},
		"a number that is not E.164":       {Kind: SMS, To: "+1 202 555 0143", Text: "t"},
		"a text message with HTML":         {Kind: SMS, To: "+12025550143", HTML: "h", Text: "t"},
		"a text message too long":          {Kind: SMS, To: "+12025550143", Text: strings.Repeat("a", 1601)},
		"nothing to say":                   {Kind: Email, To: "ada@a.example", Text: " \n"},
		"bytes that are no text":           {Kind: Email, To: "ada@a.example", HTML: "\xff"},
		"a body of megabytes":              {Kind: Email, To: "ada@a.example", HTML: strings.Repeat("a", 1<<20+1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if e := fault.From(m.Check()); e == nil || e.Kind != fault.Invalid {
				t.Errorf("Check = %v, want a refusal", e)
			}
		})
	}
}

// Every text of ours can be rendered, and says what it is there to say.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	needs := map[Purpose][]string{
		OTP: {"123456"}, MagicLink: {values().RedirectURL}, Invite: {values().InviteURL}, PasswordReset: {values().RedirectURL},
		EnchantedLink: {"https://app.example/1", "https://app.example/2", "https://app.example/3", "17", "42", "88"},
	}
	for purpose, need := range needs {
		for kind, to := range map[Kind]string{Email: "ada@a.example", SMS: "+12025550143", WhatsApp: "+12025550143", Voice: "+12025550143"} {
			tpl, ok := Builtin(purpose, kind)
			if kind == Voice && purpose != OTP {
				if ok {
					t.Errorf("there is a call for %s, whose link nobody can open", purpose)
				}
				continue
			}
			m, err := tpl.Render(kind, to, values())
			if !ok || err != nil {
				t.Errorf("%s by %s: %v %v", purpose, kind, ok, err)
				continue
			}
			for _, what := range need {
				if !strings.Contains(m.Text, what) || kind == Email && !strings.Contains(m.HTML, html.EscapeString(what)) {
					t.Errorf("%s by %s does not say %q:\n%s\n%s", purpose, kind, what, m.Text, m.HTML)
				}
			}
			if all := m.Subject + m.HTML + m.Text; strings.Contains(all, "{{") || !strings.Contains(all, "Quill") {
				t.Errorf("%s by %s is not filled in: %s", purpose, kind, all)
			}
		}
	}
	if _, ok := Builtin("nothing", Email); ok {
		t.Error("there is a text for no purpose")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "", -time.Second: "", time.Millisecond: "1 second", 90 * time.Second: "90 seconds", time.Minute: "1 minute", 3 * time.Minute: "3 minutes",
		90 * time.Minute: "90 minutes", time.Hour: "1 hour", 48 * time.Hour: "2 days", 7 * 24 * time.Hour: "1 week",
	} {
		if got := Words(d); got != want {
			t.Errorf("Words(%s) = %q, want %q", d, got, want)
		}
	}
}

// Whatever the template and the value: what a caller brings does not become
// markup, and nothing that it brings is filled in again.
func FuzzTemplate(f *testing.F) {
	f.Add("Your code is {{.code}}, {{ x }}", "<script>")
	f.Add("{{{x}}} {{x}}x}}", "{{code}}")
	f.Add("{{"+strings.Repeat("a", 300)+"}}{{x", "\"'><")
	f.Fuzz(func(t *testing.T, text, value string) {
		v := &Values{Code: "THE-CODE", Options: map[string]string{"x": value}}
		got := fill(text, v, html.EscapeString)
		if n := strings.Count(text, "code") + strings.Count(text, "THE-CODE") + strings.Count(value, "THE-CODE")*strings.Count(text, "x"); strings.Count(got, "THE-CODE") > n {
			t.Errorf("%q with %q gives %q: a value was read as a template", text, value, got)
		}
		empty := fill(text, &Values{Code: "THE-CODE"}, html.EscapeString)
		for _, c := range `<>"'` {
			if strings.Count(got, string(c)) > strings.Count(empty, string(c)) {
				t.Errorf("%q with %q gives %q: a value became markup", text, value, got)
			}
		}
	})
}
