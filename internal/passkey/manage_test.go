package passkey

import (
	"errors"
	"testing"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

func TestManage(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		d, away := &testkit.Authenticator{Origin: page}, &testkit.Authenticator{Origin: page}
		u := f.signUp(t, d, "ann").User
		away.Create(t, `{"publicKey":{"rp":{"id":"shop.example"},"user":{"id":"`+encode([]byte("auth0|ann"))+`"},"challenge":"AAAA"}}`)
		h := away.Held[0]
		bring := Imported{ID: encode(h.ID), RPID: "Shop.example", PublicKey: encode(testkit.COSE(t, h.Key)), AAGUID: "00000000-0000-0000-0000-000000000000", UserHandle: encode(h.Handle), Transports: []string{"usb", "moon"}}
		for name, change := range map[string]func(*Imported){
			"no id": func(i *Imported) { i.ID = "" }, "no relying party": func(i *Imported) { i.RPID = "" },
			"no key": func(i *Imported) { i.PublicKey = "AAAA" }, "no base64": func(i *Imported) { i.ID = "?" },
		} {
			bad := bring
			change(&bad)
			if err := f.Import(t.Context(), signin.Tester(), f.shop.ID, u.ID, []Imported{bring, bad}); !errors.Is(err, ErrImport) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := f.Import(t.Context(), signin.Tester(), f.shop.ID, u.ID, []Imported{bring}); err != nil {
			t.Fatal(err)
		}
		if err := f.Import(t.Context(), signin.Tester(), f.shop.ID, u.ID, []Imported{bring}); !errors.Is(err, ErrTaken) {
			t.Errorf("once more: %v", err)
		}
		for _, loginID := range []string{"ann", ""} {
			if got, err := f.signIn(t, away, loginID); err != nil || got.User.ID != u.ID {
				t.Errorf("with an imported passkey as %q: %v", loginID, err)
			}
		}
		list, err := f.List(t.Context(), f.shop.ID, u.ID)
		if err != nil || len(list) != 2 {
			t.Fatalf("there are %d, %v", len(list), err)
		}
		other := f.signUp(t, &testkit.Authenticator{Origin: page}, "bob").User
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, other.ID, encode(h.ID)); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleting a passkey of another user: %v", err)
		}
		if err := f.Delete(t.Context(), signin.Tester(), f.shop.ID, u.ID, encode(h.ID)); err != nil {
			t.Error(err)
		}
		has := func() bool { return f.shop.Find(t, "ann").Has(user.Passkey) }
		if !has() {
			t.Error("with one passkey left the user has none")
		}
		if err := f.DeleteAll(t.Context(), signin.Tester(), f.shop.ID, u.ID); err != nil || has() {
			t.Errorf("after all are deleted: %v", err)
		}
		s := f.begin(t, "")
		if _, err := f.FinishSignIn(t.Context(), f.finish(t, s, d.Get(t, s.Options))); !errors.Is(err, ErrRefused) {
			t.Errorf("a deleted passkey: %v", err)
		}
	})
}
