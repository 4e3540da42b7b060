package session

import (
	"errors"
	"sync"
	"testing"

	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

const rotating = `{"rotateJwt":true}`

// A refresh token that was used is refused, and what it was used for ends with it.
func TestReplay(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.settings(t, rotating)
		first, other := b.signIn(t), b.signIn(t)
		second, err := b.refresh(t, first.Refresh)
		if err != nil || second.Refresh.IsZero() || second.Refresh.Equal(first.Refresh) {
			t.Fatalf("the refresh token was not rotated: %v", err)
		}
		third, err := b.refresh(t, second.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.refresh(t, first.Refresh)
		wantErr(t, err, ErrReplayed)
		_, err = b.refresh(t, third.Refresh)
		wantErr(t, err, ErrEnded)
		if _, err := b.refresh(t, other.Refresh); err != nil {
			t.Errorf("another session of the user ended, too: %v", err)
		}
	})
}

// Of fifty who use one refresh token at the same time one wins at most, and the
// session is over.
func TestRaceForOneToken(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.settings(t, rotating)
		token, config := b.signIn(t).Refresh, b.config(t)
		var mu sync.Mutex
		var all sync.WaitGroup
		var won []*Tokens
		for range 50 {
			all.Go(func() {
				out, err := b.Refresh(t.Context(), config, token, Client{})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won = append(won, out)
				case !errors.Is(err, ErrReplayed) && !errors.Is(err, ErrEnded):
					t.Errorf("a loser is told %v", err)
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d won", len(won))
		}
		_, err := b.refresh(t, won[0].Refresh)
		wantErr(t, err, ErrEnded)
	})
}

// A token that does not rotate is used by all who show it.
func TestManyRefreshesWithoutRotation(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		token, config := b.signIn(t).Refresh, b.config(t)
		before := testkit.Rows(t, db)["sessions"]
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := b.Refresh(t.Context(), config, token, Client{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if after := testkit.Rows(t, db)["sessions"]; after[0] != before[0] {
			t.Errorf("a refresh wrote where nothing asks for it: %s, then %s", before, after)
		}
	})
}

func TestWhoMayNotRefresh(t *testing.T) {
	t.Parallel()
	status := func(s user.Status) func(t *testing.T, b *bench) {
		return func(t *testing.T, b *bench) {
			t.Helper()
			b.user.Status = s
			b.write(t, func(tx *store.Tx) error { return user.Save(tx, b.user) })
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, b *bench)
		want   error
	}{
		{"a user who is there", func(*testing.T, *bench) {}, nil},
		{"a user who is disabled", status(user.Disabled), user.ErrDisabled},
		{"a user who is deleted", func(t *testing.T, b *bench) {
			t.Helper()
			b.write(t, func(tx *store.Tx) error { return user.Delete(tx, b.project, b.user.ID) })
		}, ErrEnded},
		{"a user whom management logged out", func(t *testing.T, b *bench) {
			t.Helper()
			err := b.ForceLogout(t.Context(), tester, nil, func(tx *store.Tx) (*user.User, error) { return user.Load(tx, b.project, b.user.ID) })
			if err != nil {
				t.Fatal(err)
			}
		}, ErrEnded},
		{"a user after another key signs", func(t *testing.T, b *bench) {
			t.Helper()
			if _, err := b.RotateKeys(t.Context(), tester, b.config(t)); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				b := setup(t, db)
				token := b.signIn(t).Refresh
				tt.change(t, b)
				_, err := b.refresh(t, token)
				wantErr(t, err, tt.want)
				_, err = b.Current(t.Context(), b.config(t), token, Client{})
				wantErr(t, err, tt.want)
			})
		})
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		which          Which
		this, previous error
	}{
		{"ends one session", This, ErrEnded, nil},
		{"ends all sessions", All, ErrEnded, ErrEnded},
		{"ends the other sessions", Previous, nil, ErrEnded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				b := setup(t, db)
				foreign := *b
				foreign.project, foreign.user = b.another(t)
				previous, this, elsewhere := b.signIn(t), b.signIn(t), foreign.signIn(t)
				if _, err := b.Logout(t.Context(), b.config(t), this.Refresh, tt.which, nil, Client{}); err != nil {
					t.Fatal(err)
				}
				_, err := b.refresh(t, this.Refresh)
				wantErr(t, err, tt.this)
				_, err = b.Validate(t.Context(), b.config(t), this.Session)
				wantErr(t, err, tt.this)
				_, err = b.refresh(t, previous.Refresh)
				wantErr(t, err, tt.previous)
				_, err = foreign.refresh(t, elsewhere.Refresh)
				wantErr(t, err, nil)
			})
		})
	}
}

// A sign-in may end the other sessions of the user, and nobody else's.
func TestRevokeOthers(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		old := b.signIn(t)
		login := b.proof(t)
		login.Options.RevokeOthers = true
		now := b.signInAs(t, login)
		_, err := b.refresh(t, old.Refresh)
		wantErr(t, err, ErrEnded)
		_, err = b.refresh(t, now.Refresh)
		wantErr(t, err, nil)
	})
}

func TestSelectTenant(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.join(t, "acme")
		token := b.signIn(t).Refresh
		_, err := b.SelectTenant(t.Context(), b.config(t), token, Client{}, "globex")
		wantErr(t, err, ErrNotMember)
		out, err := b.SelectTenant(t.Context(), b.config(t), token, Client{}, "acme")
		if err != nil || out.Claims["dct"] != "acme" {
			t.Fatalf("dct = %v, %v", out.Claims["dct"], err)
		}
		again, err := b.refresh(t, token)
		if err != nil || again.Claims["dct"] != "acme" {
			t.Fatalf("after a refresh dct = %v, %v", again.Claims["dct"], err)
		}
		login := b.proof(t)
		login.Options.Tenant = "globex"
		_, err = b.SignIn(t.Context(), login)
		wantErr(t, err, ErrNotMember)
	})
}

// A step-up and a further factor belong to a session of the same user, and nothing
// else begins them.
func TestStepUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.settings(t, `{"stepupTokenExpiration":5,"stepupTokenExpirationUnit":"minutes"}`)
		session := b.signIn(t)
		other := &user.User{Project: b.project, LoginIDs: []string{"eve"}}
		b.write(t, func(tx *store.Tx) error { return user.Create(tx, other) })
		raise := func(o Options, current secret.Text, method string) Login {
			login := b.proof(t)
			login.Options, login.Current, login.Method = o, current, method
			return login
		}
		_, err := b.SignIn(t.Context(), raise(Options{StepUp: true}, secret.Text{}, AMRSMS))
		wantErr(t, err, ErrNoSession)
		_, err = b.SignIn(t.Context(), raise(Options{StepUp: true}, session.Session, AMRSMS))
		wantErr(t, err, key.ErrToken)

		foreign := raise(Options{MFA: true}, session.Refresh, AMRSMS)
		foreign.Prove = func(tx *store.Tx) (*user.User, bool, error) { return other, false, nil }
		_, err = b.SignIn(t.Context(), foreign)
		wantErr(t, err, ErrOtherUser)

		up := b.signInAs(t, raise(Options{StepUp: true}, session.Refresh, AMRSMS))
		if up.ID != session.ID || up.Claims["su"] != true || up.Claims["exp"].(int64)-up.Claims["iat"].(int64) != 300 {
			t.Errorf("a step-up gives %v", up.Claims)
		}
		more := b.signInAs(t, raise(Options{MFA: true}, session.Refresh, AMRTOTP))
		if got := b.payload(t, more.Session)["amr"]; len(got.([]any)) != 3 {
			t.Errorf("amr = %v, want both methods and mfa", got)
		}
		again, err := b.refresh(t, more.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if again.Claims["su"] != nil || len(again.Claims["amr"].([]string)) != 3 {
			t.Errorf("after a refresh: %v; the step-up is over, the factor stays", again.Claims)
		}
		if _, err := b.Logout(t.Context(), b.config(t), session.Refresh, This, nil, Client{}); err != nil {
			t.Fatal(err)
		}
		_, err = b.SignIn(t.Context(), raise(Options{StepUp: true}, session.Refresh, AMRSMS))
		wantErr(t, err, ErrEnded)
	})
}

// A proof that fails leaves nothing: no session, no login, no user.
func TestProofThatFails(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.signIn(t) // the key is there
		before := testkit.Rows(t, db)
		login := b.proof(t)
		failed := errors.New("a wrong code")
		login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
			u := &user.User{Project: b.project, LoginIDs: []string{"new"}}
			return nil, false, errors.Join(user.Create(tx, u), failed)
		}
		_, err := b.SignIn(t.Context(), login)
		wantErr(t, err, failed)
		after := testkit.Rows(t, db)
		for _, table := range []string{"users", "sessions", "logins", "login_ids"} {
			if len(before[table]) != len(after[table]) {
				t.Errorf("%s: %d rows, then %d", table, len(before[table]), len(after[table]))
			}
		}
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.join(t, "acme")
		b.signIn(t)
		login := b.proof(t)
		login.Method, login.Options.Tenant = AMRTOTP, "acme"
		b.signInAs(t, login)
		project, stranger := b.another(t)
		list, err := b.History(t.Context(), b.project, b.user.ID)
		if err != nil || len(list) != 2 {
			t.Fatalf("%v, %v", list, err)
		}
		newest := list[0]
		if list[1].Method == AMRTOTP { // both in one second
			newest = list[1]
		}
		if newest.Tenant != "acme" || newest.Address != "192.0.2.7" || newest.At.IsZero() {
			t.Errorf("%+v", newest)
		}
		for _, id := range []string{stranger.ID, b.user.ID} {
			if list, err := b.History(t.Context(), project, id); err != nil || len(list) != 0 {
				t.Errorf("of another project: %v, %v", list, err)
			}
		}
	})
}
