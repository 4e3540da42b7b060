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
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// growth are the sizes at which growth is measured, in files.
var growth = []int{51, 99, 201, 399, 801, 1599, 3003}

// perDocument is the size of a document, in bytes, about.
const perDocument = 4300

// TestPocketBase prints how long the same documents take in PocketBase, in one
// batch transaction of upserts, and how long its import of collections takes for
// as many entries: the closest that it has to an import of configuration. It is
// driven as its users drive it, over HTTP, with its own defaults: SQLite with
// synchronous=NORMAL, where ours is FULL. Its limits of a batch are raised.
func TestPocketBase(t *testing.T) {
	out := newReport(t, "Beside PocketBase", "files", "job", "Postern", "PocketBase", "ratio", "goal")
	bin, err := build(t, "pocketbase", ".")
	if err != nil {
		t.Skipf("left out: the module of the peer cannot be had: %v", err)
	}
	var ours, batches, collections []time.Duration
	for _, n := range growth {
		s := size{fmt.Sprint(n), n, n * perDocument}
		first, again, batch, update := beside(t, bin, s)
		took := measureCollections(t, bin, n)
		ours, batches, collections = append(ours, first), append(batches, batch), append(collections, took)
		out.row(n, "first import; batch of upserts", first, batch, ratio(batch, first), ">= 20")
		out.row(n, "again, unchanged; the same batch", again, update, ratio(update, again), "")
		out.row(n, "first import; import of collections", first, took, ratio(took, first), ">= 50")
	}
	out.row("all", "growth, exponent; batch of upserts", exponent(growth, ours), exponent(growth, batches), "", "1")
	out.row("all", "growth, exponent; import of collections", exponent(growth, ours), exponent(growth, collections), "", "1")
}

// beside measures first imports and imports of what is there already, in turn.
func beside(t *testing.T, bin string, s size) (first, again, batch, update time.Duration) {
	sv, peer := newServer(t, t.TempDir()), startPeer(t, bin)
	defer peer.process.kill()
	peer.call(t, http.MethodPost, "/api/collections", map[string]any{"name": "documents", "type": "base", "fields": []any{
		map[string]any{"name": "path", "type": "text", "max": 1000},
		map[string]any{"name": "document", "type": "json", "maxSize": 64 << 20},
	}})
	var firsts, repeats, batches, updates []time.Duration
	for range *rounds {
		files := project(s, time.Now().String(), s.files)
		upload, requests, id := body(files), upserts(t, files), sv.project(t)
		firsts = append(firsts, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", upload) }))
		repeats = append(repeats, clock(func() { sv.post(t, id, "/v1/mgmt/project/import", upload) }))
		batches = append(batches, clock(func() { peer.send(t, http.MethodPost, "/api/batch", requests) }))
		updates = append(updates, clock(func() { peer.send(t, http.MethodPost, "/api/batch", requests) }))
	}
	return median(firsts), median(repeats), median(batches), median(updates)
}

// upserts writes a batch that stores each file as a record.
func upserts(t *testing.T, files snapshot.Files) []byte {
	t.Helper()
	salt := time.Now().String()
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
