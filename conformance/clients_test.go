package conformance

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// TestNodeSDK runs the suite of node/, which drives the official Node SDK.
func TestNodeSDK(t *testing.T) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			leaveOut(t, tool+" is not installed")
		}
	}
	each(t, func(t *testing.T, s *server) {
		if out, err := installNode(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		s.plant(secretValues(readSecrets(t, secretsFile))...)
		notes := filepath.Join(t.TempDir(), "driven")
		runOther(t, s, "node", s.newProject(t), []string{"POSTERN_DRIVEN=" + notes}, "node", "--test")
		if err := readDriven(notes); err != nil {
			t.Error(err)
		}
	})
}

var installNode = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = "node"
	return cmd.CombinedOutput()
})

// TestOlderGoSDK runs the suite of oldsdk/, which drives the version of the Go SDK that the command line tool is built with.
func TestOlderGoSDK(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		runOther(t, s, "oldsdk", s.newShop(t), nil, "go", "test", "-count=1", "./...")
	})
}

// TestConsole runs the suite of browser/, which drives the console and a page with the SDK for browsers, with Chromium.
func TestConsole(t *testing.T) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "headless-shell", "headless_shell"}
	if !slices.ContainsFunc(names, func(name string) bool { _, err := exec.LookPath(name); return err == nil }) {
		leaveOut(t, "no Chromium is installed")
	}
	each(t, func(t *testing.T, s *server) {
		if _, err := exec.LookPath("npm"); err == nil { // the SDK for browsers comes from there
			if out, err := installNode(); err != nil {
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
		} else {
			noteLeftOut("the web-js SDK", "npm is not installed")
		}
		s.plant("planted-in-the-browser-9f2")
		runOther(t, s, "browser", s.newShop(t), nil, "go", "test", "-count=1", "./...")
	})
}

// runOther runs the suite in a folder of its own against one project of a server, and tells it where the post office is.
func runOther(t *testing.T, s *server, dir, project string, env []string, command ...string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(post.mail.Addr().String())
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), env...),
		"POSTERN_URL="+s.url,
		"POSTERN_PROJECT_ID="+project,
		"POSTERN_EMPTY_PROJECT_ID="+s.project,
		"POSTERN_MANAGEMENT_KEY="+s.key,
		"POSTERN_EXAMPLE="+absolute(t, exampleDir),
		"POSTERN_EXAMPLE_SECRETS="+absolute(t, secretsFile),
		"POSTERN_MAIL_PORT="+port,
		"POSTERN_POST_URL="+post.url(),
	)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", dir, err, out.Bytes())
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}
