package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
)

const terraformDir = "terraform"

// changesPlanned is what a plan exits with, asked for detail, where something would change.
const changesPlanned = 2

// TestTerraformProvider applies a configuration with the official provider, changes it, and takes it away. The provider
// is not built here: no registry of modules has it, so it comes from its own release or is built from its source.
func TestTerraformProvider(t *testing.T) {
	provider := os.Getenv("POSTERN_TERRAFORM_PROVIDER")
	if provider == "" {
		leaveOut(t, "POSTERN_TERRAFORM_PROVIDER names no official provider (terraform-provider-descope)")
	}
	bin, found := findTerraform()
	if !found {
		leaveOut(t, "there is neither `terraform` nor `tofu` on the PATH")
	}
	each(t, func(t *testing.T, s *server) {
		s.plant("planted-risk-token", "planted-risk-hmac", "planted-texts-token", "planted-guild-secret", "planted-relay-first", "planted-relay-second")
		newTerraform(t, bin, absolute(t, provider), s).journey(t)
	})
}

func findTerraform() (bin string, found bool) {
	for _, name := range []string{"terraform", "tofu"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, true
		}
	}
	return "", false
}

// terraform is the tool with one server, in one work folder.
type terraform struct {
	bin, dir, settings string
	server             *server
}

func newTerraform(t *testing.T, bin, provider string, s *server) terraform {
	c := terraform{bin: bin, dir: t.TempDir(), settings: filepath.Join(t.TempDir(), "settings.tfrc"), server: s}
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides { \"descope/descope\" = %q }\n  direct {}\n}\n", filepath.Dir(provider))
	main, err := os.ReadFile(filepath.Join(terraformDir, "main.tf"))
	if err := errors.Join(err, os.WriteFile(c.settings, []byte(overrides), 0o600), os.WriteFile(filepath.Join(c.dir, "main.tf"), main, 0o600)); err != nil {
		t.Fatal(err)
	}
	return c
}

// variables are those of main.tf.
type variables struct {
	SessionLifetime string   `json:"session_lifetime"`
	RelayPassword   string   `json:"relay_password"`
	RiskService     string   `json:"risk_service"`
	ClerkMay        []string `json:"clerk_may"`
	WithAuditor     bool     `json:"with_auditor"`
}

func (c terraform) set(t *testing.T, v variables) {
	t.Helper()
	b, err := json.Marshal(v)
	if err := errors.Join(err, os.WriteFile(filepath.Join(c.dir, "terraform.tfvars.json"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// run gives what the tool printed, and fails unless it exits as wanted.
func (c terraform) run(t *testing.T, wantExit int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.bin, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+c.settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"DESCOPE_BASE_URL="+c.server.url, "DESCOPE_MANAGEMENT_KEY="+c.server.key)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != wantExit {
		t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, wantExit, out.Bytes(), told.Bytes())
	}
	return out.String()
}

// settle applies what is configured, after which there is nothing left to change.
func (c terraform) settle(t *testing.T) {
	t.Helper()
	c.run(t, 0, "apply", "-no-color", "-auto-approve", "-input=false")
	c.plan(t, 0)
}

func (c terraform) plan(t *testing.T, wantExit int) string {
	t.Helper()
	return c.run(t, wantExit, "plan", "-no-color", "-input=false", "-detailed-exitcode")
}

// journey is what a team does: apply, change, find what somebody changed by hand, import, destroy.
func (c terraform) journey(t *testing.T) {
	first := variables{"15 minutes", "planted-relay-first", "Risk", []string{"stock:read", "stock:write"}, false}
	c.set(t, first)
	c.settle(t)
	id := c.run(t, 0, "output", "-no-color", "-raw", "project")
	c.server.deleteLater(t, id)
	c.wantRoles(t, id, "Clerk [stock:read stock:write]", "Reader [stock:read]")

	c.set(t, variables{"20 minutes", "planted-relay-second", "Risk service", []string{"stock:read"}, true})
	if told := c.plan(t, changesPlanned); !strings.Contains(told, `"15 minutes" -> "20 minutes"`) || strings.Contains(told, "planted-") {
		t.Errorf("the plan does not say what changes, or says a secret:\n%s", told)
	}
	c.settle(t)
	c.wantRoles(t, id, "Auditor [stock:read]", "Clerk [stock:read]", "Reader [stock:read]")
	c.wantConnector(t, id, "Risk service")

	roles := open(t, c.server.url, id, c.server.key).Role()
	if err := roles.Delete(t.Context(), "Auditor", ""); err != nil {
		t.Fatal(err)
	}
	c.plan(t, changesPlanned)
	c.settle(t)
	c.wantRoles(t, id, "Auditor [stock:read]", "Clerk [stock:read]", "Reader [stock:read]")

	c.set(t, first)
	c.settle(t)
	c.wantRoles(t, id, "Clerk [stock:read stock:write]", "Reader [stock:read]")

	c.run(t, 0, "state", "rm", "descope_project.quill")
	c.run(t, 0, "import", "-no-color", "-input=false", "descope_project.quill", id)
	c.settle(t) // what the provider does not read back is sent again

	c.run(t, 0, "destroy", "-no-color", "-auto-approve", "-input=false")
	if _, err := roles.LoadAll(t.Context()); !descope.IsError(err, codeNoProject) {
		t.Errorf("the project is still there after it was destroyed: %v", err)
	}
}

// wantRoles compares the roles of a project, each with its permissions.
func (c terraform) wantRoles(t *testing.T, id string, want ...string) {
	t.Helper()
	all, err := open(t, c.server.url, id, c.server.key).Role().LoadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		slices.Sort(r.PermissionNames)
		got = append(got, fmt.Sprint(r.Name, " ", r.PermissionNames))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the roles are %q, want %q", got, want)
	}
}

func (c terraform) wantConnector(t *testing.T, id, name string) {
	t.Helper()
	for path, file := range mustExport(t, c.server.admin(t, id)) {
		if connector, ok := file.(map[string]any); ok && strings.HasPrefix(path, "connectors/") && connector["name"] == name {
			return
		}
	}
	t.Errorf("no connector is called %q", name)
}
