package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gitHub runs workflows as far as the examples need it. An expression or a
// condition that it does not know fails the test.
type gitHub struct {
	*forge
	known map[string]string // what expressions are worth
}

type workflow struct {
	Env  map[string]string
	Jobs map[string]struct {
		If    string
		Steps []workflowStep
	}
}

type workflowStep struct {
	Name, ID, If, Uses, Run string
	Env, With               map[string]string
}

// install puts a gh on the path that keeps comments, and gives plans back.
func (h *gitHub) install(t *testing.T) {
	t.Helper()
	const gh = `#!/bin/sh
case "$1 $2" in
"pr comment") while [ "$1" != --body-file ]; do shift; done; cp "$2" "$KEPT/comment" ;;
"api repos/o/r/commits/c0ffee/pulls") echo deadbeef ;;
"run list") case "$*" in *"--workflow identity-plan.yml --commit deadbeef --status success "*) echo 17 ;; *) exit 1 ;; esac ;;
"run download") [ "$3" = 17 ] && cp "$KEPT/plan.json" . ;;
*) echo "gh $*" >&2; exit 1 ;;
esac
`
	dir := filepath.Join(h.kept, "bin")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gh"), []byte(gh), 0o700); err != nil {
		t.Fatal(err)
	}
	h.env["PATH"] = dir + string(filepath.ListSeparator) + os.Getenv("PATH")
	h.env["GITHUB_REPOSITORY"], h.env["GITHUB_SHA"] = "o/r", "c0ffee"
}

// run runs the steps of a job in a workspace that is the repository, and says
// whether all went well.
func (h *gitHub) run(t *testing.T, file, job string) (log string, green bool) {
	t.Helper()
	var flow workflow
	readYAML(t, "github/"+file, &flow, "")
	if len(flow.Jobs[job].Steps) < 2 {
		t.Fatalf("%s has no job %s", file, job)
	}
	temp := t.TempDir()
	outputs, path := filepath.Join(temp, "outputs"), filepath.Join(temp, "path")
	base := map[string]string{"RUNNER_TEMP": temp, "GITHUB_OUTPUT": outputs, "GITHUB_PATH": path}
	h.must(t, "rm -f plan.json applied.json comment.md", nil)
	green = true
	for _, step := range flow.Jobs[job].Steps {
		out := read(outputs)
		if !h.wanted(t, step.If, green, strings.Contains(out, "changed=true\n")) {
			continue
		}
		switch {
		case strings.HasPrefix(step.Uses, "actions/checkout@"):
		case strings.HasPrefix(step.Uses, "actions/upload-artifact@"):
			h.must(t, `cp "`+step.With["path"]+`" "$KEPT"`, nil)
		case step.Run != "":
			for line := range strings.SplitSeq(out, "\n") {
				name, value, _ := strings.Cut(line, "=")
				h.known["steps.apply.outputs."+name] = value
			}
			more, ok := h.bash(t, h.repo, "set -e\n"+step.Run, h.env, base, h.values(t, flow.Env), h.values(t, step.Env),
				map[string]string{"PATH": strings.TrimSpace(read(path)) + string(filepath.ListSeparator) + h.env["PATH"]})
			log += "== " + step.Name + "\n" + more
			green = green && ok
		default:
			t.Fatalf("%s uses %q", file, step.Uses)
		}
	}
	return log, green
}

func (h *gitHub) wanted(t *testing.T, condition string, green, changed bool) bool {
	t.Helper()
	switch strings.TrimSuffix(strings.TrimPrefix(condition, "${{ "), " }}") {
	case "":
		return green
	case "!cancelled() && github.event_name == 'pull_request'":
		return true
	case "steps.apply.outputs.changed == 'true'":
		return green && changed
	case "!success() && steps.apply.outputs.changed == 'true'":
		return !green && changed
	}
	t.Fatalf("the condition %q is not known", condition)
	return false
}

var expression = regexp.MustCompile(`\$\{\{ ([^}]+) \}\}`)

func (h *gitHub) values(t *testing.T, env map[string]string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, value := range env {
		out[name] = expression.ReplaceAllStringFunc(value, func(found string) string {
			what, known := h.known[expression.FindStringSubmatch(found)[1]]
			if !known {
				t.Fatalf("%s of the environment is %q, which is not known", name, found)
			}
			return what
		})
	}
	return out
}

// read is a file, or nothing where there is none.
func read(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}
