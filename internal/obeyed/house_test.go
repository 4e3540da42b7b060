package obeyed

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/password"
	"postern/internal/secret"
	"postern/internal/server"
	"postern/internal/store"
	"postern/internal/testkit"
)

// A house is a server on one database, with an admin key, and the outside service
// that its projects may call.
type house struct {
	handler http.Handler
	db      *store.DB
	key     string
	gateway gateway
	former  *former
	people  atomic.Int64
	calls   atomic.Int64
}

// A gateway is an outside service that takes what connectors send. It has a list of
// stolen passwords, too, with one in it.
type gateway struct {
	url  string
	mu   sync.Mutex
	sent map[string]string // recipient → the path that was called for the last message
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if digits, ok := strings.CutPrefix(r.URL.Path, "/range/"); ok {
		sum := fmt.Sprintf("%X", sha1.Sum([]byte(stolen)))
		if sum[:5] == digits {
			_, _ = fmt.Fprintf(w, "%s:17\r\n", sum[5:])
		}
		return
	}
	var in struct {
		Recipient string `json:"recipient"`
	}
	b, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(b, &in); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent[in.Recipient] = r.URL.Path
}

// by returns the path by which the last message to somebody came; blank for none.
func (g *gateway) by(to string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sent[to]
}

// open builds the server on a database.
func open(t *testing.T, url string) *house {
	t.Helper()
	testkit.Migrated(t, url)
	_, master, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{gateway: gateway{sent: map[string]string{}}, former: newFormer(t)}
	outside := httptest.NewServer(&h.gateway)
	t.Cleanup(outside.Close)
	h.gateway.url = outside.URL
	config := server.Config{Listen: "127.0.0.1:0", Database: url, MasterKey: secret.New(string(master)), Tuning: server.Tuning{
		MaxBody: 1 << 20, MaxFiles: 100, DatabaseConns: 8, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, ShutdownTimeout: time.Minute,
		PasswordMemory: 7 << 20, PasswordPasses: 1, PasswordLanes: 1, HashingMemory: 64 << 20, HashingQueue: 256,
		Outbound: server.Outbound{AllowPrivate: []string{"127.0.0.1"}, ProviderURL: map[string]string{password.BreachType: outside.URL, "auth0": h.former.url}},
	}}
	s, err := server.New(t.Context(), config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h.handler, h.db = s.Handler(), s.Projects.DB
	_, cleartext, err := s.Keys.Create(t.Context(), audit.Origin{Actor: "test"}, mgmtkey.Create{Name: "admin", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}})
	if err != nil {
		t.Fatal(err)
	}
	h.key = cleartext.Reveal()
	return h
}

// A place is a project of a house.
type place struct {
	*house
	t       *testing.T
	project string
	kept    map[string]string // what prepare left for look
}

// project makes an empty project.
func (h *house) newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{house: h, t: t, kept: map[string]string{}}
	made := p.manage("POST", "/v1/mgmt/project/create", map[string]any{"name": "Lantern"}).ok(t)
	p.project = made["projectId"].(string)
	return p
}

// An answer is what a call was told.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// String is the status and, of a refusal, its code.
func (a answer) String() string {
	if code, _ := a.body["errorCode"].(string); code != "" {
		return fmt.Sprint(a.status, " ", code)
	}
	return fmt.Sprint(a.status)
}

// ok returns the body of an answer that is no refusal.
func (a answer) ok(t *testing.T) map[string]any {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	return a.body
}

// word returns a member of the body, which is a text; blank where there is none.
func (a answer) word(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// call makes a request with a bearer; headers are names and values in turn.
func (p *place) call(method, path, bearer string, body any, headers ...string) answer {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(path, "://") {
		path = "http://id.lantern.example" + path
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, path, bytes.NewReader(b))
	n := p.calls.Add(1) // each from another address: what is limited by address is no setting
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:443", n>>16&0xff, n>>8&0xff, n&0xff)
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	out := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &out.body) // a list has no members
	return out
}

// manage makes a call with the admin key.
func (p *place) manage(method, path string, body any) answer {
	p.t.Helper()
	bearer := p.key
	if p.project != "" {
		bearer = p.project + ":" + p.key
	}
	return p.call(method, path, bearer, body)
}

// as makes a call of a person; token is what they show, or nothing.
func (p *place) as(token, path string, body any, headers ...string) answer {
	p.t.Helper()
	bearer := p.project
	if token != "" {
		bearer += ":" + token
	}
	return p.call("POST", path, bearer, body, headers...)
}

// imports imports files, and returns what the import was told.
func (p *place) imports(in files, excludes ...string) answer {
	p.t.Helper()
	return p.manage("POST", "/v1/mgmt/project/import", map[string]any{"files": in, "excludes": excludes})
}

// someone returns a login id that nobody had before: an address.
func (p *place) someone() string {
	return fmt.Sprintf("person%d@people.example", p.people.Add(1))
}

// number returns a phone number that nobody had before.
func (p *place) number() string {
	return fmt.Sprintf("+1202555%04d", p.people.Add(1))
}

// user makes a user whom the backend vouches for, who has signed in, and returns who
// it is and the answer with the tokens.
func (p *place) user() (string, answer) {
	p.t.Helper()
	who := p.someone()
	in := p.manage("POST", "/v1/mgmt/auth/signup", map[string]any{"loginId": who, "user": map[string]any{"email": who, "verifiedEmail": true}})
	in.ok(p.t)
	return who, in
}

// message returns the last message to somebody that the outbox of the project kept.
func (p *place) message(to string) map[string]any {
	p.t.Helper()
	a := p.outbox(to)
	a.ok(p.t)
	return newest(a)
}

// outbox asks for the messages to somebody.
func (p *place) outbox(to string) answer {
	p.t.Helper()
	return p.manage("GET", "/v1/mgmt/outbox?to="+strings.ReplaceAll(to, "+", "%2B"), nil)
}

// newest is the first message of an outbox; empty where there is none.
func newest(a answer) map[string]any {
	list, _ := a.body["messages"].([]any)
	if len(list) == 0 {
		return map[string]any{}
	}
	return list[0].(map[string]any)
}

var (
	sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)
	token     = regexp.MustCompile(`[?&]t=([A-Za-z0-9_-]+)`)
)

// code returns the code in the last message to somebody; blank where there is none.
func (p *place) code(to string) string {
	p.t.Helper()
	return codeIn(p.message(to))
}

// codeIn is the code in a message; blank where there is none.
func codeIn(m map[string]any) string {
	text, _ := m["text"].(string)
	return sixDigits.FindString(text)
}

// link returns the token of the link in the last message to somebody.
func (p *place) link(to string) string {
	p.t.Helper()
	m := p.message(to)
	text, _ := m["text"].(string)
	found := token.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// later lets time pass for what the project has of its people: what is stored is
// older by so much. What is signed is not: its times are compared where it is read.
func (p *place) later(d time.Duration) {
	p.t.Helper()
	seconds := int64(d / time.Second)
	err := p.db.Write(p.t.Context(), func(_ context.Context, tx *store.Tx) error {
		for _, statement := range []string{
			`UPDATE sessions SET created_at = created_at - $2, refreshed_at = refreshed_at - $2, expires_at = expires_at - $2 WHERE project = $1`,
			`UPDATE trusted_devices SET login_at = login_at - $2, created_at = created_at - $2, expires_at = expires_at - $2 WHERE project = $1`,
			`UPDATE challenges SET created_at = created_at - $2, expires_at = expires_at - $2 WHERE project = $1`,
			`UPDATE passwords SET set_at = set_at - $2, locked_until = CASE WHEN locked_until > 0 THEN locked_until - $2 ELSE 0 END WHERE project = $1`,
			`UPDATE security_tries SET wait_until = CASE WHEN wait_until > 0 THEN wait_until - $2 ELSE 0 END WHERE project = $1`,
			`UPDATE users SET expires_at = CASE WHEN expires_at > 0 THEN expires_at - $2 ELSE 0 END WHERE project = $1`,
			`UPDATE limits SET since = since - $2 * 1000, expires_at = expires_at - $2 * 1000 WHERE project = $1`,
		} {
			if _, err := tx.Exec(statement, p.project, seconds); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
