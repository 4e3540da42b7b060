package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
)

// What the policy holds back is applied with leave by name or after another key
// approved it, as over the API.
func TestWeakening(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		files := b.imported(t)
		in, other := b.enterAs(t, mgmtkey.Import, b.project), b.enterAs(t, mgmtkey.Import, b.project)
		reader := b.enterAs(t, mgmtkey.Plan, b.project)
		weaker := changed(files, "auth/password.json", `"minLength":10`, `"minLength":6`)
		policy := func(w project.Weakening) {
			t.Helper()
			if err := b.Projects.SetPolicy(t.Context(), operator, b.project, project.Policy{Weakening: w}); err != nil {
				t.Fatal(err)
			}
		}
		sign := func(page string) url.Values {
			return url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}
		}

		_, page := in.upload(t, b.in("/plan"), weaker, nil)
		mustHave(t, page, "weakens security", "Apply this plan")
		if strings.Contains(page, "holds this back") {
			t.Error("it is held back, and the policy does not say so")
		}

		policy(project.Leave)
		_, page = in.upload(t, b.in("/plan"), weaker, nil)
		mustHave(t, page, "holds this back", `name="allow"`, "Apply this plan")
		form := sign(page)
		if res, body := in.upload(t, b.in("/apply"), nil, form); res.StatusCode != http.StatusBadRequest || b.head(t) != 1 {
			t.Errorf("without leave: %d, head %d\n%s", res.StatusCode, b.head(t), body)
		}

		policy(project.Approved)
		_, page = in.upload(t, b.in("/plan"), weaker, nil)
		mustHave(t, page, "holds this back", "Approve this plan")
		if strings.Contains(page, "Apply this plan") || strings.Contains(page, `name="allow"`) {
			t.Error("a plan that lacks an approval can be applied")
		}
		_, page = reader.upload(t, b.in("/plan"), weaker, nil)
		if strings.Contains(page, "Approve this plan") {
			t.Error("a key that may not approve is offered to")
		}
		_, page = other.upload(t, b.in("/plan"), weaker, nil)
		res, page := other.upload(t, b.in("/approve"), nil, sign(page))
		mustHave(t, page, "Approved by key import")
		if res.StatusCode != http.StatusOK {
			t.Errorf("approve: %d", res.StatusCode)
		}
		if res, _ := other.upload(t, b.in("/apply"), nil, sign(page)); res.StatusCode != http.StatusBadRequest || b.head(t) != 1 {
			t.Errorf("by who approved: %d, head %d", res.StatusCode, b.head(t))
		}
		_, page = in.upload(t, b.in("/plan"), weaker, nil)
		if res, body := in.upload(t, b.in("/apply"), nil, sign(page)); res.StatusCode != http.StatusSeeOther || b.head(t) != 2 {
			t.Errorf("approved: %d, head %d\n%s", res.StatusCode, b.head(t), body)
		}

		policy(project.Leave)
		in.apply(t, files, nil)
		_, page = in.upload(t, b.in("/plan"), weaker, nil)
		form = sign(page)
		form.Set("allow", field(t, page, "allow"))
		if res, body := in.upload(t, b.in("/apply"), nil, form); res.StatusCode != http.StatusSeeOther || b.head(t) != 4 {
			t.Errorf("with leave: %d, head %d\n%s", res.StatusCode, b.head(t), body)
		}
	})
}

// A plan that waits for a second person has a page that anybody who may plan opens
// by its address, and that the second person approves.
func TestKeptPlan(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		files := b.imported(t)
		in, other := b.enterAs(t, mgmtkey.Import, b.project), b.enterAs(t, mgmtkey.Import, b.project)
		planner, reader := b.enterAs(t, mgmtkey.Plan, b.project), b.enterAs(t, mgmtkey.Read, b.project)
		if err := b.Projects.SetPolicy(t.Context(), operator, b.project, project.Policy{Weakening: project.Approved}); err != nil {
			t.Fatal(err)
		}
		sign := func(page string) url.Values {
			return url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}
		}
		weaker := changed(files, "auth/password.json", `"minLength":10`, `"minLength":6`)

		_, page := planner.upload(t, b.in("/plan"), weaker, nil)
		mustHave(t, page, "get a link to it")
		form := sign(page)
		form.Set("message", "as short as <before>")
		res, body := planner.upload(t, b.in("/propose"), nil, form)
		link := res.Header.Get("Location")
		if res.StatusCode != http.StatusSeeOther || link != b.in("/plans/"+form.Get("plan")) {
			t.Fatalf("propose: %d %q %s", res.StatusCode, link, body)
		}
		mustHave(t, planner.page(t, b.in("/import")), "as short as &lt;before&gt;", link)
		if res, _ := reader.get(t, link); res.StatusCode != http.StatusForbidden {
			t.Errorf("by who may read: %d", res.StatusCode)
		}
		page = other.page(t, link)
		mustHave(t, page, "Proposed by key plan", "as short as &lt;before&gt;", "weakens security", "holds this back", "Approve this plan")
		if strings.Contains(page, "get a link to it") || strings.Contains(page, "Apply this plan") {
			t.Error("a plan that is kept and waits can be kept again, or applied")
		}
		res, body = other.upload(t, b.in("/approve"), nil, url.Values{"plan": {field(t, page, "plan")}, "kept": {"yes"}})
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != link {
			t.Fatalf("approve: %d %s", res.StatusCode, body)
		}
		page = in.page(t, link)
		mustHave(t, page, "Approved by key import", "Apply this plan")
		if res, body := in.upload(t, b.in("/apply"), nil, sign(page)); res.StatusCode != http.StatusSeeOther || b.head(t) != 2 {
			t.Errorf("apply: %d, head %d\n%s", res.StatusCode, b.head(t), body)
		}
		if res, page := in.get(t, link); res.StatusCode != http.StatusNotFound {
			t.Errorf("after it was applied: %d %s", res.StatusCode, page)
		}
	})
}

// Whoever opens a plan after the project has changed is told that it is another.
func TestKeptPlanOfAProjectThatChanged(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		files := b.imported(t)
		in, planner := b.enterAs(t, mgmtkey.Import, b.project), b.enterAs(t, mgmtkey.Plan, b.project)
		_, page := planner.upload(t, b.in("/plan"), changed(files, "auth/password.json", `"minLength":10`, `"minLength":12`), nil)
		form := url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}
		res, _ := planner.upload(t, b.in("/propose"), nil, form)
		link := res.Header.Get("Location")
		in.apply(t, changed(files, "auth/password.json", `"minLength":10`, `"minLength":11`), nil)
		mustHave(t, in.page(t, link), "not what was proposed", "Apply this plan")
		// What is proposed is what was looked at.
		_, page = planner.upload(t, b.in("/propose"), nil, form)
		mustHave(t, page, "Something changed since this was planned")
		if list, err := b.Projects.Proposals(t.Context(), b.project); err != nil || len(list) != 1 {
			t.Errorf("%d plans are kept, %v: one that nobody looked at", len(list), err)
		}
	})
}
