package user

import (
	"context"
	"errors"
	"testing"

	"postern/internal/store"
	"postern/internal/testkit"
)

// Who is found alike is who has the login id; for nobody somebody else is read, who stands
// in and is told apart, in a home too.
func TestFindAlike(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1), ('P2', 'P2', 1)`); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO tenants (project, id, name, created_at, modified_at) VALUES ('P1', 'T1', 'One', 1, 1)`); err != nil {
				return err
			}
			if u, standIn, err := FindAlike(tx, "P1", "", "ada"); u != nil || standIn != nil || !errors.Is(err, ErrNotFound) {
				t.Errorf("without any users: %v, %v, %v", u, standIn, err)
			}
			made := map[string]*User{"ada": {}, "eve": {}, "zoe": {Home: "T1", Tenants: []Membership{{Tenant: "T1"}}}}
			for id, u := range made {
				u.Project, u.LoginIDs = "P1", []string{id}
				if err := Create(tx, u); err != nil {
					return err
				}
			}
			for _, tt := range []struct{ project, home, loginID, found string }{
				{"P1", "", "ada", "ada"},
				{"P1", "", " eve ", "eve"},
				{"P1", "T1", "zoe", "zoe"},
				{"P1", "", "zoe", ""},
				{"P1", "T1", "ada", ""},
				{"P1", "", "nobody", ""},
			} {
				u, standIn, err := FindAlike(tx, tt.project, tt.home, tt.loginID)
				switch want := made[tt.found]; {
				case want != nil && (err != nil || u == nil || u.ID != want.ID || standIn != nil):
					t.Errorf("%v: %+v, %+v, %v", tt, u, standIn, err)
				case want == nil && (u != nil || standIn == nil || !errors.Is(err, ErrNotFound)):
					t.Errorf("%v: %+v, %+v, %v", tt, u, standIn, err)
				}
			}
			if _, standIn, err := FindAlike(tx, "P2", "", "ada"); standIn != nil || !errors.Is(err, ErrNotFound) {
				t.Errorf("in a project without users: %+v, %v", standIn, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
