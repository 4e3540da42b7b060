package project

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
)

func TestTheStricterOfTwoPasswordPolicies(t *testing.T) {
	t.Parallel()
	a := PasswordMethod{
		Enabled: true, MinLength: 8, Lowercase: true, Number: true, DisallowedCharacters: "ab", MinStrength: 3, ExpireAfter: 2 * time.Hour,
		Reuse: 5, LockAttempts: 4, TempLockFor: time.Minute, Email: Messages{Connector: "C1"},
	}
	b := PasswordMethod{
		Enabled: true, MinLength: 12, Uppercase: true, AnyLetter: true, NonAlphanumeric: true, DisallowedCharacters: "bc", DisallowEmailMatch: true,
		ExpireAfter: time.Hour, Reuse: 2, TempLockAttempts: 3, TempLockFor: time.Hour, MaskErrors: true, Email: Messages{Connector: "C1"},
	}
	want := PasswordMethod{
		Enabled: true, MinLength: 12, Lowercase: true, Uppercase: true, AnyLetter: true, Number: true, NonAlphanumeric: true, DisallowedCharacters: "abc",
		DisallowEmailMatch: true, MinStrength: 3, ExpireAfter: time.Hour, Reuse: 5, LockAttempts: 4, TempLockAttempts: 3, TempLockFor: time.Hour,
		MaskErrors: true, Email: Messages{Connector: "C1"},
	}
	if diff := cmp.Diff(want, a.And(b)); diff != "" {
		t.Errorf("a and b (-want +got):\n%s", diff)
	}
	want.DisallowedCharacters = "bca"
	if diff := cmp.Diff(want, b.And(a)); diff != "" {
		t.Errorf("b and a (-want +got):\n%s", diff)
	}
	if b.Enabled = false; a.And(b).Enabled {
		t.Error("what one of them forbids is allowed")
	}
}

func TestAPasswordPolicyOfOnesOwn(t *testing.T) {
	t.Parallel()
	of := PasswordMethod{Enabled: true, MinLength: 40, MaskErrors: true, Email: Messages{Connector: "C1"}}
	own, err := of.Own([]byte(`{"minLength":9,"maskError":false,"emailServiceProvider":"smtp:C2","tempLock":true,"tempLockDuration":7}`))
	if err != nil || own.MinLength != 9 || !own.MaskErrors || own.Email.Connector != "C1" || own.TempLockFor != 7*time.Minute || !own.Enabled {
		t.Errorf("%+v, %v", own, err)
	}
	of.Enabled = false
	if own, err = of.Own([]byte(`{"enabled":true}`)); err != nil || own.Enabled {
		t.Errorf("passwords where the project has none: %+v, %v", own, err)
	}
	for _, text := range []string{`{"minLength":"x"}`, `{"minLength":1000}`, `[]`, `{`} {
		if err := CheckPasswordPolicy([]byte(text)); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
