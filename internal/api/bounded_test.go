package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/challenge"
	"postern/internal/limit"
	"postern/internal/passkey"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
)

// count returns how many rows a table has that a condition chooses.
func count(t *testing.T, db *store.DB, table string) (n int) {
	t.Helper()
	err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, `SELECT COUNT(*) FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// However often strangers begin something, no more is kept of it than a bound; and
// what an honest person began just now is kept.
func TestRowsOfStrangersAreBounded(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		const most, slack, tries = 16, 2, 60
		b := crowded(t, url)
		b.open(t, snapshot.Files{"auth/embeddedlink.json": []byte(`{"enabled":true}`)})
		db := b.Users.DB
		b.challenges.Rows, b.Passkeys.Rows, b.TOTP.Rows = challenge.Bounded(db, most), passkey.Bounded(db, most), b.TOTP.Bounded(most)
		embedded := answered[embeddedAnswer](t, b.send(t, "POST", "/v1/mgmt/user/signup/embeddedlink", `{"loginId":"invited"}`))

		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO projects (id, name, created_at) VALUES ('P2other', 'Other', 1)`)
			if err == nil {
				_, err = tx.Exec(`INSERT INTO passkey_ceremonies (project, id, kind, data, expires_at) VALUES ('P2other', $1, 'signin', '{}', 1)`, []byte("x"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		for i := range tries {
			answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/email", fmt.Sprintf(`{"loginId":"o%d@a.example","email":"o%d@a.example"}`, i, i), ""))
			answered[maskedAnswer](t, b.person(t, "/v1/auth/magiclink/signup/email", fmt.Sprintf(`{"loginId":"m%d@a.example","email":"m%d@a.example","redirectUrl":"https://shop.example"}`, i, i), ""))
			answered[passkeyStarted](t, b.person(t, "/v1/auth/webauthn/signin/start", `{"origin":"https://shop.example"}`, ""))
			answered[seedAnswer](t, b.person(t, "/v1/auth/totp/signup", fmt.Sprintf(`{"loginId":"t%d"}`, i), ""))
		}
		for _, tt := range []struct {
			table string
			more  int
		}{
			{"challenges WHERE managed = 0", 0}, {"passkey_ceremonies", 1}, {"totp_signups", 0}, {"kept_secrets WHERE kind = 'totpSignUp'", 0},
		} {
			if n := count(t, db, tt.table); n > most+slack+tt.more || n < most {
				t.Errorf("%s: %d rows", tt.table, n)
			}
		}
		if n := count(t, db, `passkey_ceremonies WHERE project = 'P2other'`); n != 1 {
			t.Error("the rows of another project gave way")
		}
		answered[wireTokens](t, b.person(t, "/v1/auth/magiclink/verify", `{"token":"`+embedded.Token+`"}`, ""))
		answered[maskedAnswer](t, b.person(t, "/v1/auth/otp/signup/email", `{"loginId":"ann@a.example","email":"ann@a.example"}`, ""))
		answered[wireTokens](t, b.person(t, "/v1/auth/otp/verify/email", `{"loginId":"ann@a.example","code":"`+b.lastCode(t)+`"}`, ""))
	})
}

// A guesser who takes another login id each time makes a count each time.
func TestCountsOfStrangersAreBounded(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		const most = 16
		b := crowded(t, url)
		db := b.Users.DB
		attempts := b.TOTP.Attempts
		attempts.Rows = limit.Bounded(db, most)
		b.Passwords.Limits = attempts
		b.Guard = Guard{Attempts: attempts, Failures: limit.Rule{Scope: "address.failures", Max: 1000, Within: 48 * time.Hour}}
		for i := range 60 {
			wantFault(t, b.from(t, "203.0.113.1:1", "/v1/auth/totp/verify", fmt.Sprintf(`{"loginId":"n%d","code":"000000"}`, i)), 401, "E061102")
			b.from(t, "203.0.113.1:1", "/v1/auth/password/signin", fmt.Sprintf(`{"loginId":"n%d","password":"x"}`, i))
		}
		if n := count(t, db, "limits"); n > most+6 {
			t.Errorf("%d counts", n)
		}
		if n := count(t, db, "limits WHERE scope = 'address.failures' AND tries > 100"); n != 1 {
			t.Error("the count of the address gave way to those that it made")
		}
	})
}
