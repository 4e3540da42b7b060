package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for a server.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under -race every command would sleep for a second at its end
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":   await,
			"reach":   reach,
			"port":    port,
			"mode":    mode,
			"capture": capture,
			"answers": answers,
		},
	})
}

// await FILE waits for the env file of a server, and takes its lines over into
// the environment.
func await(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	within(ts, "the env file "+args[0], func() bool {
		b, err := os.ReadFile(file)
		if err != nil || !bytes.HasSuffix(b, []byte("\n")) {
			return false
		}
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			ts.Setenv(name, value)
		}
		return true
	})
}

// reach URL waits until a server answers that it is ready.
func reach(ts *testscript.TestScript, _ bool, args []string) {
	within(ts, args[0], func() bool {
		res, err := http.Get(args[0] + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// within tries again and again until it works.
func within(ts *testscript.TestScript, what string, try func() bool) {
	if !comes(try) {
		ts.Fatalf("%s is not there within %s", what, patience)
	}
}

// until does the same for a test without a script.
func until(t *testing.T, what string, try func() bool) {
	t.Helper()
	if !comes(try) {
		t.Fatalf("%s is not there within %s", what, patience)
	}
}

func comes(try func() bool) bool {
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !try() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// port NAME puts an address that is free now into a variable.
func port(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// mode FILE WANT compares the permissions of a file.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

// capture NAME puts what the last command printed into a variable.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// answers METHOD URL STATUS TEXT asks a server, and compares what it answers.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(args[0], args[1], nil)
	ts.Check(err)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	ts.Check(err)
	if fmt.Sprint(res.StatusCode) != args[2] || !strings.Contains(body.String(), args[3]) {
		ts.Fatalf("%s answers %d: %s", args[1], res.StatusCode, body.String())
	}
}
