package user_test

import (
	"context"
	"errors"
	"testing"

	"postern/internal/audit"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// Nobody is disabled where nothing ends their sessions, or where that fails: they would
// be signed in still.
func TestNobodyIsDisabledWhoseSessionsStay(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		ada := &user.User{Project: "P1", LoginIDs: []string{"ada"}}
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1)`); err != nil {
				return err
			}
			return user.Create(tx, ada)
		})
		if err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		for name, s := range map[string]*user.Service{
			"nothing ends them": {DB: db},
			"that fails":        {DB: db, EndSessions: func(*store.Tx, string, string) (int64, error) { return 0, broken }},
		} {
			results, err := s.Change(t.Context(), audit.Origin{}, "P1", user.Edit{
				Who: user.Who{ID: ada.ID}, Make: func(_ *store.Tx, u *user.User) error { u.Status = user.Disabled; return nil },
			})
			if err == nil && results[0].Err == nil {
				t.Errorf("%s: the user is disabled", name)
			}
			if got, err := s.Find(t.Context(), "P1", "", "ada"); err != nil || got.Status == user.Disabled {
				t.Errorf("%s: afterwards: %+v, %v", name, got, err)
			}
		}
	})
}
