package session

import (
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// support makes a user who may impersonate.
func (b *bench) support(t *testing.T) *user.User {
	t.Helper()
	b.configure(t, map[string]string{"roles.json": `{"roles":[{"name":"support","permissions":["Impersonate"]}]}`})
	u := &user.User{Project: b.project, LoginIDs: []string{"sue"}, Roles: b.roleIDs(t, "support")}
	b.write(t, func(tx *store.Tx) error { return user.Create(tx, u) })
	return u
}

func (b *bench) impersonation(t *testing.T, actor string) Impersonation {
	t.Helper()
	return Impersonation{Config: b.config(t), Actor: actor, Find: func(tx *store.Tx) (*user.User, error) { return user.Load(tx, b.project, b.user.ID) }}
}

func TestImpersonate(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		actor := b.support(t)
		_, err := b.Impersonate(t.Context(), tester, b.impersonation(t, b.user.ID))
		wantErr(t, err, ErrOwnSession)
		foreign := *b
		foreign.project, foreign.user = b.another(t)
		_, err = b.Impersonate(t.Context(), tester, b.impersonation(t, foreign.user.ID))
		wantErr(t, err, user.ErrNotFound)
		asked := b.impersonation(t, actor.ID)
		asked.Consent = true
		_, err = b.Impersonate(t.Context(), tester, asked)
		wantErr(t, err, ErrNoConsent)

		tokens, err := b.Impersonate(t.Context(), tester, b.impersonation(t, actor.ID))
		if err != nil {
			t.Fatal(err)
		}
		own := func(token secret.Text) error {
			current, err := b.Current(t.Context(), b.config(t), token, Client{})
			if err != nil {
				t.Fatal(err)
			}
			return current.Own()
		}
		wantErr(t, own(tokens.Refresh), ErrImpersonated)
		again, err := b.refresh(t, tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []secret.Text{tokens.Session, again.Session} {
			claims := b.payload(t, token)
			if act, _ := claims["act"].(map[string]any); claims["sub"] != b.user.ID || act["sub"] != actor.ID {
				t.Errorf("who impersonates is not said: %v", claims)
			}
		}
		back, err := b.StopImpersonation(t.Context(), tester, b.config(t), tokens.Refresh, Change{}, Client{})
		if err != nil || back.Claims["sub"] != actor.ID || back.Claims["act"] != nil {
			t.Fatalf("%v, %v", back, err)
		}
		if err := own(back.Refresh); err != nil {
			t.Errorf("a session of their own: %v", err)
		}
		_, err = b.refresh(t, tokens.Refresh)
		wantErr(t, err, ErrEnded)
		_, err = b.StopImpersonation(t.Context(), tester, b.config(t), back.Refresh, Change{}, Client{})
		wantErr(t, err, ErrNoActor)
	})
}

// What takes the right to impersonate away ends what goes on.
func TestImpersonationEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(b *bench, actor *user.User)
		want   error
	}{
		{"not by itself", func(*bench, *user.User) {}, nil},
		{"with the role of the actor", func(_ *bench, actor *user.User) { actor.Roles = nil }, ErrNoPower},
		{"with the actor", func(_ *bench, actor *user.User) { actor.Status = user.Disabled }, user.ErrDisabled},
		{"with the consent of the user", func(b *bench, _ *user.User) { b.user.ConsentUntil = time.Now().Add(-time.Second) }, ErrNoConsent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, testkit.Store(t))
				actor := b.support(t)
				save := func() {
					b.write(t, func(tx *store.Tx) error {
						if err := user.Save(tx, actor); err != nil {
							return err
						}
						return user.Save(tx, b.user)
					})
				}
				b.user.ConsentUntil = time.Now().Add(time.Hour)
				save()
				asked := b.impersonation(t, actor.ID)
				asked.Consent = true
				tokens, err := b.Impersonate(t.Context(), tester, asked)
				if err != nil {
					t.Fatal(err)
				}
				tt.change(b, actor)
				save()
				_, err = b.refresh(t, tokens.Refresh)
				wantErr(t, err, tt.want)
			})
		})
	}
}

func TestUpdateToken(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		tokens := b.signIn(t)
		update := func(token secret.Text, in Change) (map[string]any, error) {
			out, err := b.UpdateToken(t.Context(), tester, b.config(t), token, in)
			if err != nil {
				return nil, err
			}
			return b.payload(t, out), nil
		}
		_, err := update(tokens.Session, Change{Claims: map[string]any{"roles": []any{"admin"}}})
		wantErr(t, err, ErrClaim)
		_, err = update(secret.New("x"), Change{})
		wantErr(t, err, key.ErrToken)
		was := b.payload(t, tokens.Session)
		now, err := update(tokens.Session, Change{Claims: map[string]any{"color": "red"}})
		if err != nil || now["color"] != "red" || now["drn"] != "DS" || now["exp"] != was["exp"] {
			t.Errorf("a session token becomes %v, %v", now, err)
		}
		now, err = update(tokens.Session, Change{Lifetime: time.Hour})
		if err != nil || now["exp"].(float64)-now["iat"].(float64) != 3600 {
			t.Errorf("with another lifetime it is %v, %v", now, err)
		}
		now, err = update(tokens.Refresh, Change{Lifetime: 2 * time.Hour})
		if err != nil || now["drn"] != "DSR" || now["exp"].(float64)-now["iat"].(float64) != 7200 {
			t.Errorf("a refresh token becomes %v, %v", now, err)
		}
		again, err := b.refresh(t, tokens.Refresh)
		if err != nil || again.Claims["color"] != "red" {
			t.Errorf("the session forgot the claim: %v, %v", again, err)
		}
	})
}

// A visitor who is no user has a session like others, with the roles that it was
// made with.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.support(t)
		tokens, err := b.Anonymous(t.Context(), b.config(t), b.roleIDs(t, "support"), Change{Claims: map[string]any{"cart": "7"}}, Client{})
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.refresh(t, tokens.Refresh)
		if err != nil || again.User != nil {
			t.Fatal(err)
		}
		claims := b.payload(t, again.Session)
		if claims["cart"] != "7" || claims["roles"].([]any)[0] != "support" || claims["sub"] == "" {
			t.Errorf("%v", claims)
		}
		for _, tt := range []struct {
			which Which
			want  error
		}{{Previous, nil}, {All, ErrEnded}} {
			if _, err := b.Logout(t.Context(), b.config(t), tokens.Refresh, tt.which, nil, Client{}); err != nil {
				t.Fatal(err)
			}
			_, err = b.refresh(t, tokens.Refresh)
			wantErr(t, err, tt.want)
		}
	})
}
