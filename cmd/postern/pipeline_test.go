package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// The pipelines of examples/ci run here step by step, as their files have them,
// against a real server and a real repository. What stands in for the forge is a
// gh that keeps comments and plans in a folder, or an API that does.

// forge is a repository, a project that follows it, and what a forge keeps.
type forge struct {
	*shop
	repo, kept string
	env        map[string]string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{shop: newShop(t), repo: t.TempDir(), kept: t.TempDir()}
	f.env = map[string]string{
		"HOME": f.kept, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test",
		"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.test", "KEPT": f.kept,
	}
	f.must(t, `git init -q -b main .
		printf '#!/bin/sh\nexit "$(cat smoke)"\n' > smoke-test; chmod +x smoke-test; echo 0 > smoke
		postern project export identity
		printf '/smoke\n/*.json\n/comment.md\n/.bin/\n' > .gitignore
		git add . && git commit -qm 'as it is'`, f.asAdmin())
	return f
}

// must runs a script in the repository that succeeds.
func (f *forge) must(t *testing.T, script string, env map[string]string) string {
	t.Helper()
	out, ok := f.bash(t, f.repo, "set -eu\n"+script, f.env, env)
	if !ok {
		t.Fatalf("%s\n%s", script, out)
	}
	return out
}

// propose commits another length of passwords, as the head of a pull request.
func (f *forge) propose(t *testing.T, minLength, title string) {
	t.Helper()
	f.must(t, `git checkout -qB change main
		jq '.minLength = `+minLength+`' identity/auth/password.json > t && mv t identity/auth/password.json
		git commit -qam "`+title+`"`, nil)
}

func (f *forge) merge(t *testing.T) {
	t.Helper()
	f.must(t, "git checkout -q main && git merge -q change", nil)
}

// wantLength says what the project has in the end.
func (f *forge) wantLength(t *testing.T, want string) {
	t.Helper()
	got := f.must(t, `postern project export - | jq '.files["auth/password.json"].minLength'`, f.asAdmin())
	if last := strings.TrimSpace(got); last != want {
		t.Errorf("passwords have %s characters, want %s", last, want)
	}
}

func (f *forge) wantComment(t *testing.T, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(f.kept, "comment"))
	if err != nil || !strings.Contains(string(got), want) {
		t.Errorf("the comment lacks %q: %v\n%s", want, err, got)
	}
}

// promotes goes through what happens to pull requests. Plan and apply say whether
// their pipeline was green.
func (f *forge) promotes(t *testing.T, plan, apply func(t *testing.T) (log string, green bool)) {
	want := func(what string, do func(*testing.T) (string, bool), green bool, say string) {
		t.Helper()
		if log, got := do(t); got != green || !strings.Contains(log, say) {
			t.Fatalf("%s: green is %v, and %q is looked for in\n%s", what, got, say, log)
		}
	}
	f.propose(t, "14", "longer passwords")
	want("a plan", plan, true, "")
	f.wantComment(t, "Shortest: 10 → 14")
	f.wantLength(t, "10")
	f.merge(t)
	want("its merge", apply, true, "Revision 2 stays")
	f.wantLength(t, "14")
	log := f.must(t, "postern project show 2", f.asAdmin())
	head := strings.TrimSpace(f.must(t, "git rev-parse HEAD", nil))
	for _, say := range []string{head, "longer passwords", "(K"} {
		if !strings.Contains(log, say) || strings.Contains(log, "with changes") {
			t.Errorf("the history lacks %q:\n%s", say, log)
		}
	}

	f.propose(t, "4000", "too long")
	want("a plan of files that are refused", plan, false, "The files would be refused")
	f.wantComment(t, "The import would be refused")

	f.propose(t, "16", "does not work")
	want("the next plan", plan, true, "")
	f.merge(t)
	f.must(t, "echo 1 > smoke", nil)
	want("a merge that the smoke test does not like", apply, false, "Revision 3 was undone")
	f.wantLength(t, "14")

	f.propose(t, "18", "comes late")
	want("a plan that gets old", plan, true, "")
	f.must(t, "postern project rollback 1 --yes", f.asAdmin())
	f.merge(t)
	want("a merge whose plan is old", apply, false, "The project changed: the plan was made over revision 4")
	f.wantLength(t, "10")
}

func TestGitHubPipeline(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	hub := &gitHub{forge: f, known: map[string]string{
		"vars.POSTERN_URL": f.url, "vars.POSTERN_PROJECT_ID": f.project, "vars.POSTERN_DOWNLOAD": "file://" + f.binary, "vars.POSTERN_SHA256": digestOf(t, f.binary),
		"secrets.POSTERN_PLAN_KEY": f.keys["plan"], "secrets.POSTERN_IMPORT_KEY": f.keys["import"],
		"github.token": "token", "github.event.pull_request.number": "7", "inputs.plan": "", "inputs.revision": "2", "inputs.reason": "because",
	}}
	hub.install(t)
	f.promotes(t, func(t *testing.T) (string, bool) { return hub.run(t, "identity-plan.yml", "plan") },
		func(t *testing.T) (string, bool) { return hub.run(t, "identity-apply.yml", "apply") })

	// A new plan of what main has, applied by hand; and a rollback.
	f.must(t, "echo 0 > smoke", nil)
	if log, green := hub.run(t, "identity-plan.yml", "plan"); !green {
		t.Fatal(log)
	}
	hub.known["inputs.plan"] = "17"
	if log, green := hub.run(t, "identity-apply.yml", "apply"); !green {
		t.Fatal(log)
	}
	f.wantLength(t, "18")
	if log, green := hub.run(t, "identity-apply.yml", "apply"); green || !strings.Contains(log, "make the plan again") {
		t.Errorf("a plan is applied twice:\n%s", log)
	}
	if log, green := hub.run(t, "identity-rollback.yml", "rollback"); !green || !strings.Contains(log, "Went back to revision 2") {
		t.Error(log)
	}
	f.wantLength(t, "14")
}

func TestGitLabPipeline(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	api := httptest.NewServer(f.gitLab(t))
	t.Cleanup(api.Close)
	var file map[string]struct {
		Before    []string `yaml:"before_script"`
		Script    []string
		Variables map[string]string
		Artifacts struct{ Paths []string }
	}
	readYAML(t, "gitlab-ci.yml", &file, "stages: [plan, apply]\n")
	run := func(job string) func(*testing.T) (string, bool) {
		return func(t *testing.T) (string, bool) {
			given := map[string]string{
				"POSTERN_URL": f.url, "POSTERN_PROJECT_ID": f.project, "POSTERN_DOWNLOAD": "file://" + f.binary, "POSTERN_SHA256": digestOf(t, f.binary),
				"POSTERN_PLAN_KEY": f.keys["plan"], "POSTERN_IMPORT_KEY": f.keys["import"], "GITLAB_NOTE_TOKEN": "n", "GITLAB_READ_TOKEN": "r",
				"CI_API_V4_URL": api.URL, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": "c0ffee",
				"CI_COMMIT_TITLE": strings.TrimSpace(f.must(t, "git log -1 --format=%s", nil)),
			}
			env := map[string]string{}
			for name, value := range file[job].Variables {
				env[name] = os.Expand(value, func(of string) string { return given[of] })
			}
			f.must(t, "rm -f plan.json applied.json comment.md", nil)
			script := strings.Join(append([]string{"set -eo pipefail"}, append(file[".postern"].Before, file[job].Script...)...), "\n")
			log, green := f.bash(t, f.repo, script, f.env, given, env)
			for _, path := range file[job].Artifacts.Paths {
				if green {
					f.must(t, `cp "`+path+`" "$KEPT"`, nil)
				}
			}
			return log, green
		}
	}
	f.promotes(t, run("identity-plan"), run("identity-apply"))
}

// gitLab stands in for the three calls that the pipeline makes.
func (f *forge) gitLab(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /projects/3/merge_requests/7/notes", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile(filepath.Join(f.kept, "comment"), []byte(r.FormValue("body")), 0o600); err != nil || r.Header.Get("PRIVATE-TOKEN") != "n" {
			t.Errorf("note: %v", err)
		}
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /projects/3/repository/commits/c0ffee/merge_requests", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"iid":7}]`)
	})
	mux.HandleFunc("GET /projects/3/jobs/artifacts/{ref}/raw/plan.json", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("ref") != "refs/merge-requests/7/head" || r.FormValue("job") != "identity-plan" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, filepath.Join(f.kept, "plan.json"))
	})
	return mux
}

func readYAML(t *testing.T, name string, into any, without string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "ci", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.Replace(string(text), without, "", 1)
	if without != "" && rest == string(text) {
		t.Fatalf("%s lacks %q", name, without)
	}
	if err := yaml.Unmarshal([]byte(rest), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func digestOf(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
