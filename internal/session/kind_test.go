package session

import (
	"slices"
	"strings"
	"testing"

	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// ofType signs in as a backend does that says of which type the session is.
func (b *bench) ofType(t *testing.T, kind string) secret.Text {
	t.Helper()
	login := b.proof(t)
	login.Options.Trusted, login.Options.CustomClaims = true, map[string]any{"dtt": kind}
	return b.signInAs(t, login).Refresh
}

func (b *bench) logOut(t *testing.T, types ...string) {
	t.Helper()
	err := b.ForceLogout(t.Context(), tester, types, func(tx *store.Tx) (*user.User, error) { return user.Load(tx, b.project, b.user.ID) })
	if err != nil {
		t.Fatal(err)
	}
}

// wantLive says which of some sessions live on.
func (b *bench) wantLive(t *testing.T, sessions map[string]secret.Text, live ...string) {
	t.Helper()
	for name, token := range sessions {
		_, err := b.refresh(t, token)
		var want error = ErrEnded
		if slices.Contains(live, name) {
			want = nil
		}
		if !errorIs(err, want) {
			t.Errorf("the session %s: %v, want %v", name, err, want)
		}
	}
}

// Where types are named, the sessions end whose tokens say one of them, and no others.
func TestTypesOfSessions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, b *bench)
		live []string
	}{
		{"a logout of one type", func(t *testing.T, b *bench) { t.Helper(); b.logOut(t, "web") }, []string{"Web", "tv", "blank", "a person's", "no text"}},
		{"a logout of several", func(t *testing.T, b *bench) { t.Helper(); b.logOut(t, "tv", "web", "car") }, []string{"Web", "blank", "a person's", "no text"}},
		{"a logout of no type", func(t *testing.T, b *bench) { t.Helper(); b.logOut(t) }, nil},
		{"a sign-in that ends others of a type", func(t *testing.T, b *bench) {
			t.Helper()
			login := b.proof(t)
			login.Options.Trusted, login.Options.CustomClaims = true, map[string]any{"dtt": "web"}
			login.Options.RevokeOthers, login.Options.RevokeTypes = true, []string{"web"}
			_, err := b.refresh(t, b.signInAs(t, login).Refresh)
			wantErr(t, err, nil)
		}, []string{"Web", "tv", "blank", "a person's", "no text"}},
		{"a sign-in that names types and ends none", func(t *testing.T, b *bench) {
			t.Helper()
			login := b.proof(t)
			login.Options.RevokeTypes = []string{"web"}
			b.signInAs(t, login)
		}, []string{"web", "Web", "tv", "blank", "a person's", "no text"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				b := setup(t, db)
				foreign := *b
				foreign.project, foreign.user = b.another(t)
				sessions := map[string]secret.Text{"web": b.ofType(t, "web"), "Web": b.ofType(t, "Web"), "tv": b.ofType(t, "tv"), "blank": b.signIn(t).Refresh}
				person := b.proof(t)
				person.Options.CustomClaims = map[string]any{"dtt": "web"} // that of nsec
				sessions["a person's"] = b.signInAs(t, person).Refresh
				number := b.proof(t)
				number.Options.Trusted, number.Options.CustomClaims = true, map[string]any{"dtt": []string{"web"}}
				sessions["no text"] = b.signInAs(t, number).Refresh
				elsewhere := foreign.ofType(t, "web")
				tt.end(t, b)
				b.wantLive(t, sessions, tt.live...)
				_, err := foreign.refresh(t, elsewhere)
				wantErr(t, err, nil)
			})
		})
	}
}

// Who logs out may name types: the others end that are of them, and of the session
// itself its type is not asked.
func TestLogoutOfTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		which Which
		types []string
		live  []string
	}{
		{"this one, and those of a type that is its own", This, []string{"web"}, []string{"tv", "blank"}},
		{"this one, and those of another type", This, []string{"tv"}, []string{"web", "blank"}},
		{"this one, and those of the empty list", This, []string{}, []string{"web", "tv", "blank"}},
		{"all of a type that is its own", All, []string{"web"}, []string{"tv", "blank"}},
		{"all of another type", All, []string{"tv", "car"}, []string{"web", "blank"}},
		{"all of the empty list", All, []string{}, nil},
		{"the others of a type that is its own", Previous, []string{"web"}, []string{"this", "tv", "blank"}},
		{"the others of another type", Previous, []string{"tv"}, []string{"this", "web", "blank"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				b := setup(t, db)
				sessions := map[string]secret.Text{"this": b.ofType(t, "web"), "web": b.ofType(t, "web"), "tv": b.ofType(t, "tv"), "blank": b.signIn(t).Refresh}
				_, err := b.Logout(t.Context(), b.config(t), sessions["this"], tt.which, tt.types, Client{})
				wantErr(t, err, nil)
				b.wantLive(t, sessions, tt.live...)
			})
		})
	}
}

// A session is of the type that its newest tokens say.
func TestTypeFollowsTokens(t *testing.T) {
	t.Parallel()
	tier := func(t *testing.T, b *bench, tier string) {
		t.Helper()
		b.write(t, func(tx *store.Tx) error {
			u, err := user.Load(tx, b.project, b.user.ID)
			if err != nil {
				return err
			}
			u.Custom = map[string]any{"tier": tier}
			return user.Save(tx, u)
		})
	}
	for _, tt := range []struct {
		name     string
		template string
		change   func(t *testing.T, b *bench, token secret.Text) secret.Text
		was, is  string
	}{
		{"a template names an attribute", `"template":{"dtt":"{{user.customAttributes.tier}}"}`, func(t *testing.T, b *bench, token secret.Text) secret.Text {
			t.Helper()
			tier(t, b, "gold")
			_, err := b.refresh(t, token)
			wantErr(t, err, nil)
			return token
		}, "silver", "gold"},
		{"a template goes over a claim that was asked for", `"template":{"dtt":"shop"}`, func(t *testing.T, b *bench, token secret.Text) secret.Text {
			t.Helper()
			b.withTemplate(t, "user", `"template":{"dtt":"{{user.phone}}"},"emptyClaimPolicy":"delete"`)
			_, err := b.refresh(t, token)
			wantErr(t, err, nil)
			return token
		}, "shop", "asked"},
		{"a backend updates a token", `"template":{}`, func(t *testing.T, b *bench, token secret.Text) secret.Text {
			t.Helper()
			token, err := b.UpdateToken(t.Context(), tester, b.config(t), token, Change{Claims: map[string]any{"dtt": "car"}})
			wantErr(t, err, nil)
			return token
		}, "asked", "car"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testkit.Stores(t, func(t *testing.T, db *store.DB) {
				b := setup(t, db)
				b.withTemplate(t, "user", tt.template)
				tier(t, b, "silver")
				left, ended := b.ofType(t, "asked"), b.ofType(t, "asked")
				b.logOut(t, tt.is)
				b.wantLive(t, map[string]secret.Text{"of the type before": left}, "of the type before")
				left = tt.change(t, b, left)
				b.logOut(t, tt.was)
				b.wantLive(t, map[string]secret.Text{"of the new type": left, "of the type before": ended}, "of the new type")
				b.logOut(t, tt.is)
				b.wantLive(t, map[string]secret.Text{"of the new type": left})
			})
		})
	}
}

func TestCheckTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		types []string
		want  error
	}{
		{"none", nil, nil},
		{"twenty", strings.Fields(strings.Repeat("web ", 20)), nil},
		{"one more", strings.Fields(strings.Repeat("web ", 21)), ErrTypes},
		{"a blank one", []string{"web", ""}, ErrTypes},
		{"a long one", []string{strings.Repeat("w", 201)}, ErrTypes},
		{"one that no database keeps", []string{"web\x00"}, ErrTypes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantErr(t, CheckTypes(tt.types), tt.want)
		})
	}
}
