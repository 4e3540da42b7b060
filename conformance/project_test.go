package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
)

func TestCloneCopiesTheConfigurationAndItsSecrets(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		source := s.admin(t, s.newShop(t))
		before := mustExport(t, source)
		name, tags := uniqueName("shop production"), []string{"eu", "blue"}

		made, err := source.Clone(t.Context(), name, descope.ProjectEnvironmentProduction, tags)
		if err != nil {
			t.Fatalf("clone: %v", err)
		}
		s.deleteLater(t, made.ProjectID)
		if !strings.HasPrefix(made.ProjectID, "P") || made.ProjectName != name || made.Environment != "production" || !slices.Equal(made.Tags, tags) {
			t.Errorf("clone answers %+v", *made)
		}
		clone := s.admin(t, made.ProjectID)
		wantListed(t, clone, made.ProjectID, &descope.Project{Name: name, Environment: "production", Tags: tags})
		wantSameFiles(t, "the clone", before, mustExport(t, clone))
		wantValid(t, mustValidate(t, clone, readFolder(t, exampleDir), nil))

		// Two projects from now on: a change of one does not reach the other.
		changed := copyOf(t, before)
		list(changed, "roles.json", "roles")[0]["description"] = "changed in the clone"
		mustImport(t, clone, &descope.ImportSnapshotRequest{Files: changed})
		wantSameFiles(t, "the source after a change of its clone", before, mustExport(t, source))
	})
}

func TestNameAndTagsAreChanged(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.newProject(t)
		project, name := s.admin(t, id), uniqueName("renamed")
		if err := project.UpdateName(t.Context(), name); err != nil {
			t.Fatalf("rename: %v", err)
		}
		if err := project.UpdateTags(t.Context(), []string{"one", "two"}); err != nil {
			t.Fatalf("tag: %v", err)
		}
		wantListed(t, project, id, &descope.Project{Name: name, Tags: []string{"one", "two"}})

		if err := project.UpdateTags(t.Context(), nil); err != nil {
			t.Fatalf("take the tags away: %v", err)
		}
		wantListed(t, project, id, &descope.Project{Name: name})
	})
}

func TestCompanyClientListsWithoutAProject(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.newProject(t)
		projects, err := open(t, s.url, "", s.key).Project().ListProjects(t.Context())
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		for _, want := range []string{s.project, id} {
			if !slices.ContainsFunc(projects, func(p *descope.Project) bool { return p.ID == want }) {
				t.Errorf("%s is not listed", want)
			}
		}
	})
}

func TestBaseURLMayEndInASlash(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.newShop(t)
		project := open(t, s.url+"/", id, s.key).Project() // asks for //v1/…
		exported := mustExport(t, project)
		mustImport(t, project, &descope.ImportSnapshotRequest{Files: exported})
		wantSameFiles(t, "export through //v1", mustExport(t, s.admin(t, id)), exported)
	})
}

func TestDeletedProjectIsGone(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id := s.newShop(t)
		project := s.admin(t, id)
		if err := project.Delete(t.Context()); err != nil {
			t.Fatalf("delete: %v", err)
		}
		wantListed(t, open(t, s.url, "", s.key).Project(), id, nil)
		_, err := project.ExportSnapshot(t.Context(), nil)
		wantRefused(t, err, codeNoProject)
		wantRefused(t, project.Delete(t.Context()), codeNoProject)
	})
}
