package password_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

func TestPlansSayWhoIsTouched(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		t.Helper()
		f := setup(t, testkit.Open(t, url))
		f.person(t, "only a name", "right")
		f.person(t, "another name", "right")
		f.person(t, "ann@example.com", "right")
		f.person(t, "+12025550143", "right")
		passkey := f.person(t, "with a passkey", "right")
		err := f.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			return user.SetMethod(tx, f.shop.ID, passkey.ID, user.Passkey, true)
		})
		if err != nil {
			t.Fatal(err)
		}
		f.answers(t, "another name", "x", "x", "x")
		off := func(others string) map[string]string {
			up := files(`"enabled":false`)
			for _, name := range []string{"otp", "magiclink", "enchantedlink", "notp", "webauthn"} {
				up["auth/"+name+".json"] = `{"enabled":` + others + `}`
			}
			return up
		}
		numberless := off("false")
		numberless["auth/notp.json"] = `{"enabled":true}`
		for name, tt := range map[string]struct {
			up   map[string]string
			want []string
		}{
			"nothing":                      {files(""), nil},
			"what touches nobody":          {files(`"minLength":20`), nil},
			"off, with other methods":      {off("true"), []string{"enabled: This is the only way in of 2 people. (users_lose_only_method, 2)"}},
			"off, and all others too":      {off("false"), []string{"enabled: This is the only way in of 5 people. (users_lose_only_method, 5)"}},
			"off, and nOTP has no number":  {numberless, []string{"enabled: This is the only way in of 5 people. (users_lose_only_method, 5)"}},
			"an age that nobody has yet":   {files(`"expiration":true,"expirationWeeks":1`), nil},
			"a lock that somebody is over": {files(`"lock":true,"lockAttempts":3`), []string{"lock: 1 person had 3 wrong tries or more since the last right one, and would be locked at once. (passwords_lock, 1)"}},
			"a lock that nobody is over":   {files(`"lock":true,"lockAttempts":4`), nil},
		} {
			if diff := cmp.Diff(tt.want, f.shop.Effects(t, tt.up)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestPlansSayWhosePasswordIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "a", "right")
		time.Sleep(week)
		f.person(t, "b", "right")
		time.Sleep(week)
		f.person(t, "c", "right")
		expect := func(what, policy string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, f.shop.Effects(t, files(policy))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("one week", `"expiration":true,"expirationWeeks":1`,
			"expiration: The passwords of 2 people are older than 1 week, and would have to be replaced at the next sign-in. (passwords_expire, 2)")
		expect("three weeks", `"expiration":true,"expirationWeeks":3`)
		f.load(t, `"expiration":true,"expirationWeeks":2`)
		expect("one that is not over already", `"expiration":true,"expirationWeeks":1`,
			"expirationWeeks: The passwords of 1 person are older than 1 week, and would have to be replaced at the next sign-in. (passwords_expire, 1)")
		expect("more", `"expiration":true,"expirationWeeks":20`)
	})
}

const week = 7 * 24 * time.Hour
