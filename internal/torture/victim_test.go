package torture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"postern/internal/audit"
	"postern/internal/doctor"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// wanted is what an import makes of the project.
type wanted struct {
	files  snapshot.Files
	secret string
}

// digest returns the digest of the revision.
func (w *wanted) digest(t *testing.T) string {
	t.Helper()
	tree := snapshot.Tree{}
	for path, content := range w.files {
		tree[path] = snapshot.Sum(content)
	}
	return tree.Digest().String()
}

// victim is a server that is killed again and again.
type victim struct {
	binary, dir, database string
	process               *exec.Cmd
	url, project, key     string

	current      *wanted  // what the head is known to be
	exported     []byte   // the answer of the last export
	acknowledged []string // digests
	notes        int      // how many large files a configuration has

	backup           string // the file of the last backup
	backedUp         *wanted
	acknowledgedThen int // how many imports were acknowledged when it was made

	changes, litters int
	startTook        time.Duration
	ready            time.Time                // when it was, after the last start
	lengths          map[string]time.Duration // how long each moment takes
}

var tester = audit.Origin{Actor: "test"}

// serve is the command that starts the server.
func (v *victim) serve() []string {
	return []string{
		"dev", "--empty", "--data", filepath.Join(v.dir, "data"), "--database", v.database,
		"--listen", "127.0.0.1:0", "--env-file", filepath.Join(v.dir, "env"),
	}
}

// start starts the server and waits until it says that it is ready.
func (v *victim) start(t *testing.T) {
	t.Helper()
	v.settle(t)
	v.process = exec.Command(v.binary, v.serve()...)
	out, err := v.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	v.process.Stderr = &complaints
	began := time.Now()
	if err := v.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.process.Process.Kill() })
	lines := bufio.NewScanner(out)
	for ready := false; !ready; ready = strings.Contains(lines.Text(), "Ctrl-C") {
		if !lines.Scan() {
			t.Fatalf("the server does not start: %v\n%s", v.process.Wait(), &complaints)
		}
	}
	v.ready = time.Now()
	v.startTook = v.ready.Sub(began)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	b, err := os.ReadFile(filepath.Join(v.dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "POSTERN_URL":
			v.url = value
		case "POSTERN_PROJECT_ID":
			if v.project != "" && v.project != value {
				t.Fatalf("the project %s is gone: now it is %s", v.project, value)
			}
			v.project = value
		case "POSTERN_MANAGEMENT_KEY":
			v.key = value
		}
	}
}

// settle waits until PostgreSQL is done with what the killed server asked of it:
// a commit that was sent goes on without its client.
func (v *victim) settle(t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(v.database, "postgres") {
		return
	}
	conn, err := pgx.Connect(t.Context(), v.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for others := 1; others > 0; {
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// next makes the n-th configuration. All of it says which one it is, some of it
// is large, and every third brings another secret.
func (v *victim) next(n int) *wanted {
	w := &wanted{files: snapshot.Files{
		"snapshot.json":              []byte(`{"version":5}`),
		"project.json":               fmt.Appendf(nil, `{"trustedDomains":"n%d.example"}`, n),
		"connectors/connectors.json": []byte(`{"connectors":["mail"]}`),
		"connectors/mail.json": fmt.Appendf(nil, `{"configuration":{"fromEmail":"a@example.test","fromName":"n%d","host":"smtp.example.test",`+
			`"password":%q,"username":"u"},"id":"CI1","name":"Mail","type":"smtp"}`, n, snapshot.Placeholder),
	}, secret: fmt.Sprint("secret of ", n-n%3)}
	for i := range v.notes {
		d := dice(n*1000 + i)
		text := fmt.Appendf(nil, "n%d ", n)
		for range 500 {
			text = fmt.Appendf(text, "%x", d.below(1<<62))
		}
		w.files[fmt.Sprintf("notes/%d.txt", i)] = text
	}
	return w
}

// answer is what the server said; its status is 0 where it said nothing whole.
type answer struct {
	status int
	etag   string
	body   []byte
}

// post makes a request.
func (v *victim) post(t *testing.T, path string, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+v.project+":"+v.key)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	whole, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, strings.Trim(res.Header.Get("ETag"), `"`), whole}
}

func (v *victim) body(t *testing.T, w *wanted, secrets bool) []byte {
	t.Helper()
	var more any
	if secrets {
		more = map[string]any{"inputSecrets": map[string]any{
			"connectors": []map[string]string{{"id": "CI1", "name": "Mail", "type": "password", "value": w.secret}},
		}}
	}
	var b bytes.Buffer
	if err := snapshot.WriteBody(&b, w.files, more); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// apply imports and says how long it took.
func (v *victim) apply(t *testing.T, w *wanted) time.Duration {
	t.Helper()
	began := time.Now()
	got := v.post(t, "/v1/mgmt/project/snapshot/import", v.body(t, w, true))
	if got.status != http.StatusOK {
		t.Fatalf("import: %d %s", got.status, got.body)
	}
	v.current, v.acknowledged = w, append(v.acknowledged, w.digest(t))
	return time.Since(began)
}

// applyAndKill imports, kills the server after delay, or when it has answered,
// and says whether it acknowledged the import.
func (v *victim) applyAndKill(t *testing.T, w *wanted, delay time.Duration) bool {
	t.Helper()
	return v.askAndKill(t, "/v1/mgmt/project/snapshot/import", v.body(t, w, true), delay)
}

// askAndKill makes a request, kills the server after delay, or when it has
// answered, and says whether it answered that it was done.
func (v *victim) askAndKill(t *testing.T, path string, body []byte, delay time.Duration) bool {
	t.Helper()
	process := v.process.Process
	timer := time.AfterFunc(delay, func() { _ = process.Kill() })
	got := v.post(t, path, body)
	timer.Stop()
	v.kill(t)
	if got.status != 0 && got.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	return got.status == http.StatusOK
}

// kill ends the process without a warning, and waits until it is gone.
func (v *victim) kill(t *testing.T) {
	t.Helper()
	_ = v.process.Process.Kill() // it may be dead already
	v.gone(t)
}

// gone waits until the process is gone, which somebody kills.
func (v *victim) gone(t *testing.T) {
	t.Helper()
	if err := v.process.Wait(); err == nil {
		t.Error("the server ended by itself")
	}
}

// head returns the digest of the revision that an export has.
func (v *victim) head(t *testing.T) string {
	t.Helper()
	got := v.post(t, "/v1/mgmt/project/snapshot/export", []byte(`{"format":"plain"}`))
	if got.status != http.StatusOK {
		t.Fatalf("export: %d %s", got.status, got.body)
	}
	v.exported = got.body
	return got.etag
}

// check looks at the server from outside: the files are those of one revision,
// and the secrets are there.
func (v *victim) check(t *testing.T) {
	t.Helper()
	up, err := snapshot.Decode(bytes.NewReader(v.exported), 1000)
	if err != nil || len(up.Problems) > 0 {
		t.Fatalf("the export cannot be read: %v %v", err, up)
	}
	if !maps.EqualFunc(v.current.files, up.Files, bytes.Equal) { // cmp goes byte by byte, which takes longer than the kill
		t.Errorf("the export (-want +got):\n%.3000s", cmp.Diff(v.current.files, up.Files))
	}
	got := v.post(t, "/v1/mgmt/project/snapshot/validate", v.body(t, v.current, false))
	var valid struct {
		OK bool `json:"ok"`
	}
	if err := json.Unmarshal(got.body, &valid); err != nil || !valid.OK {
		t.Errorf("without secrets the configuration is not valid: %v %d %s", err, got.status, got.body)
	}
}

// upload is what makes a project so, for who works without the server.
func (w *wanted) upload() *snapshot.Upload {
	return &snapshot.Upload{Files: maps.Clone(w.files), Secrets: []snapshot.InputSecret{
		{Group: "connectors", ID: "CI1", Name: "Mail", Type: "password", Value: secret.New(w.secret)},
	}}
}

func (v *victim) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), v.database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (v *victim) service(t *testing.T, db *store.DB) *project.Service {
	t.Helper()
	key, err := os.ReadFile(v.masterKey())
	if err != nil {
		t.Fatal(err)
	}
	master, err := secret.LoadMaster(key)
	if err != nil {
		t.Fatal(err)
	}
	return &project.Service{DB: db, Master: master}
}

// examine looks at all of the database: every content, revision and audit
// record, and whether every secret of every revision opens.
func (v *victim) examine(t *testing.T, db *store.DB) *doctor.Report {
	t.Helper()
	r, err := doctor.Examine(t.Context(), db, v.service(t, db).Master)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.SecretsOpened != r.Secrets {
		t.Errorf("%d of %d secrets open, and there is damage: %+v", r.SecretsOpened, r.Secrets, r.Problems)
	}
	return r
}

// password is the credential of the connector of a project, as it is now.
func password(t *testing.T, s *project.Service, id string) (secret.Text, error) {
	t.Helper()
	c, err := s.Config(t.Context(), id)
	if err != nil {
		return secret.Text{}, err
	}
	return s.SecretOf(t.Context(), c, "connector", "CI1", "configuration/password")
}

// checkInside looks into the database: all of it is whole, the secret is the one
// of the revision, and the audit has a row for every revision and every answer.
func (v *victim) checkInside(t *testing.T) {
	t.Helper()
	db := v.open(t)
	defer db.Close()
	v.examine(t, db)
	value, err := password(t, v.service(t, db), v.project)
	if err != nil || value.Reveal() != v.current.secret {
		t.Errorf("the secret is %q, want %q; %v", value.Reveal(), v.current.secret, err)
	}
	recorded := map[string]int{}
	imports, all := 0, 1
	for imports < all {
		page, total, err := audit.Find(t.Context(), db, audit.Search{Project: v.project, Actions: []string{"project.import"}, Outcomes: []string{audit.Done}, Offset: imports})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			digest, _ := e.Details["digest"].(string)
			recorded[digest]++
		}
		if imports, all = imports+len(page), total; len(page) == 0 {
			break
		}
	}
	for _, digest := range v.acknowledged {
		if recorded[digest] != 1 {
			t.Errorf("the import of %s was acknowledged and has %d rows in the audit", digest, recorded[digest])
		}
	}
	if revisions := v.count(t, db); revisions != imports {
		t.Errorf("%d revisions, %d imports in the audit", revisions, imports)
	}
}

// count returns how many revisions there are, all in a row.
func (v *victim) count(t *testing.T, db *store.DB) int {
	t.Helper()
	var all, last, head, oldest int
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		if err := tx.QueryRow(`SELECT count(*), max(number) FROM revisions WHERE project = $1`, v.project).Scan(&all, &last); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT head, oldest FROM projects WHERE id = $1`, v.project).Scan(&head, &oldest)
	})
	if err != nil {
		t.Fatal(err)
	}
	if all != last-oldest+1 || last != head {
		t.Errorf("there are %d revisions from %d up to %d, and the head is %d", all, oldest, last, head)
	}
	return all
}
