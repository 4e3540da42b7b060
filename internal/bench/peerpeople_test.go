//go:build linux

package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// TestRefreshBesidePocketBase prints how many tokens a second are refreshed here, each
// time with rotation and on the disk, and in PocketBase, which signs one token with a
// shared secret, writes nothing and takes the token before as well. The two are measured
// in turn, PocketBase in a process of its own.
func TestRefreshBesidePocketBase(t *testing.T) {
	out := newReport(t, "Refreshes beside PocketBase, SQLite, 16 at once", "Postern", "PocketBase", "ratio", "processor", "PocketBase", "ratio", "goal")
	bin, err := build(t, "pocketbase", ".")
	if err != nil {
		t.Skipf("left out: the module of the peer cannot be had: %v", err)
	}
	peer := startPeer(t, bin)
	defer peer.process.kill()
	theirs, ours := peer.people(t), newPeople(t, filepath.Join(t.TempDir(), "bench.db"), 2000)
	host := strings.TrimPrefix(peer.process.url, "http://")
	refreshed := ours.refreshTokens()
	var a, b []rate
	for range *rounds {
		a = append(a, load(t, ours.url, ours.refresh(refreshed)))
		var n atomic.Int64
		before := peer.process.processor(t)
		r := load(t, host, func(i int, w *wire) error {
			n.Add(1)
			body, err := w.call("POST", "/api/collections/users/auth-refresh", theirs[i], "")
			if err == nil {
				theirs[i], err = member(body, "token")
			}
			return err
		})
		r.processor += (peer.process.processor(t) - before) / time.Duration(n.Load())
		b = append(b, r)
	}
	x, y := middle(a), middle(b)
	out.row(x.perSecond(), y.perSecond(), ratio(y.each, x.each), x.processor.Round(time.Microsecond).String(), y.processor.Round(time.Microsecond).String(),
		ratio(y.processor, x.processor), "> 1")
}

// people makes one user a client, and signs each in.
func (p *peer) people(t *testing.T) []string {
	t.Helper()
	tokens := make([]string, clients)
	for i := range tokens {
		name, password := fmt.Sprintf("person%d@example.com", i), "only on loopback"
		p.call(t, http.MethodPost, "/api/collections/users/records", map[string]any{"email": name, "password": password, "passwordConfirm": password})
		b := p.call(t, http.MethodPost, "/api/collections/users/auth-with-password", map[string]any{"identity": name, "password": password})
		var answer struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatal(err)
		}
		tokens[i] = answer.Token
	}
	return tokens
}

// processor returns the time that the process has had on processors, to ten
// milliseconds.
func (p *process) processor(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // after the name of the program
	fields := strings.Fields(rest)
	var user, system int64
	if len(fields) < 13 {
		t.Fatalf("%q is too short", text)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
