package torture

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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"postern/internal/testkit"
)

// nodesVariable says how long people use three nodes, such as "1m".
const nodesVariable = "POSTERN_NODES"

const (
	nodesClients = 24
	nodesTries   = 6 // of a client, before it shows an error to anybody
)

// nodes are servers on one PostgreSQL, which clients call one after the other.
type nodes struct {
	v    *victim
	all  [3]*node
	next atomic.Int64
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
		"--master-key-file", filepath.Join(n.v.dir, "data", "master.key"), "--log-level", "error")
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
func (n *nodes) call(ctx context.Context, client *http.Client, path, auth string, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var last error
	first := n.next.Add(1)
	for try := range int64(nodesTries) {
		if try > 0 {
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
		req.Header.Set("Authorization", "Bearer "+n.v.project+":"+auth)
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
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

// pair is what a sign-in or a refresh answers.
type pair struct {
	Session string `json:"sessionJwt"`
	Refresh string `json:"refreshJwt"`
}

// People sign in and refresh at three nodes in turn, with imports meanwhile, while
// one node after the other is stopped and started. Nobody sees an error that trying
// again does not hide, and no session is lost.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	_, _, binary := prepare(t)
	length := 6 * time.Second
	if text := os.Getenv(nodesVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	v := &victim{binary: binary, dir: t.TempDir(), database: testkit.Postgres(t), lengths: map[string]time.Duration{}}
	v.start(t) // which makes the project and its keys
	v.stop(t)
	n := &nodes{v: v}
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
	admin := &http.Client{}
	if err := n.configure(t.Context(), admin, 0); err != nil {
		t.Fatal(err)
	}
	var signIns, refreshes, imports, restarts atomic.Int64
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	done := func() bool { return ctx.Err() != nil }
	group, running := errgroup.WithContext(t.Context())
	for c := range nodesClients {
		group.Go(func() error {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
			who := map[string]any{"loginId": fmt.Sprintf("person%d@example.com", c)}
			var kept pair // refreshed to the end
			if err := n.call(running, client, "/v1/mgmt/auth/signup-in", v.key, who, &kept); err != nil {
				return err
			}
			for round := 0; !done() && running.Err() == nil; round++ {
				var now pair
				if round%10 == 0 {
					if err := n.call(running, client, "/v1/mgmt/auth/signin", v.key, who, &now); err != nil {
						return err
					}
					signIns.Add(1)
					continue
				}
				if err := n.call(running, client, "/v1/auth/refresh", kept.Refresh, map[string]any{}, &now); err != nil {
					return fmt.Errorf("round %d: %w", round, err)
				}
				refreshes.Add(1)
				if now.Refresh == "" || now.Refresh == kept.Refresh {
					return fmt.Errorf("round %d: the refresh token is not rotated", round)
				}
				kept = now
			}
			return n.call(running, client, "/v1/auth/validate", kept.Session, map[string]any{}, &map[string]any{})
		})
	}
	group.Go(func() error {
		for i := 1; !done() && running.Err() == nil; i++ {
			if err := n.configure(running, admin, i); err != nil {
				return err
			}
			imports.Add(1)
			pause(running, 200*time.Millisecond)
		}
		return nil
	})
	group.Go(func() error {
		for i := 0; !done() && running.Err() == nil; i = (i + 1) % len(n.all) {
			pause(running, 300*time.Millisecond)
			at := n.all[i]
			if err := at.process.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			if err := at.process.Wait(); err != nil {
				return fmt.Errorf("node %d does not end well: %w", i, err)
			}
			if err := n.start(running, i); err != nil {
				return err
			}
			restarts.Add(1)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("in %s: %d sign-ins, %d refreshes, %d imports, %d restarts", length, signIns.Load(), refreshes.Load(), imports.Load(), restarts.Load())
	if refreshes.Load() == 0 || imports.Load() == 0 || restarts.Load() == 0 {
		t.Error("something of this did not happen")
	}
}

// configure imports settings, each time others.
func (n *nodes) configure(ctx context.Context, client *http.Client, i int) error {
	files := map[string]any{
		"snapshot.json": map[string]any{"version": 5},
		"project.json":  map[string]any{"rotateJwt": true, "trustedDomains": fmt.Sprintf("n%d.example", i)},
	}
	return n.call(ctx, client, "/v1/mgmt/project/import", n.v.key, map[string]any{"files": files}, &map[string]any{})
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, length time.Duration) {
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
}
