package magiclink_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/magiclink"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var tester = audit.Origin{Actor: "test", Remote: "192.0.2.1", Request: "r1"}

const (
	ada  = "ada@a.example"
	page = "https://shop.example/in?lang=en#top"
)

// A bench is a project that trusts shop.example, and what leaves it.
type bench struct {
	*magiclink.Service
	db      *store.DB
	project string
	sent    []message.Message
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	projects := &project.Service{DB: db, Master: master, Log: log}
	b := &bench{db: db}
	b.Service = &magiclink.Service{Challenges: &challenge.Service{
		DB: db, Projects: projects, Limits: &limit.Service{DB: db}, Log: log,
		Sessions: &session.Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}},
		Send: func(_ context.Context, _ *project.Config, _ string, m message.Message) error {
			b.sent = append(b.sent, m)
			return nil
		},
	}}
	p, err := projects.Create(t.Context(), tester, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	b.project = p.ID
	b.configure(t, map[string]string{
		"project.json": `{"trustedDomains":"shop.example"}`, "auth/magiclink.json": `{"enabled":true,"rateLimitRetries":100}`, "auth/embeddedlink.json": `{"enabled":true}`,
	})
	return b
}

func (b *bench) configure(t *testing.T, files map[string]string) {
	t.Helper()
	in := project.Import{Project: b.project, Upload: &snapshot.Upload{Files: snapshot.Files{}}}
	for path, content := range files {
		in.Upload.Files[path] = []byte(content)
	}
	if _, err := b.Challenges.Projects.Import(t.Context(), tester, in); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) config(t *testing.T) *project.Config {
	t.Helper()
	c, err := b.Challenges.Projects.Config(t.Context(), b.project)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) user(t *testing.T, u user.User) *user.User {
	t.Helper()
	u.Project = b.project
	if err := b.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return user.Create(tx, &u) }); err != nil {
		t.Fatal(err)
	}
	return &u
}

func (b *bench) ask(t *testing.T, act challenge.Act, loginID string) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.config(t), Act: act, Kind: message.Email, LoginID: loginID}
}

// token is the one in the link of the last message.
func (b *bench) token(t *testing.T) string {
	t.Helper()
	text := b.sent[len(b.sent)-1].Text
	at := strings.Index(text, "https://")
	u, err := url.Parse(strings.Fields(text[at:])[0])
	if err != nil || u.Query().Get("t") == "" {
		t.Fatalf("no link in %q: %v", text, err)
	}
	return u.Query().Get("t")
}

func (b *bench) verify(t *testing.T, token string) (*session.Tokens, error) {
	t.Helper()
	return b.Verify(t.Context(), b.project, token, "", session.Client{})
}

func TestALinkSignsInOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		if masked, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), page); err != nil || masked != "a***@a***.example" {
			t.Fatalf("%q, %v", masked, err)
		}
		token := b.token(t)
		if !strings.Contains(b.sent[0].Text, "https://shop.example/in?lang=en&t="+token+"#top") || len(token) != 43 {
			t.Errorf("sent %q", b.sent[0].Text)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		ok := 0
		for range 50 {
			group.Go(func() {
				_, err := b.verify(t, token)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ok++
				} else if !errors.Is(err, challenge.ErrNoLink) {
					t.Error(err)
				}
			})
		}
		if group.Wait(); ok != 1 {
			t.Errorf("%d sessions of one link", ok)
		}
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
	b.configure(t, map[string]string{"auth/magiclink.json": `{"redirectUrl":"https://shop.example/settings"}`})
	if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), ""); err != nil || !strings.Contains(b.sent[0].Text, "https://shop.example/settings?t=") {
		t.Errorf("%v, sent %+v", err, b.sent)
	}
	b.configure(t, map[string]string{"auth/magiclink.json": `{"enabled":false}`})
	if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignUp, ada), page); !errors.Is(err, project.ErrMethodOff) {
		t.Errorf("switched off: %v", err)
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.user(t, user.User{LoginIDs: []string{ada}, Email: ada, Phone: "+12025550143"})
		begin := func() string {
			if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn, ada), page); err != nil {
				t.Fatal(err)
			}
			return b.token(t)
		}
		token := begin()
		b.configure(t, map[string]string{"auth/magiclink.json": `{"enabled":true,"expirationTime":1}`})
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
		b.configure(t, map[string]string{"project.json": `{"projectSelfProvisioning":false}`})
		in := b.ask(t, challenge.SignUp, ada)
		in.Verified.Email = true
		in.Options.CustomClaims = map[string]any{"plan": "gold"}
		link, err := b.Embed(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := b.verify(t, link.Token)
		if err != nil || !tokens.FirstSeen || !tokens.User.VerifiedEmail || tokens.Claims["plan"] != "gold" || len(b.sent) != 0 {
			t.Errorf("%+v, %v", tokens, err)
		}
		if _, err := b.Embed(t.Context(), in); !errors.Is(err, user.ErrExists) {
			t.Errorf("again: %v", err)
		}
		if _, err := b.Embed(t.Context(), b.ask(t, challenge.SignIn, "bob@a.example")); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
		b.configure(t, map[string]string{"auth/embeddedlink.json": `{"enabled":false}`})
		if _, err := b.Embed(t.Context(), b.ask(t, challenge.SignIn, ada)); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off: %v", err)
		}
	})
}

func TestInvite(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	u := b.user(t, user.User{LoginIDs: []string{ada}, Email: ada, Phone: "+12025550143", Status: user.Invited})
	b.configure(t, map[string]string{"project.json": `{"inviteUrl":"https://shop.example/join","inviteSendEmail":true,"inviteSendSms":false}`})
	if err := b.Invite(t.Context(), b.config(t), u, magiclink.Invitation{}); err != nil {
		t.Fatal(err)
	}
	if len(b.sent) != 1 || b.sent[0].To != ada || !strings.Contains(b.sent[0].Text, "https://shop.example/join") || strings.Contains(b.sent[0].Text, "t=") {
		t.Fatalf("sent %+v", b.sent)
	}
	b.configure(t, map[string]string{"project.json": `{"inviteMagicLink":true,"inviteSendEmail":false,"inviteSendSms":true}`})
	if err := b.Invite(t.Context(), b.config(t), u, magiclink.Invitation{URL: page}); err != nil {
		t.Fatal(err)
	}
	if len(b.sent) != 2 || b.sent[1].To != u.Phone || !strings.Contains(b.sent[1].Text, "https://shop.example/in?lang=en&t=") {
		t.Fatalf("sent %+v", b.sent)
	}
	tokens, err := b.verify(t, b.token(t))
	if err != nil || tokens.User.Status != user.Enabled || !tokens.User.VerifiedPhone {
		t.Errorf("%+v, %v", tokens, err)
	}
	no := false
	if err := b.Invite(t.Context(), b.config(t), u, magiclink.Invitation{SMS: &no}); err != nil || len(b.sent) != 2 {
		t.Errorf("%v, %d sent", err, len(b.sent))
	}
	if err := b.Invite(t.Context(), b.config(t), u, magiclink.Invitation{URL: "https://evil.example"}); !errors.Is(err, project.ErrUntrusted) {
		t.Errorf("to elsewhere: %v", err)
	}
}
