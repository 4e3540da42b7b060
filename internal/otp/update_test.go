package otp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// signIn signs a user in and returns the refresh token.
func (b *bench) signIn(t *testing.T, loginID string) *session.Tokens {
	t.Helper()
	b.begin(t, b.ask(t, challenge.SignIn, loginID))
	tokens, err := b.verify(t, loginID, b.code(t))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestAnotherAddress(t *testing.T) {
	t.Parallel()
	const bob, shared = "bob@a.example", "new@a.example"
	tests := []struct {
		name   string
		other  *user.User // who has the address as a login id
		change challenge.Change
		want   error
		ids    string // the login ids of who is left
	}{
		{"an address that is nobody's", nil, challenge.Change{}, nil, ada},
		{"as a login id, too", nil, challenge.Change{AddToLoginIDs: true}, nil, ada + " " + shared},
		{"somebody else's, as an address alone", &user.User{Email: shared}, challenge.Change{}, nil, ada},
		{"somebody else's, which is to fail", &user.User{Email: shared}, challenge.Change{FailOnConflict: true}, user.ErrExists, ""},
		{"somebody else's, whom it reaches", &user.User{Email: shared}, challenge.Change{AddToLoginIDs: true}, nil, ada + " " + shared + " bob"},
		{"the other one stays", &user.User{Email: shared}, challenge.Change{AddToLoginIDs: true, UseExisting: true}, nil, shared + " bob " + ada},
		{"somebody else's, who is reached elsewhere", &user.User{Email: bob}, challenge.Change{AddToLoginIDs: true}, challenge.ErrMerge, ""},
		{"somebody else's, who has a password", &user.User{Email: shared, Methods: user.Password}, challenge.Change{AddToLoginIDs: true}, challenge.ErrMerge, ""},
		{"somebody else's, who is disabled", &user.User{Email: shared, Status: user.Disabled}, challenge.Change{AddToLoginIDs: true}, challenge.ErrMerge, ""},
	}
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		for _, tt := range tests {
			b := setup(t, db)
			b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
			b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada, Name: "Ada"})
			if tt.other != nil {
				other := *tt.other
				other.LoginIDs = []string{shared, "bob"}
				b.shop.User(t, other)
			}
			in := b.ask(t, challenge.Update, ada)
			in.Current, in.Address, in.Change = b.signIn(t, ada).Refresh, shared, tt.change
			b.begin(t, in)
			if m := b.shop.Last(t); m.To != shared {
				t.Errorf("%s: sent to %s", tt.name, m.To)
			}
			if b.shop.Find(t, ada).Email != ada {
				t.Errorf("%s: changed before it was proven", tt.name)
			}
			answer := otp.Answer{Project: b.shop.ID, Kind: message.Email, LoginID: ada, Code: b.code(t), Client: session.Client{Shown: in.Current}}
			tokens, err := b.Verify(t.Context(), answer)
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if err != nil {
				if u := b.shop.Find(t, ada); u.Email != ada {
					t.Errorf("%s: refused, and yet %s", tt.name, u.Email)
				}
				continue
			}
			if u := tokens.User; u.Email != shared || !u.VerifiedEmail || u.Name != "Ada" || strings.Join(u.LoginIDs, " ") != tt.ids || !slices.Equal(b.shop.Find(t, ada).LoginIDs, u.LoginIDs) {
				t.Errorf("%s: %+v", tt.name, u)
			}
		}
	})
}

// A session changes the address of its own user only.
func TestAddressOfAnother(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
	b.shop.User(t, user.User{LoginIDs: []string{"bob"}, Phone: "+12025550143"})
	in := b.ask(t, challenge.Update, "bob")
	in.Address = "new@a.example"
	if _, err := b.Begin(t.Context(), in); err == nil {
		t.Error("without a session")
	}
	in.Current = b.signIn(t, ada).Refresh
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, session.ErrOtherUser) {
		t.Errorf("of another: %v", err)
	}
	in.LoginID, in.Kind, in.Address = ada, message.SMS, "not a number"
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, message.ErrPhone) {
		t.Errorf("no number: %v", err)
	}
	in.Address = ""
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, challenge.ErrNoAddress) {
		t.Errorf("no address at all: %v", err)
	}
}
