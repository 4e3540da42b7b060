package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/key"
	"postern/internal/secret"
	"postern/internal/testkit"
)

// What each setting does, before and after an import. A session is made under the
// settings before; then the settings after are imported, the time passes, and the
// refresh token is shown.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	const tenMinutes = `{"refreshTokenExpiration":10,"refreshTokenExpirationUnit":"minutes"}`
	const week = `{"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"weeks"}`
	const lazy = `{"enableInactivity":true,"inactivityTime":30,"inactivityTimeUnit":"minutes"}`
	for _, tt := range []struct {
		name          string
		before, after string
		pauses        []time.Duration // each with a refresh at its end; the last one is looked at
		want          error
	}{
		{"a session lives four weeks by default", `{}`, `{}`, []time.Duration{28*24*time.Hour - time.Second}, nil},
		{"and then ends", `{}`, `{}`, []time.Duration{28 * 24 * time.Hour}, key.ErrToken},
		{"a shorter lifetime ends it earlier", tenMinutes, tenMinutes, []time.Duration{10 * time.Minute}, key.ErrToken},
		{"refreshes do not lengthen a lifetime", tenMinutes, tenMinutes, []time.Duration{9 * time.Minute, 2 * time.Minute}, key.ErrToken},
		{"a live session follows a lifetime that became shorter", week, tenMinutes, []time.Duration{11 * time.Minute}, ErrExpired},
		{"and is refreshed before", week, tenMinutes, []time.Duration{9 * time.Minute}, nil},
		{"a lifetime that became longer is for new sessions", tenMinutes, week, []time.Duration{11 * time.Minute}, key.ErrToken},
		{"a session that lies still ends where the settings say so", lazy, lazy, []time.Duration{31 * time.Minute}, ErrExpired},
		{"one that is used does not", lazy, lazy, []time.Duration{29 * time.Minute, 29 * time.Minute, 29 * time.Minute}, nil},
		{"one that was used and lies still does", lazy, lazy, []time.Duration{29 * time.Minute, 31 * time.Minute}, ErrExpired},
		{"without the setting none does", `{}`, `{}`, []time.Duration{24 * time.Hour}, nil},
		{"the setting counts for sessions that are there", `{}`, lazy, []time.Duration{31 * time.Minute}, ErrExpired},
		{"and lets those live that are in use", `{}`, lazy, []time.Duration{20 * time.Minute, 20 * time.Minute}, nil},
		{"without it a session lives again that lay still", lazy, `{"enableInactivity":false}`, []time.Duration{31 * time.Minute}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, testkit.Store(t))
				b.settings(t, tt.before)
				token := b.signIn(t).Refresh
				b.settings(t, tt.after)
				var err error
				for _, pause := range tt.pauses {
					wantErr(t, err, nil)
					time.Sleep(pause)
					_, err = b.refresh(t, token)
				}
				wantErr(t, err, tt.want)
			})
		})
	}
}

// A refresh token that outlives its session by a shorter lifetime is replaced by one
// that says so.
func TestShorterLifetimeShows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		token := b.signIn(t).Refresh
		b.settings(t, `{"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"hours"}`)
		out, err := b.refresh(t, token)
		if err != nil || out.Refresh.IsZero() {
			t.Fatalf("there is no new refresh token: %v", err)
		}
		claims := b.payload(t, out.Refresh)
		if got := claims["exp"].(float64) - claims["iat"].(float64); got != 3600 {
			t.Errorf("it lives %v s", got)
		}
		again, err := b.refresh(t, out.Refresh)
		if err != nil || !again.Refresh.IsZero() {
			t.Errorf("it is replaced once more: %v", err)
		}
	})
}

// The session token ends as the settings say, and never after its session.
func TestSessionTokenEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings string
		pause    time.Duration
		want     time.Duration
	}{
		{`{}`, 0, 10 * time.Minute},
		{`{"sessionTokenExpiration":3,"sessionTokenExpirationUnit":"hours"}`, 0, 3 * time.Hour},
		{`{"sessionTokenExpiration":1,"sessionTokenExpirationUnit":"hours","refreshTokenExpiration":90,"refreshTokenExpirationUnit":"minutes"}`, time.Hour, 30 * time.Minute},
	} {
		t.Run(fmt.Sprint(tt.settings, tt.pause), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, testkit.Store(t))
				b.settings(t, tt.settings)
				token := b.signIn(t).Refresh
				time.Sleep(tt.pause)
				out, err := b.refresh(t, token)
				if err != nil {
					t.Fatal(err)
				}
				claims := b.payload(t, out.Session)
				if got := claims["exp"].(float64) - claims["iat"].(float64); got != tt.want.Seconds() {
					t.Errorf("it lives %v s, want %v", got, tt.want)
				}
				if _, err := b.Validate(t.Context(), b.config(t), out.Session); err != nil {
					t.Error(err)
				}
				time.Sleep(tt.want)
				_, err = b.Validate(t.Context(), b.config(t), out.Session)
				wantErr(t, err, key.ErrToken)
			})
		})
	}
}

// Inactivity is kept exactly enough, and no refresh writes more often than it needs.
func TestTouched(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		inactivity, after time.Duration
		want              bool
	}{
		{0, 9 * time.Minute, false},
		{0, 10 * time.Minute, true},
		{30 * time.Minute, 29 * time.Second, false},
		{30 * time.Minute, 30 * time.Second, true},
		{1000 * 24 * time.Hour, 9 * time.Minute, false},
		{1000 * 24 * time.Hour, 10 * time.Minute, true},
	} {
		s := &Session{RefreshedAt: at}
		if got := s.touched(lifetimes{inactivity: tt.inactivity}, at.Add(tt.after)); got != tt.want {
			t.Errorf("inactivity %v, after %v: %v", tt.inactivity, tt.after, got)
		}
	}
}

// A key that follows is published before it signs; the one before verifies until
// the last of its tokens has ended, and is gone then.
func TestKeysOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.settings(t, `{"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"hours"}`)
		kids := func() (out []string) {
			ring, err := b.Keys.Ring(t.Context(), b.project)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range ring.Public() {
				out = append(out, k.KeyID)
			}
			return out
		}
		old := b.signIn(t)
		first := kids()[0]
		r, err := b.RotateKeys(t.Context(), tester, b.config(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := kids(); len(got) != 2 || got[1] != r.Kid {
			t.Fatalf("published are %v, want the new one, too", got)
		}
		if got := kidOf(t, b.signIn(t).Session); got != first {
			t.Errorf("the new key signs before other nodes can know it")
		}
		time.Sleep(key.Published)
		if got := kidOf(t, b.signIn(t).Session); got != r.Kid {
			t.Errorf("the old key signs still")
		}
		if _, err := b.refresh(t, old.Refresh); err != nil {
			t.Errorf("the session ended with its key: %v", err)
		}
		time.Sleep(time.Hour)
		if got := kids(); len(got) != 1 || got[0] != r.Kid {
			t.Errorf("after the last token of the old key: %v", got)
		}
		if _, err := b.RotateKeys(t.Context(), tester, b.config(t)); err != nil {
			t.Fatal(err)
		}
		rows := testkit.Rows(t, b.DB)
		if len(rows["signing_keys"]) != 2 || len(rows["kept_secrets"]) != 2 {
			t.Errorf("the private half of a key that is over is kept: %v", rows["signing_keys"])
		}
	})
}

func TestCollect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.signIn(t)
		for _, step := range []struct {
			pause            time.Duration
			sessions, logins int
		}{{0, 1, 1}, {28*24*time.Hour + endedKept + time.Second, 0, 1}, {pastKept, 0, 0}} {
			time.Sleep(step.pause)
			if _, err := b.Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			rows := testkit.Rows(t, b.DB)
			if len(rows["sessions"]) != step.sessions || len(rows["logins"]) != step.logins {
				t.Errorf("after %v: %d sessions and %d logins", step.pause, len(rows["sessions"]), len(rows["logins"]))
			}
		}
	})
}

func kidOf(t *testing.T, token secret.Text) string {
	t.Helper()
	return headerOf(t, token)["kid"].(string)
}
