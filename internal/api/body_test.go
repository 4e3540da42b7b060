package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/edge"
	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

const importPath, validatePath, exportPath = "/v1/mgmt/project/snapshot/import", "/v1/mgmt/project/snapshot/validate", "/v1/mgmt/project/snapshot/export"

// refusal is an answer that says no, as far as it is the same each time.
type refusal struct {
	Status   int
	Code     string
	Message  string
	Problems []string // file, pointer and code of each detail that is an error
}

func refusalOf(t *testing.T, w *httptest.ResponseRecorder) refusal {
	t.Helper()
	var got envelope
	if err := json.Unmarshal(w.Body.Bytes(), &got, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	if got.Short != got.Message || got.Description == "" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the envelope is not whole: %s", w.Body)
	}
	out := refusal{Status: w.Code, Code: got.Code, Message: got.Description}
	for _, p := range got.Details {
		if p.Level == snapshot.Error {
			out.Problems = append(out.Problems, fmt.Sprintf("%s %s %s", p.File, p.Pointer, p.Code))
		}
	}
	return out
}

func many(n int, member func(i int) string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(member(i))
	}
	return b.String()
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	const cannot = "the snapshot cannot be imported"
	body := func(message string) refusal { return refusal{400, "E011001", message, nil} }
	file := func(problems ...string) refusal { return refusal{400, "E113007", cannot, problems} }
	tests := []struct {
		name, body string
		want       refusal
	}{
		{"no body", ``, body("the body is empty; it must be a JSON object")},
		{"blanks only", " \n", body("the body is empty; it must be a JSON object")},
		{"not JSON", `files`, body("the body is not JSON (at byte 1)")},
		{"JSON that ends too early", `{"files":{"project.json":{`, body("the body is not JSON (at byte 26)")},
		{"something after the object", `{"files":{}} {}`, body("the body is not the JSON object that this call takes")},
		{"a list", `[]`, body("the body is not the JSON object that this call takes")},
		{"a string", `"files"`, body("the body is not the JSON object that this call takes")},
		{"null", `null`, body("the body is not the JSON object that this call takes")},
		{"files that are a list", `{"files":[]}`, body("files must be an object of files by path")},
		{"files twice", `{"files":{},"files":{}}`, body(`the body has the member "files" twice`)},
		{"excludes that are a string", `{"files":{},"excludes":"x"}`, body("excludes must be a list of strings")},
		{"secrets that are a list", `{"files":{},"inputSecrets":[]}`, body("inputSecrets must hold lists of {id, name, type, value}")},
		{"a secret that is a number", `{"files":{},"inputSecrets":{"connectors":[{"id":"a","type":"b","value":1}]}}`, body("inputSecrets must hold lists of {id, name, type, value}")},
		{"a secret with a member twice", `{"files":{},"inputSecrets":{"connectors":[{"id":"a","id":"a"}]}}`, body("inputSecrets must hold lists of {id, name, type, value}")},
		{"strict that is a string", `{"files":{},"strict":"yes"}`, body("strict must be true or false")},
		{"allowMovedSecrets that is a number", `{"files":{},"allowMovedSecrets":1}`, body("allowMovedSecrets must be true or false")},
		{"a message that is an object", `{"files":{},"message":{}}`, body("message must be a string")},
		{"a message with NUL", `{"files":{},"message":"a\u0000b"}`, refusal{400, "E011003", "Request is invalid: the message may have at most 1000 characters, no control characters but new lines and tabs", nil}},
		{"nested 100,000 deep", `{"files":{"project.json":` + strings.Repeat(`{"a":`, 100_000), body("the body is nested too deeply")},
		{"nested 100,000 deep where nobody looks", `{"more":` + strings.Repeat(`[`, 100_000), body("the body is nested too deeply")},
		{"a million files", `{"files":{` + many(1_000_000, func(i int) string { return fmt.Sprintf(`"f%d.txt":""`, i) }) + `}}`, refusal{413, "P41302", "the snapshot has more than 100000 files", nil}},
		{"a .json file of another type", `{"files":{"a.json":[],"b.json":"{}","c.json":1,"d.json":null,"e.json":true}}`, file(
			"a.json  file_type", "b.json  file_type", "c.json  file_type", "d.json  file_type", "e.json  file_type")},
		{"a text file of another type", `{"files":{"a.txt":{},"b.html":["x"],"c.png":1,"d":null}}`, file(
			"a.txt  file_type", "b.html  file_type", "c.png  file_type", "d  file_type")},
		{"an image that is not base64", `{"files":{"assets/a.png":"!","assets/b.png":"YQ==\n","assets/c.png":"YQ","assets/d.svg":"YR=="}}`, file(
			"assets/a.png  base64", "assets/b.png  base64", "assets/c.png  base64", "assets/d.svg  base64")},
		{"a member twice in a file", `{"files":{"project.json":{"a":{"b":1,"b":2}},"roles.json":{"x":1,"\u0078":2}}}`, file(
			"project.json /a/b duplicate_member", "roles.json /x duplicate_member")},
		{"a file twice", `{"files":{"project.json":{},"project.json":{},"project\u002ejson":{}}}`, file("project.json  file_twice")},
		{"paths that climb", `{"files":{"../a.json":{},"a/../b.json":{},"/etc/passwd.txt":"","a//b.json":{},"./a.json":{},"a\\b.json":{},"":{}}}`, file(
			"  path", "../a.json  path", "./a.json  path", "/etc/passwd.txt  path", "a/../b.json  path", "a//b.json  path", `a\b.json  path`)},
		{"paths with what no path may have", `{"files":{"a\u0000.json":{},"a\nb.json":{},"a\ufffd.json":{},"` + strings.Repeat("x", 256) + `.json":{}}}`, file(
			"a\ufffd.json  path", "a\ufffd.json  path", "a\ufffdb.json  path", strings.Repeat("x", 120)+"…  path")},
		{"paths that differ in case only", `{"files":{"Project.json":{},"project.json":{}}}`, file("project.json  path_case")},
		{"a path that is a file and a folder", `{"files":{"a.json":{},"a.json/b.json":{}}}`, file("a.json/b.json  path")},
		{"invalid UTF-8 in a document", "{\"files\":{\"project.json\":{\"a\":\"\xff\"}}}", file("project.json /a utf8")},
		{"invalid UTF-8 in a text", "{\"files\":{\"a.txt\":\"\xff\"}}", file("a.txt  utf8")},
		{"invalid UTF-8 in a path", "{\"files\":{\"a\xff.json\":{}}}", file("a\ufffd.json  path")},
		{"half a surrogate", `{"files":{"project.json":{"a":"\ud800"}}}`, file("project.json /a utf8")},
		{"numbers beyond 2^53", `{"files":{"project.json":{"a":9007199254740991,"b":9007199254740992,"c":-9007199254740993,"d":1e400,"e":[123456789012345678901234567890]}}}`, file(
			"project.json /b number", "project.json /c number", "project.json /d number", "project.json /e/0 number")},
		{"many wrong things at once", `{"files":{"../a.json":{},"b.json":[],"project.json":{"a":1,"a":2},"c.txt":{}},"excludes":["projct"],"inputSecrets":{"connectors":[{"id":"CI0","type":"password","value":"x"}]}}`, file(
			" /excludes/0 unknown_exclude", " /inputSecrets/connectors secret_unknown", "../a.json  path", "b.json  file_type", "c.txt  file_type", "project.json /a duplicate_member")},
		{"a newer version", `{"files":{"snapshot.json":{"version":6}}}`, file("snapshot.json /version version")},
	}
	b := setup(t, t.TempDir()+"/test.db")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := b.send(t, http.MethodPost, importPath, tt.body)
			if diff := cmp.Diff(tt.want, refusalOf(t, w)); diff != "" {
				t.Errorf("(-want +got):\n%.3000s", diff)
			}
			if tt.want.Code != "E113007" {
				if diff := cmp.Diff(tt.want, refusalOf(t, b.send(t, http.MethodPost, validatePath, tt.body))); diff != "" {
					t.Errorf("validate (-want +got):\n%.3000s", diff)
				}
				return
			}
			b.wantFailures(t, tt.body, len(tt.want.Problems))
		})
	}
	if rows := testkit.Rows(t, b.Projects.DB); len(rows["revisions"])+len(rows["blobs"])+len(rows["secrets"]) > 0 {
		t.Errorf("something was applied: %v", rows)
	}
	if strings.Contains(b.logs.String(), "level=ERROR") {
		t.Errorf("a bad body is an error of ours in the log:\n%.2000s", b.logs)
	}
}

// wantFailures validates a body whose files are wrong: that is an answer like
// any other, with as many failures as an import has details.
func (b *bundle) wantFailures(t *testing.T, body string, n int) {
	t.Helper()
	w := b.send(t, http.MethodPost, validatePath, body)
	var got validateAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &got, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if w.Code != http.StatusOK || got.OK || len(got.Failures) != n || got.Missing == nil {
		t.Errorf("validate: %d %s, want 200 with %d failures", w.Code, w.Body, n)
	}
	for _, list := range []any{got.Missing.Connectors, got.Missing.OAuthProviders, got.Missing.OutboundApps} {
		if list == nil {
			t.Errorf("a list of missing secrets is null: %s", w.Body)
		}
	}
}

// The same for the calls that take small bodies.
func TestBadSmallBodies(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const name, create = "/v1/mgmt/project/update/name", "/v1/mgmt/managementkey"
	tests := []struct {
		name, method, path, body string
		want                     refusal
	}{
		{"more than a megabyte", "POST", name, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, refusal{413, "P41301", "the body is larger than the limit of 1048576 bytes", nil}},
		{"an empty name", "POST", name, `{"name":""}`, refusal{400, "E011003", "Request is invalid: the name must have 1 to 100 characters on one line", nil}},
		{"an export format that does not exist", "POST", exportPath, `{"format":"zip"}`, refusal{400, "E011003", `the format must be "", "split" or "plain"`, nil}},
		{"a key that expired", "PUT", create, `{"name":"k","expireTime":1,"reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", "the management key would expire at once", nil}},
		{"a key that expired before 1970", "PUT", create, `{"name":"k","expireTime":-1,"reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", errExpiry.Message, nil}},
		{"a key for less than no time", "PUT", create, `{"name":"k","expiresIn":-1,"reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", errExpiry.Message, nil}},
		{"a key whose expiry is beyond time", "PUT", create, `{"name":"k","expireTime":"9223372036854775807","reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", errExpiry.Message, nil}},
		{"a key without a role", "PUT", create, `{"name":"k"}`, refusal{400, "E011003", "a management key needs a role: give reBac.companyRoles or reBac.projectRoles", nil}},
		{"a key with a role that does not exist", "PUT", create, `{"name":"k","reBac":{"companyRoles":["owner"]}}`, refusal{400, "E011003", "a role is one of read, plan, import, admin", nil}},
		{"a key with a role that is none", "PUT", create, `{"name":"k","reBac":{"companyRoles":["none"]}}`, refusal{400, "E011003", "a role is one of read, plan, import, admin", nil}},
		{"a key with roles by tag", "PUT", create, `{"name":"k","reBac":{"tagRoles":[{"tags":["a"],"roles":["read"]}]}}`, refusal{400, "E011003", "a management key cannot have roles by tag here; name the projects", nil}},
		{"a key with a project role for no project", "PUT", create, `{"name":"k","reBac":{"projectRoles":[{"roles":["read"]}]}}`, refusal{400, "E011003", "a project role names no project; use companyRoles for all of them", nil}},
		{"a key for a project that cannot exist", "PUT", create, `{"name":"k","reBac":{"projectRoles":[{"projectIds":["X"],"roles":["read"]}]}}`, refusal{400, "E011003", "a grant names a project that cannot exist", nil}},
		{"a key without a name", "PUT", create, `{"reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", "a management key needs a name", nil}},
		{"a key with an address that is none", "PUT", create, `{"name":"k","permittedIps":["localhost"],"reBac":{"companyRoles":["read"]}}`, refusal{400, "E011003", "a permitted address is an IP address or a range such as 192.0.2.0/24", nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, refusalOf(t, b.send(t, tt.method, tt.path, tt.body))); diff != "" {
				t.Errorf("(-want +got):\n%.3000s", diff)
			}
		})
	}
}

// unreadable is a body that nobody may read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHowABodyTravels(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	good := `{"files":{"project.json":{}}}`
	bomb := packed(t, `{"files":{"a.txt":"`+strings.Repeat("x", 16*limit)+`"}}`)
	zipped := packed(t, good)
	tooLarge := refusal{413, "P41301", "the body is larger than the limit of 1048576 bytes", nil}
	tests := []struct {
		name            string
		body            io.Reader
		length          int64
		media, encoding string
		want            refusal // of the zero value for 200
	}{
		{"a body that says that it is too large is not read", unreadable{t}, limit + 1, "application/json", "", tooLarge},
		{"a body of the limit is read", strings.NewReader(good + strings.Repeat(" ", limit-len(good))), limit, "application/json", "", refusal{}},
		{"a body of no length that is too large", strings.NewReader(good + strings.Repeat(" ", limit-len(good)+1)), -1, "application/json", "", tooLarge},
		{"a body of no length", strings.NewReader(good), -1, "application/json", "", refusal{}},
		{"gzip", bytes.NewReader(zipped), int64(len(zipped)), "application/json", "gzip", refusal{}},
		{"GZIP in capitals", bytes.NewReader(zipped), int64(len(zipped)), "application/json", "GZIP", refusal{}},
		{"gzip that inflates beyond the limit", bytes.NewReader(bomb), int64(len(bomb)), "application/json", "gzip", tooLarge},
		{"gzip that is cut off", bytes.NewReader(zipped[:len(zipped)-9]), int64(len(zipped) - 9), "application/json", "gzip", refusal{400, "P40002", "the body is not gzip, or is damaged", nil}},
		{"gzip with a wrong checksum", bytes.NewReader(append(bytes.Clone(zipped[:len(zipped)-8]), 0, 0, 0, 0, 0, 0, 0, 0)), -1, "application/json", "gzip", refusal{400, "P40002", "the body is not gzip, or is damaged", nil}},
		{"gzip with something after it", bytes.NewReader(append(bytes.Clone(zipped), "more"...)), -1, "application/json", "gzip", refusal{400, "P40002", "the body is not gzip, or is damaged", nil}},
		{"gzip that is none", strings.NewReader(good), -1, "application/json", "gzip", refusal{400, "P40002", "the body is not gzip, or is damaged", nil}},
		{"gzip of nothing", strings.NewReader(""), -1, "application/json", "gzip", refusal{400, "P40002", "the body is not gzip, or is damaged", nil}},
		{"an encoding that we do not know is not read", unreadable{t}, 10, "application/json", "br", refusal{415, "P41502", "the body may be sent as it is or with gzip, in no other encoding", nil}},
		{"two encodings", unreadable{t}, 10, "application/json", "gzip, gzip", refusal{415, "P41502", "the body may be sent as it is or with gzip, in no other encoding", nil}},
		{"identity", strings.NewReader(good), -1, "application/json", "identity", refusal{}},
		{"a form is not read", unreadable{t}, 10, "application/x-www-form-urlencoded", "", refusal{415, "P41501", "the body must be application/json", nil}},
		{"a media type that is none is not read", unreadable{t}, 10, "json;;", "", refusal{415, "P41501", "the body must be application/json", nil}},
		{"a charset", strings.NewReader(good), -1, `Application/JSON; charset="utf-8"`, "", refusal{}},
		{"no media type", strings.NewReader(good), -1, "", "", refusal{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, t.TempDir()+"/test.db")
			b.Limits.MaxBody = limit
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, importPath, io.NopCloser(tt.body))
			r.ContentLength = tt.length
			r.Header.Set("Authorization", "Bearer "+b.project+":"+b.key)
			r.Header.Set("Content-Type", tt.media)
			r.Header.Set("Content-Encoding", tt.encoding)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			if tt.want.Status == 0 {
				if w.Code != http.StatusOK {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
				return
			}
			if diff := cmp.Diff(tt.want, refusalOf(t, w)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := len(testkit.Rows(t, b.Projects.DB)["revisions"]); n != 0 {
				t.Errorf("%d revisions were made", n)
			}
		})
	}
}

// Who may not import is told so before the body is read.
func TestBodyOfAStrangerIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	reader := b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Read})
	for _, auth := range []string{"", "Bearer " + b.project + ":Kwrong", "Bearer " + b.project + ":" + reader} {
		for _, r := range b.routes() {
			if r.access.Scope == edge.Public || r.access.Scope == edge.Anyone || r.access.Scope == edge.Token {
				continue // nobody is a stranger there, or the call itself finds out
			}
			if r.access.Scope == edge.Project && r.access.Role <= mgmtkey.Read && strings.HasSuffix(auth, reader) || r.access.Scope == edge.Company && strings.HasSuffix(auth, reader) {
				continue
			}
			req := httptest.NewRequestWithContext(t.Context(), r.method, r.path, unreadable{t})
			req.ContentLength = 10
			req.Header.Set("Authorization", auth)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, req)
			if w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
				t.Errorf("%s: %d %s", r.path, w.Code, w.Body)
			}
		}
	}
}

// Go's SDK sends no body, and says that it is JSON; JavaScript's sends {}.
func TestEmptyBodies(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	for _, path := range []string{"/v1/mgmt/projects/list", exportPath, "/v1/mgmt/license", "/v1/mgmt/managementkey/search", "/v1/mgmt/project/delete"} {
		method := http.MethodPost
		for _, r := range b.routes() {
			if r.path == path {
				method = r.method
			}
		}
		for _, body := range []string{"", "{}"} {
			w := b.send(t, method, path, body)
			if path == "/v1/mgmt/project/delete" && body == "{}" {
				wantFault(t, w, 404, "E011008") // it is gone already
				continue
			}
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "{") {
				t.Errorf("%s with %q: %d %s", path, body, w.Code, w.Body)
			}
		}
	}
}
