package conformance

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/sdk"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// projectAdmin is the role of a management key that may do everything in the projects that it names.
const projectAdmin = "project-admin"

// newKey makes a key that may act in one project, and deletes it after the test.
func (s *server) newKey(t *testing.T, project string, expiresIn uint64) (*descope.MgmtKey, string) {
	t.Helper()
	keys := open(t, s.url, s.project, s.key).ManagementKey()
	made, cleartext, err := keys.Create(t.Context(), uniqueName("key"), "made by the conformance suite", expiresIn, nil, &descope.MgmtKeyReBac{
		ProjectRoles: []*descope.MgmtKeyProjectRole{{ProjectIDs: []string{project}, Roles: []string{projectAdmin}}},
	})
	if err != nil {
		t.Fatalf("create a key: %v", err)
	}
	if made == nil || made.ID == "" || !strings.HasPrefix(cleartext, "K") {
		t.Fatalf("create answers key %+v and a cleartext of %d characters", made, len(cleartext))
	}
	s.plant(cleartext)
	t.Cleanup(func() { _, _ = keys.Delete(context.Background(), []string{made.ID}) })
	return made, cleartext
}

func TestManagementKeyIsReadBack(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.newProject(t)
		keys := open(t, s.url, s.project, s.key).ManagementKey()
		made, _ := s.newKey(t, project, 3600)

		if made.Status != descope.MgmtKeyActive {
			t.Errorf("a new key is %q", made.Status)
		}
		if lifetime := made.ExpireTime - made.CreatedTime; lifetime < 3590 || lifetime > 3610 {
			t.Errorf("a key for 3600 s lives from %d to %d", made.CreatedTime, made.ExpireTime)
		}
		roles := &descope.MgmtKeyReBac{ProjectRoles: []*descope.MgmtKeyProjectRole{{ProjectIDs: []string{project}, Roles: []string{projectAdmin}}}}
		if diff := cmp.Diff(roles, made.ReBac, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("roles of the new key (-want +got)\n%s", diff)
		}

		got, err := keys.Get(t.Context(), made.ID)
		if err != nil {
			t.Fatalf("get: %v", err)
		}
		if diff := cmp.Diff(made, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("get differs from create (-create +get)\n%s", diff)
		}
		all, err := keys.Search(t.Context(), &descope.MgmtKeySearchOptions{})
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		at := slices.IndexFunc(all, func(k *descope.MgmtKey) bool { return k.ID == made.ID })
		if at < 0 {
			t.Fatal("search does not find the key")
		}
		if diff := cmp.Diff(made, all[at], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("search differs from create (-create +search)\n%s", diff)
		}
	})
}

func TestManagementKeyWorksUntilItIsTakenAway(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		project := s.newProject(t)
		keys := open(t, s.url, s.project, s.key).ManagementKey()
		made, cleartext := s.newKey(t, project, 0)
		export := func() error {
			_, err := open(t, s.url, project, cleartext).Project().ExportSnapshot(t.Context(), nil)
			return err
		}
		update := func(ips []string, status descope.MgmtKeyStatus) *descope.MgmtKey {
			t.Helper()
			changed, err := keys.Update(t.Context(), made.ID, "renamed", "described", ips, status)
			if err != nil {
				t.Fatalf("update: %v", err)
			}
			return changed
		}

		if err := export(); err != nil {
			t.Fatalf("a new key: %v", err)
		}
		changed := update(nil, descope.MgmtKeyInactive)
		if changed.Name != "renamed" || changed.Description != "described" || changed.Status != descope.MgmtKeyInactive {
			t.Errorf("update answers %+v", *changed)
		}
		wantRefused(t, export())

		update([]string{"192.0.2.1", "2001:db8::/32"}, descope.MgmtKeyActive)
		wantRefused(t, export())
		update([]string{"127.0.0.0/8", "::1"}, descope.MgmtKeyActive)
		if err := export(); err != nil {
			t.Errorf("a key that permits this address: %v", err)
		}

		total, err := keys.Delete(t.Context(), []string{made.ID})
		if err != nil || total != 1 {
			t.Errorf("delete answers %d, %v", total, err)
		}
		wantRefused(t, export(), codeNoKey)
		_, err = keys.Get(t.Context(), made.ID)
		wantRefused(t, err)
	})
}

func TestManagementKeyCannotReachFurtherThanItsProject(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		own, foreign := s.newProject(t), s.newProject(t)
		_, cleartext := s.newKey(t, own, 0)
		limited := open(t, s.url, own, cleartext)

		_, _, err := limited.ManagementKey().Create(t.Context(), "more", "", 0, nil, &descope.MgmtKeyReBac{CompanyRoles: []string{"company-full-access"}})
		wantRefused(t, err)

		// A refusal of the list is fine too.
		projects, err := limited.Project().ListProjects(t.Context())
		if err != nil {
			wantRefused(t, err)
		}
		for _, project := range projects {
			if project.ID == foreign || project.ID == s.project {
				t.Errorf("a key of one project is told of %s", project.Name)
			}
		}
	})
}

func TestWrongKeyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		wrong := misspelt(s.key)
		for name, key := range map[string]string{"of the right form": wrong, "of no form": "Kwrong"} {
			t.Run(name, func(t *testing.T) {
				_, err := open(t, s.url, s.project, key).Project().ExportSnapshot(t.Context(), nil)
				wantRefused(t, err, codeNoKey)
				_, err = open(t, s.url, "", key).Project().ListProjects(t.Context())
				wantRefused(t, err, codeNoKey)
			})
		}
	})
}

func TestUnknownAndForeignProjectAnswerAlike(t *testing.T) {
	calls := map[string]func(*testing.T, sdk.Project) error{
		"export": func(t *testing.T, p sdk.Project) error {
			_, err := p.ExportSnapshot(t.Context(), nil)
			return err
		},
		"validate": func(t *testing.T, p sdk.Project) error {
			_, err := p.ValidateSnapshot(t.Context(), &descope.ValidateSnapshotRequest{Files: readFolder(t, exampleDir)})
			return err
		},
		"import": func(t *testing.T, p sdk.Project) error {
			return p.ImportSnapshot(t.Context(), &descope.ImportSnapshotRequest{Files: readFolder(t, exampleDir)})
		},
		"clone": func(t *testing.T, p sdk.Project) error {
			_, err := p.Clone(t.Context(), "copy", descope.ProjectEnvironmentNone, nil)
			return err
		},
		"rename": func(t *testing.T, p sdk.Project) error { return p.UpdateName(t.Context(), "taken") },
		"tag":    func(t *testing.T, p sdk.Project) error { return p.UpdateTags(t.Context(), []string{"taken"}) },
		"delete": func(t *testing.T, p sdk.Project) error { return p.Delete(t.Context()) },
	}
	each(t, func(t *testing.T, s *server) {
		own, foreign := s.newProject(t), s.newProject(t)
		unknown := misspelt(foreign)
		_, cleartext := s.newKey(t, own, 0)
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				answer := func(project, key string) *descope.Error {
					refused := *wantRefused(t, call(t, open(t, s.url, project, key).Project()), codeNoProject)
					refused.Description = strings.ReplaceAll(refused.Description, project, "P…")
					refused.Message = strings.ReplaceAll(refused.Message, project, "P…")
					return &refused
				}
				want := answer(unknown, cleartext)
				if diff := cmp.Diff(want, answer(foreign, cleartext)); diff != "" {
					t.Errorf("a key of another project is told that a project exists (-unknown +foreign)\n%s", diff)
				}
				answer(unknown, s.key)
			})
		}
	})
}

// misspelt is a text of the same form with another character in the middle.
func misspelt(text string) string {
	middle, character := len(text)/2, "a"
	if text[middle] == 'a' {
		character = "b"
	}
	return text[:middle] + character + text[middle+1:]
}
