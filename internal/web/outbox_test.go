package web

import (
	"net/http"
	"strings"
	"testing"

	"postern/internal/message"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/testkit"
)

// The outbox shows what was kept, and its HTML as what it is: somebody else's.
func TestOutbox(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	cfg, err := b.Projects.Config(t.Context(), b.project)
	if err != nil {
		t.Fatal(err)
	}
	const evil = `<script>alert(1)</script><p>Code 123456</p><a href="https://app.example/in?a=1&amp;t=2">in</a>`
	for _, m := range []message.Message{
		{Kind: message.SMS, To: "+12025550143", Text: "Code <i>654321</i>"},
		{Kind: message.Email, To: "ada@a.example", Subject: "Sub <i>ject", HTML: evil, Text: "Code 123456"},
	} {
		if err := b.Messages.Send(t.Context(), cfg, "", m); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := b.Messages.Outbox(t.Context(), cfg, "", 9)
	if err != nil || len(kept) != 2 {
		t.Fatal(kept, err)
	}
	in := b.enterAs(t, mgmtkey.Admin, b.project)
	list := in.page(t, b.in("/outbox"))
	mustHave(t, list, "Sub &lt;i&gt;ject", "to ada@a.example", "to &#43;12025550143", "Code &lt;i&gt;654321", `href="outbox/`+kept[0].ID+`"`)
	if strings.Index(list, "ada@") > strings.Index(list, "12025550143") {
		t.Error("the newest message is not the first")
	}
	if one := in.page(t, b.in("/outbox?to=ada@a.example")); strings.Contains(one, "654321") || !strings.Contains(one, "Sub &lt;i&gt;ject") {
		t.Errorf("the messages of one recipient:\n%s", one)
	}
	res, page := in.get(t, b.in("/outbox/"+kept[0].ID))
	mustHave(t, page, "<pre>Code 123456</pre>", `<iframe class="mail" sandbox src="`+kept[0].ID+`/html"`, `href="https://app.example/in?a=1&amp;t=2" rel="noreferrer noopener"`)
	if policy := res.Header.Get("Content-Security-Policy"); strings.Contains(page, "<script>alert") || strings.Contains(page, "Sub <i>") || strings.Contains(policy, "unsafe") || !strings.HasSuffix(policy, "; frame-src 'self'") {
		t.Errorf("the page of a message has its markup, or the policy %q:\n%s", policy, page)
	}
	res, frame := in.get(t, b.in("/outbox/"+kept[0].ID+"/html"))
	policy := res.Header.Get("Content-Security-Policy")
	if frame != evil || !strings.HasPrefix(policy, "sandbox; default-src 'none';") || strings.Contains(policy, "script-src") || strings.Contains(policy, "allow-") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the frame has the policy %q:\n%s", policy, frame)
	}
	for _, path := range []string{"/outbox/" + kept[1].ID + "/html", "/outbox/MO1", "/outbox/MO1/html"} {
		if res, _ := in.get(t, b.in(path)); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	mustHave(t, in.page(t, b.in("")), "/outbox\"")
	if page := b.enterAs(t, mgmtkey.Import, b.project).page(t, b.in("")); strings.Contains(page, "/outbox") {
		t.Error("a key that may not look is led to the outbox")
	}
}

// A project in production has no outbox, and no way there.
func TestOutboxOfProduction(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	p, err := b.Projects.Create(t.Context(), operator, project.New{Name: "Live", Environment: "production"})
	if err != nil {
		t.Fatal(err)
	}
	b.project = p.ID
	in := b.enterAs(t, mgmtkey.Admin)
	for _, path := range []string{"/outbox", "/outbox/MO1", "/outbox/MO1/html"} {
		if res, _ := in.get(t, b.in(path)); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if strings.Contains(in.page(t, b.in("")), "/outbox") {
		t.Error("the pages lead to the outbox")
	}
}
