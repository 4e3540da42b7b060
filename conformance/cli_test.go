package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/google/go-cmp/cmp"
)

// What the command line tool exits with.
const (
	exitError   = 1
	exitInvalid = 2
)

// TestCommandLineTool drives the official command line tool, one process a command. The tool is not built here: it comes
// from its own release, as its users get it.
func TestCommandLineTool(t *testing.T) {
	bin, found := findTool()
	if !found {
		leaveOut(t, "POSTERN_DESCOPE_CLI names no official command line tool, and no `descope` is on the PATH")
	}
	each(t, func(t *testing.T, s *server) {
		for name, baseURL := range map[string]string{"plain base URL": s.url, "base URL that ends in a slash": s.url + "/"} {
			t.Run(name, func(t *testing.T) {
				tool{bin: bin, server: s, baseURL: baseURL, dir: t.TempDir()}.journey(t)
			})
		}
	})
}

func findTool() (bin string, found bool) {
	if bin = os.Getenv("POSTERN_DESCOPE_CLI"); bin != "" {
		return bin, true
	}
	bin, err := exec.LookPath("descope")
	return bin, err == nil
}

// tool is the command line tool with one server and one work folder.
type tool struct {
	bin, baseURL, dir string
	server            *server
}

// run gives what the tool printed, and fails unless it exits as wanted.
func (c tool) run(t *testing.T, wantExit int, args ...string) string {
	t.Helper()
	return c.runWith(t, nil, wantExit, args...)
}

func (c tool) runWith(t *testing.T, env []string, wantExit int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.bin, args...)
	cmd.Dir = c.dir
	cmd.Env = append(append(os.Environ(), "DESCOPE_BASE_URL="+c.baseURL, "DESCOPE_MANAGEMENT_KEY="+c.server.key), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != wantExit {
		t.Fatalf("descope %s: exit %d, want %d\n%s", strings.Join(args, " "), got, wantExit, out.Bytes())
	}
	return out.String()
}

// journey promotes the example from one project to another, as a pipeline does.
func (c tool) journey(t *testing.T) {
	secrets := readSecrets(t, secretsFile)
	c.server.plant(secretValues(secrets)...)
	shop := absolute(t, exampleDir)
	staging, production := c.clone(t, "staging"), c.clone(t, "production")
	filled := c.validate(t, staging, shop, secrets)

	if refusal := c.run(t, exitError, "project", "snapshot", "import", staging, "-p", shop); !strings.Contains(refusal, "[E") {
		t.Errorf("an import without the secrets is refused without a code: %s", refusal)
	}
	c.run(t, 0, "project", "snapshot", "import", staging, "-p", shop, "--secrets-input", filled)
	c.run(t, 0, "project", "snapshot", "export", staging, "-p", "first")
	wantSameFiles(t, "the exported folder", readFolder(t, shop), readFolder(t, filepath.Join(c.dir, "first")))

	c.run(t, 0, "project", "snapshot", "validate", staging, "-p", "first")
	c.run(t, 0, "project", "snapshot", "import", staging, "-p", "first", "--exclude", "lists")
	c.run(t, 0, "project", "snapshot", "import", staging, "-p", "first")
	c.run(t, 0, "project", "snapshot", "export", staging, "-p", "second")
	c.wantSameFolders(t, "first", "second")

	c.run(t, 0, "project", "snapshot", "import", production, "-p", "first", "--secrets-input", filled)
	c.run(t, 0, "project", "snapshot", "export", production, "-p", "promoted")
	c.wantSameFolders(t, "first", "promoted")
	c.audit(t, production)

	c.run(t, 0, "project", "snapshot", "export", staging, "-p", "bare", "--no-assets")
	if _, err := os.Stat(filepath.Join(c.dir, "bare", "assets")); err == nil {
		t.Error("an export without assets has a folder of assets")
	}
	c.delete(t, staging)
}

// clone makes a project with the tool and finds it in the tool's list.
func (c tool) clone(t *testing.T, name string) string {
	t.Helper()
	name = uniqueName(name)
	var made struct {
		Ok     bool                         `json:"ok"`
		Result descope.CloneProjectResponse `json:"result"`
	}
	c.decode(t, c.run(t, 0, "project", "clone", c.server.project, name, "-e", "production", "--tags", "a,b", "--json"), &made)
	c.server.deleteLater(t, made.Result.ProjectID)
	if !made.Ok || made.Result.ProjectName != name || made.Result.Environment != "production" || !slices.Equal(made.Result.Tags, []string{"a", "b"}) {
		t.Errorf("clone prints %+v", made)
	}
	if !c.listed(t, made.Result.ProjectID) {
		t.Errorf("the clone is not listed")
	}
	return made.Result.ProjectID
}

func (c tool) listed(t *testing.T, id string) bool {
	t.Helper()
	var all struct {
		Projects []descope.Project `json:"projects"`
	}
	c.decode(t, c.run(t, 0, "project", "list", "--json"), &all)
	return slices.ContainsFunc(all.Projects, func(p descope.Project) bool { return p.ID == id })
}

func (c tool) decode(t *testing.T, printed string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(printed), into); err != nil {
		t.Fatalf("the tool prints no JSON: %v\n%s", err, printed)
	}
}

// validate gets the template of missing secrets from the tool, fills it in, and gives the path of the result.
func (c tool) validate(t *testing.T, project, shop string, secrets *descope.SnapshotSecrets) string {
	t.Helper()
	c.run(t, exitInvalid, "project", "snapshot", "validate", project, "-p", shop,
		"--secrets-output", "template.json", "--failures-output", "failures.txt")
	if failures, err := os.ReadFile(filepath.Join(c.dir, "failures.txt")); err != nil || len(bytes.TrimSpace(failures)) == 0 {
		t.Errorf("no failures are written: %v", err)
	}
	template := map[string]*secretEntry{}
	c.readJSON(t, "template.json", &template)
	known := map[string]string{}
	eachSecret(secrets, func(list string, secret *descope.SnapshotSecret) {
		known[toolPrefix[list]+secret.ID+"/"+secret.Type] = secret.Value
	})
	for name, entry := range template {
		for kind := range entry.Secrets {
			value, there := known[name+"/"+kind]
			if !there {
				t.Errorf("the template asks for %s of %s, which the example has no secret for", kind, name)
			}
			entry.Secrets[kind] = value
			delete(known, name+"/"+kind)
		}
	}
	for name := range known {
		t.Errorf("the template does not ask for %s", name)
	}

	data, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	filled := filepath.Join(c.dir, "secrets.json")
	if err := os.WriteFile(filled, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(t, 0, "project", "snapshot", "validate", project, "-p", shop, "--secrets-input", filled)
	return filled
}

var toolPrefix = map[string]string{"connectors": "connector-", "oauthProviders": "oauthprovider-", "outboundApps": "outboundapp-"}

func (c tool) readJSON(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	c.decode(t, string(data), into)
}

// wantSameFolders compares two folders byte for byte.
func (c tool) wantSameFolders(t *testing.T, first, second string) {
	t.Helper()
	if diff := cmp.Diff(c.readBytes(t, first), c.readBytes(t, second)); diff != "" {
		t.Errorf("%s and %s differ\n%.3000s", first, second, diff)
	}
}

func (c tool) readBytes(t *testing.T, name string) map[string]string {
	t.Helper()
	root, found := filepath.Join(c.dir, name), map[string]string{}
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(full)
		found[strings.TrimPrefix(full, root)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// audit finds the imports of a project with the tool, which takes the project from
// the environment here.
func (c tool) audit(t *testing.T, project string) {
	t.Helper()
	in := []string{"DESCOPE_PROJECT_ID=" + project}
	var found struct {
		Ok      bool                   `json:"ok"`
		Count   int                    `json:"count"`
		Records []*descope.AuditRecord `json:"records"`
	}
	c.decode(t, c.runWith(t, in, 0, "audit", "search", "project.IMPORT", "--json"), &found)
	if !found.Ok || found.Count != 1 || len(found.Records) != 1 {
		t.Fatalf("the tool finds %d of %d imports", len(found.Records), found.Count)
	}
	if r := found.Records[0]; r.ProjectID != project || r.Action != "project.import" || r.Type != "info" || r.Occurred.IsZero() || r.Data["digest"] == nil {
		t.Errorf("the record is %+v", *r)
	}
	if text := c.runWith(t, in, 0, "audit", "search", "project.import"); !strings.Contains(text, "Found 1 record") {
		t.Errorf("for people it prints %s", text)
	}
	if text := c.runWith(t, in, 0, "audit", "search", "nothing of the kind"); !strings.Contains(text, "Found 0 records") {
		t.Errorf("of nothing it prints %s", text)
	}
	c.runWith(t, []string{"DESCOPE_PROJECT_ID=P2aAc4T2V93bddihGEx2Ryhc8e5Z"}, exitError, "audit", "search", "import")
}

func (c tool) delete(t *testing.T, project string) {
	t.Helper()
	c.run(t, 0, "project", "delete", project, "--force")
	if c.listed(t, project) {
		t.Error("a deleted project is still listed")
	}
	c.run(t, exitError, "project", "delete", project, "--force")
	c.run(t, exitError, "project", "snapshot", "export", project, "-p", "gone")
}
