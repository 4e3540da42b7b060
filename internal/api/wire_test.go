package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
)

// statement makes a transaction of one statement.
func statement(text string) func(context.Context, *store.Tx) error {
	return func(_ context.Context, tx *store.Tx) error {
		_, err := tx.Exec(text)
		return err
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	for name, w := range map[string]*httptest.ResponseRecorder{
		"an answer":   b.send(t, "POST", exportPath, "{}"),
		"a refusal":   b.send(t, "POST", exportPath, "{}", "Authorization", ""),
		"no route":    b.send(t, "GET", "/v1/none", ""),
		"no method":   b.send(t, "DELETE", exportPath, ""),
		"preflight":   b.send(t, "OPTIONS", exportPath, ""),
		"two slashes": b.send(t, "POST", "/"+exportPath, "{}"),
	} {
		h := w.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", name, h)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: allows an origin that did not ask", name)
		}
	}
	if got := b.send(t, "DELETE", exportPath, "").Header().Get("Allow"); got != "POST" {
		t.Errorf("Allow = %q", got)
	}
	if got := b.send(t, "POST", "/v1/mgmt/managementkey", "").Header().Get("Allow"); got != "PUT, GET, PATCH" {
		t.Errorf("Allow = %q", got)
	}
}

// What the clients of the wire send (section 1.4 of the facts) must be allowed.
func TestCORS(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const origin = "https://app.example"
	pre := b.send(t, "OPTIONS", "/v1/mgmt/project/snapshot/import", "", "Origin", origin, "Authorization", "",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	if pre.Code != http.StatusNoContent || pre.Body.Len() != 0 {
		t.Errorf("preflight: %d %s", pre.Code, pre.Body)
	}
	for _, w := range []*httptest.ResponseRecorder{pre, b.send(t, "POST", exportPath, "{}", "Origin", origin), b.send(t, "POST", exportPath, "{", "Origin", origin)} {
		if w.Header().Get("Access-Control-Allow-Origin") != origin || w.Header().Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%d: %v", w.Code, w.Header())
		}
		for _, name := range []string{"x-descope-flow-nonce", "x-geo", "retry-after"} {
			if !strings.Contains(strings.ToLower(w.Header().Get("Access-Control-Expose-Headers")), name) {
				t.Errorf("%s is not exposed", name)
			}
		}
	}
	allowed := ", " + pre.Header().Get("Access-Control-Allow-Headers") + ","
	for name := range strings.FieldsSeq(`authorization content-type x-descope-project-id x-descope-sdk-name x-descope-sdk-version
		x-descope-sdk-go-version x-descope-sdk-sha x-descope-sdk-uuid x-descope-sdk-node-version x-descope-sdk-session-id x-descope-license
		x-external-rid x-descope-refresh-cookie-name x-descope-trusted-device-token x-descope-flow-nonce dpop if-match`) {
		if !strings.Contains(allowed, " "+name+",") {
			t.Errorf("the header %s is not allowed", name)
		}
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if !strings.Contains(pre.Header().Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("the method %s is not allowed", method)
		}
	}
}

func TestManySlashes(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	server := httptest.NewServer(b.handler)
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"//v1/mgmt/project/snapshot/export", "/v1//mgmt///project/snapshot/export", "///v1/mgmt/project/snapshot/export"} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.project+":"+b.key)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || string(body) != `{"files":{}}`+"\n" {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
}

func TestETagAndIfMatch(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	body := func(domain string) string { return `{"files":{"project.json":{"trustedDomains":"` + domain + `"}}}` }
	none := b.send(t, "POST", exportPath, "{}").Header().Get("ETag")
	first := b.send(t, "POST", importPath, body("a.example"), "If-Match", none)
	tag := first.Header().Get("ETag")
	var done importAnswer
	if err := json.Unmarshal(first.Body.Bytes(), &done); err != nil || first.Code != 200 || tag != `"`+done.Digest+`"` || done.Revision != 1 || !done.Changed {
		t.Fatalf("the first import: %d %s, ETag %s, %v", first.Code, first.Body, tag, err)
	}
	if got := b.send(t, "POST", exportPath, "{}").Header().Get("ETag"); got != tag {
		t.Errorf("export has the tag %s, want %s", got, tag)
	}
	for name, header := range map[string]string{
		"an older revision": none, "another tag": `"x"`, "no tag": `""`, "two tags": tag + `, "x"`, "the weak mark alone": `W/`,
	} {
		for _, path := range []string{importPath, validatePath} {
			w := b.send(t, "POST", path, body("b.example"), "If-Match", header)
			if diff := cmp.Diff(refusal{412, "P41201", project.ErrPrecond.Message, nil}, refusalOf(t, w)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	for _, header := range []string{tag, "W/" + tag, "*", ""} {
		w := b.send(t, "POST", validatePath, body("b.example"), "If-Match", header)
		if w.Code != http.StatusOK {
			t.Errorf("If-Match %q: %d %s", header, w.Code, w.Body)
		}
	}
	again := b.send(t, "POST", importPath, body("a.example"), "If-Match", tag)
	if err := json.Unmarshal(again.Body.Bytes(), &done); err != nil || done.Changed || done.Revision != 1 || again.Header().Get("ETag") != tag {
		t.Errorf("the same again: %d %s", again.Code, again.Body)
	}
}

func TestExportFormats(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	long := strings.Repeat("<b>long</b> \u2028 text ", 50)
	text, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	if w := b.send(t, "POST", importPath, `{"files":{"project.json":{"x":`+string(text)+`}}}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	answers := map[string]string{}
	for _, body := range []string{``, `{}`, `{"format":""}`, `{"format":"split"}`, `{"format":"plain"}`, `{"format":"","unknown":1}`} {
		for _, path := range []string{exportPath, "/v1/mgmt/project/export"} {
			w := b.send(t, "POST", path, body)
			if w.Code != 200 {
				t.Fatalf("%s: %d %s", body, w.Code, w.Body)
			}
			answers[path+body] = w.Body.String()
			var out struct {
				Files map[string]any `json:"files"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
			plain := strings.Contains(body, "plain")
			if inside := out.Files["project.json"].(map[string]any)["x"] == long; inside != plain {
				t.Errorf("%s: the text is inside: %v", body, inside)
			}
			want := answers[path+`{"format":"plain"}`]
			if !plain {
				want = answers[path]
			}
			if answers[path+body] != want {
				t.Errorf("%s differs from %s", body, want)
			}
			back := b.send(t, "POST", importPath, w.Body.String())
			var done importAnswer
			if err := json.Unmarshal(back.Body.Bytes(), &done); err != nil || back.Code != 200 || done.Changed {
				t.Errorf("import of the export %s: %d %s", body, back.Code, back.Body)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	before := testkit.Rows(t, b.Projects.DB)
	const connector = `"connectors/connectors.json":{"connectors":["m"]},"connectors/m.json":{"id":"CI1","name":"M","type":"smtp","configuration":{"fromEmail":"a@example.test","host":"h.example","username":"u"}}`
	for _, tt := range []struct {
		name, body string
		ok         bool
		failures   []string
		missing    string
	}{
		{"an upload that is right", `{"files":{}}`, true, nil, `{"connectors":[],"oauthProviders":[],"outboundApps":[]}`},
		{
			"a secret that is missing", `{"files":{` + connector + `}}`, false,
			[]string{`connectors/m.json#/configuration/password: the password of connector "M" is missing (give it in inputSecrets or in the file)`},
			`{"connectors":[{"id":"CI1","name":"M","type":"password"}],"oauthProviders":[],"outboundApps":[]}`,
		},
		{
			"a secret that is given", `{"files":{` + connector + `},"inputSecrets":{"connectors":[{"id":"CI1","name":"M","type":"password","value":"s"}]}}`, true, nil,
			`{"connectors":[],"oauthProviders":[],"outboundApps":[]}`,
		},
		{
			"a warning", `{"files":{"project.json":{"trustedDomain":"a"}}}`, true, nil, `{"connectors":[],"oauthProviders":[],"outboundApps":[]}`,
		},
	} {
		for _, path := range []string{validatePath, "/v1/mgmt/project/validate"} {
			w := b.send(t, "POST", path, tt.body)
			var got validateAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &got, json.RejectUnknownMembers(true)); err != nil {
				t.Fatalf("%v: %d %s", err, w.Code, w.Body)
			}
			if w.Code != 200 || got.OK != tt.ok || cmp.Diff(append([]string{}, tt.failures...), got.Failures) != "" || !strings.Contains(w.Body.String(), `"missingSecrets":`+tt.missing) {
				t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			}
		}
	}
	// An import that is refused for its secrets says which ones, in the same shape.
	w := b.send(t, "POST", importPath, `{"files":{`+connector+`}}`)
	wantFault(t, w, 400, "E113007")
	if want := `"missingSecrets":{"connectors":[{"id":"CI1","name":"M","type":"password"}],"oauthProviders":[],"outboundApps":[]}`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %s, want %s in it", w.Body, want)
	}
	after := testkit.Rows(t, b.Projects.DB)
	before["audit"], after["audit"] = nil, nil // that was refused
	before["audit_chains"], after["audit_chains"] = nil, nil
	before["management_keys"], after["management_keys"] = nil, nil // when the key was last used
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("validation wrote (-before +after):\n%s", diff)
	}
}

func TestMovedSecretsNeedAnAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	const body = `{"files":{},"allowMovedSecrets":true}`
	importer := "Bearer " + b.project + ":" + b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Import, Projects: []string{b.project}})
	admin := "Bearer " + b.project + ":" + b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin, Projects: []string{b.project}})
	for _, path := range []string{importPath, validatePath} {
		wantFault(t, b.send(t, "POST", path, body, "Authorization", importer), 403, "P40301")
		if w := b.send(t, "POST", path, body, "Authorization", admin); w.Code != 200 {
			t.Errorf("%s by an admin: %d %s", path, w.Code, w.Body)
		}
	}
}

// Two imports that both checked against the same revision: a transaction that
// holds the head keeps both waiting for their commit.
func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Postgres(t))
	const rounds = 5
	for round := range rounds {
		var wait sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 2)
		err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`SELECT 1 FROM projects FOR UPDATE`); err != nil {
				return err
			}
			for i := range answers {
				wait.Go(func() {
					mark := string(rune('a'+i)) + string(rune('a'+round))
					answers[i] = b.send(t, "POST", importPath, `{"files":{"project.json":{"trustedDomains":"`+mark+`.example"}}}`)
				})
			}
			for waiting := 0; waiting < 2; {
				// Inside a transaction the list of sessions is the one that was seen first.
				if _, err := tx.Exec(`SELECT pg_stat_clear_snapshot()`); err != nil {
					return err
				}
				err := tx.QueryRow(`SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted
					AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`).Scan(&waiting)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		won, lost := answers[0], answers[1]
		if won.Code != 200 {
			won, lost = lost, won
		}
		if won.Code != 200 {
			t.Fatalf("round %d: %d %s, %d %s", round, won.Code, won.Body, lost.Code, lost.Body)
		}
		wantFault(t, lost, 409, "P40901")
		if n := len(testkit.Rows(t, b.Projects.DB)["revisions"]); n != round+1 {
			t.Fatalf("round %d: %d revisions", round, n)
		}
	}
}

// The same on both databases, where the tag of what both saw makes the outcome
// certain: one wins, whether the other lost before its checks or after.
func TestTwoImportsAtOnceWithIfMatch(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		for round := range 10 {
			tag := b.send(t, "POST", exportPath, "{}").Header().Get("ETag")
			var wait sync.WaitGroup
			codes := make([]int, 3)
			for i := range codes {
				wait.Go(func() {
					body := fmt.Sprintf(`{"files":{"project.json":{"trustedDomains":"r%d-%d.example"}}}`, round, i)
					codes[i] = b.send(t, "POST", importPath, body, "If-Match", tag).Code
				})
			}
			wait.Wait()
			won := 0
			for _, code := range codes {
				switch code {
				case http.StatusOK:
					won++
				case http.StatusConflict, http.StatusPreconditionFailed:
				default:
					t.Errorf("round %d: %d", round, code)
				}
			}
			if n := len(testkit.Rows(t, b.Projects.DB)["revisions"]); won != 1 || n != round+1 {
				t.Fatalf("round %d: %v, %d revisions", round, codes, n)
			}
		}
	})
}

// watched says when a request has begun to read its body, and when it is over.
type watched struct {
	http.Handler
	reading, over chan struct{}
}

func (h watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() { h.over <- struct{}{} }()
	r.Body = tell{r.Body, h.reading}
	h.Handler.ServeHTTP(w, r)
}

type tell struct {
	io.ReadCloser
	reading chan struct{}
}

func (b tell) Read(p []byte) (int, error) {
	select {
	case b.reading <- struct{}{}:
	default:
	}
	return b.ReadCloser.Read(p)
}

// A client that hangs up in the middle of its body is nobody's fault: nothing is
// applied, nothing is an error in the log, nothing stays behind.
func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	const half = `{"files":{"project.json":{"trustedDomains":"a.exam`
	for name, head := range map[string]string{
		"in a body of a length":     "Content-Length: 1000\r\n\r\n" + half,
		"in a chunk":                "Transfer-Encoding: chunked\r\n\r\n100\r\n" + half,
		"in the length of a chunk":  "Transfer-Encoding: chunked\r\n\r\n1",
		"with a chunk that is none": "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
		"before a gzipped body":     "Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n",
		"in a gzipped body":         "Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n" + string(packed(t, strings.Repeat(half, 10))[:40]),
	} {
		for _, path := range []string{importPath, validatePath, exportPath, "/v1/mgmt/project/update/name"} {
			for _, abruptly := range []bool{false, true} {
				t.Run(name+" of "+path, func(t *testing.T) {
					t.Parallel()
					b := setup(t, t.TempDir()+"/test.db")
					h := watched{b.handler, make(chan struct{}, 1), make(chan struct{}, 1)}
					server := httptest.NewServer(h)
					defer server.Close()
					conn, err := net.Dial("tcp", server.Listener.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer "+b.project+":"+b.key+"\r\n"+head)
					if err != nil {
						t.Fatal(err)
					}
					<-h.reading
					if abruptly { // a reset instead of an end
						if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
							t.Fatal(err)
						}
					}
					if err := conn.Close(); err != nil {
						t.Fatal(err)
					}
					<-h.over
					if rows := testkit.Rows(t, b.Projects.DB); len(rows["revisions"]) > 0 || strings.Contains(strings.Join(rows["projects"], ""), "a.exam") {
						t.Errorf("half a body was applied: %v", rows)
					}
					if logs := b.logs.String(); strings.Contains(logs, "level=ERROR") || strings.Contains(logs, "level=WARN") || !strings.Contains(logs, "client went away") {
						t.Errorf("the log says:\n%s", logs)
					}
				})
			}
		}
	}
}

// What the server starts for an import ends with it, also where it is broken off.
func TestGoroutinesEnd(t *testing.T) { //nolint:paralleltest // it counts the goroutines of the process
	b := setup(t, t.TempDir()+"/test.db")
	shop := testkit.Shop(t)
	body := importBody(t, shop.Files, "")
	b.send(t, "POST", validatePath, body) // what is made once is made
	before := runtime.NumGoroutine()
	for range 20 {
		r := httptest.NewRequestWithContext(t.Context(), "POST", importPath, io.MultiReader(strings.NewReader(body[:len(body)/2]), broken{}))
		r.Header.Set("Authorization", "Bearer "+b.project+":"+b.key)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		wantFault(t, w, 400, "P49901")
		b.send(t, "POST", validatePath, body)
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		var stacks bytes.Buffer
		buf := make([]byte, 1<<20)
		stacks.Write(buf[:runtime.Stack(buf, true)])
		t.Errorf("%d goroutines, %d before:\n%.5000s", after, before, &stacks)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
