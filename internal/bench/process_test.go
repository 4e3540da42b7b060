//go:build linux

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds what a program may take that is waited for.
const patience = 10 * time.Minute

// release builds the program as it is released: static and stripped.
func release(t *testing.T) string {
	t.Helper()
	bin, err := build(t, filepath.Join("..", ".."), "./cmd/postern")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func build(t *testing.T, module, pkg string) (string, error) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", module, "-trimpath", "-ldflags", "-s -w", "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return bin, nil
}

// A process is a running program that serves HTTP.
type process struct {
	cmd *exec.Cmd
	url string
}

// launch starts a program, waits until it answers 200 at ready, and says how
// long that took. args gets the address to listen on.
func launch(t *testing.T, ready, bin string, args func(address string) []string) (*process, time.Duration) {
	t.Helper()
	address := freeAddress(t)
	p := &process{url: "http://" + address}
	// It is stopped with a signal, and killed only where the test ends without.
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), bin, args(address)...)
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for {
		if code, err := status(t.Context(), p.url+ready); err == nil && code == http.StatusOK {
			return p, time.Since(began)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%s is not ready", bin)
		}
		time.Sleep(time.Millisecond / 2)
	}
}

// status asks without keeping the connection.
func status(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process where nothing is to be learnt from how it ends.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}

// resident is the memory that the process holds, in bytes.
func (p *process) resident() int64 { return memory(p.cmd.Process.Pid, "VmRSS:") }

// memory reads a line of what the system tells of a process, in bytes; 0 for a
// process that has ended.
func memory(pid int, line string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), line)
	var kb int64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0
	}
	return kb << 10
}

// once runs a program to its end, and says how long it took and the most memory
// that it held, in bytes. What wait tells of memory would be that of this
// process, from which the other is forked.
func once(t *testing.T, bin string, args ...string) (took time.Duration, most int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, &text)
			}
			return time.Since(began), most
		case <-tick.C:
			most = max(most, memory(cmd.Process.Pid, "VmHWM:"))
		}
	}
}
