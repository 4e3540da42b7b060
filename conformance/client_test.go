package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/client"
	"github.com/descope/go-sdk/descope/sdk"
)

// Codes of the protocol that clients of it act on.
const (
	codeNoProject = "E011008"
	codeNoKey     = "E111003"
)

// open makes a client of the official Go SDK. Without a project it speaks for the company, as `project list` does.
func open(t *testing.T, baseURL, project, key string) sdk.Management {
	t.Helper()
	return dial(t, &client.Config{ProjectID: project, ManagementKey: key, DescopeBaseURL: baseURL, AllowEmptyProjectID: project == ""}).Management
}

// dial makes a client whose calls are seen.
func dial(t *testing.T, config *client.Config) *client.DescopeClient {
	t.Helper()
	config.DefaultClient = watch
	made, err := client.NewWithConfig(config)
	if err != nil {
		t.Fatalf("open a client: %v", err)
	}
	return made
}

func (s *server) admin(t *testing.T, project string) sdk.Project {
	t.Helper()
	return open(t, s.url, project, s.key).Project()
}

// newProject clones the empty project, and deletes the clone after the test.
func (s *server) newProject(t *testing.T) string {
	t.Helper()
	made, err := s.admin(t, s.project).Clone(t.Context(), uniqueName("conformance"), descope.ProjectEnvironmentNone, nil)
	if err != nil {
		t.Fatalf("clone the empty project: %v", err)
	}
	s.deleteLater(t, made.ProjectID)
	return made.ProjectID
}

func (s *server) deleteLater(t *testing.T, project string) {
	t.Helper()
	t.Cleanup(func() {
		err := s.admin(t, project).Delete(context.Background())
		if err != nil && !descope.IsError(err, codeNoProject) {
			t.Errorf("delete the project afterwards: %v", err)
		}
	})
}

// newShop is a new project with the example in it.
func (s *server) newShop(t *testing.T) string {
	t.Helper()
	project := s.newProject(t)
	secrets := readSecrets(t, secretsFile)
	s.plant(secretValues(secrets)...)
	mustImport(t, s.admin(t, project), &descope.ImportSnapshotRequest{Files: readFolder(t, exampleDir), InputSecrets: secrets})
	return project
}

func uniqueName(prefix string) string { return prefix + " " + strings.ToLower(rand.Text()[:8]) }

func mustExport(t *testing.T, project sdk.Project) files {
	t.Helper()
	made, err := project.ExportSnapshot(t.Context(), nil)
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return made.Files
}

func mustImport(t *testing.T, project sdk.Project, request *descope.ImportSnapshotRequest) {
	t.Helper()
	if err := project.ImportSnapshot(t.Context(), request); err != nil {
		t.Fatalf("import: %v", err)
	}
}

func mustValidate(t *testing.T, project sdk.Project, given files, secrets *descope.SnapshotSecrets) *descope.ValidateSnapshotResponse {
	t.Helper()
	made, err := project.ValidateSnapshot(t.Context(), &descope.ValidateSnapshotRequest{Files: given, InputSecrets: secrets})
	if err != nil {
		t.Fatalf("validate: %v", err)
	}
	if made.Ok != (len(made.Failures) == 0) {
		t.Errorf("validate says ok=%t with failures %q", made.Ok, made.Failures)
	}
	return made
}

func wantValid(t *testing.T, made *descope.ValidateSnapshotResponse) {
	t.Helper()
	if !made.Ok {
		t.Errorf("validate refuses: %q", made.Failures)
	}
	if missing := secretIDs(made.MissingSecrets); len(missing) > 0 {
		t.Errorf("validate misses secrets: %q", missing)
	}
}

// wantRefused checks that the server refused, in its own words: a code that begins with G is what the client puts in the
// place of an answer that it could not read. Any of the codes will do; without one, every code.
func wantRefused(t *testing.T, err error, codes ...string) *descope.Error {
	t.Helper()
	var refused *descope.Error
	if !errors.As(err, &refused) {
		t.Fatalf("want a refusal, got %v", err)
	}
	if refused.Code == "" || strings.HasPrefix(refused.Code, "G") {
		t.Fatalf("the client could not read the refusal: %v", refused)
	}
	if len(codes) > 0 && !slices.Contains(codes, refused.Code) {
		t.Errorf("want a refusal with code %s, got %v", strings.Join(codes, " or "), refused)
	}
	if refused.Description == "" {
		t.Errorf("the refusal has no description: %v", refused)
	}
	return refused
}

// wantListed finds a project in the list, or its absence.
func wantListed(t *testing.T, company sdk.Project, id string, want *descope.Project) {
	t.Helper()
	projects, err := company.ListProjects(t.Context())
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	at := slices.IndexFunc(projects, func(p *descope.Project) bool { return p.ID == id })
	switch {
	case want == nil && at >= 0:
		t.Errorf("%s is still listed", id)
	case want != nil && at < 0:
		t.Errorf("%s is not listed", id)
	case want != nil:
		got := projects[at]
		if got.Name != want.Name || got.Environment != want.Environment || !slices.Equal(got.Tags, want.Tags) {
			t.Errorf("listed as %+v, want %+v", *got, *want)
		}
	}
}

// wantNoSecret looks for the values of secrets in anything that the server answered.
func wantNoSecret(t *testing.T, what string, answer any, secrets *descope.SnapshotSecrets) {
	t.Helper()
	data, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	eachSecret(secrets, func(list string, secret *descope.SnapshotSecret) {
		if len(secret.Value) >= 8 && strings.Contains(string(data), secret.Value) {
			t.Errorf("%s shows the %s of %s %q", what, secret.Type, list, secret.Name)
		}
	})
}
