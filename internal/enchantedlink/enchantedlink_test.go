package enchantedlink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/enchantedlink"
	"postern/internal/key"
	"postern/internal/limit"
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
	*enchantedlink.Service
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
	b.Service = &enchantedlink.Service{Challenges: &challenge.Service{
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
		"project.json": `{"trustedDomains":"shop.example"}`, "auth/enchantedlink.json": `{"enabled":true,"rateLimitRetries":100}`,
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

func (b *bench) user(t *testing.T, u user.User) {
	t.Helper()
	u.Project = b.project
	if err := b.db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return user.Create(tx, &u) }); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) ask(t *testing.T, act challenge.Act) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.config(t), Act: act, Kind: message.Email, LoginID: ada}
}

// links are the tokens of the last mail, by number.
func (b *bench) links(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, found := range link.FindAllStringSubmatch(b.sent[len(b.sent)-1].Text, -1) {
		out[found[1]] = found[2]
	}
	if len(out) != 3 {
		t.Fatalf("%d links in %q", len(out), b.sent[len(b.sent)-1].Text)
	}
	return out
}

var link = regexp.MustCompile(`\b([0-9]{2})\b\W+https://shop\.example/in\?lang=en&t=([\w-]+)#top`)

func (b *bench) begin(t *testing.T, in challenge.Request) *enchantedlink.Begun {
	t.Helper()
	out, err := b.Begin(t.Context(), in, page)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bench) session(t *testing.T, pending string) (*session.Tokens, error) {
	t.Helper()
	return b.Session(t.Context(), b.project, pending, session.Client{})
}

func TestOnlyTheRightLink(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		begun := b.begin(t, b.ask(t, challenge.SignUp))
		if _, err := b.session(t, begun.Pending); !errors.Is(err, enchantedlink.ErrPending) {
			t.Errorf("before it is opened: %v", err)
		}
		if _, err := b.session(t, "x"); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("who waits for nothing: %v", err)
		}
		if err := b.Verify(t.Context(), b.project, "x", ""); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("no token: %v", err)
		}
		token := b.links(t)[begun.Number]
		if err := b.Verify(t.Context(), b.project, token, ""); err != nil {
			t.Fatalf("the right one, %s: %v", begun.Number, err)
		}
		if err := b.Verify(t.Context(), b.project, token, ""); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("again: %v", err)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		ok := 0
		for range 50 {
			group.Go(func() {
				tokens, err := b.session(t, begun.Pending)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && tokens.FirstSeen && tokens.User.VerifiedEmail {
					ok++
				} else if !errors.Is(err, challenge.ErrNoLink) {
					t.Error(err)
				}
			})
		}
		if group.Wait(); ok != 1 {
			t.Errorf("%d sessions of one link", ok)
		}

		// A wrong one ends it, and the right one is of no use then.
		begun = b.begin(t, b.ask(t, challenge.SignIn))
		all := b.links(t)
		for number, token := range all {
			if number != begun.Number {
				if err := b.Verify(t.Context(), b.project, token, ""); !errors.Is(err, enchantedlink.ErrWrong) {
					t.Errorf("a wrong one: %v", err)
				}
				break
			}
		}
		if err := b.Verify(t.Context(), b.project, all[begun.Number], ""); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("the right one afterwards: %v", err)
		}
		if _, err := b.session(t, begun.Pending); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("who waits afterwards: %v", err)
		}
	})
}

// The right link stands in no place more often than in the others.
func TestTheRightOneIsAnywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.user(t, user.User{LoginIDs: []string{ada}, Email: ada})
	places := map[int]bool{}
	for range 60 {
		begun := b.begin(t, b.ask(t, challenge.SignIn))
		for i, found := range link.FindAllStringSubmatch(b.sent[len(b.sent)-1].Text, -1) {
			if found[1] == begun.Number {
				places[i] = true
			}
		}
	}
	if len(places) != 3 {
		t.Errorf("it stood in %s", fmt.Sprint(places))
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.user(t, user.User{LoginIDs: []string{ada}, Email: ada})
		begun := b.begin(t, b.ask(t, challenge.SignIn))
		b.configure(t, map[string]string{"auth/enchantedlink.json": `{"expirationTime":1}`})
		time.Sleep(2 * time.Minute)
		if err := b.Verify(t.Context(), b.project, b.links(t)[begun.Number], ""); err != nil {
			t.Errorf("of before the import: %v", err)
		}
		begun = b.begin(t, b.ask(t, challenge.SignIn))
		time.Sleep(62 * time.Second)
		if err := b.Verify(t.Context(), b.project, b.links(t)[begun.Number], ""); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("of after it: %v", err)
		}
		if _, err := b.session(t, begun.Pending); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("who waits: %v", err)
		}
		b.configure(t, map[string]string{"auth/enchantedlink.json": `{"enabled":false}`})
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn), page); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off: %v", err)
		}
		b.configure(t, map[string]string{"auth/enchantedlink.json": `{"enabled":true,"rateLimitRetries":1,"rateLimitTimeframe":60}`})
		time.Sleep(2 * time.Minute)
		b.begin(t, b.ask(t, challenge.SignIn))
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn), page); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("too often: %v", err)
		}
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn), "https://evil.example"); !errors.Is(err, project.ErrUntrusted) {
			t.Errorf("to elsewhere: %v", err)
		}
	})
}
