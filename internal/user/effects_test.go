package user_test

import (
	"context"
	"log/slog"
	"testing"

	"postern/internal/audit"
	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// A plan that removes a role says who has it: of this project, each once.
func TestPlansSayWhoHoldsARole(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		master, _, err := secret.NewMaster()
		if err != nil {
			t.Fatal(err)
		}
		projects := &project.Service{DB: db, Master: master, Log: slog.New(slog.DiscardHandler)}
		projects.Effects = append(projects.Effects, (&user.Service{DB: db}).Effects())
		by := audit.Origin{Actor: "test"}
		roles := func(names string) *snapshot.Upload {
			return &snapshot.Upload{Files: snapshot.Files{"roles.json": []byte(`{"roles":[` + names + `]}`)}}
		}
		var ids []string
		for range 2 {
			p, err := projects.Create(t.Context(), by, project.New{Name: "Shop"})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, p.ID)
			if _, err := projects.Import(t.Context(), by, project.Import{Project: p.ID, Upload: roles(`{"name":"editor"},{"name":"reader"}`)}); err != nil {
				t.Fatal(err)
			}
			c, err := projects.Config(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			both, err := authz.Of(c).IDs([]string{"editor", "reader"})
			if err != nil {
				t.Fatal(err)
			}
			err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				for _, login := range []string{"ann", "bob"} {
					if err := user.Create(tx, &user.User{Project: p.ID, LoginIDs: []string{login}, Roles: both}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		plan, err := projects.Plan(t.Context(), project.Import{Project: ids[0], Upload: roles(`{"name":"reader"}`)})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, d := range plan.Differences {
			for _, e := range d.Effects {
				if e.Code == "role_holders" {
					told++
					if d.Name != "editor" || e.Count != 2 || e.Message != "2 people have this role, and what it permits, no more." {
						t.Errorf("%s: %+v", d.Name, e)
					}
				}
			}
		}
		if told != 1 {
			t.Errorf("%d roles are told of", told)
		}
	})
}
