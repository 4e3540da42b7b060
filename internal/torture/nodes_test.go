package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/testkit"
)

// nodesTries is how often a client tries, before it shows an error to anybody.
const nodesTries = 6

// nodes are servers on one PostgreSQL, which clients call one after the other.
type nodes struct {
	v       *victim
	all     [3]*node
	client  *http.Client
	next    atomic.Int64
	retried atomic.Int64 // calls that were made once more
	used    atomic.Int64 // processor time of the nodes that were stopped
}

// open starts three nodes with a project, for as long as the test runs.
func open(t *testing.T, clients int) *nodes {
	t.Helper()
	_, _, binary := prepare(t)
	v := &victim{binary: binary, dir: t.TempDir(), database: testkit.Postgres(t), lengths: map[string]time.Duration{}}
	v.start(t) // which makes the project and its keys
	v.stop(t)
	n := &nodes{v: v, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	for i := range n.all {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n.all[i] = &node{address: l.Addr().String()}
		l.Close()
		if err := n.start(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, at := range n.all {
			_ = at.process.Process.Kill()
			_ = at.process.Wait()
		}
	})
	return n
}

// A node is one of the servers.
type node struct {
	address string
	process *exec.Cmd
}

// start starts a node, and waits until it is ready.
func (n *nodes) start(ctx context.Context, i int) error {
	at := n.all[i]
	at.process = exec.Command(n.v.binary, "serve", "--database", n.v.database, "--listen", at.address,
		"--master-key-file", filepath.Join(n.v.dir, "data", "master.key"), "--log-level", "error", "--address-asks", "0") // everybody comes from one address
	var out bytes.Buffer
	at.process.Stderr = &out
	if err := at.process.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		res, err := http.Get("http://" + at.address + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("node %d does not get ready: %s", i, &out)
}

// call asks one node after the other, as clients do that try again, until one
// answers.
func (n *nodes) call(ctx context.Context, path, auth string, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var last error
	first := n.next.Add(1)
	for try := range int64(nodesTries) {
		if try > 0 {
			n.retried.Add(1)
			select {
			case <-time.After(time.Duration(try) * 20 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		at := n.all[(first+try)%int64(len(n.all))]
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at.address+path, bytes.NewReader(b))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", strings.TrimSuffix("Bearer "+n.v.project+":"+auth, ":"))
		req.Header.Set("Content-Type", "application/json")
		res, err := n.client.Do(req)
		if err != nil {
			last = err
			continue
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		switch {
		case err != nil:
			last = err
		case res.StatusCode == http.StatusOK:
			return json.Unmarshal(answer, out)
		case res.StatusCode >= 500 || res.StatusCode == http.StatusConflict:
			last = fmt.Errorf("%s: %d %s", path, res.StatusCode, answer)
		default:
			return errors.Join(fmt.Errorf("%s: %d %s", path, res.StatusCode, answer), last)
		}
	}
	return fmt.Errorf("%d tries: %w", nodesTries, last)
}

// configure imports settings, each time others.
func (n *nodes) configure(ctx context.Context, i int) error {
	files := map[string]any{
		"snapshot.json": map[string]any{"version": 5},
		"project.json": map[string]any{
			"rotateJwt": true, "trustedDomains": fmt.Sprintf("n%d.example", i),
			"testUserRegex": "^robot", "testUserFixedAuthVerifierRegex": "^robot", "testUserFixedAuthToken": robotCode, "testUserAllowFixedAuth": true,
		},
	}
	return n.call(ctx, "/v1/mgmt/project/import", n.v.key, map[string]any{"files": files}, &map[string]any{})
}

// restart stops a node as an operator does, and starts it again.
func (n *nodes) restart(ctx context.Context, i int) error {
	at := n.all[i]
	if err := at.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := at.process.Wait(); err != nil {
		return fmt.Errorf("node %d does not end well: %w", i, err)
	}
	n.used.Add(int64(at.process.ProcessState.UserTime() + at.process.ProcessState.SystemTime()))
	return n.start(ctx, i)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, length time.Duration) {
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
}
