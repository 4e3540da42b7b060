package user_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// What stands in other tables comes back as it was, in its order, and nobody else's.
func TestAUserComesBackWhole(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		write := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return fn(tx) }); err != nil {
				t.Fatal(err)
			}
		}
		write(func(tx *store.Tx) error {
			for _, statement := range []string{
				`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1), ('P2', 'P2', 1)`,
				`INSERT INTO tenants (project, id, name, created_at, modified_at) VALUES ('P1', 'Tb', 'b', 1, 1), ('P1', 'Ta', 'a', 1, 1), ('P2', 'Ta', 'a', 1, 1)`,
			} {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		})
		all := []*user.User{
			{
				Project: "P1", LoginIDs: []string{"z@example.com", "+15550100", "a@example.com"}, Roles: []string{"R2", "R1"},
				Tenants: []user.Membership{{Tenant: "Tb", Roles: []string{"R3", "R1"}}, {Tenant: "Ta"}},
			},
			{Project: "P1", LoginIDs: []string{"other"}, Roles: []string{"R9"}, Tenants: []user.Membership{{Tenant: "Ta", Roles: []string{"R9"}}}},
			{Project: "P2", LoginIDs: []string{"z@example.com"}, Tenants: []user.Membership{{Tenant: "Ta", Roles: []string{"R8"}}}},
			{Project: "P2", LoginIDs: []string{"alone"}},
			{Project: "P2", LoginIDs: []string{"5:ab:1", "Ünïcode\u2028", "7:"}, Roles: []string{"", "1:x\n2:yz", "ß"}},
		}
		for _, u := range all {
			write(func(tx *store.Tx) error { return user.Create(tx, u) })
		}
		write(func(tx *store.Tx) error { // the rows stand in another order than they count in
			_, err := tx.Exec(`UPDATE login_ids SET position = 2 - position WHERE project = 'P1' AND user_id = $1`, all[0].ID)
			return err
		})
		slices.Reverse(all[0].LoginIDs)
		all[0].Roles = []string{"R1", "R2"}
		all[0].Tenants = []user.Membership{{Tenant: "Ta"}, {Tenant: "Tb", Roles: []string{"R1", "R3"}}}
		for _, want := range all {
			got, err := (&user.Service{DB: db}).Find(t.Context(), want.Project, "", want.LoginIDs[0])
			if err != nil {
				t.Fatal(err)
			}
			type rest struct {
				LoginIDs, Roles []string
				Tenants         []user.Membership
			}
			if diff := cmp.Diff(rest{want.LoginIDs, want.Roles, want.Tenants}, rest{got.LoginIDs, got.Roles, got.Tenants}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", want.LoginIDs[0], diff)
			}
		}
	})
}
