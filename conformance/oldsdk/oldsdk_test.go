// Package oldsdk drives a server with the version of the official Go SDK that the command line tool is built with. The
// suite one folder up starts the server and runs it.
package oldsdk

import (
	"net/http"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/client"
	"github.com/descope/go-sdk/descope/sdk"
)

// recorder keeps the licence that the client tells the server.
type recorder struct{ licences []string }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	r.licences = append(r.licences, request.Header.Get("x-descope-license"))
	return http.DefaultTransport.RoundTrip(request) // follows no redirect, like the client of the SDK
}

func open(t *testing.T, baseURL, project string, through *recorder) sdk.Project {
	t.Helper()
	made, err := client.NewWithConfig(&client.Config{
		ProjectID:           project,
		ManagementKey:       os.Getenv("POSTERN_MANAGEMENT_KEY"),
		DescopeBaseURL:      baseURL,
		AllowEmptyProjectID: project == "",
		DefaultClient:       through,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Management.Project()
}

func TestOlderSDK(t *testing.T) {
	base, id := os.Getenv("POSTERN_URL"), os.Getenv("POSTERN_PROJECT_ID")
	if base == "" {
		t.Skip("run by the suite one folder up")
	}
	_ = os.Unsetenv("DESCOPE_PROJECT_ID")

	for _, url := range []string{base, base + "/"} {
		through := &recorder{}
		project := open(t, url, id, through)
		exported, err := project.ExportSnapshot(t.Context(), &descope.ExportSnapshotRequest{})
		if err != nil {
			t.Fatalf("%s: export: %v", url, err)
		}
		if last := through.licences[len(through.licences)-1]; last == "" {
			t.Errorf("%s: the licence answer has no licenseType, which this version reads", url)
		}
		made, err := project.ValidateSnapshot(t.Context(), &descope.ValidateSnapshotRequest{Files: exported.Files})
		if err != nil || !made.Ok {
			t.Fatalf("%s: validate: %+v, %v", url, made, err)
		}
		if err := project.ImportSnapshot(t.Context(), &descope.ImportSnapshotRequest{Files: exported.Files}); err != nil {
			t.Fatalf("%s: import: %v", url, err)
		}
		again, err := project.ExportSnapshot(t.Context(), &descope.ExportSnapshotRequest{})
		if err != nil || !reflect.DeepEqual(exported.Files, again.Files) {
			t.Errorf("%s: the second export differs: %v", url, err)
		}

		projects, err := open(t, url, "", through).ListProjects(t.Context())
		if err != nil || !slices.ContainsFunc(projects, func(p *descope.Project) bool { return p.ID == id }) {
			t.Errorf("%s: %s is not among the %d projects of the company: %v", url, id, len(projects), err)
		}
	}
}
