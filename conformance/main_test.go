// Package conformance drives the built server from outside, with the clients that its users already have: the official
// Go SDK, the Node SDK and the command line tool. It knows nothing of the inside of the product and imports none of it.
package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// servers are the running servers, one a database. Every test runs against each of them.
var servers []*server

func TestMain(m *testing.M) {
	flag.Parse()
	if least := 4; runtime.GOMAXPROCS(0) < least { // the tests wait more than they compute
		_ = flag.Set("test.parallel", strconv.Itoa(least))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// The SDK reads these when a test leaves a setting empty on purpose.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "DESCOPE_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "postern-conformance-")
	if err != nil {
		return failed("make a work folder", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	if post, err = openPost(); err != nil {
		return failed("open a post office", err)
	}
	defer post.close()
	bin, err := build(dir)
	if err != nil {
		return failed("build the server", err)
	}
	code := startAll(bin, dir)
	if code == 0 {
		code = m.Run()
	}
	if code == 0 {
		if err := checkCompatibility(); err != nil {
			code = failed("compatibility", err)
		}
	}
	for _, s := range servers {
		if err := s.stop(); err != nil {
			code = failed("stop "+s.name, err)
		}
	}
	return code
}

// build compiles the server into dir, or takes the binary that POSTERN_BIN names.
func build(dir string) (string, error) {
	if bin := os.Getenv("POSTERN_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(dir, "postern")
	args := []string{"build", "-o", bin}
	if os.Getenv("POSTERN_RACE") == "1" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/postern")...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
}

func startAll(bin, dir string) int {
	embedded, err := start("sqlite", bin, filepath.Join(dir, "sqlite"))
	if err != nil {
		return failed("start the server on its embedded database", err)
	}
	servers = append(servers, embedded)

	admin := os.Getenv("POSTERN_TEST_POSTGRES")
	if admin == "" {
		noteLeftOut("everything on PostgreSQL", "POSTERN_TEST_POSTGRES names no server")
		return 0
	}
	db, err := createDatabase(admin)
	if err != nil {
		return failed("make a database", err)
	}
	onPostgres, err := start("postgres", bin, filepath.Join(dir, "postgres"), "--database", db.url)
	if err != nil {
		_ = db.drop()
		return failed("start the server on PostgreSQL", err)
	}
	onPostgres.after = db.drop
	servers = append(servers, onPostgres)
	return 0
}

func failed(what string, err error) int {
	fmt.Fprintf(os.Stderr, "conformance: %s: %v\n", what, err)
	return 1
}

// each runs a test against every server.
func each(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	t.Parallel()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// leaveOut skips a test and tells ./run why.
func leaveOut(t *testing.T, why string) {
	t.Helper()
	noteLeftOut(t.Name(), why)
	t.Skip(why)
}

func noteLeftOut(what, why string) {
	path := os.Getenv("POSTERN_LEFT_OUT")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	_, _ = fmt.Fprintf(f, "%s: %s\n", what, why)
}
