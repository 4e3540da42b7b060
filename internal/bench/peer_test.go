//go:build linux

package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// growth are the sizes at which growth is measured, in files.
var growth = []int{51, 99, 201, 399, 801, 1599, 3003}

// perDocument is the size of a document there, in bytes, about.
const perDocument = 4300

// peerJobs are what is done to a project, and to the records of its files: a batch of
// upserts of all of them, whichever job it is, as PocketBase does not know what changed.
var peerJobs = []string{"first", "again, unchanged", "1 % changed"}

// TestPocketBase prints how long the inputs of the goals take in PocketBase, in one
// batch transaction of upserts, for each of the three jobs that an import has. It is
// driven as its users drive it, over HTTP, with its own defaults: SQLite with
// synchronous=NORMAL, where ours is FULL. Its limits of a batch are raised. The floor
// says how much faster an import could be at all.
func TestPocketBase(t *testing.T) {
	out := newReport(t, "Beside PocketBase", "input", "job", "import", "batch of upserts", "ratio", "goal", "floor", "batch over floor")
	bin := buildPeer(t)
	for _, s := range sizes {
		if !strings.Contains(s.name, *only) {
			continue
		}
		b := beside(t, bin, s)
		for i, job := range peerJobs {
			out.row(s.name, job, b.ours[i], b.theirs[i], ratio(b.theirs[i], b.ours[i]), ">= 20", b.floors[i], ratio(b.theirs[i], b.floors[i]))
		}
	}
}

// TestPocketBaseGrowth prints how the same grow with the number of documents, and how
// long its import of collections takes for as many entries: the closest that it has to
// an import of configuration.
func TestPocketBaseGrowth(t *testing.T) {
	out := newReport(t, "Beside PocketBase, growth", "files", "job", "Postern", "PocketBase", "ratio", "goal")
	bin := buildPeer(t)
	var collections []time.Duration
	var ours, batches [3][]time.Duration
	for _, n := range growth {
		b := beside(t, bin, size{fmt.Sprint(n), n, n * perDocument})
		took := measureCollections(t, bin, n)
		collections = append(collections, took)
		for i, job := range peerJobs {
			ours[i], batches[i] = append(ours[i], b.ours[i]), append(batches[i], b.theirs[i])
			out.row(n, job+"; batch of upserts", b.ours[i], b.theirs[i], ratio(b.theirs[i], b.ours[i]), ">= 20")
			out.row(n, job+"; import of collections", b.ours[i], took, ratio(took, b.ours[i]), ">= 50")
		}
	}
	for i, job := range peerJobs {
		out.row("all", "growth, exponent: "+job+"; batch of upserts", exponent(growth, ours[i]), exponent(growth, batches[i]), "", "1")
	}
	out.row("all", "growth, exponent: import of collections", "", exponent(growth, collections), "", "")
}

func buildPeer(t *testing.T) string {
	t.Helper()
	bin, err := build(t, "pocketbase", ".")
	if err != nil {
		t.Skipf("left out: the module of the peer cannot be had: %v", err)
	}
	return bin
}

// A pair is medians of both sides and of what an importer must do at least, by job.
type pair struct{ ours, theirs, floors [3]time.Duration }

// beside measures the jobs, in turn. What must be done at least is to split and hash
// and, where anything changed, to write it: the whole of it, or the files that did.
func beside(t *testing.T, bin string, s size) (b pair) {
	dir := t.TempDir()
	sv, peer := newServer(t, dir), startPeer(t, bin)
	defer peer.process.kill()
	peer.call(t, http.MethodPost, "/api/collections", map[string]any{"name": "documents", "type": "base", "fields": []any{
		map[string]any{"name": "path", "type": "text", "max": 1000},
		map[string]any{"name": "document", "type": "json", "maxSize": 64 << 20},
	}})
	flows := (s.files - 3) / 6
	percent := max(1, flows/100)
	var ours, theirs, floors [3][]time.Duration
	for range *rounds {
		salt, id := time.Now().String(), sv.project(t)
		files, other := project(s, salt, flows), edited(s, salt, ", edited", percent)
		part := body(flowsOf(other, percent))
		for i, now := range []snapshot.Files{files, files, other} {
			upload, requests := body(now), upserts(t, salt, now)
			ours[i] = append(ours[i], clock(func() { sv.post(t, id, "/v1/mgmt/project/import", upload) }))
			theirs[i] = append(theirs[i], clock(func() { peer.send(t, http.MethodPost, "/api/batch", requests) }))
			floors[i] = append(floors[i], clock(func() {
				split(t, upload)
				switch i {
				case 0:
					durable(t, dir, upload)
				case 2:
					durable(t, dir, part)
				}
			}))
		}
	}
	for i := range peerJobs {
		b.ours[i], b.theirs[i], b.floors[i] = median(ours[i]), median(theirs[i]), median(floors[i])
	}
	return b
}

// upserts writes a batch that stores each file as a record, whose id is that of its
// path and salt.
func upserts(t *testing.T, salt string, files snapshot.Files) []byte {
	t.Helper()
	var requests []any
	for path, content := range files {
		sum := sha256.Sum256([]byte(salt + path))
		requests = append(requests, map[string]any{
			"method": http.MethodPut, "url": "/api/collections/documents/records",
			"body": map[string]any{"id": hex.EncodeToString(sum[:])[:15], "path": path, "document": jsontext.Value(content)},
		})
	}
	return document(map[string]any{"requests": requests})
}

// A peer is a running PocketBase.
type peer struct {
	process *process
	token   string
}

func startPeer(t *testing.T, bin string) *peer {
	t.Helper()
	const name, password = "bench@example.com", "only on loopback"
	dir := t.TempDir()
	// A program in the folder for temporary files takes itself for one under
	// development, and prints every statement.
	once(t, bin, "superuser", "upsert", name, password, "--dir", dir, "--dev=false")
	p := &peer{}
	p.process, _ = launch(t, "/api/health", bin, func(address string) []string {
		return []string{"serve", "--http", address, "--dir", dir, "--dev=false"}
	})
	var answer struct {
		Token string `json:"token"`
	}
	b := p.call(t, http.MethodPost, "/api/collections/_superusers/auth-with-password", map[string]any{"identity": name, "password": password})
	if err := json.Unmarshal(b, &answer); err != nil {
		t.Fatal(err)
	}
	p.token = answer.Token
	p.call(t, http.MethodPatch, "/api/settings", map[string]any{"batch": map[string]any{
		"enabled": true, "maxRequests": slices.Max(growth), "timeout": int(patience.Seconds()), "maxBodySize": 256 << 20,
	}})
	return p
}

// measureCollections imports n new collections of one field, into a database
// that has none but its own. Once: it takes a minute at the largest size.
func measureCollections(t *testing.T, bin string, n int) time.Duration {
	p := startPeer(t, bin)
	defer p.process.kill()
	var list []any
	for i := range n {
		list = append(list, map[string]any{
			"name": fmt.Sprintf("entry_%d", i), "type": "base",
			"fields": []any{map[string]any{"name": "document", "type": "json"}},
		})
	}
	b := document(map[string]any{"collections": list, "deleteMissing": false})
	return clock(func() { p.send(t, http.MethodPut, "/api/collections/import", b) })
}

func (p *peer) call(t *testing.T, method, path string, v any) []byte {
	t.Helper()
	return p.send(t, method, path, document(v))
}

func (p *peer) send(t *testing.T, method, path string, b []byte) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.process.url+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", p.token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %.2000s", method, path, resp.StatusCode, answer)
	}
	return answer
}
