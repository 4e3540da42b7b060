package enchantedlink_test

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/challenge"
	"postern/internal/enchantedlink"
	"postern/internal/limit"
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

// A bench is a project that trusts shop.example, whose users get three links.
type bench struct {
	*enchantedlink.Service
	shop *signin.Project
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop"})
	shop.Import(t, map[string]string{
		"project.json": `{"trustedDomains":"shop.example"}`, "auth/enchantedlink.json": `{"enabled":true,"rateLimitRetries":100}`,
	})
	return &bench{&enchantedlink.Service{Challenges: shop.Challenges}, shop}
}

func (b *bench) ask(t *testing.T, act challenge.Act) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.shop.Config(t), Act: act, Kind: message.Email, LoginID: ada}
}

// links are the tokens of the last mail, by number.
func (b *bench) links(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, found := range link.FindAllStringSubmatch(b.shop.Last(t).Text, -1) {
		out[found[1]] = found[2]
	}
	if len(out) != 3 {
		t.Fatalf("%d links in %q", len(out), b.shop.Last(t).Text)
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
	return b.Session(t.Context(), b.shop.ID, pending, session.Client{})
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
		if err := b.Verify(t.Context(), b.shop.ID, "x", ""); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("no token: %v", err)
		}
		token := b.links(t)[begun.Number]
		if err := b.Verify(t.Context(), b.shop.ID, token, ""); err != nil {
			t.Fatalf("the right one, %s: %v", begun.Number, err)
		}
		if err := b.Verify(t.Context(), b.shop.ID, token, ""); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("again: %v", err)
		}
		signin.OneWins(t, 50, func(int) error {
			tokens, err := b.session(t, begun.Pending)
			if err == nil && !(tokens.FirstSeen && tokens.User.VerifiedEmail) {
				t.Errorf("the session is of %+v", tokens.User)
			}
			return err
		}, challenge.ErrNoLink)

		// A wrong one ends it, and the right one is of no use then.
		begun = b.begin(t, b.ask(t, challenge.SignIn))
		all := b.links(t)
		for number, token := range all {
			if number != begun.Number {
				if err := b.Verify(t.Context(), b.shop.ID, token, ""); !errors.Is(err, enchantedlink.ErrWrong) {
					t.Errorf("a wrong one: %v", err)
				}
				break
			}
		}
		if err := b.Verify(t.Context(), b.shop.ID, all[begun.Number], ""); !errors.Is(err, challenge.ErrNoLink) {
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
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
	places := map[int]bool{}
	for range 60 {
		begun := b.begin(t, b.ask(t, challenge.SignIn))
		for i, found := range link.FindAllStringSubmatch(b.shop.Last(t).Text, -1) {
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
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		begun := b.begin(t, b.ask(t, challenge.SignIn))
		b.shop.Import(t, map[string]string{"auth/enchantedlink.json": `{"expirationTime":1}`})
		time.Sleep(2 * time.Minute)
		if err := b.Verify(t.Context(), b.shop.ID, b.links(t)[begun.Number], ""); err != nil {
			t.Errorf("of before the import: %v", err)
		}
		begun = b.begin(t, b.ask(t, challenge.SignIn))
		time.Sleep(62 * time.Second)
		if err := b.Verify(t.Context(), b.shop.ID, b.links(t)[begun.Number], ""); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("of after it: %v", err)
		}
		if _, err := b.session(t, begun.Pending); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("who waits: %v", err)
		}
		b.shop.Import(t, map[string]string{"auth/enchantedlink.json": `{"enabled":false}`})
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn), page); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off: %v", err)
		}
		b.shop.Import(t, map[string]string{"auth/enchantedlink.json": `{"enabled":true,"rateLimitRetries":1,"rateLimitTimeframe":60}`})
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
