package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

const crowd = 50

// marked is the body of an import that says in two files which one it is.
func marked(t *testing.T, mark string) string {
	t.Helper()
	return importBody(t, snapshot.Files{
		"snapshot.json": []byte(`{"version":5}`), "project.json": []byte(`{"trustedDomains":"` + mark + `.example"}`),
		"notes.txt": []byte(mark),
	}, "")
}

// wholeMark returns the mark of an export, or says that it is of two revisions.
func wholeMark(body []byte) (string, error) {
	var out struct {
		Files struct {
			Project struct {
				Domains string `json:"trustedDomains"`
			} `json:"project.json"`
			Notes string `json:"notes.txt"`
		} `json:"files"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return "", err
	}
	if mark := strings.TrimSuffix(out.Files.Project.Domains, ".example"); mark != out.Files.Notes {
		return "", fmt.Errorf("an export is of two revisions: %s and %s", mark, out.Files.Notes)
	}
	return out.Files.Notes, nil
}

// atOnce runs fn for each of the crowd at once.
func atOnce(fn func(i int)) {
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		wait.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wait.Wait()
}

// Fifty clients import into one project at once: each is told that it was
// applied, or that it was not and why. What was applied is a row of revisions
// without a gap, the head is one that was acknowledged, and whoever reads
// meanwhile sees one revision, whole.
func TestFiftyClientsOfOneProject(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.send(t, "POST", "/v1/mgmt/project/import", marked(t, "first"))
		applied := 1
		for round := range 3 {
			var won atomic.Int64
			var winners sync.Map
			tag := `"` + b.tag(t) + `"`
			atOnce(func(i int) {
				if i%10 == 9 {
					if _, err := wholeMark(b.send(t, "POST", exportPath, "{}").Body.Bytes()); err != nil {
						t.Error(err)
					}
					return
				}
				mark := fmt.Sprintf("m%d-%d", round, i)
				var headers []string
				if round == 1 {
					headers = []string{"If-Match", tag}
				}
				switch w := b.send(t, "POST", "/v1/mgmt/project/import", marked(t, mark), headers...); w.Code {
				case http.StatusOK:
					won.Add(1)
					winners.Store(mark, true)
				case http.StatusConflict, http.StatusPreconditionFailed:
				default:
					t.Errorf("%s: %d %s", mark, w.Code, w.Body)
				}
			})
			head, err := wholeMark(b.send(t, "POST", exportPath, "{}").Body.Bytes())
			if _, ok := winners.Load(head); !ok || err != nil {
				t.Errorf("round %d: the head is %q, which nobody was told of; %v", round, head, err)
			}
			if n := won.Load(); n == 0 || round == 1 && n != 1 {
				t.Errorf("round %d: %d won", round, n)
			}
			applied += int(won.Load())
		}
		b.wantHistory(t, b.project, applied)
	})
}

// Fifty clients import into fifty projects at once: nobody is in the way of
// anybody else.
func TestFiftyClientsOfFiftyProjects(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		var ids [crowd]string
		for i := range ids {
			p, err := b.Projects.Create(t.Context(), tester, project.New{Name: fmt.Sprint("project ", i)})
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = p.ID
		}
		const rounds = 3
		atOnce(func(i int) {
			for round := range rounds {
				auth := []string{"Authorization", "Bearer " + ids[i] + ":" + b.key}
				mark := fmt.Sprintf("m%d-%d", round, i)
				if w := b.send(t, "POST", "/v1/mgmt/project/import", marked(t, mark), auth...); w.Code != http.StatusOK {
					t.Errorf("%s: %d %s", mark, w.Code, w.Body)
				}
				if got, err := wholeMark(b.send(t, "POST", exportPath, "{}", auth...).Body.Bytes()); err != nil || got != mark {
					t.Errorf("%s: it reads %q, %v", mark, got, err)
				}
			}
		})
		for _, id := range ids {
			b.wantHistory(t, id, rounds)
		}
	})
}

// tag returns the digest of the head.
func (b *bundle) tag(t *testing.T) string {
	t.Helper()
	return etag(b.send(t, "POST", exportPath, "{}").Header().Get("ETag"))
}

// wantHistory sees that a project has so many revisions in a row, each with its
// record in a chain that is whole.
func (b *bundle) wantHistory(t *testing.T, id string, want int) {
	t.Helper()
	err := b.Projects.DB.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		var all, last, head int
		if err := tx.QueryRow(`SELECT COUNT(*), MAX(number) FROM revisions WHERE project = $1`, id).Scan(&all, &last); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT head FROM projects WHERE id = $1`, id).Scan(&head); err != nil {
			return err
		}
		if all != want || last != want || head != want {
			t.Errorf("%s has %d revisions up to %d and the head %d, and %d imports were acknowledged", id, all, last, head, want)
		}
		v, err := audit.Verify(tx, nil)
		if err == nil && len(v.Breaks) > 0 {
			t.Errorf("the audit is broken: %+v", v.Breaks)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, done, err := audit.Find(t.Context(), b.Projects.DB, audit.Search{Project: id, Actions: []string{"project.import"}, Outcomes: []string{audit.Done}})
	if err != nil || done != want {
		t.Errorf("%s has %d imports in the audit, want %d; %v", id, done, want, err)
	}
}
