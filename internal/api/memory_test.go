package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

const memoryVariable = "POSTERN_API_TEST_MEMORY"

// TestMain measures instead of testing where the variable names a body: what an
// import needs can be told apart from what a test needs in another process only.
func TestMain(m *testing.M) {
	file := os.Getenv(memoryVariable)
	if file == "" {
		os.Exit(m.Run())
	}
	if err := measure(context.Background(), file, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// measure imports the body in file and prints the status of the answer, by how
// many bytes the process grew at most, how large the answer is, how many
// milliseconds it took, and its code.
func measure(ctx context.Context, file, database string) error {
	db, err := store.Open(ctx, database, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	master, _, err := secret.NewMaster()
	if err != nil {
		return err
	}
	s := &Server{Projects: &project.Service{DB: db, Master: master}, Keys: &mgmtkey.Service{DB: db}, Log: quiet()}
	by := audit.Origin{Actor: "test"}
	p, err := s.Projects.Create(ctx, by, project.New{Name: "Test"})
	if err != nil {
		return err
	}
	_, key, err := s.Keys.Create(ctx, by, mgmtkey.Create{Name: "k", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}})
	if err != nil {
		return err
	}
	h := s.Handler()
	var first io.Reader = strings.NewReader(`{"files":{"project.json":{},"a.txt":"x"}}`)
	send := func(body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, "POST", importPath, io.NopCloser(body))
		r.Header.Set("Authorization", "Bearer "+p.ID+":"+key.Reveal())
		if strings.HasSuffix(file, ".gz") && body != first {
			r.Header.Set("Content-Encoding", "gzip")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	send(first) // what is made once is made
	body, err := os.Open(file)
	if err != nil {
		return err
	}
	defer body.Close()
	debug.SetGCPercent(10) // garbage is not what the body needs
	debug.FreeOSMemory()
	before, err := peak(true)
	if err != nil {
		return err
	}
	began := time.Now()
	w := send(body)
	took := time.Since(began)
	after, err := peak(false)
	var said envelope
	if w.Code != 200 {
		err = errors.Join(err, json.Unmarshal(w.Body.Bytes(), &said))
	}
	fmt.Println(w.Code, after-before, w.Body.Len(), took.Milliseconds(), cmp.Or(said.Code, "-"))
	return err
}

// peak returns the most memory that the process had, in bytes, and forgets it.
func peak(forget bool) (int64, error) {
	if forget {
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
			return 0, err
		}
	}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	text, _, _ := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n << 10, err
}

// An import needs a few times the memory of its body, whatever is in it. The
// processes that are measured run one after another: beside each other they
// would only slow down, and the tests of the package with them.
func TestMemory(t *testing.T) {
	t.Parallel()
	switch {
	case runtime.GOOS != "linux":
		t.Skip("only Linux tells the most memory that a process had")
	case testkit.Race:
		t.Skip("the race detector keeps a shadow of all memory, several times its size: what a process has then says nothing")
	case testing.Short():
		t.Skip("it takes some seconds")
	}
	const size = 8_000_000
	fill := func(head, each, tail string) func(io.Writer) {
		return func(w io.Writer) {
			_, _ = io.WriteString(w, head+each)
			more := "," + each
			_, _ = io.WriteString(w, strings.Repeat(more, (size-len(head))/len(more))+tail)
		}
	}
	numberedTo := func(size int, head, before, after, tail string) func(io.Writer) {
		return func(w io.Writer) {
			text := []byte(head)
			for i := 0; len(text) < size; i++ {
				text = append(strconv.AppendInt(append(text, before...), int64(i), 10), after...)
			}
			_, _ = w.Write(append(text[:len(text)-1], tail...)) // without the last comma
		}
	}
	numbered := func(head, before, after, tail string) func(io.Writer) {
		return numberedTo(size, head, before, after, tail)
	}
	for _, tt := range []struct {
		name   string
		write  func(io.Writer)
		status int
	}{
		{"a project", func(w io.Writer) { large(w, size) }, 200},
		{"one text", fill(`{"files":{"a.txt":"`, strings.Repeat("x", 99), `"}}`), 200},
		{"numbers in a document", fill(`{"files":{"project.json":{"x":[`, "0", `]}}}`), 400},
		{"lists in a document", fill(`{"files":{"project.json":{"x":[`, "[]", `]}}}`), 400},
		{"lists in lists", fill(`{"files":{"project.json":{"x":[`, strings.Repeat("[", 5000)+strings.Repeat("]", 5000), `]}}}`), 400},
		{"numbers in many documents", numbered(`{"files":{`, `"flows/f`, `/contents.json":{"x":[0`+strings.Repeat(",0", 140_000)+`]},`, `}}`), 200},
		{"keys that nobody knows", numbered(`{"files":{"project.json":{`, `"k`, `":0,`, `}}}`), 400},
		{"one document with as many keys as it may have, which nobody knows", numberedTo(20_000_000, `{"files":{"project.json":{`, `"k`, `":"`+strings.Repeat("x", 130)+`",`, `}}}`), 200},
		{"more files than there may be", numbered(`{"files":{`, `"f`, `.txt":"",`, `}}`), 413},
		{"as many files as there may be, in one that is twice", fill(`{"files":{"a.txt":""`, `"a.txt":""`, `}}`), 400},
		{"paths that are wrong", numbered(`{"files":{`, `"../`, `.txt":"",`, `}}`), 400},
		{"secrets of nothing", fill(`{"inputSecrets":{"connectors":[`, `{}`, `]}}`), 413},
		{"groups of secrets", numbered(`{"inputSecrets":{`, `"g`, `":[],`, `}}`), 413},
		{"excludes of nothing", fill(`{"excludes":[`, `""`, `]}`), 413},
		{"lists in lists without end", fill(`{"files":{"project.json":`, strings.Repeat("[", 100), ``), 400},
		{"numbers without end", fill(`{"files":{"project.json":{"x":[`, "1e999999999", `]}}}`), 400},
		{"digits without end", fill(`{"files":{"project.json":{"x":`, strings.Repeat("9", 100), `}}}`), 400},
		{"what is no UTF-8", fill(`{"files":{"a.txt":"`, strings.Repeat("\xff", 99), `"}}`), 400},
		{"one name that takes the whole body", fill(`{"files":{"project.json":{"`, strings.Repeat("k", 99), `":1}}}`), 400},
		{"an image that is no base64", fill(`{"files":{"assets/a.png":"`, strings.Repeat("*", 99), `"}}`), 400},
		{"more than a body may have", func(w io.Writer) { large(w, 70_000_000) }, 413},
		{"gzip of a gigabyte of nothing", bomb(`{"files":{"a.txt":"`, 1<<30), 413},
		{"gzip of documents", bomb(`{"files":{"project.json":{"x":[`, 60_000_000), 400},
		{"members that nobody knows", numbered(`{"files":{},`, `"m`, `":0,`, `}`), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body bytes.Buffer
			tt.write(&body)
			file := t.TempDir() + "/body.json"
			if strings.HasPrefix(tt.name, "gzip") {
				file += ".gz"
			}
			if err := os.WriteFile(file, body.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], t.TempDir()+"/test.db")
			cmd.Env = append(os.Environ(), memoryVariable+"="+file)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var status, grown, answer, took int
			var code string
			if _, err := fmt.Sscan(string(out), &status, &grown, &answer, &took, &code); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("| %s | %.1f MB | %d %s, %d kB | %.1f MB | %d ms |", tt.name, float64(body.Len())/1e6, status, code, answer>>10, float64(grown)/1e6, took)
			if status != tt.status {
				t.Errorf("the answer is %d, want %d", status, tt.status)
			}
			allowed := 6.0
			if strings.HasPrefix(tt.name, "one document") {
				allowed = 9 // it is read, sorted, joined and written as a whole
			}
			size := float64(body.Len())
			if strings.HasPrefix(tt.name, "gzip") {
				size = 64 << 20 // what a body may inflate to
			}
			if most := max(allowed*size, 32e6); float64(grown) > most {
				t.Errorf("the process grew by %d bytes for a body of %d, %.0f are allowed", grown, body.Len(), most)
			}
			if answer > 2<<20 {
				t.Errorf("the answer has %d bytes", answer)
			}
		})
	}
}

// bomb writes what inflates to size bytes.
func bomb(head string, size int) func(io.Writer) {
	return func(w io.Writer) {
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, head)
		block := bytes.Repeat([]byte("0,"), 1<<15)
		for n := 0; n < size; n += len(block) {
			_, _ = zip.Write(block)
		}
		_ = zip.Close()
	}
}

// large writes a valid project of flows, whose screens make its size.
func large(w io.Writer, size int) {
	files := snapshot.Files{}
	var ids []string
	for n := 0; n < size; {
		id := fmt.Sprintf("flow-%d", len(ids))
		ids = append(ids, strconv.Quote(id))
		var screen strings.Builder
		fmt.Fprintf(&screen, `{"screenId":"SC%d","contents":{"ROOT":{"isCanvas":true,"nodes":[]}`, len(ids))
		for i := range 50 {
			fmt.Fprintf(&screen, `,"node%d":{"custom":{},"displayName":"Text %d","hidden":false,"linkedNodes":{},"nodes":[],"parent":"ROOT","props":{"children":`+
				`"Sentence %d of a screen, long enough to look like one that somebody wrote.","size":"md","lineHeight":1.5},"type":{"resolvedName":"Text"}}`, i, i, i)
		}
		screen.WriteString("}}")
		files["flows/"+id+"/screen-hello.json"] = []byte(screen.String())
		files["flows/"+id+"/metadata.json"] = fmt.Appendf(nil, `{"name":"Flow %d","description":"","componentsVersion":"2.0.500","disabled":false,"fingerprint":false,"screens":["hello"]}`, len(ids))
		files["flows/"+id+"/contents.json"] = fmt.Appendf(nil, `{"startTask":"0","tasks":{"0":{"id":"0","name":"Hello","type":"screen","screenId":"SC%d","next":{"rules":[]},"view":{"x":1,"y":1}}}}`, len(ids))
		n += screen.Len()
	}
	files["flows/flows.json"] = []byte(`{"flows":[` + strings.Join(ids, ",") + `]}`)
	_ = snapshot.WriteBody(w, files, nil)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
