package otp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/challenge"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// What an import says of the method is obeyed by the next code.
func TestSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada, Phone: "+12025550143"})
	ask := func() challenge.Request { return b.ask(t, challenge.SignIn, ada) }

	b.shop.Import(t, map[string]string{
		"snapshot.json": `{"version":5}`, "connectors.json": `{"connectors":["mail"]}`,
		"auth/otp.json": `{"enabled":true,"rateLimitRetries":100,"domain":"shop.example",
			"emailTemplates":[{"id":"T1","name":"one","active":true,"subject":"{{.code}}","body":"","bodyPlainText":"{{.projectName}} for {{.expirationTime}} {{user.name}} {{greeting}}","useBodyPlainText":true},
				{"id":"T2","name":"two","active":false,"subject":"{{.code}}","body":"","bodyPlainText":"the other","useBodyPlainText":true}],
			"textTemplates":[{"id":"T3","name":"three","active":true,"body":"Text {{.code}} @{{.domain}}"}],
			"voiceTemplates":[{"id":"T4","name":"four","active":true,"body":"Voice {{.code}}"}]}`,
	})
	in := ask()
	in.Choice.Options = map[string]string{"greeting": "Hi"}
	b.begin(t, in)
	if m := b.shop.Last(t); m.Text != "Shop for 3 minutes  Hi" || m.HTML != "" {
		t.Errorf("the active template gives %q", m.Text)
	}
	in.Choice.Template = "T2"
	b.begin(t, in)
	if m := b.shop.Last(t); m.Text != "the other" {
		t.Errorf("a template by its id gives %q", m.Text)
	}
	for kind, want := range map[message.Kind]string{message.SMS: "@shop.example", message.WhatsApp: "@shop.example", message.Voice: "Voice "} {
		in := ask()
		in.Kind = kind
		b.begin(t, in)
		if m := b.shop.Last(t); !strings.Contains(m.Text, want) || m.Kind != kind || m.To != "+12025550143" {
			t.Errorf("%s gives %+v", kind, m)
		}
	}
	in = ask()
	in.Choice.Template = "T3" // of text messages
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, challenge.ErrTemplate) {
		t.Errorf("a template of another way: %v", err)
	}
	in = ask()
	in.Choice.Provider = "CIabsent"
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, challenge.ErrProvider) {
		t.Errorf("a connector that there is not: %v", err)
	}

	b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":false}`})
	if _, err := b.Begin(t.Context(), ask()); !errors.Is(err, project.ErrMethodOff) {
		t.Errorf("switched off: %v", err)
	}
}

// A code lives as long as the configuration says that it began under.
func TestLifetime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true,"rateLimitRetries":100,"expirationTime":10}`})
		begin := func() string {
			b.begin(t, b.ask(t, challenge.SignIn, ada))
			return b.code(t)
		}
		code := begin()
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":false,"expirationTime":2}`})
		time.Sleep(9 * time.Minute)
		if _, err := b.verify(t, ada, code); err != nil {
			t.Errorf("a code of before the import: %v", err)
		}
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true}`})
		code = begin()
		time.Sleep(2*time.Minute + 2*time.Second)
		if _, err := b.verify(t, ada, code); !errors.Is(err, otp.ErrExpired) {
			t.Errorf("a code of two minutes after that: %v", err)
		}
		if _, err := b.verify(t, ada, wrong(code)); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("who does not know it is told no more: %v", err)
		}
		if n, err := b.Challenges.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("forgotten at once: %d, %v", n, err)
		}
		time.Sleep(25 * time.Hour)
		if n, err := b.Challenges.Expire(t.Context()); n != 1 || err != nil {
			t.Errorf("forgotten a day later: %d, %v", n, err)
		}
	})
}

func TestRateOfMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true,"rateLimitRetries":2,"rateLimitTimeframe":60}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada, "ada"}, Email: ada})
		in := b.ask(t, challenge.SignIn, ada)
		b.begin(t, in)
		other := in
		other.LoginID = "ada" // who is the same user
		b.begin(t, other)
		_, err := b.Begin(t.Context(), in)
		if !errors.Is(err, limit.ErrExceeded) || len(b.shop.Sent()) != 2 {
			t.Errorf("the third: %v, %d sent", err, len(b.shop.Sent()))
		}
		if _, err := b.verify(t, "ada", b.code(t)); err != nil {
			t.Errorf("who asked too often keeps the code: %v", err)
		}
		time.Sleep(61 * time.Second)
		b.begin(t, in)
	})
}

// Each new code brings new tries, but not for ever.
func TestGuessesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true,"rateLimitRetries":1000}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		tried := 0
		for range 30 {
			b.begin(t, b.ask(t, challenge.SignIn, ada))
			for range otp.Attempts {
				_, err := b.verify(t, ada, wrong(b.code(t)))
				if errors.Is(err, otp.ErrWrong) {
					tried++
				} else if !errors.Is(err, limit.ErrExceeded) {
					t.Fatal(err)
				}
			}
		}
		if tried != 30 {
			t.Errorf("%d guesses in an hour", tried)
		}
		time.Sleep(time.Hour + time.Second)
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		if _, err := b.verify(t, ada, b.code(t)); err != nil {
			t.Error(err)
		}
	})
}

// Many login ids with one address are one way to guess its codes, and to send to it.
func TestAnAddressIsBoundedToo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, settings string
		sent, guesses  int
	}{
		{"so many messages reach one address", `{"enabled":true,"rateLimitRetries":2,"rateLimitTimeframe":60}`, 2, 2},
		{"so many guesses at its codes are answered", `{"enabled":true,"rateLimitRetries":1000}`, 40, 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, testkit.Store(t))
				b.shop.Import(t, map[string]string{"auth/otp.json": tt.settings})
				guesses := 0
				for i := range 40 {
					in := b.ask(t, challenge.SignUp, fmt.Sprintf("stranger%d", i))
					in.Address = ada
					if _, err := b.Begin(t.Context(), in); errors.Is(err, limit.ErrExceeded) {
						continue
					} else if err != nil {
						t.Fatal(err)
					}
					if _, err := b.verify(t, in.LoginID, wrong(b.code(t))); errors.Is(err, otp.ErrWrong) {
						guesses++
					}
				}
				if len(b.shop.Sent()) != tt.sent || guesses != tt.guesses {
					t.Errorf("%d messages and %d guesses", len(b.shop.Sent()), guesses)
				}
			})
		})
	}
}

// A message that does not leave leaves nothing behind, and may be asked for again.
func TestNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true,"rateLimitRetries":5}`})
	in := b.ask(t, challenge.SignUp, ada)
	b.shop.Break(errors.New("connection refused by 10.0.0.7"))
	if _, err := b.Begin(t.Context(), in); !errors.Is(err, challenge.ErrNotSent) {
		t.Errorf("Begin = %v", err)
	}
	if p, err := b.Challenges.Find(t.Context(), b.shop.ID, "otp", challenge.Name(ada)); p != nil || err != nil {
		t.Errorf("it left %+v, %v", p, err)
	}
	b.shop.Break(nil)
	b.begin(t, in)
	if _, err := b.verify(t, ada, b.code(t)); err != nil {
		t.Error(err)
	}
}

func TestTestUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	b.shop.Import(t, map[string]string{
		"project.json": `{"testUserRegex":"^robot","testUserFixedAuthVerifierRegex":"^robot1$","testUserFixedAuthToken":"424242","testUserAllowFixedAuth":true}`,
	})
	b.begin(t, b.ask(t, challenge.SignUp, "robot1"))
	tokens, err := b.verify(t, "robot1", "424242")
	if err != nil || !tokens.User.Test || tokens.User.VerifiedEmail {
		t.Errorf("%+v, %v", tokens, err)
	}
	b.begin(t, b.ask(t, challenge.SignUp, "robot2"))
	if _, err := b.verify(t, "robot2", "424242"); !errors.Is(err, otp.ErrWrong) {
		t.Errorf("one that may not use the fixed code: %v", err)
	}
	if len(b.shop.Sent()) != 0 {
		t.Errorf("%d messages to test users", len(b.shop.Sent()))
	}
	code, err := b.Generate(t.Context(), b.ask(t, challenge.SignIn, "robot1"))
	if err != nil || len(code) != 6 {
		t.Fatalf("Generate = %q, %v", code, err)
	}
	if _, err := b.verify(t, "robot1", code); err != nil {
		t.Error(err)
	}
	b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
	if _, err := b.Generate(t.Context(), b.ask(t, challenge.SignIn, ada)); !errors.Is(err, challenge.ErrNotTest) {
		t.Errorf("the code of a person: %v", err)
	}
}

// Where errors are masked, known and unknown login ids are answered alike, and only
// who has the address gets in.
func TestMasked(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"enabled":true,"maskError":true,"rateLimitRetries":50}`, "project.json": `{"projectSelfProvisioning":false}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.shop.User(t, user.User{LoginIDs: []string{"off@a.example"}, Email: "off@a.example", Status: user.Disabled})
		for _, act := range []challenge.Act{challenge.SignIn, challenge.SignUp, challenge.SignUpOrIn} {
			for who, sends := range map[string]int{ada: 1, "bob@a.example": 0, "off@a.example": 0, "eve": 0} {
				before := len(b.shop.Sent())
				masked := b.begin(t, b.ask(t, act, who))
				if want := message.MaskEmail(who); masked != want && who != "eve" {
					t.Errorf("%s: %q", who, masked)
				}
				if n := len(b.shop.Sent()) - before; n != sends {
					t.Errorf("act %d of %s: %d messages", act, who, n)
				}
				if _, err := b.verify(t, who, wrong("000000")); !errors.Is(err, otp.ErrWrong) {
					t.Errorf("%s: %v", who, err)
				}
			}
			if tokens, err := b.verify(t, ada, b.code(t)); err != nil || tokens.FirstSeen {
				t.Errorf("act %d: %v", act, err)
			}
		}
	})
}

// A project's proofs are of no use in another, and no code is stored.
func TestStoredAndApart(t *testing.T) {
	t.Parallel()
	db := testkit.Store(t)
	b := setup(t, db)
	c := setup(t, db)
	b.begin(t, b.ask(t, challenge.SignUp, ada))
	code := b.code(t)
	if _, err := c.verify(t, ada, code); !errors.Is(err, otp.ErrWrong) {
		t.Errorf("in another project: %v", err)
	}
	rows := testkit.Rows(t, db)["challenges"]
	if len(rows) != 1 || strings.Contains(rows[0], code) {
		t.Errorf("rows: %q", rows)
	}
}
