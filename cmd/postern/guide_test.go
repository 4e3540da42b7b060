package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is a server of postern dev, with the example project and keys for it.
type shop struct {
	binary, url, project string
	keys                 map[string]string // by role
}

// newShop starts the server, which ends with the test.
func newShop(t *testing.T) *shop {
	t.Helper()
	tools(t)
	binary, err := exec.LookPath("postern")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	env := filepath.Join(dir, "ready.env") // it is there when the example is imported
	server := exec.Command(binary, "dev", "--listen", "127.0.0.1:0", "--data", dir, "--env-file", env)
	server.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	background(t, server)
	s := &shop{binary: binary, keys: map[string]string{}}
	until(t, "the server of postern dev", func() bool { return strings.HasSuffix(read(env), "\n") })
	for line := range strings.Lines(read(env)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "POSTERN_URL":
			s.url = value
		case "POSTERN_PROJECT_ID":
			s.project = value
		case "POSTERN_MANAGEMENT_KEY":
			s.keys["admin"] = value
		}
	}
	for _, role := range []string{"plan", "import"} {
		key, ok := s.bash(t, dir, `postern key create --name `+role+` --role `+role+` --project "$POSTERN_PROJECT_ID" 2>/dev/null`, s.asAdmin())
		if !ok || !strings.HasPrefix(key, "K") {
			t.Fatalf("no key: %s", key)
		}
		s.keys[role] = strings.TrimSpace(key)
	}
	return s
}

// asAdmin is an environment in which everything is allowed.
func (s *shop) asAdmin() map[string]string {
	return map[string]string{"POSTERN_URL": s.url, "POSTERN_PROJECT_ID": s.project, "POSTERN_MANAGEMENT_KEY": s.keys["admin"]}
}

// bash runs a script, and says whether it ended well.
func (s *shop) bash(t *testing.T, dir, script string, env ...map[string]string) (out string, ok bool) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "bash", "-c", script)
	run.Dir = dir
	run.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	for _, more := range env {
		for name, value := range more {
			run.Env = append(run.Env, name+"="+value)
		}
	}
	b, err := run.CombinedOutput()
	return string(b), err == nil
}

// tools skips where what the pipelines and guides use is missing.
func tools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "git", "jq", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("there is no " + tool)
		}
	}
}

// background starts a program that the end of the test stops.
func background(t *testing.T, run *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	run.Stdout, run.Stderr = &log, &log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run.Process.Signal(os.Interrupt); err == nil {
			_ = run.Wait()
		}
		if t.Failed() {
			t.Logf("%s:\n%s", run, log.Bytes())
		}
	})
}

// The commands of a guide are those of its blocks "sh", run one after the other
// in one shell. A block "sh server" runs beside the others, from when it answers.
// A comment that begins with "<!-- sh" is run and not shown: what a person does
// by hand, or what shows that the guide tells the truth.
var guideBlock = regexp.MustCompile("(?ms)^(?:```(sh|sh server)\n(.*?)^```|<!-- (sh)\n(.*?)^-->)$")

func TestGuides(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob(filepath.Join("..", "..", "docs", "guides", "*.md"))
	if err != nil || len(guides) < 4 {
		t.Fatalf("%d guides, %v", len(guides), err)
	}
	for _, file := range guides {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) {
			t.Parallel()
			tools(t)
			dir := t.TempDir()
			script := guideScript(read(file), freeAddress(t), dir)
			if !guideBlock.MatchString(read(file)) && !strings.Contains(read(file), "\n    postern ") {
				t.Skip("the guide is about what is done in a browser")
			}
			if strings.Count(script, "\npostern ") < 5 {
				t.Fatal("the guide has hardly any commands")
			}
			for _, sub := range []string{"lib", "etc", "backup"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			env := map[string]string{"HOME": dir, "GIT_CONFIG_NOSYSTEM": "1"}
			if strings.Contains(script, "$HOSTED_URL") {
				hosted := newShop(t)
				env["HOSTED_URL"], env["HOSTED_PROJECT_ID"], env["HOSTED_MANAGEMENT_KEY"] = hosted.url, hosted.project, hosted.keys["admin"]
			}
			if out, ok := (&shop{}).bash(t, dir, script, env); !ok {
				t.Errorf("the guide does not work:\n%s", out)
			}
		})
	}
}

// guideScript puts the blocks of a guide together. Addresses and folders that a
// reader has are those of the test.
func guideScript(text, address, dir string) string {
	var b strings.Builder
	b.WriteString("set -euxo pipefail\ntrap '[ -z \"${SERVER-}\" ] || kill \"$SERVER\"' EXIT\n")
	for _, m := range guideBlock.FindAllStringSubmatch(text, -1) {
		if m[1] != "sh server" {
			b.WriteString(m[2] + m[4])
			continue
		}
		fmt.Fprintf(&b, "POSTERN_LISTEN=%s %s &\nSERVER=$!\n", address, strings.TrimSpace(m[2]))
		fmt.Fprintf(&b, "curl -fsS -o /dev/null --retry 100 --retry-delay 1 --retry-max-time 30 --retry-all-errors http://%s/readyz\n", address)
	}
	return strings.NewReplacer("localhost:8787", address, "/var/lib/postern", filepath.Join(dir, "lib"), "/etc/postern", filepath.Join(dir, "etc"),
		"/backup/", filepath.Join(dir, "backup")+"/").Replace(b.String())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
