package user_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/authz"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

// A plan that removes a role says who has it: of this project, each once.
func TestPlansSayWhoHoldsARole(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		shop := signin.New(t, db, project.New{Name: "Shop"})
		shop.Projects.Effects = []project.Effects{(&user.Service{DB: db}).Effects()}
		for _, p := range []*signin.Project{shop, shop.Beside(t, project.New{Name: "Other"})} {
			p.Import(t, map[string]string{"roles.json": `{"roles":[{"name":"editor"},{"name":"reader"}]}`})
			both, err := authz.Of(p.Config(t)).IDs([]string{"editor", "reader"})
			if err != nil {
				t.Fatal(err)
			}
			for _, login := range []string{"ann", "bob"} {
				p.User(t, user.User{LoginIDs: []string{login}, Roles: both})
			}
		}
		want := []string{"editor: 2 people have this role, and what it permits, no more. (role_holders, 2)"}
		if diff := cmp.Diff(want, shop.Effects(t, map[string]string{"roles.json": `{"roles":[{"name":"reader"}]}`})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A plan that removes a custom attribute, or makes it one of another type, says who
// has a value of it.
func TestPlansSayWhoHasAValue(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		shop := signin.New(t, db, project.New{Name: "Shop"})
		shop.Projects.Effects = []project.Effects{(&user.Service{DB: db}).Effects()}
		attributes := func(list string) map[string]string {
			return map[string]string{"attributes.json": `{"user":[` + list + `]}`}
		}
		const nick, age, note = `{"name":"nick","displayName":"Nick","type":"string"}`, `{"name":"age","displayName":"Age","type":"string"}`, `{"name":"note","displayName":"Note","type":"string"}`
		shop.Import(t, attributes(nick+","+age+","+note))
		shop.User(t, user.User{LoginIDs: []string{"ann"}, Custom: map[string]any{"nick": "ann", "age": "5"}})
		shop.User(t, user.User{LoginIDs: []string{"bob"}, Custom: map[string]any{"nick": "bob"}})
		want := []string{
			"Age type: 1 person has a value of it, which stays of the old type until it is set again. (attribute_values, 1)",
			"Nick: 2 people have a value of it, which is kept and shown no more. (attribute_values, 2)",
		}
		if diff := cmp.Diff(want, shop.Effects(t, attributes(`{"name":"age","displayName":"Age","type":"number"}`))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
