package mgmtkey_test

import (
	"errors"
	"testing"
	"time"

	"postern/internal/mgmtkey"
	"postern/internal/testkit"
)

// A request that was let in while its key was good does nothing for the key
// after that was switched off, narrowed or revoked.
func TestLimitsOfTheMakerAreThoseOfNow(t *testing.T) {
	t.Parallel()
	s := &mgmtkey.Service{DB: testkit.Store(t)}
	active, inactive := mgmtkey.Active, mgmtkey.Inactive
	want := func(err, want error, what string) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	maker, _ := create(t, s, mgmtkey.Create{})
	again := func() error {
		_, _, err := s.Create(t.Context(), by, mgmtkey.Create{Name: "k", Grants: whole, Maker: &maker})
		return err
	}
	want(again(), nil, "a good key")
	addresses, err := mgmtkey.ParseAddresses([]string{"192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	update := func(in mgmtkey.Update) error {
		_, err := s.Update(t.Context(), by, maker.ID, in)
		return err
	}
	want(update(mgmtkey.Update{PermittedIPs: &addresses}), nil, "narrowed by an operator")
	want(again(), mgmtkey.ErrTooWeak, "a key that was narrowed meanwhile")
	want(update(mgmtkey.Update{Status: &inactive}), nil, "switched off by an operator")
	want(again(), mgmtkey.ErrUnknown, "a key that was switched off meanwhile")
	want(update(mgmtkey.Update{Status: &active, Maker: &maker}), mgmtkey.ErrUnknown, "a key that switches itself on")
	want(update(mgmtkey.Update{Status: &active}), nil, "an operator switches it on")
	if _, err := s.Delete(t.Context(), by, maker.ID); err != nil {
		t.Fatal(err)
	}
	want(again(), mgmtkey.ErrUnknown, "a key that was revoked meanwhile")
	expired, _ := create(t, s, mgmtkey.Create{ExpiresAt: time.Now().Add(time.Hour)})
	_, _, err = s.Create(t.Context(), by, mgmtkey.Create{Name: "k", Grants: whole, Maker: &expired})
	want(err, mgmtkey.ErrTooWeak, "a key that outlasts its maker")
}
