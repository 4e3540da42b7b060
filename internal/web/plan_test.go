package web

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// missing are the fields of a form that gives every secret that a page asks for.
func missing(t *testing.T, page, value string) url.Values {
	t.Helper()
	out := url.Values{"draft": {field(t, page, "draft")}}
	for _, name := range []string{"group", "id", "name", "type"} {
		for _, part := range strings.Split(page, `name="secret-`+name+`" value="`)[1:] {
			text, _, _ := strings.Cut(part, `"`)
			out.Add("secret-"+name, strings.NewReplacer("&#34;", `"`, "&amp;", "&").Replace(text))
		}
	}
	for range out["secret-id"] {
		out.Add("secret-value", value)
	}
	return out
}

// The way of an import: refused for its secrets, planned, applied, and recorded.
func TestImport(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		const value = "planted-in-a-form"
		b := setup(t, db)
		k, token := b.key(t, mgmtkey.Import, b.project)
		in := b.enterWith(t, token)
		mustHave(t, in.page(t, b.in("/import")), "webkitdirectory", `name="exclude"`)

		shop := testkit.Shop(t)
		before := testkit.Rows(t, db)
		res, page := in.upload(t, b.in("/plan"), shop.Files, nil)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, page)
		}
		mustHave(t, page, "This would be refused", "are missing", "Plan again", "What is in connectors/mail.json", "(not shown)")
		if strings.Contains(page, "Apply this plan") {
			t.Error("a plan that would be refused can be applied")
		}
		form := missing(t, page, value)
		res, page = in.upload(t, b.in("/plan"), nil, form)
		mustHave(t, page, "Apply this plan", "is set")
		if res.StatusCode != http.StatusOK || strings.Contains(page, "are missing") {
			t.Fatalf("%d %s", res.StatusCode, page)
		}
		if after := testkit.Rows(t, db); !slices.Equal(before["projects"], after["projects"]) || len(after["revisions"])+len(after["secrets"]) > 0 {
			t.Error("a plan wrote something")
		}
		sign := url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}, "message": {"first\r\nsecond"}}
		res, body := in.upload(t, b.in("/apply"), nil, sign)
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != b.in("/revisions/1?done=applied") {
			t.Fatalf("apply: %d %q %s", res.StatusCode, to, body)
		}
		h, err := b.Projects.Revisions(t.Context(), b.project, 0, 10)
		if err != nil || len(h.Revisions) != 1 || h.Revisions[0].Author != k.ID || h.Revisions[0].Message != "first\nsecond" {
			t.Errorf("revisions: %+v, %v", h, err)
		}
		if got := b.events(t, b.project); got[0] != k.ID+" project.import done" {
			t.Errorf("recorded: %q", got)
		}
		mustHave(t, in.page(t, b.in("/revisions/1")), "first", "key import", "An import of files")
		mustHave(t, in.page(t, b.in("")), "current", "first")
		mustHave(t, in.page(t, b.in("/audit")), "project.import", "key import")
		if seen := in.seen.String(); strings.Contains(seen, value) || strings.Contains(seen, token) {
			t.Error("a page shows a secret")
		}

		// The same plan again is not what would be done now.
		res, page = in.upload(t, b.in("/apply"), nil, sign)
		mustHave(t, page, "Nothing was applied", "Nothing would change")
		if res.StatusCode != http.StatusOK || b.head(t) != 1 {
			t.Errorf("%d, head %d", res.StatusCode, b.head(t))
		}
	})
}

func (b *bench) head(t *testing.T) int64 {
	t.Helper()
	p, err := b.Projects.Get(t.Context(), b.project)
	if err != nil {
		t.Fatal(err)
	}
	return p.Head
}

// apply imports the files of a sample through the console.
func (in *browser) apply(t *testing.T, files snapshot.Files, more url.Values) string {
	t.Helper()
	_, page := in.upload(t, in.in("/plan"), files, nil)
	sign := url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}
	maps.Copy(sign, more)
	res, body := in.upload(t, in.in("/apply"), nil, sign)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("apply: %d %s", res.StatusCode, body)
	}
	return page
}

func (b *bench) imported(t *testing.T) snapshot.Files {
	t.Helper()
	shop := testkit.Shop(t)
	if _, err := b.Projects.Import(t.Context(), operator, project.Import{Project: b.project, Upload: shop.Upload()}); err != nil {
		t.Fatal(err)
	}
	return shop.Files
}

func changed(files snapshot.Files, path, from, to string) snapshot.Files {
	out := maps.Clone(files)
	out[path] = bytes.Replace(files[path], []byte(from), []byte(to), 1)
	return out
}

// Only what was looked at is applied: not what somebody else has changed since,
// and no draft of another key or project.
func TestPlanIsHeld(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	files := b.imported(t)
	in := b.enterAs(t, mgmtkey.Import, b.project)
	_, page := in.upload(t, b.in("/plan"), changed(files, "styles/light.json", "#b5532a", "#2a6fb5"), nil)
	mustHave(t, page, `fill="#b5532a"`, `fill="#2a6fb5"`)
	sign := url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}

	in.apply(t, changed(files, "flows/newsletter/contents.json", `"name":"Subscribe"`, `"name":"Subscribe at once"`), nil)
	res, page := in.upload(t, b.in("/apply"), nil, sign)
	mustHave(t, page, "Nothing was applied: something changed since", "Subscribe at once")
	if res.StatusCode != http.StatusOK || b.head(t) != 2 {
		t.Errorf("%d, head %d", res.StatusCode, b.head(t))
	}
	if again := field(t, page, "plan"); again == sign.Get("plan") {
		t.Error("the plan is the older one")
	}

	other := b.enterAs(t, mgmtkey.Import, b.project)
	for name, try := range map[string]struct {
		in   *browser
		form url.Values
	}{
		"a draft of another key": {other, url.Values{"draft": sign["draft"], "plan": sign["plan"]}},
		"no plan":                {in, url.Values{"draft": sign["draft"]}},
		"a changed draft":        {in, url.Values{"draft": {sign.Get("draft")[:40]}, "plan": sign["plan"]}},
		"nothing":                {in, url.Values{"plan": sign["plan"]}},
	} {
		if res, body := try.in.upload(t, b.in("/apply"), nil, try.form); res.StatusCode < 400 || b.head(t) != 2 {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	// Files that come with a signature are not what was signed.
	res, _ = in.upload(t, b.in("/apply"), files, url.Values{"plan": sign["plan"]})
	if res.StatusCode != http.StatusBadRequest || b.head(t) != 2 {
		t.Errorf("files with a plan: %d, head %d", res.StatusCode, b.head(t))
	}
}

func TestRollbackAndConfirm(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		files := b.imported(t)
		k, token := b.key(t, mgmtkey.Import, b.project)
		in := b.enterWith(t, token)
		blue := changed(files, "styles/light.json", "#b5532a", "#2a6fb5")
		in.apply(t, blue, url.Values{"within": {"1h"}})
		mustHave(t, in.page(t, b.in("")), "waits to be confirmed", "Confirm revision 2")
		mustHave(t, in.page(t, "/console/"), "Revision 2 waits")
		if _, page := in.upload(t, b.in("/plan"), files, nil); strings.Contains(page, "Apply this plan") || !strings.Contains(page, "Until it is, nothing is imported") {
			t.Errorf("while a revision waits another can be applied:\n%s", page)
		}
		if res, _ := in.post(t, b.in("/revisions/2/confirm"), url.Values{"do": {"stay"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("confirm: %d", res.StatusCode)
		}
		if res, _ := in.post(t, b.in("/revisions/2/confirm"), url.Values{"do": {"back"}}); res.StatusCode != http.StatusConflict || b.head(t) != 2 {
			t.Errorf("going back from what was confirmed: %d, head %d", res.StatusCode, b.head(t))
		}

		page := in.page(t, b.in("/revisions/1/rollback"))
		mustHave(t, page, "Go back to revision 1", "#2a6fb5", "What going back does not undo")
		if res, _ := in.post(t, b.in("/revisions/1/rollback"), url.Values{}); res.StatusCode != http.StatusConflict || b.head(t) != 2 {
			t.Errorf("without a plan: %d, head %d", res.StatusCode, b.head(t))
		}
		res, _ := in.post(t, b.in("/revisions/1/rollback"), url.Values{"plan": {field(t, page, "plan")}, "message": {"too blue"}, "within": {"10m"}})
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != b.in("/revisions/3?done=back") {
			t.Errorf("rollback: %d %q", res.StatusCode, to)
		}
		res, page = in.post(t, b.in("/revisions/1/rollback"), url.Values{"plan": {field(t, page, "plan")}})
		mustHave(t, page, "P40903") // revision 3 waits
		if res.StatusCode != http.StatusConflict {
			t.Errorf("the same plan again: %d", res.StatusCode)
		}
		if res, _ := in.post(t, b.in("/revisions/3/confirm"), url.Values{"do": {"back"}}); res.Header.Get("Location") != b.in("/revisions/4?done=back") {
			t.Errorf("undo: %d %q", res.StatusCode, res.Header.Get("Location"))
		}
		want := []string{" project.rollback done", " request.refused refused", " project.rollback done", " request.refused refused", " request.refused refused", " project.confirm done", " project.import done"}
		for i := range want {
			want[i] = k.ID + want[i]
		}
		if got := b.events(t, b.project); !slices.Equal(got[:len(want)], want) {
			t.Errorf("recorded:\n%q, want\n%q", got, want)
		}
	})
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	in := b.enterAs(t, mgmtkey.Plan, b.project)
	many := snapshot.Files{}
	for i := range b.MaxFiles + 1 {
		many["lists/"+strings.Repeat("x", i+1)] = []byte("{}")
	}
	big := snapshot.Files{"project.json": bytes.Repeat([]byte(" "), int(b.MaxBody)+1)}
	for name, tt := range map[string]struct {
		files  snapshot.Files
		status int
	}{
		"too many files": {many, http.StatusRequestEntityTooLarge},
		"too large":      {big, http.StatusRequestEntityTooLarge},
		"no file":        {nil, http.StatusBadRequest},
		"no snapshot":    {snapshot.Files{"notes.pdf": []byte("hello")}, http.StatusBadRequest},
	} {
		if res, body := in.upload(t, b.in("/plan"), tt.files, nil); res.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if res, _ := in.post(t, b.in("/plan"), nil); res.StatusCode != http.StatusBadRequest {
		t.Errorf("not a form with files: %d", res.StatusCode)
	}
	res, page := in.upload(t, b.in("/plan"), snapshot.Files{"project.json": []byte(`{"trustedDomains":5}`), "a/../up.json": []byte("{}")}, nil)
	mustHave(t, page, "This would be refused", "must be of type string", "the path")
	if res.StatusCode != http.StatusOK || strings.Contains(page, `name="draft"`) {
		t.Errorf("files that cannot be read: %d\n%s", res.StatusCode, page)
	}
}

func TestExportAndFlows(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	files := b.imported(t)
	in := b.enterAs(t, mgmtkey.Import, b.project)
	in.apply(t, changed(files, "flows/newsletter/contents.json", `"name":"Subscribe"`, `"name":"Subscribe at once"`), nil)
	archive := in.page(t, b.in("/export.zip"))
	up, err := snapshot.OpenZip(strings.NewReader(archive), int64(len(archive)), 1<<20, 1000)
	if err != nil || len(up.Files) < 50 || len(up.Problems) > 0 {
		t.Errorf("the archive has %d files, %v, %v", len(up.Files), up.Problems, err)
	}
	mustHave(t, in.page(t, b.in("/flows")), "Newsletter", "flow?folder=flows%2fsign-in")
	page := in.page(t, b.in("/flow?folder=flows/newsletter&since=1"))
	mustHave(t, page, `class="step automated changed"`, "1 step marked", "Subscribe at once")
	if strings.Count(page, `class="badge"`) != 1 {
		t.Error("more than the step that changed is marked")
	}
	if page := in.page(t, b.in("/flow?folder=flows/newsletter")); strings.Contains(page, `class="badge"`) {
		t.Error("a step is marked, and nothing is compared")
	}
	for _, path := range []string{"/flow?folder=flows/none", "/flow?folder=flows/newsletter&since=9", "/revisions/9", "/revisions/x"} {
		if res, _ := in.get(t, b.in(path)); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// The values of an environment come with the form, and are in the plan and in
// what is applied.
func TestImportForAnEnvironment(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	in := b.enterAs(t, mgmtkey.Import, b.project)
	files := snapshot.Files{
		"snapshot.json":                []byte(`{"version":5}`),
		"auth/password.json":           []byte(`{"minLength":"${environment.shortest}"}`),
		"environments/staging.json":    []byte(`{"shortest":9}`),
		"environments/production.json": []byte(`{"shortest":14}`),
	}
	_, page := in.upload(t, b.in("/plan"), files, nil)
	mustHave(t, page, "gets its value from an environment, and none is named")
	_, page = in.upload(t, b.in("/plan"), files, url.Values{"environment": {" production "}})
	sign := url.Values{"draft": {field(t, page, "draft")}, "plan": {field(t, page, "plan")}}
	if res, body := in.upload(t, b.in("/apply"), nil, sign); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	mustHave(t, in.page(t, b.in("/revisions/1")), "<dd>production</dd>")
	got, _, err := b.Projects.Export(t.Context(), b.project, snapshot.FormatPlain)
	if err != nil || string(got["auth/password.json"]) != `{"minLength":14}` {
		t.Errorf("%s, %v", got["auth/password.json"], err)
	}
}
