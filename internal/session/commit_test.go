package session

import (
	"context"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// stored are the ids of all sessions.
func (b *bench) stored(t *testing.T) []string {
	t.Helper()
	ids, err := store.Rows(t.Context(), b.DB, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) }, `SELECT id FROM sessions`)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// owe does what only the commit refuses: the login id of a user whom there is not.
func (b *bench) owe(tx *store.Tx) error {
	_, err := tx.Exec(`INSERT INTO login_ids (project, login_id, user_id, position) VALUES ($1, 'nobody@example.com', 'Unobody', 0)`, b.project)
	return err
}

// Tokens that were signed beside a commit that failed are nobody's.
func TestACommitThatFailsGivesNoTokens(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		in := b.proof(t)
		in.Prove = func(tx *store.Tx) (*user.User, bool, error) {
			if err := b.owe(tx); err != nil {
				return nil, false, err
			}
			u, err := user.Load(tx, b.project, b.user.ID)
			return u, false, err
		}
		if tokens, err := b.SignIn(t.Context(), in); err == nil || tokens != nil {
			t.Errorf("the sign-in gave %v, %v", tokens, err)
		}
		if ids := b.stored(t); len(ids) > 0 {
			t.Errorf("there are the sessions %v", ids)
		}
	})
}

// Where a sign-in runs again its tokens are those of the run that was committed: of the
// first one there is no session.
func TestTokensAreOfTheRunThatWasCommitted(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		if db.Kind() == store.Postgres {
			b.loseOnce(t)
		}
		runs := 0
		for runs < 2 { // on SQLite another one shares the commit mostly, not always
			b.write(t, func(tx *store.Tx) error {
				_, err := tx.Exec(`DELETE FROM sessions`)
				return err
			})
			runs = 0
			ended := make(chan error, 1)
			in := b.proof(t)
			prove := in.Prove
			in.Prove = func(tx *store.Tx) (*user.User, bool, error) {
				if runs++; runs == 1 && db.Kind() == store.SQLite {
					go func() {
						ended <- b.DB.Write(context.WithoutCancel(t.Context()), func(_ context.Context, tx *store.Tx) error { return b.owe(tx) })
					}()
					for range 1000 {
						runtime.Gosched() // it comes into the row meanwhile
					}
				}
				return prove(tx)
			}
			tokens := b.signInAs(t, in)
			if db.Kind() == store.SQLite {
				if err := <-ended; err == nil {
					t.Fatal("a login id of nobody is there")
				}
			}
			if diff := cmp.Diff([]string{tokens.ID}, b.stored(t)); diff != "" {
				t.Fatalf("after %d runs (-the session of the tokens +those that there are):\n%s", runs, diff)
			}
			if _, err := b.Current(t.Context(), b.config(t), tokens.Refresh, Client{}); err != nil {
				t.Errorf("after %d runs the token is refused: %v", runs, err)
			}
		}
	})
}

// loseOnce makes the first commit that adds a session lose against another one, as
// PostgreSQL says it. A sequence is not rolled back.
func (b *bench) loseOnce(t *testing.T) {
	t.Helper()
	testkit.Execute(
		t, b.DB, `CREATE SEQUENCE tries`,
		`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') < 2 THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()`,
	)
}
