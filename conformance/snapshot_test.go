package conformance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/google/go-cmp/cmp"
)

func TestExportGivesBackWhatWasImported(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newShop(t))
		exported := mustExport(t, project)
		wantSameFiles(t, "export after import", readFolder(t, exampleDir), exported)
		wantNoSecret(t, "the export", exported, readSecrets(t, secretsFile))
	})
}

func TestImportOfAnExportChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newShop(t))
		first := mustExport(t, project)

		// The secrets that the project has are kept: none is given again.
		wantValid(t, mustValidate(t, project, first, nil))
		mustImport(t, project, &descope.ImportSnapshotRequest{Files: first})
		if diff := cmp.Diff(first, mustExport(t, project)); diff != "" {
			t.Errorf("the second export differs (-first +second)\n%.3000s", diff)
		}
	})
}

func TestValidateListsExactlyTheMissingSecrets(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newProject(t))
		shop, secrets := readFolder(t, exampleDir), readSecrets(t, secretsFile)
		s.plant(secretValues(secrets)...)
		before := mustExport(t, project)

		without := mustValidate(t, project, shop, nil)
		if without.Ok {
			t.Error("validate is content without the secrets")
		}
		if diff := cmp.Diff(secretIDs(secrets), secretIDs(without.MissingSecrets)); diff != "" {
			t.Errorf("missing secrets (-want +got)\n%s", diff)
		}
		if values := secretValues(without.MissingSecrets); len(values) > 0 {
			t.Error("a missing secret has a value")
		}
		wantRefused(t, project.ImportSnapshot(t.Context(), &descope.ImportSnapshotRequest{Files: shop}))

		with := mustValidate(t, project, shop, secrets)
		wantValid(t, with)
		wantNoSecret(t, "the answer of validate", with, secrets)
		wantSameFiles(t, "after validate and a refused import", before, mustExport(t, project))
	})
}

func TestDanglingReferenceIsRefusedWithTheNearestName(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newProject(t))
		secrets := readSecrets(t, secretsFile)
		s.plant(secretValues(secrets)...)
		shop := readFolder(t, exampleDir)
		wrong, right := misspellPermission(t, shop)

		made := mustValidate(t, project, shop, secrets)
		if made.Ok {
			t.Fatalf("validate is content with a role that has the unknown permission %q", wrong)
		}
		helpful := func(failure string) bool {
			return strings.Contains(failure, wrong) && strings.Contains(strings.ReplaceAll(failure, wrong, ""), right)
		}
		if !slices.ContainsFunc(made.Failures, helpful) {
			t.Errorf("no failure names %q and the nearest, %q: %q", wrong, right, made.Failures)
		}
		wantRefused(t, project.ImportSnapshot(t.Context(), &descope.ImportSnapshotRequest{Files: shop, InputSecrets: secrets}))
	})
}

// misspellPermission breaks the longest permission name that a role of the snapshot uses.
func misspellPermission(t *testing.T, snapshot files) (wrong, right string) {
	t.Helper()
	defined := map[string]bool{}
	for _, permission := range list(snapshot, "permissions.json", "permissions") {
		name, _ := permission["name"].(string)
		defined[name] = permission["appId"] == nil // those of an application are looked up there
	}
	var names []any
	var at int
	for _, role := range list(snapshot, "roles.json", "roles") {
		used, _ := role["permissions"].([]any)
		for i, name := range used {
			if name, ok := name.(string); ok && defined[name] && len(name) > len(right) {
				names, at, right = used, i, name
			}
		}
	}
	if right == "" {
		t.Fatalf("%s has no role with a permission of permissions.json to break", exampleDir)
	}
	wrong = right + "x"
	names[at] = wrong
	return wrong, right
}

// list is a member of a file that holds objects.
func list(snapshot files, file, member string) []map[string]any {
	object, _ := snapshot[file].(map[string]any)
	entries, _ := object[member].([]any)
	var objects []map[string]any
	for _, entry := range entries {
		if entry, ok := entry.(map[string]any); ok {
			objects = append(objects, entry)
		}
	}
	return objects
}

func TestRefusedImportHasACodeAndChangesNothing(t *testing.T) {
	refused := []struct {
		name  string
		file  string
		value any
		says  string
	}{
		{"a value of the wrong type", "project.json", map[string]any{"sessionTokenExpiration": []any{"soon"}}, "sessionTokenExpiration"},
		{"text where an object belongs", "roles.json", "no roles", "roles.json"},
		{"a list of the wrong kind", "roles.json", map[string]any{"roles": "admin"}, "roles"},
		{"a snapshot newer than the server", "snapshot.json", map[string]any{"version": 999}, "999"},
		{"a path that climbs", "../outside.json", map[string]any{}, "outside.json"},
		{"an image that is not base64", "assets/broken.png", "%%%", "broken.png"},
	}
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newShop(t))
		before := mustExport(t, project)
		for _, test := range refused {
			t.Run(test.name, func(t *testing.T) {
				bad := copyOf(t, before)
				bad[test.file] = test.value
				err := wantRefused(t, project.ImportSnapshot(t.Context(), &descope.ImportSnapshotRequest{Files: bad}))
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("the refusal does not name %s: %v", test.says, err)
				}
			})
		}
		wantSameFiles(t, "after refused imports", before, mustExport(t, project))
	})
}

func TestExcludedListsStayAsTheyAre(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newShop(t))
		before := mustExport(t, project)
		if _, there := before["lists.json"]; !there {
			t.Fatalf("%s has no lists.json to exclude", exampleDir)
		}
		changed := copyOf(t, before)
		changed["lists.json"] = map[string]any{"lists": []any{}}
		roles := list(changed, "roles.json", "roles")
		if len(roles) == 0 {
			t.Fatalf("%s has no role to change", exampleDir)
		}
		roles[0]["description"] = "changed by the conformance suite"

		mustImport(t, project, &descope.ImportSnapshotRequest{
			Files: changed, Excludes: []descope.SnapshotExclude{descope.SnapshotExcludeLists},
		})
		changed["lists.json"] = before["lists.json"]
		wantSameFiles(t, "import without the lists", changed, mustExport(t, project))
	})
}

func TestPlainExportHasNoAssets(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newShop(t))
		made, err := project.ExportSnapshot(t.Context(), &descope.ExportSnapshotRequest{Format: "plain"})
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range made.Files {
			object, ok := value.(map[string]any)
			if !ok || strings.HasPrefix(name, "assets/") {
				t.Errorf("the plain export holds %s", name)
			}
			if leaf := assetIn(object); leaf != "" {
				t.Errorf("%s refers to %s, which a plain export does not hold", name, leaf)
			}
		}
		wantValid(t, mustValidate(t, project, made.Files, nil))
	})
}

func assetIn(value any) string {
	switch value := value.(type) {
	case string:
		if strings.HasPrefix(value, "asset:") {
			return value
		}
	case map[string]any:
		for _, member := range value {
			if leaf := assetIn(member); leaf != "" {
				return leaf
			}
		}
	case []any:
		for _, member := range value {
			if leaf := assetIn(member); leaf != "" {
				return leaf
			}
		}
	}
	return ""
}

func TestRealSnapshotGoesRound(t *testing.T) {
	if _, err := os.Stat(realDir); err != nil {
		leaveOut(t, "no real snapshot beside the repository")
	}
	each(t, func(t *testing.T, s *server) {
		project := s.admin(t, s.newProject(t))
		given := readFolder(t, realDir)
		secrets := mustValidate(t, project, given, nil).MissingSecrets
		eachSecret(secrets, func(list string, secret *descope.SnapshotSecret) {
			secret.Value = fmt.Sprintf("planted-%s-%s-%s", list, secret.ID, secret.Type)
		})
		s.plant(secretValues(secrets)...)
		wantValid(t, mustValidate(t, project, given, secrets))
		mustImport(t, project, &descope.ImportSnapshotRequest{Files: given, InputSecrets: secrets})

		first := mustExport(t, project)
		wantSameFiles(t, "export after import", given, first)
		wantNoSecret(t, "the export", first, secrets)
		mustImport(t, project, &descope.ImportSnapshotRequest{Files: first})
		wantSameFiles(t, "second export", first, mustExport(t, project))
	})
}
