package bench

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"postern/internal/audit"
	pkgproject "postern/internal/project"
	"postern/internal/snapshot"
)

var history = flag.Int("history", 10_000, "revisions of the long history")

// TestHistory prints how long imports, the log and exports take on a project
// with a long history, beside the same project with a short one. What is
// measured is done in turn, round by round.
func TestHistory(t *testing.T) {
	if !*run {
		t.Skip("figures come from make bench")
	}
	s := sizes[len(sizes)-1]
	sv := newServer(t, t.TempDir())
	first := body(project(s, "history", (s.files-3)/6))
	short, long := sv.project(t), sv.project(t)
	for id, revisions := range map[string]int{short: 10, long: *history} {
		sv.post(t, id, "/v1/mgmt/project/import", first)
		began := time.Now()
		for n := 1; n < revisions; n++ {
			sv.small(t, id, fmt.Sprintf("r%d.example", n))
		}
		t.Logf("made %d revisions in %s", revisions, time.Since(began).Round(time.Second))
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(out, "%s\t%d revisions\t10 revisions\tratio\tgoal\t\n", s.name, *history)
	for _, job := range []struct {
		name string
		do   func(id string, round int)
	}{
		{"import, one file changed", func(id string, round int) { sv.small(t, id, fmt.Sprintf("round%d.example", round)) }},
		{"log, a page of 20", func(id string, _ int) { sv.get(t, id, "/v1/mgmt/project/revisions?limit=20") }},
		{"log, the oldest page", func(id string, _ int) { sv.get(t, id, "/v1/mgmt/project/revisions?limit=20&before=11") }},
		{"show the newest", func(id string, _ int) { sv.get(t, id, fmt.Sprintf("/v1/mgmt/project/revisions/%d", sv.head(t, id))) }},
		{"export", func(id string, _ int) { sv.post(t, id, "/v1/mgmt/project/export", []byte(`{}`)) }},
		{"export of the first", func(id string, _ int) { sv.post(t, id, "/v1/mgmt/project/export", []byte(`{"revision":1}`)) }},
	} {
		var a, b []time.Duration
		for round := range *rounds + 1 {
			many := clock(func() { job.do(long, round) })
			few := clock(func() { job.do(short, round) })
			if round > 0 { // the first warms up
				a, b = append(a, many), append(b, few)
			}
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%.2f\t1.0\t\n", job.name, median(a).Round(100*time.Microsecond), median(b).Round(100*time.Microsecond), float64(median(a))/float64(median(b)))
	}
	out.Flush()
}

// small imports one small file, through the service.
func (s *server) small(t *testing.T, id, mark string) {
	up := &snapshot.Upload{Files: snapshot.Files{"project.json": []byte(`{"trustedDomains":"` + mark + `"}`)}}
	if _, err := s.api.Projects.Import(t.Context(), audit.Origin{Actor: "bench"}, pkgproject.Import{Project: id, Upload: up}); err != nil {
		t.Fatal(err)
	}
}

func (s *server) head(t *testing.T, id string) int64 {
	p, err := s.api.Projects.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p.Head
}

// get reads an answer to its end.
func (s *server) get(t *testing.T, id, path string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+id+":"+s.key)
	resp, err := s.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
}
