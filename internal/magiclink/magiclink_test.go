package magiclink_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/challenge"
	"postern/internal/magiclink"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

const (
	ada  = "ada@a.example"
	page = "https://shop.example/in?lang=en#top"
)

// A bench is a project that trusts shop.example, whose users get links.
type bench struct {
	*magiclink.Service
	shop *signin.Project
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop"})
	shop.Import(t, map[string]string{
		"project.json": `{"trustedDomains":"shop.example"}`, "auth/magiclink.json": `{"enabled":true,"rateLimitRetries":100}`, "auth/embeddedlink.json": `{"enabled":true}`,
	})
	return &bench{&magiclink.Service{Challenges: shop.Challenges}, shop}
}

func (b *bench) ask(t *testing.T, act challenge.Act, loginID string) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.shop.Config(t), Act: act, Kind: message.Email, LoginID: loginID}
}

// token is the one in the link of the last message.
func (b *bench) token(t *testing.T) string {
	t.Helper()
	text := b.shop.Last(t).Text
	at := strings.Index(text, "https://")
	u, err := url.Parse(strings.Fields(text[at:])[0])
	if err != nil || u.Query().Get("t") == "" {
		t.Fatalf("no link in %q: %v", text, err)
	}
	return u.Query().Get("t")
}

func (b *bench) verify(t *testing.T, token string) (*session.Tokens, error) {
	t.Helper()
	return b.Verify(t.Context(), b.shop.ID, token, "", session.Client{})
}

func TestALinkSignsInOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		if masked, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), page); err != nil || masked != "a***@a***.example" {
			t.Fatalf("%q, %v", masked, err)
		}
		token := b.token(t)
		if !strings.Contains(b.shop.Last(t).Text, "https://shop.example/in?lang=en&t="+token+"#top") || len(token) != 43 {
			t.Errorf("sent %q", b.shop.Last(t).Text)
		}
		signin.OneWins(t, 50, func(int) error {
			_, err := b.verify(t, token)
			return err
		}, challenge.ErrNoLink)
		for _, row := range testkit.Rows(t, db)["challenges"] {
			t.Errorf("left: %s", row)
		}
		if _, err := b.verify(t, "x"); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("no token: %v", err)
		}
		// Several links at once: each counts.
		for range 2 {
			if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn, ada), page); err != nil {
				t.Fatal(err)
			}
			defer func(token string) {
				if tokens, err := b.verify(t, token); err != nil || tokens.FirstSeen {
					t.Error(err)
				}
			}(b.token(t))
		}
	})
}

// One login id has so many links at once, of a user and of nobody alike: the oldest give
// way, those of others do not.
func TestLinksAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.shop.User(t, user.User{LoginIDs: []string{"bob@a.example"}, Email: "bob@a.example"})
		asks := func(act challenge.Act, loginID string) string {
			if _, err := b.Begin(t.Context(), b.ask(t, act, loginID), page); err != nil {
				t.Fatal(err)
			}
			return b.token(t)
		}
		bob := asks(challenge.SignIn, "bob@a.example")
		embedded, err := b.Embed(t.Context(), challenge.Request{Config: b.shop.Config(t), Act: challenge.SignIn, LoginID: ada})
		if err != nil {
			t.Fatal(err)
		}
		for act, who := range map[challenge.Act]string{challenge.SignIn: ada, challenge.SignUp: "new@a.example"} {
			const most = 20
			first := asks(act, who)
			age(t, db)
			for range most {
				asks(act, who)
			}
			if _, err := b.verify(t, first); !errors.Is(err, challenge.ErrNoLink) {
				t.Errorf("the first link of %s, after %d more: %v", who, most, err)
			}
			if _, err := b.verify(t, b.token(t)); err != nil {
				t.Errorf("the last one of %s: %v", who, err)
			}
			if left := count(t, db, who); left != most-1 {
				t.Errorf("%d links of %s are left, want %d", left, who, most-1)
			}
		}
		for what, token := range map[string]string{"somebody else": bob, "the customer's own system": embedded.Token} {
			if _, err := b.verify(t, token); err != nil {
				t.Errorf("the link of %s: %v", what, err)
			}
		}
	})
}

// age makes what is there a minute older.
func age(t *testing.T, db *store.DB) {
	t.Helper()
	if _, err := db.Exec(t.Context(), `UPDATE challenges SET created_at = created_at - 60`); err != nil {
		t.Fatal(err)
	}
}

// count returns how many links of a login id are stored that a person asked for.
func count(t *testing.T, db *store.DB, loginID string) (n int) {
	t.Helper()
	err := db.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) },
		`SELECT count(*) FROM challenges WHERE managed = 0 AND data LIKE $1`, `%"loginId":"`+loginID+`"%`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhereLinksLead(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	for _, at := range []string{
		"https://evil.example/", "https://shop.example.evil.example/", "//evil.example", "javascript:alert(1)", "https://shop.example@evil.example/", "https://evil.example\\@shop.example/",
	} {
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), at); !errors.Is(err, project.ErrUntrusted) {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), ""); !errors.Is(err, challenge.ErrNoTarget) {
		t.Errorf("nowhere: %v", err)
	}
	b.shop.Import(t, map[string]string{"auth/magiclink.json": `{"redirectUrl":"https://shop.example/settings"}`})
	if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), ""); err != nil || !strings.Contains(b.shop.Last(t).Text, "https://shop.example/settings?t=") {
		t.Errorf("%v, sent %+v", err, b.shop.Sent())
	}
	b.shop.Import(t, map[string]string{"auth/magiclink.json": `{"enabled":false}`})
	if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), page); !errors.Is(err, project.ErrMethodOff) {
		t.Errorf("switched off: %v", err)
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada, Phone: "+12025550143"})
		begin := func() string {
			if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn, ada), page); err != nil {
				t.Fatal(err)
			}
			return b.token(t)
		}
		token := begin()
		b.shop.Import(t, map[string]string{"auth/magiclink.json": `{"enabled":true,"expirationTime":1}`})
		time.Sleep(2 * time.Minute)
		if _, err := b.verify(t, token); err != nil {
			t.Errorf("a link of before the import: %v", err)
		}
		token = begin()
		time.Sleep(62 * time.Second)
		if _, err := b.verify(t, token); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("a link of after it: %v", err)
		}

		in := b.ask(t, challenge.SignIn, ada)
		in.Lifetime = time.Hour // more than the three minutes of the setting
		long, err := b.Embed(t.Context(), in)
		if err != nil || long.Masked.Phone != "+***43" {
			t.Fatalf("%+v, %v", long, err)
		}
		in.Lifetime = 30 * time.Second
		short, err := b.Embed(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		if _, err := b.verify(t, short.Token); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("a short embedded link: %v", err)
		}
		time.Sleep(3 * time.Minute)
		if _, err := b.verify(t, long.Token); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("an embedded link is longer than the setting: %v", err)
		}
	})
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"project.json": `{"projectSelfProvisioning":false}`})
		in := b.ask(t, challenge.SignUp, ada)
		in.Verified.Email = true
		in.Options.CustomClaims = map[string]any{"plan": "gold"}
		link, err := b.Embed(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := b.verify(t, link.Token)
		if err != nil || !tokens.FirstSeen || !tokens.User.VerifiedEmail || tokens.Claims["plan"] != "gold" || len(b.shop.Sent()) != 0 {
			t.Errorf("%+v, %v", tokens, err)
		}
		if _, err := b.Embed(t.Context(), in); !errors.Is(err, user.ErrExists) {
			t.Errorf("again: %v", err)
		}
		if _, err := b.Embed(t.Context(), b.ask(t, challenge.SignIn, "bob@a.example")); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
		b.shop.Import(t, map[string]string{"auth/embeddedlink.json": `{"enabled":false}`})
		if _, err := b.Embed(t.Context(), b.ask(t, challenge.SignIn, ada)); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off: %v", err)
		}
	})
}

func TestInvite(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	u := b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada, Phone: "+12025550143", Status: user.Invited})
	b.shop.Import(t, map[string]string{"project.json": `{"inviteUrl":"https://shop.example/join","inviteSendEmail":true,"inviteSendSms":false}`})
	if err := b.Invite(t.Context(), b.shop.Config(t), u, magiclink.Invitation{}); err != nil {
		t.Fatal(err)
	}
	if len(b.shop.Sent()) != 1 || b.shop.Last(t).To != ada || !strings.Contains(b.shop.Last(t).Text, "https://shop.example/join") || strings.Contains(b.shop.Last(t).Text, "t=") {
		t.Fatalf("sent %+v", b.shop.Sent())
	}
	b.shop.Import(t, map[string]string{"project.json": `{"inviteMagicLink":true,"inviteSendEmail":false,"inviteSendSms":true}`})
	if err := b.Invite(t.Context(), b.shop.Config(t), u, magiclink.Invitation{URL: page}); err != nil {
		t.Fatal(err)
	}
	if len(b.shop.Sent()) != 2 || b.shop.Last(t).To != u.Phone || !strings.Contains(b.shop.Last(t).Text, "https://shop.example/in?lang=en&t=") {
		t.Fatalf("sent %+v", b.shop.Sent())
	}
	tokens, err := b.verify(t, b.token(t))
	if err != nil || tokens.User.Status != user.Enabled || !tokens.User.VerifiedPhone {
		t.Errorf("%+v, %v", tokens, err)
	}
	no := false
	if err := b.Invite(t.Context(), b.shop.Config(t), u, magiclink.Invitation{SMS: &no}); err != nil || len(b.shop.Sent()) != 2 {
		t.Errorf("%v, %d sent", err, len(b.shop.Sent()))
	}
	if err := b.Invite(t.Context(), b.shop.Config(t), u, magiclink.Invitation{URL: "https://evil.example"}); !errors.Is(err, project.ErrUntrusted) {
		t.Errorf("to elsewhere: %v", err)
	}
}
