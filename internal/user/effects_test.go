package user_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// A plan that removes a custom attribute, or makes it one of another type, says who
// has a value of it.
func TestPlansSayWhoHasAValue(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		master, _, err := secret.NewMaster()
		if err != nil {
			t.Fatal(err)
		}
		projects := &project.Service{DB: db, Master: master, Log: slog.New(slog.DiscardHandler)}
		projects.Effects = append(projects.Effects, (&user.Service{DB: db}).Effects())
		by := audit.Origin{Actor: "test"}
		attributes := func(list string) *snapshot.Upload {
			return &snapshot.Upload{Files: snapshot.Files{"attributes.json": []byte(`{"user":[` + list + `]}`)}}
		}
		p, err := projects.Create(t.Context(), by, project.New{Name: "Shop"})
		if err != nil {
			t.Fatal(err)
		}
		const nick, age, note = `{"name":"nick","displayName":"Nick","type":"string"}`, `{"name":"age","displayName":"Age","type":"string"}`, `{"name":"note","displayName":"Note","type":"string"}`
		if _, err := projects.Import(t.Context(), by, project.Import{Project: p.ID, Upload: attributes(nick + "," + age + "," + note)}); err != nil {
			t.Fatal(err)
		}
		err = db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for i, login := range []string{"ann", "bob"} {
				custom := map[string]any{"nick": login}
				if i == 0 {
					custom["age"] = "5"
				}
				if err := user.Create(tx, &user.User{Project: p.ID, LoginIDs: []string{login}, Custom: custom}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := projects.Plan(t.Context(), project.Import{Project: p.ID, Upload: attributes(`{"name":"age","displayName":"Age","type":"number"}`)})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, d := range plan.Differences {
			for _, e := range d.Effects {
				told = append(told, fmt.Sprintf("%s: %s (%d)", d.Name, e.Message, e.Count))
			}
		}
		want := []string{
			"Age: 1 person has a value of it, which stays of the old type until it is set again. (1)",
			"Nick: 2 people have a value of it, which is kept and shown no more. (2)",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
