package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/connector"
	"postern/internal/project"
	"postern/internal/secret"
)

// settings are those of a server in a folder of its own.
func settings(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	return Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(dir, "postern.db"), MasterKeyFile: filepath.Join(dir, "master.key"), MakeMasterKey: true,
		Tuning: Tuning{
			MaxBody: 1 << 20, MaxFiles: 100, DatabaseConns: 2, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute,
			WriteTimeout: time.Minute, IdleTimeout: time.Minute, ShutdownTimeout: time.Minute,
			PasswordMemory: 7 << 20, PasswordPasses: 1, PasswordLanes: 1, HashingMemory: 64 << 20, HashingQueue: 256,
		},
	}
}

// lines is a log that tests read while the server writes it.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func start(t *testing.T, config Config) (*Server, *lines) {
	t.Helper()
	log := &lines{}
	s, err := New(t.Context(), config, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, log
}

// ask sends one request to the handler.
func ask(s *Server, method, target string, header http.Header) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
	maps.Copy(r.Header, header)
	s.Handler().ServeHTTP(w, r)
	return w
}

// Whoever keeps data that a configuration decides about is asked for each plan.
func TestOwnersOfDataAreAskedForEffects(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	var owners []string
	for _, e := range s.Projects.Effects {
		owners = append(owners, e.Owner)
	}
	for _, want := range []string{"users", "tenants", "access keys", "sessions", "passwords"} {
		if !slices.Contains(owners, want) {
			t.Errorf("%s are not asked: %q", want, owners)
		}
	}
}

// A project has its key from the moment on at which it is made, however that was: who
// verifies its tokens may ask before anybody signs in.
func TestProjectsAreMadeWithTheirKey(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	by := audit.Origin{Actor: "test"}
	made, err := s.Projects.Create(t.Context(), by, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	clone, err := s.Projects.Clone(t.Context(), by, made.ID, project.New{Name: "Shop again"})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, id := range []string{made.ID, clone.ID} {
		w := ask(s, "GET", "/v1/keys/"+id, nil)
		seen[w.Body.String()] = true
		if w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(seen) != 2 {
		t.Errorf("a clone has the key of its project: %v", seen)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	for _, test := range []struct {
		name, method, target string
		status               int
		body, media          string
	}{
		{"the process lives", "GET", "/healthz", 200, `{"status":"ok"}`, "application/json"},
		{"the database answers", "GET", "/readyz", 200, `"status":"ready"`, "application/json"},
		{"a page for people", "GET", "/", 200, "This is a Postern server", "text/html; charset=utf-8"},
		{"counts", "GET", "/metrics", 200, "go_goroutines", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"nothing here", "GET", "/favicon.ico", 404, `"errorCode":"P40401"`, "application/json"},
		{"no cleaning of paths", "GET", "//healthz", 404, `"errorCode":"P40401"`, "application/json"},
		{"nothing in the API", "GET", "/v1/nothing", 404, `"errorCode":"P40401"`, "application/json"},
		{"a slash too many before the API", "POST", "//v1/mgmt/project/export", 401, `"errorCode":"E011007"`, "application/json"},
		{"keys of no project", "GET", "/Pnobody/.well-known/jwks.json", 404, `"errorCode":"E011008"`, "application/json"},
		{"what pages ask of no project", "GET", "/.well-known/project-configuration/Pnobody", 404, `"errorCode":"E011008"`, "application/json"},
		{"nothing well-known", "GET", "/readyz/.well-known/jwks.json", 404, `"errorCode":"P40401"`, "application/json"},
		{"pages are read only", "POST", "/readyz", 405, `"errorCode":"P40501"`, "application/json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := ask(s, test.method, test.target, nil)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.body) || w.Header().Get("Content-Type") != test.media {
				t.Errorf("%s %s: %d %s\n%s", test.method, test.target, w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			if w.Code >= 400 {
				var envelope map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil {
					t.Errorf("the body of an error is not JSON: %v", err)
				}
			}
		})
	}
}

func TestNotReadyWithoutDatabase(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	if w := ask(s, "GET", "/readyz", nil); w.Code != 503 || !strings.Contains(w.Body.String(), `"status":"unavailable"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/healthz", nil); w.Code != 200 {
		t.Errorf("the process counts as dead: %d", w.Code)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	for name, sent := range map[string]string{"taken over": "build-42.attempt:1", "forged": "a\" level=ERROR", "too long": strings.Repeat("a", 65), "none": ""} {
		got := ask(s, "GET", "/healthz", http.Header{requestIDHeader: {sent}}).Header().Get(requestIDHeader)
		if name == "taken over" && got != sent {
			t.Errorf("%s: %q", name, got)
		}
		if name != "taken over" && (got == sent || !validID(got)) {
			t.Errorf("%s: %q is answered", name, got)
		}
	}
}

// The log names routes. What a caller sends may be a secret wherever it stands.
func TestLogHoldsNothingOfRequest(t *testing.T) {
	t.Parallel()
	s, log := start(t, settings(t))
	const planted = "Kpl4nted"
	for _, target := range []string{"/v1/mgmt/project/export?k=" + planted, "/" + planted, "/v1/" + planted} {
		ask(s, "POST", target, http.Header{"Authorization": {"Bearer P1:" + planted}, "X-" + planted: {planted}, "User-Agent": {planted}})
		ask(s, planted, target, nil)
	}
	if strings.Contains(log.String(), planted) {
		t.Errorf("the log holds what a caller sent:\n%s", log)
	}
	if !strings.Contains(log.String(), "route=/v1/mgmt/project/export status=401") {
		t.Errorf("the log does not name the route:\n%s", log)
	}
	if strings.Contains(ask(s, "GET", "/metrics", nil).Body.String(), planted) {
		t.Error("the metrics hold what a caller sent")
	}
}

func TestPanicIsAnswered(t *testing.T) {
	t.Parallel()
	s, log := start(t, settings(t))
	const planted = "s3cret in a panic"
	s.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/half" {
			_, _ = io.WriteString(w, `{"half":`)
		}
		panic(planted)
	})
	w := ask(s, "POST", "/v1/whole", nil)
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"errorCode":"P50001"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	func() {
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
				t.Errorf("half an answer ends with %v, not with a broken connection", cause)
			}
		}()
		ask(s, "POST", "/v1/half", nil)
	}()
	if strings.Contains(log.String(), planted) || !strings.Contains(log.String(), "msg=panic") {
		t.Errorf("the log has the value of the panic, or no panic:\n%s", log)
	}
	if body := ask(s, "GET", "/metrics", nil).Body.String(); !strings.Contains(body, "postern_http_requests_in_flight 1\n") {
		t.Error("requests that panic stay in flight")
	}
}

func TestPasswordsThatWaitAreCounted(t *testing.T) {
	t.Parallel()
	s, _ := start(t, settings(t))
	body := ask(s, "GET", "/metrics", nil).Body.String()
	for _, want := range []string{"postern_password_queue 0\n", "postern_password_queue_refused_total 0\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	m, err := newMetrics(nil, func() (int, uint64) { return 3, 4 }, &connector.Streamed{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"postern_password_queue 3\n", "postern_password_queue_refused_total 4\n"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body)
		}
	}
}

func TestImportsAreCounted(t *testing.T) {
	t.Parallel()
	m, err := newMetrics((&Server{}).collected(), func() (int, uint64) { return 0, 0 }, &connector.Streamed{})
	if err != nil {
		t.Fatal(err)
	}
	for status, n := range map[int]int{200: 3, 400: 2, 403: 1, 409: 1, 412: 1, 500: 1} {
		for range n {
			m.begin()("/v1/mgmt/project/snapshot/import", "POST", status, time.Millisecond)
		}
	}
	m.begin()("/v1/mgmt/project/export", "POST", 200, time.Millisecond)
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`{outcome="done"} 3`, `{outcome="refused"} 3`, `{outcome="conflict"} 2`, `{outcome="failed"} 1`} {
		if !strings.Contains(w.Body.String(), "postern_imports_total"+want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}

func TestStopFinishesRequests(t *testing.T) {
	t.Parallel()
	s, log := start(t, settings(t))
	began, goOn := make(chan struct{}), make(chan struct{})
	s.api = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-goOn
		_, _ = io.WriteString(w, "done")
	})
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get(s.URL() + "/v1/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answered <- string(b)
	}()
	<-began
	stop()
	for tick := time.Tick(time.Millisecond); !strings.Contains(log.String(), "msg=stopping"); <-tick {
	}
	if w := ask(s, "GET", "/readyz", nil); w.Code != 503 || !strings.Contains(w.Body.String(), `"status":"stopping"`) {
		t.Errorf("while it stops it is ready: %d %s", w.Code, w.Body)
	}
	select {
	case err := <-served:
		t.Fatalf("the server stopped before the request was answered: %v", err)
	default:
	}
	close(goOn)
	if got := <-answered; got != "done" {
		t.Errorf("the request got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	config := settings(t)
	pool := certificate(t, &config)
	s, _ := start(t, config)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}}}
		res, err := client.Get(s.URL() + "/healthz")
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
		client.CloseIdleConnections()
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T, config *Config) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config.TLSCert, config.TLSKey = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{config.TLSCert: {Type: "CERTIFICATE", Bytes: cert}, config.TLSKey: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return pool
}

func TestURL(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{"127.0.0.1:0": "http://127.0.0.1:", "localhost:0": "http://localhost:", ":0": "http://localhost:", "0.0.0.0:0": "http://localhost:"} {
		config := settings(t)
		config.Listen = listen
		s, _ := start(t, config)
		if err := s.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.URL(); !strings.HasPrefix(got, want) || strings.HasSuffix(got, ":0") {
			t.Errorf("%s: %s", listen, got)
		}
	}
}

func TestMasterKey(t *testing.T) {
	t.Parallel()
	ready := func(t *testing.T) Config {
		t.Helper()
		config := settings(t)
		s, _ := start(t, config)
		if !s.KeyMade {
			t.Fatal("no key was made")
		}
		if _, err := s.Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "one"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return config
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, c *Config)
		want   string // part of the error; "" for none
	}{
		"the same again":              {func(*testing.T, *Config) {}, ""},
		"nothing is named":            {func(_ *testing.T, c *Config) { c.MasterKeyFile, c.MakeMasterKey = "", false }, "there is no master key"},
		"to be made nowhere":          {func(_ *testing.T, c *Config) { c.MasterKeyFile = "" }, "needs --master-key-file"},
		"missing, and not to be made": {func(_ *testing.T, c *Config) { c.MasterKeyFile, c.MakeMasterKey = c.MasterKeyFile+"2", false }, "--make-master-key"},
		"another one for old secrets": {func(_ *testing.T, c *Config) { c.MasterKeyFile += "2" }, "sealed under another master key"},
		"a folder":                    {func(t *testing.T, c *Config) { t.Helper(); c.MasterKeyFile = t.TempDir() }, "is not a file"},
		"readable by the group":       {func(t *testing.T, c *Config) { t.Helper(); chmod(t, c.MasterKeyFile, 0o640) }, "can be read by others (mode 0640)"},
		"readable by all":             {func(t *testing.T, c *Config) { t.Helper(); chmod(t, c.MasterKeyFile, 0o604) }, "can be read by others"},
		"not a key":                   {func(t *testing.T, c *Config) { t.Helper(); write(t, c.MasterKeyFile, `{"key":"s3cret"}`) }, "not a Tink keyset"},
		"in the environment, as well": {func(_ *testing.T, c *Config) { c.MasterKey = secret.New("x") }, "give one of them"},
		"in the environment, wrong": {func(_ *testing.T, c *Config) {
			c.MasterKeyFile, c.MakeMasterKey, c.MasterKey = "", false, secret.New("s3cret")
		}, "POSTERN_MASTER_KEY: "},
		"in the environment, as it is": {fromEnvironment, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := ready(t)
			before, err := os.ReadFile(config.MasterKeyFile)
			if err != nil {
				t.Fatal(err)
			}
			file := config.MasterKeyFile
			test.change(t, &config)
			changed, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(t.Context(), config, slog.New(slog.DiscardHandler))
			if err == nil {
				defer s.Close()
			}
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("New returns %v", err)
			case err != nil && strings.Contains(err.Error(), "s3cret"):
				t.Errorf("the error quotes the key: %v", err)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, changed) || len(before) == 0 {
				t.Errorf("the key file was touched: %v", err)
			}
			if _, err := os.Stat(file + "2"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a key was made and left: %v", err)
			}
		})
	}
}

func fromEnvironment(t *testing.T, c *Config) {
	t.Helper()
	b, err := os.ReadFile(c.MasterKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.MasterKeyFile, c.MakeMasterKey, c.MasterKey = "", false, secret.New(string(b))
}

func chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"64MiB": 64 << 20, "1048576": 1 << 20, "2GB": 2e9, "10 kB": 1e4, "5B": 5,
		"": -1, "MiB": -1, "-1": -1, "1.5MiB": -1, "64mib": -1, "9999999999TiB": -1, "1ZiB": -1,
	} {
		var got Size
		err := got.UnmarshalText([]byte(text))
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
