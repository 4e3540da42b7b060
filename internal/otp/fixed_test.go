package otp_test

import (
	"errors"
	"testing"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// The fixed code, which many know, lets a test user in and proves nothing but an address
// of test users: not that of somebody else, nor that of nobody yet.
func TestTheFixedCodeProvesNoOtherAddress(t *testing.T) {
	t.Parallel()
	const fixed, tester, phone = "424242", "tester1@a.example", "+12025550143"
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`, "project.json": `{"projectSelfProvisioning":true,"testUserRegex":"^tester",
			"testUserAllowFixedAuth":true,"testUserFixedAuthToken":"` + fixed + `","testUserFixedAuthVerifierRegex":"^tester[0-9]@a\\.example$"}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.begin(t, b.ask(t, challenge.SignUpOrIn, tester))
		tokens, err := b.verify(t, tester, fixed)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			address string
			change  challenge.Change
			want    error
		}{
			{ada, challenge.Change{AddToLoginIDs: true, UseExisting: true}, otp.ErrWrong},
			{ada, challenge.Change{}, otp.ErrWrong},
			{"new@a.example", challenge.Change{AddToLoginIDs: true}, otp.ErrWrong},
			{"tester2@a.example", challenge.Change{AddToLoginIDs: true}, nil},
		} {
			in := b.ask(t, challenge.Update, tester)
			in.Current, in.Address, in.Change = tokens.Refresh, tt.address, tt.change
			b.begin(t, in)
			_, err := b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: message.Email, LoginID: tester, Code: fixed, Client: session.Client{Shown: in.Current}})
			if !errors.Is(err, tt.want) {
				t.Errorf("%+v of %s: %v, want %v", tt.change, tt.address, err, tt.want)
			}
		}
		if u := b.shop.Find(t, ada); u.Test || len(u.LoginIDs) != 1 {
			t.Errorf("Ada has become %+v", u)
		}
		in := b.ask(t, challenge.SignUp, "tester3@a.example")
		in.Kind, in.Address = message.SMS, phone
		b.begin(t, in)
		_, err = b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: message.SMS, LoginID: "tester3@a.example", Code: fixed})
		if !errors.Is(err, otp.ErrWrong) {
			t.Errorf("the number of somebody: %v", err)
		}
		if sent := b.shop.Sent(); len(sent) > 0 {
			t.Errorf("sent to %s", sent[0].To)
		}
	})
}

// A test user and one who is none do not become one, whoever is kept.
func TestATestUserIsNotMerged(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
	b.shop.User(t, user.User{LoginIDs: []string{"new@a.example"}, Email: "new@a.example", Test: true})
	for _, existing := range []bool{true, false} {
		in := b.ask(t, challenge.Update, ada)
		in.Current, in.Address, in.Change = b.signIn(t, ada).Refresh, "new@a.example", challenge.Change{AddToLoginIDs: true, UseExisting: existing}
		b.begin(t, in)
		_, err := b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: message.Email, LoginID: ada, Code: b.code(t), Client: session.Client{Shown: in.Current}})
		if !errors.Is(err, challenge.ErrMerge) {
			t.Errorf("the other stays: %v: %v", existing, err)
		}
	}
}

// Whoever made a user with the login id of somebody and an address of their own gets nothing
// that is meant for that one, who has the user as soon as they show the address.
func TestAClaimedLoginIDReachesItsOwner(t *testing.T) {
	t.Parallel()
	const drop, phone, dropPhone = "drop@evil.example", "+12025550143", "+12025550199"
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		for kind, loginID := range map[message.Kind]string{message.Email: ada, message.SMS: phone} {
			b.shop.User(t, user.User{LoginIDs: []string{loginID}, Email: drop, Phone: dropPhone, VerifiedEmail: true, VerifiedPhone: true, Unproven: true})
			in := b.ask(t, challenge.SignIn, loginID)
			in.Kind = kind
			b.begin(t, in)
			if m := b.shop.Last(t); m.To != loginID {
				t.Fatalf("what is meant for %s is sent to %s", loginID, m.To)
			}
			_, err := b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: kind, LoginID: loginID, Code: b.code(t)})
			u := b.shop.Find(t, loginID)
			if err != nil || u.Unproven || u.Email == drop || u.Phone == dropPhone || u.Email != loginID && u.Phone != loginID {
				t.Errorf("%s shows the address: %v, %+v", loginID, err, u)
			}
		}
	})
}
