package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/audit"
	pkgproject "postern/internal/project"
	serverpkg "postern/internal/server"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// clients are how many call at once where the jobs of people are measured.
const clients = 16

// People is the whole server over loopback, with a project whose refresh tokens
// rotate and in which people have signed in.
type people struct {
	server  *serverpkg.Server
	url     string
	key     string // the file with the master key
	project string
	users   []*user.User
	tokens  []*session.Tokens // one session a client
}

// The settings of password hashes that are the default.
const (
	passwordMemory = 19 << 20
	passwordPasses = 2
)

// newServerOf builds the server as its command does, on a database, with the master
// key in a file that is made where it is missing.
func newServerOf(t testing.TB, database, key string) (*serverpkg.Server, string) {
	t.Helper()
	s, err := serverpkg.New(t.Context(), serverpkg.Config{
		Listen: "127.0.0.1:0", Database: database, MasterKeyFile: key, MakeMasterKey: true,
		Tuning: serverpkg.Tuning{
			MaxBody: 64 << 20, MaxFiles: 100_000, DatabaseConns: 16, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute,
			WriteTimeout: time.Minute, IdleTimeout: time.Minute, ShutdownTimeout: time.Minute,
			PasswordMemory: passwordMemory, PasswordPasses: passwordPasses, PasswordLanes: 1, HashingMemory: 256 << 20, HashingQueue: 256,
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return s, strings.TrimPrefix(h.URL, "http://")
}

func newPeople(t testing.TB, database string, n int) *people {
	t.Helper()
	p := &people{key: filepath.Join(t.TempDir(), "master.key")}
	p.server, p.url = newServerOf(t, database, p.key)
	by := audit.Origin{Actor: "bench"}
	made, err := p.server.Projects.Create(t.Context(), by, pkgproject.New{Name: "Bench"})
	if err != nil {
		t.Fatal(err)
	}
	p.project = made.ID
	p.configure(t, `{"rotateJwt":true}`)
	for i := range n {
		login := fmt.Sprintf("person%d@example.com", i)
		p.users = append(p.users, &user.User{Project: p.project, LoginIDs: []string{login}, Email: login, VerifiedEmail: true, Name: "A Person"})
	}
	for some := range slices.Chunk(p.users, 1000) {
		err := p.server.Sessions.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for _, u := range some {
				if err := user.Create(tx, u); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range clients {
		p.tokens = append(p.tokens, p.signIn(t, p.users[i*n/clients]))
	}
	return p
}

// configure imports the settings of the project.
func (p *people) configure(t testing.TB, settings string) {
	t.Helper()
	_, err := p.server.Projects.Import(t.Context(), audit.Origin{Actor: "bench"}, pkgproject.Import{
		Project: p.project, Upload: &snapshot.Upload{Files: snapshot.Files{"project.json": []byte(settings)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// signIn makes a session of a proof that costs nothing.
func (p *people) signIn(t testing.TB, u *user.User) *session.Tokens {
	t.Helper()
	config, err := p.server.Projects.Running(t.Context(), p.project)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.server.Sessions.SignIn(t.Context(), session.Login{
		Config: config, Method: session.AMREmail, Client: session.Client{Address: "192.0.2.1", UserAgent: "bench"},
		Prove: func(tx *store.Tx) (*user.User, bool, error) {
			u, err := user.Load(tx, p.project, u.ID)
			return u, false, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A wire is one connection that speaks HTTP, and costs little itself: it shares the
// processors with the server that is measured.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
	host string
}

func dial(t testing.TB, host string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), host: host}
}

// call makes a request, and returns the body of an answer that is 200.
func (w *wire) call(method, path, bearer, body string) ([]byte, error) {
	w.out.Reset()
	fmt.Fprintf(&w.out, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, w.host, bearer, len(body), body)
	if _, err := w.conn.Write(w.out.Bytes()); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	}
	return b, err
}

// member returns a text of a JSON object that is not escaped, without reading it
// all.
func member(b []byte, name string) (string, error) {
	_, rest, ok := bytes.Cut(b, []byte(`"`+name+`":"`))
	text, _, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !end {
		return "", errors.New("no " + name + " in " + string(b))
	}
	return string(text), nil
}

// A rate is how fast something went.
type rate struct {
	each      time.Duration // wall-clock time over requests
	processor time.Duration // of the whole process, clients included, over requests
}

func (r rate) perSecond() string { return fmt.Sprintf("%.0f/s", float64(time.Second)/float64(r.each)) }

// turn is how long each side is measured before the other one is.
const turn = 2 * time.Second

// load calls do from all clients for a turn; without a host they have no wire.
func load(t testing.TB, host string, do func(client int, w *wire) error) rate {
	t.Helper()
	began := time.Now()
	return drive(t, host, func(int) bool { return time.Since(began) < turn }, func(c, _ int, w *wire) error { return do(c, w) })
}

// some calls do n times from each client.
func some(t testing.TB, host string, n int, do func(client, call int, w *wire) error) rate {
	t.Helper()
	return drive(t, host, func(done int) bool { return done < n }, do)
}

// drive calls do from all clients, from each for as long as it may go on.
func drive(t testing.TB, host string, more func(done int) bool, do func(client, call int, w *wire) error) rate {
	t.Helper()
	var all sync.WaitGroup
	counts, errs := make([]int, clients), make([]error, clients)
	wires := make([]*wire, clients)
	for i := range wires {
		if host != "" {
			wires[i] = dial(t, host)
		}
	}
	cpu, began := processor(t), time.Now()
	for i := range clients {
		all.Go(func() {
			for more(counts[i]) && errs[i] == nil {
				errs[i] = do(i, counts[i], wires[i])
				counts[i]++
			}
		})
	}
	all.Wait()
	took, cpu := time.Since(began), processor(t)-cpu
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range counts {
		n += c
	}
	return rate{took / time.Duration(n), cpu / time.Duration(n)}
}

// processor returns the time that this process has had on processors.
func processor(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// middle returns the medians of rates.
func middle(all []rate) rate {
	var each, cpu []time.Duration
	for _, r := range all {
		each, cpu = append(each, r.each), append(cpu, r.processor)
	}
	return rate{median(each), median(cpu)}
}
