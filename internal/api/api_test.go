package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/audit"
	"postern/internal/connector"
	"postern/internal/dpop"
	"postern/internal/edge"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/passkey"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/questions"
	"postern/internal/recovery"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/totp"
	"postern/internal/user"
)

// bundle is a server with a project and an admin key.
type bundle struct {
	*Server
	handler http.Handler
	project string
	key     string
	logs    *bytes.Buffer
	outgoing
}

var tester = audit.Origin{Actor: "test"}

func setup(t testing.TB, url string) *bundle {
	t.Helper()
	testkit.Migrated(t, url)
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{logs: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.Server = &Server{
		Projects: &project.Service{DB: db, Master: master, Log: log}, Keys: &mgmtkey.Service{DB: db}, Log: log,
	}
	b.Sessions = &session.Service{DB: db, Projects: b.Projects, Keys: &key.Service{DB: db, Projects: b.Projects}}
	b.Projects.Made = append(b.Projects.Made, b.Sessions.Keys.Made)
	b.Questions = &questions.Service{DB: db, Projects: b.Projects, Sessions: b.Sessions, Attempts: &limit.Service{DB: db}}
	b.Recovery = &recovery.Service{DB: db, Projects: b.Projects, Sessions: b.Sessions, Attempts: &limit.Service{DB: db}}
	b.Passkeys = &passkey.Service{DB: db, Projects: b.Projects, Sessions: b.Sessions}
	b.TOTP = &totp.Service{DB: db, Projects: b.Projects, Sessions: b.Sessions, Attempts: &limit.Service{DB: db}}
	hasher, err := password.NewHasher(password.Params{Memory: 7 << 10, Passes: 1, Lanes: 1}, 64<<20, 4, 256)
	if err != nil {
		t.Fatal(err)
	}
	b.Passwords = &password.Service{DB: db, Projects: b.Projects, Hasher: hasher, Sessions: b.Sessions, Limits: &limit.Service{DB: db}, Log: log}
	manage(b.Server, db)
	b.Users = &user.Service{DB: db, EndSessions: session.EndAll}
	b.DPoP = &dpop.Service{Limits: &limit.Service{DB: db}}
	b.Messages = &connector.Service{DB: db, Projects: b.Projects, Log: log}
	b.byMessage(db, log)
	b.Passwords.Challenges = b.challenges
	b.handler = b.Handler()
	p, err := b.Projects.Create(t.Context(), tester, project.New{Name: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	b.project = p.ID
	b.key = b.makeKey(t, mgmtkey.Grant{Role: mgmtkey.Admin})
	return b
}

func (b *bundle) makeKey(t testing.TB, grants ...mgmtkey.Grant) string {
	t.Helper()
	_, cleartext, err := b.Keys.Create(t.Context(), tester, mgmtkey.Create{Name: "key", Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	return cleartext.Reveal()
}

// send makes a request as the project's admin and returns the answer.
func (b *bundle) send(t *testing.T, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+b.project+":"+b.key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// importBody writes the body of an import. more are further members.
func importBody(t *testing.T, files snapshot.Files, more string) string {
	t.Helper()
	var b bytes.Buffer
	if err := snapshot.WriteBody(&b, files, nil); err != nil {
		t.Fatal(err)
	}
	if more != "" { // further members, as text
		b.Truncate(b.Len() - len("}\n"))
		b.WriteString(more + "}")
	}
	if !jsontext.Value(b.Bytes()).IsValid() {
		t.Fatal("the body is not JSON")
	}
	return b.String()
}

// A routeRefusal is a request, and what it is told.
type routeRefusal struct {
	name, method, path, auth string
	status                   int
	code                     string
}

// Each row of the table refuses the same things, whoever wrote it.
func TestRoutesRefuse(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	stranger := b.makeKey(t, mgmtkey.Grant{Projects: []string{"Pother"}, Role: mgmtkey.Admin})
	for _, r := range b.routes() {
		refusals := []routeRefusal{
			{"no credential", r.method, r.path, "", 401, "E011007"},
			{"a project alone", r.method, r.path, "Bearer " + b.project, 401, "E011007"},
			{"an unknown key", r.method, r.path, "Bearer " + b.project + ":Kwrong", 401, "E111003"},
		}
		switch r.access.Scope {
		case edge.Nobody, edge.Project, edge.Company:
		case edge.Anyone:
			refusals = []routeRefusal{
				{"no credential", r.method, r.path, "", 401, "P40105"},
				{"a project that there is not", r.method, r.path, "Bearer Pabsent", 401, "P40105"},
			}
		case edge.Public:
			refusals = []routeRefusal{
				{"a project that there is not", r.method, strings.Replace(r.path, "{projectId}", "Pabsent", 1), "", 404, "E011008"},
				{"what is no id", r.method, strings.Replace(r.path, "{projectId}", "P%2e%2e", 1), "", 404, "E011008"},
			}
		case edge.User, edge.Token:
			refusals = []routeRefusal{
				{"no credential", r.method, r.path, "", 401, "P40105"},
				{"a project alone", r.method, r.path, "Bearer " + b.project, 401, "P40104"},
				{"no token", r.method, r.path, "Bearer " + b.project + ":wrong", 401, "P40106"},
			}
		}
		for _, tt := range append(refusals,
			routeRefusal{"a wrong method", "PURGE", r.path, "Bearer " + b.project + ":" + b.key, 405, "P40501"},
			routeRefusal{"another path", r.method, r.path + "/more", "Bearer " + b.project + ":" + b.key, 404, "P40401"},
		) {
			t.Run(r.method+r.path+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				w := b.send(t, tt.method, tt.path, `{}`, "Authorization", tt.auth)
				wantFault(t, w, tt.status, tt.code)
			})
		}
		if r.access.Scope != edge.Project {
			continue
		}
		t.Run(r.path+"/a project of others", func(t *testing.T) {
			t.Parallel()
			foreign := b.send(t, r.method, r.path, `{}`, "Authorization", "Bearer "+b.project+":"+stranger)
			absent := b.send(t, r.method, r.path, `{}`, "Authorization", "Bearer Pabsent:"+stranger)
			wantFault(t, foreign, 404, "E011008")
			if foreign.Body.String() != absent.Body.String() {
				t.Errorf("a foreign and an absent project differ: %s, %s", foreign.Body, absent.Body)
			}
		})
	}
}

func wantFault(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var got envelope
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if w.Code != status || got.Code != code || got.Description == "" || got.Message == "" {
		t.Errorf("got %d %s, want %d with code %s", w.Code, w.Body, status, code)
	}
}
