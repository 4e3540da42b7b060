package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startWithin = time.Minute
	stopWithin  = 20 * time.Second
)

// server is one running process of the product.
type server struct {
	name    string
	url     string
	project string // the empty project that the server began with; tests clone it and never change it
	key     string // a management key that may do everything

	proxy  net.Listener // what the clients call
	cmd    *exec.Cmd
	exited chan error
	output *output
	after  func() error

	mu      sync.Mutex
	planted []string
}

// plant remembers secret values that this server was given and must never print.
func (s *server) plant(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planted = append(s.planted, values...)
}

func start(name, bin, dir string, more ...string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	envFile := filepath.Join(dir, "postern.env")
	args := []string{"dev", "--empty", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--env-file", envFile}
	s := &server{name: name, cmd: exec.Command(bin, append(args, more...)...), exited: make(chan error, 1), output: &output{}}
	s.cmd.Dir = dir
	s.cmd.Env = serverEnv()
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()

	if err := s.awaitReady(envFile); err != nil {
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("%w\n%s", err, s.output.tail())
	}
	return s, nil
}

// serverEnv is the environment without the settings of this suite: those of the server begin with POSTERN_ as well.
func serverEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "POSTERN_") })
	return append(env, "POSTERN_ALLOW_PRIVATE=127.0.0.1", "POSTERN_PROVIDER_URL=twilio-core="+post.url()) // the post office
}

func (s *server) awaitReady(envFile string) error {
	deadline := time.After(startWithin)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-s.exited:
			return fmt.Errorf("it ended before it was ready: %w", errors.Join(errors.New("exit"), err))
		case <-deadline:
			return fmt.Errorf("not ready within %s: the env file lacks a line", startWithin)
		case <-tick.C:
			env := readEnv(envFile)
			s.url, s.project, s.key = env["POSTERN_URL"], env["POSTERN_PROJECT_ID"], env["POSTERN_MANAGEMENT_KEY"]
			if s.url != "" && s.project != "" && s.key != "" {
				s.plant(s.key)
				proxy, err := record.before(s.url)
				if err != nil {
					return err
				}
				s.url, s.proxy = "http://"+proxy.Addr().String(), proxy
				return nil
			}
		}
	}
}

// readEnv reads the complete lines of an env file; one that is still being written counts as absent.
func readEnv(path string) map[string]string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	env := map[string]string{}
	for line := range strings.Lines(string(data)) {
		text, complete := strings.CutSuffix(line, "\n")
		if name, value, found := strings.Cut(text, "="); complete && found {
			env[strings.TrimPrefix(strings.TrimSpace(name), "export ")] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return env
}

// stop ends the process and reports what it left behind: a bad exit, a data race, a secret in its output.
func (s *server) stop() error {
	var problems []error
	_ = s.proxy.Close()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		problems = append(problems, fmt.Errorf("it was no longer there: %w", err))
	}
	select {
	case err := <-s.exited:
		if err != nil {
			problems = append(problems, fmt.Errorf("after SIGTERM: %w\n%s", err, s.output.tail()))
		}
	case <-time.After(stopWithin):
		_ = s.cmd.Process.Kill()
		problems = append(problems, fmt.Errorf("still running %s after SIGTERM\n%s", stopWithin, s.output.tail()))
	}
	if s.after != nil {
		problems = append(problems, s.after())
	}
	text := s.output.bytes()
	if bytes.Contains(text, []byte("DATA RACE")) {
		problems = append(problems, fmt.Errorf("a data race\n%s", s.output.tail()))
	}
	for i, value := range s.planted {
		// The key that dev prints for its user is its business; it is the first one planted.
		if i > 0 && bytes.Contains(text, []byte(value)) {
			problems = append(problems, fmt.Errorf("its output shows a secret value that begins with %q", value[:min(4, len(value))]))
		}
	}
	return errors.Join(problems...)
}

// output keeps what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.buf.Bytes())
}

func (o *output) tail() string {
	text := o.bytes()
	return "its last output:\n" + string(text[max(0, len(text)-4000):])
}

// database is a PostgreSQL database that lives as long as one run.
type database struct{ admin, name, url string }

func createDatabase(admin string) (database, error) {
	parsed, err := url.Parse(admin)
	if err != nil || !strings.HasPrefix(parsed.Scheme, "postgres") {
		return database{}, errors.New("POSTERN_TEST_POSTGRES must be a postgres:// URL of a user who may create databases")
	}
	name := "postern_conformance_" + strings.ToLower(rand.Text()[:10])
	parsed.Path = "/" + name
	db := database{admin: admin, name: name, url: parsed.String()}
	return db, db.exec("CREATE DATABASE " + name)
}

func (db database) drop() error { return db.exec("DROP DATABASE " + db.name + " WITH (FORCE)") }

func (db database) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, db.admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}
