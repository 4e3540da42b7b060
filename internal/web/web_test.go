package web

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/connector"
	"postern/internal/edge"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

var operator = audit.Origin{Actor: "cli"}

// A bench is a console that is served, with one project.
type bench struct {
	*Server
	url     string
	project string
	db      *store.DB
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Projects: &project.Service{DB: db, Master: master}, Keys: &mgmtkey.Service{DB: db}, Log: slog.New(slog.DiscardHandler),
		Need: api.Need, MaxBody: 8 << 20, MaxFiles: 1000, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Messages = &connector.Service{DB: db, Projects: s.Projects, Log: s.Log}
	s.Projects.MayApprove = func(ctx context.Context, key, project string) (bool, error) {
		return s.Keys.May(ctx, key, project, mgmtkey.Import)
	}
	served := httptest.NewServer(s.Handler())
	t.Cleanup(served.Close)
	p, err := s.Projects.Create(t.Context(), operator, project.New{Name: "Shop <b>"})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{s, served.URL, p.ID, db}
}

func (b *bench) key(t *testing.T, role mgmtkey.Role, projects ...string) (mgmtkey.Key, string) {
	t.Helper()
	k, token, err := b.Keys.Create(t.Context(), operator, mgmtkey.Create{Name: "key " + role.String(), Grants: []mgmtkey.Grant{{Role: role, Projects: projects}}})
	if err != nil {
		t.Fatal(err)
	}
	return k, token.Reveal()
}

// A browser keeps its cookie and follows nothing.
type browser struct {
	*bench
	cookie *http.Cookie
	seen   strings.Builder // everything that was answered
}

// enter signs in with a key of a role in the project of the bench.
func (b *bench) enterAs(t *testing.T, role mgmtkey.Role, projects ...string) *browser {
	t.Helper()
	_, token := b.key(t, role, projects...)
	return b.enterWith(t, token)
}

func (b *bench) enterWith(t *testing.T, token string) *browser {
	t.Helper()
	in := &browser{bench: b}
	res, body := in.post(t, "/console/sign-in", url.Values{"key": {token}})
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies) != 1 {
		t.Fatalf("sign-in: %d %s", res.StatusCode, body)
	}
	in.cookie = res.Cookies[0]
	return in
}

// An answer is what came back, without its body.
type answer struct {
	StatusCode int
	Header     http.Header
	Cookies    []*http.Cookie
}

func (in *browser) send(t *testing.T, method, path, media string, body io.Reader, header ...string) (answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, in.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
		r.Header.Set("Origin", in.url)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	if in.cookie != nil {
		r.AddCookie(in.cookie)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	in.seen.Write(content)
	return answer{res.StatusCode, res.Header, res.Cookies()}, string(content)
}

func (in *browser) get(t *testing.T, path string) (answer, string) {
	t.Helper()
	return in.send(t, http.MethodGet, path, "", nil)
}

// page gets a page that must be there.
func (in *browser) page(t *testing.T, path string) string {
	t.Helper()
	res, body := in.get(t, path)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, res.StatusCode, body)
	}
	return body
}

func (in *browser) post(t *testing.T, path string, form url.Values, header ...string) (answer, string) {
	t.Helper()
	return in.send(t, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), header...)
}

// upload sends a form with files, as a browser sends those of a folder.
func (in *browser) upload(t *testing.T, path string, files snapshot.Files, fields url.Values) (answer, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for p, content := range files {
		part, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="files"; filename="shop/` + p + `"`}})
		if err == nil {
			_, err = part.Write(snapshot.OnDisk(p, content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, values := range fields {
		for _, v := range values {
			if err := form.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return in.send(t, http.MethodPost, path, form.FormDataContentType(), &body)
}

func (b *bench) in(path string) string { return "/console/projects/" + b.project + path }

// field is the value of a hidden field of a page.
func field(t *testing.T, page, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no field %s:\n%s", name, page)
	}
	return html.UnescapeString(found[1])
}

func mustHave(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

// events are the actions in the audit of a project, the newest first.
func (b *bench) events(t *testing.T, id string) []string {
	t.Helper()
	list, _, err := audit.Find(t.Context(), b.db, audit.Search{Project: id, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Actor+" "+e.Action+" "+e.Outcome)
	}
	return out
}

// A page of the console that does what a call of the API does asks for what that
// call asks for. There is no other list.
func TestRoutesHaveNeeds(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	for _, r := range b.routes() {
		need := api.Need(r.call)
		if need == (edge.Need{}) {
			t.Errorf("%s does the same as %q, which is no call of the API", r.pattern, r.call)
		}
		if inside := strings.Contains(r.pattern, "{project}"); inside != (need.Scope == edge.Project) {
			t.Errorf("%s does the same as %q, and only one of them is about a project", r.pattern, r.call)
		}
	}
	b.Need = func(string) edge.Need { return edge.Need{} }
	served := httptest.NewServer(b.Handler())
	t.Cleanup(served.Close)
	b.url = served.URL
	in := b.enterAs(t, mgmtkey.Admin)
	for _, r := range b.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.NewReplacer("{project}", b.project, "{number}", "1", "{message}", "MO1", "{key}", "K1", "{$}", "").Replace(path)
		if res, _ := in.send(t, method, path, "application/x-www-form-urlencoded", nil); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s without a need: %d", method, path, res.StatusCode)
		}
	}
}

// Every page and form with a key of every role.
func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	other, err := b.Projects.Create(t.Context(), operator, project.New{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	foreign := b.enterAs(t, mgmtkey.Admin, other.ID)
	for role := mgmtkey.Read; role <= mgmtkey.Admin; role++ {
		in := b.enterAs(t, role, b.project)
		for _, r := range b.routes() {
			need := api.Need(r.call)
			if need.Scope != edge.Project {
				continue
			}
			method, path, _ := strings.Cut(r.pattern, " ")
			path = strings.NewReplacer("{project}", b.project, "{number}", "1", "{message}", "MO1").Replace(path)
			res, body := in.send(t, method, path, "application/x-www-form-urlencoded", nil)
			if refused := res.StatusCode == http.StatusForbidden; refused != (role < need.Role) {
				t.Errorf("%s with %v: %d\n%s", r.pattern, role, res.StatusCode, body)
			}
			if res, _ := foreign.send(t, method, path, "application/x-www-form-urlencoded", nil); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s with a key of another project: %d", r.pattern, res.StatusCode)
			}
		}
	}
	if page := foreign.page(t, "/console/"); strings.Contains(page, b.project) || !strings.Contains(page, other.ID) {
		t.Error("the list of projects is not that of the key")
	}
}

// No form does anything for a page of another site, or for what does not say
// where it comes from.
func TestFormsOfOthers(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	in := b.enterAs(t, mgmtkey.Admin)
	before := testkit.Rows(t, b.db)
	for _, r := range append(b.routes(), route{pattern: "POST /console/sign-in"}) {
		method, path, _ := strings.Cut(r.pattern, " ")
		if method == http.MethodGet {
			continue
		}
		path = strings.NewReplacer("{project}", b.project, "{number}", "1", "{key}", "K1").Replace(path)
		for name, header := range map[string][]string{
			"another site":         {"Origin", "https://evil.example"},
			"another site, fetch":  {"Origin", b.url, "Sec-Fetch-Site", "cross-site"},
			"another port":         {"Origin", "http://127.0.0.1:1"},
			"a sibling":            {"Origin", b.url, "Sec-Fetch-Site", "same-site"},
			"no site":              {"Origin", ""},
			"an origin of nothing": {"Origin", "null"},
		} {
			if res, body := in.post(t, path, nil, header...); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "P40302") {
				t.Errorf("%s from %s: %d", path, name, res.StatusCode)
			}
		}
	}
	if after := testkit.Rows(t, b.db); strings.Join(before["audit"], "") != strings.Join(after["audit"], "") {
		t.Error("something was done")
	}
}

// What every answer says to a browser.
func TestHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	in := b.enterAs(t, mgmtkey.Admin)
	for _, path := range []string{"/console/", "/console/sign-in", "/console/nothing", b.in(""), "/console/static/console.js"} {
		res, body := in.get(t, path)
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", path)
		}
		if strings.Contains(body, "style=") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(body) {
			t.Errorf("%s has a style or a script in it", path)
		}
		if strings.Contains(body, "<b>") {
			t.Errorf("%s writes a name as markup", path)
		}
		if regexp.MustCompile(`(src|href|action)="https?:`).MatchString(body) {
			t.Errorf("%s refers to another site", path)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	in := setup(t, testkit.Store(t)).enterAs(t, mgmtkey.Admin)
	res, body := in.post(t, "/console/", nil)
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET" {
		t.Errorf("%d, Allow %q\n%s", res.StatusCode, res.Header.Get("Allow"), body)
	}
}
