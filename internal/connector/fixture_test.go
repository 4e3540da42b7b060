package connector

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"postern/internal/audit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

var tester = audit.Origin{Actor: "Ktester"}

// A fixture is a project, and the service that sends its messages.
type fixture struct {
	*Service
	cfg  *project.Config
	logs *buffer
}

// A buffer is a log that several may write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A conn is a connector of the fixture: its type, and its configuration as JSON,
// credentials in it.
type conn struct{ typ, configuration string }

// setup makes a project with connectors, whose ids are "CI1", "CI2" and so on. What
// is on loopback is allowed.
func setup(t *testing.T, db *store.DB, environment string, list ...conn) *fixture {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{logs: &buffer{}}
	logger := slog.New(slog.NewTextHandler(f.logs, nil))
	f.Service = &Service{DB: db, Projects: &project.Service{DB: db, Master: master, Log: logger}, Log: logger}
	f.Projects.Obeyed = append(f.Projects.Obeyed, f.Obeyed)
	f.allow(t, safehttp.Options{}, "127.0.0.0/8", "::1")
	f.cfg = f.project(t, environment, list...)
	return f
}

func (f *fixture) allow(t *testing.T, opts safehttp.Options, list ...string) {
	t.Helper()
	allow, err := safehttp.ParseAllow(list)
	if err != nil {
		t.Fatal(err)
	}
	opts.Allow, opts.Roots = allow, roots(t)
	f.HTTP = safehttp.New(opts)
	t.Cleanup(f.HTTP.Close)
}

// project makes a project with connectors.
func (f *fixture) project(t *testing.T, environment string, list ...conn) *project.Config {
	t.Helper()
	p, err := f.Projects.Create(t.Context(), tester, project.New{Name: "Lantern", Environment: environment})
	if err != nil {
		t.Fatal(err)
	}
	files := snapshot.Files{"snapshot.json": []byte(`{"version":5}`)}
	var names []string
	for i, c := range list {
		names = append(names, fmt.Sprintf(`"c%d"`, i+1))
		files[fmt.Sprintf("connectors/c%d.json", i+1)] = fmt.Appendf(nil, `{"id":"CI%d","name":"Gate %d","type":%q,"configuration":%s}`, i+1, i+1, c.typ, c.configuration)
	}
	files["connectors/connectors.json"] = []byte(`{"connectors":[` + strings.Join(names, ",") + `]}`)
	_, err = f.Projects.Import(t.Context(), tester, project.Import{Project: p.ID, Upload: &snapshot.Upload{Files: files, SameIDs: true}})
	if err != nil {
		t.Fatalf("%v %+v", err, err)
	}
	cfg, err := f.Projects.Config(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Connectors) != len(list) {
		t.Fatalf("the project has the connectors %v", cfg.Connectors)
	}
	return cfg
}

func one(t *testing.T, list ...conn) *fixture {
	t.Helper()
	return setup(t, testkit.Store(t), "", list...)
}

// certificate is the one of httptest, for 127.0.0.1 and example.com.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates[0]
}

func roots(t *testing.T) *x509.CertPool {
	t.Helper()
	leaf, err := x509.ParseCertificate(certificate(t).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}

// A seen request is one that a service got.
type seen struct {
	*http.Request
	body string
}

// A web is a service on loopback that answers what it is told to.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []seen
	answer func(seen) (int, string)
}

func newWeb(t *testing.T, answer func(seen) (int, string)) *web {
	t.Helper()
	w := &web{answer: answer}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got := seen{r, string(b)}
		w.mu.Lock()
		w.seen = append(w.seen, got)
		w.mu.Unlock()
		status, body := http.StatusOK, "{}"
		if w.answer != nil {
			status, body = w.answer(got)
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}))
	t.Cleanup(w.Close)
	return w
}

// last returns the newest request, and fails the test if there are not n.
func (w *web) last(t *testing.T, n int) seen {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) != n {
		t.Fatalf("the service got %d requests, want %d", len(w.seen), n)
	}
	return w.seen[n-1]
}

func anEmail() message.Message {
	return message.Message{Kind: message.Email, To: "ada@people.example", Subject: "Zwölf – 123456", HTML: "<p>Code 123456</p>", Text: "Code 123456", Code: "123456"}
}

func aText() message.Message {
	return message.Message{Kind: message.SMS, To: "+12025550143", Text: "Code 123456 https://app.example/in?t=token-of-the-link", Code: "123456"}
}

// newTLSWeb is a service with a certificate of an authority that nobody knows.
func newTLSWeb(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// withoutRoots reaches loopback and trusts the authorities of the system only.
func withoutRoots(t *testing.T) *safehttp.Client {
	t.Helper()
	allow, err := safehttp.ParseAllow([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	c := safehttp.New(safehttp.Options{Allow: allow})
	t.Cleanup(c.Close)
	return c
}
