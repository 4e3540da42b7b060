package snapshot

import (
	"regexp"
	"strconv"
	"strings"
)

// doubts are rules whose breach is a warning: the service that exports come from takes
// what they find, and it cannot work. What they say of a document is one of its facts.
var doubts = []rule{
	{"project", scriptIn("inviteUrl")},
	{"auth-magiclink", scriptIn("redirectUrl")},
	{"auth-enchantedlink", scriptIn("redirectUrl")},
	{"auth-otp", needs("the code", []string{"code"}, []string{"boundCode"})},
	{"auth-magiclink", needs("the link", []string{"redirectUrl"}, []string{"token"})},
	{"auth-enchantedlink", needs("all three links", []string{"redirectUrl1", "redirectUrl2", "redirectUrl3"})},
	{"auth-otp", oneActive},
	{"auth-magiclink", oneActive},
	{"auth-enchantedlink", oneActive},
	{"auth-password", oneActive},
	{"auth-webauthn", func(doc map[string]any, breach breach) {
		if id, _ := doc["relyingPartyId"].(string); strings.ContainsAny(id, ":/?#@ ") {
			breach("/relyingPartyId", "write the domain alone, such as shop.example", "the relying party is no domain, and no browser makes a passkey for it")
		}
	}},
	{flowSchema, waysLead},
	{"project", func(doc map[string]any, breach breach) {
		if list, _ := doc["trustedDomains"].(string); BlankDomain(list) {
			breach("/trustedDomains", "remove the comma that is too much", "one of the trusted domains is blank")
		}
	}},
}

// doubt holds a document against the doubts.
func (g *gatherer) doubt(doc any) {
	obj, _ := doc.(map[string]any)
	for _, r := range doubts {
		if r.schema == g.at.File.Schema {
			r.check(obj, func(pointer, hint, message string) {
				g.ps.add(Warning, g.file, pointer, CodeUnusable, hint, "%s", message)
			})
		}
	}
}

// BlankDomain reports whether one of the domains of a list with commas is blank. An
// empty list has none.
func BlankDomain(list string) bool {
	if list == "" {
		return false
	}
	for domain := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(domain) == "" {
			return true
		}
	}
	return false
}

// Script reports whether browsers run what a URL stands for, or read it from where it
// comes. Its scheme is as a browser reads it, which passes over blanks and control
// characters.
func Script(link string) bool {
	scheme, _, found := strings.Cut(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, link), ":")
	switch strings.ToLower(scheme) {
	case "javascript", "data", "vbscript", "file", "blob", "about":
		return found
	}
	return false
}

// scriptIn doubts a place that links lead to and that is refused where it is used.
func scriptIn(member string) func(map[string]any, breach) {
	return func(doc map[string]any, breach breach) {
		if link, _ := doc[member].(string); Script(link) {
			breach("/"+member, "give the address of a page or of an app", "links never lead to a script or a file: where this would be used, the request is refused")
		}
	}
}

// activeTemplates calls visit with the templates that are in use in each list of a
// document, and where they are. What is built in is none of them.
func activeTemplates(doc map[string]any, visit func(pointer string, nth int, template map[string]any)) {
	for _, list := range []string{"emailTemplates", "textTemplates", "voiceTemplates"} {
		items, _ := doc[list].([]any)
		n := 0
		for i, item := range items {
			t, _ := item.(map[string]any)
			if id, _ := t["id"].(string); t["active"] == true && !strings.EqualFold(id, "System") {
				visit("/"+list+"/"+strconv.Itoa(i), n, t)
				n++
			}
		}
	}
}

// waysLead doubts the ways of a flow to tasks that are not there. A flow without tasks is
// not made yet.
func waysLead(doc map[string]any, breach breach) {
	const hint = "name one of its tasks by the id, or remove what leads there"
	tasks, _ := doc["tasks"].(map[string]any)
	if start, _ := doc["startTask"].(string); len(tasks) > 0 && tasks[start] == nil {
		breach("/startTask", hint, "the flow begins with a task that it does not have")
	}
	for id, task := range tasks {
		rules, _ := child(child(task, "next"), "rules").([]any)
		for i, rule := range rules {
			if to, _ := child(rule, "taskId").(string); to != "" && tasks[to] == nil {
				breach("/tasks/"+escapePointer(id)+"/next/rules/"+strconv.Itoa(i)+"/taskId", hint, "the flow goes on with a task that it does not have")
			}
		}
	}
}

func oneActive(doc map[string]any, breach breach) {
	activeTemplates(doc, func(pointer string, nth int, _ map[string]any) {
		if nth > 0 {
			breach(pointer+"/active", "leave one of them active", "another template before it is active, and this one is not sent")
		}
	})
}

var macro = regexp.MustCompile(`\{\{\s*\.?([A-Za-z0-9]+)\s*\}\}`)

// needs doubts templates in use that have none of some sets of macros: a message of
// them lets nobody in.
func needs(what string, sets ...[]string) func(map[string]any, breach) {
	return func(doc map[string]any, breach breach) {
		activeTemplates(doc, func(pointer string, nth int, t map[string]any) {
			member := "body"
			if t["useBodyPlainText"] == true {
				member = "bodyPlainText"
			}
			text, _ := t[member].(string)
			if nth > 0 || strings.HasPrefix(text, "asset:") { // it is not sent, or not here
				return
			}
			has := map[string]bool{}
			for _, m := range macro.FindAllStringSubmatch(text, -1) {
				has[m[1]] = true
			}
			for _, set := range sets {
				if hasAll(has, set) {
					return
				}
			}
			breach(pointer+"/"+member, "write {{."+strings.Join(sets[0], "}}, {{.")+"}} into it", "the template is in use and does not have "+what+": nobody can sign in with its message")
		})
	}
}

func hasAll(has map[string]bool, names []string) bool {
	for _, name := range names {
		if !has[name] {
			return false
		}
	}
	return true
}
