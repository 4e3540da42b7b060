package notp_test

import (
	"bytes"
	"errors"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/challenge"
	"postern/internal/connector"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/notp"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

const (
	phone = "+12025550143"
	other = "+12025550144"
)

// A bench is a project whose users send messages.
type bench struct {
	*notp.Service
	shop *signin.Project
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop & Co"})
	shop.Import(t, map[string]string{"auth/notp.json": `{"enabled":true}`})
	messages := &connector.Service{DB: db, Projects: shop.Projects, Log: shop.Log}
	return &bench{&notp.Service{Messages: messages, Challenges: shop.Challenges}, shop}
}

// begin returns what is waited with, and the text to send.
func (b *bench) begin(t *testing.T, in challenge.Request) (pending, text string) {
	t.Helper()
	in.Config = b.shop.Config(t)
	out, err := b.Begin(t.Context(), in, challenge.Dialogue{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(out.Image)); err != nil {
		t.Error(err)
	}
	link, err := url.Parse(out.URL)
	if err != nil || link.Host != "wa.me" || strings.Contains(out.URL, "+") {
		t.Fatalf("%s %v", out.URL, err)
	}
	return out.Pending, link.Query().Get("text")
}

func (b *bench) write(t *testing.T, from, text string) {
	t.Helper()
	if err := b.Receive(t.Context(), b.shop.Config(t), "", connector.Inbound{From: from, Text: text}); err != nil {
		t.Fatal(err)
	}
}

// said looks at the last of n answers: that it is one to that number, of those that
// begin so.
func (b *bench) said(t *testing.T, to, begins string, n int) {
	t.Helper()
	if all := b.shop.Sent(); len(all) != n {
		t.Fatalf("%d messages, want %d: %+v", len(all), n, all)
	}
	if m := b.shop.Last(t); m.To != to || m.Kind != message.WhatsApp || !strings.HasPrefix(m.Text, begins) {
		t.Errorf("sent %+v, want %q…", m, begins)
	}
}

func (b *bench) session(t *testing.T, pending string) (*session.Tokens, error) {
	t.Helper()
	return b.Session(t.Context(), b.shop.ID, pending, "", session.Client{})
}

const (
	asks   = "Do you sign in"
	worked = "It worked"
	failed = "This did not work"
)

func TestAMessageSignsIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		pending, text := b.begin(t, challenge.Request{Act: challenge.SignUp, LoginID: "ada", Address: phone, Profile: user.Profile{Name: "Ada"}})
		if !strings.HasPrefix(text, "I sign in to Shop & Co: ") {
			t.Errorf("to send: %q", text)
		}
		if _, err := b.session(t, pending); !errors.Is(err, notp.ErrPending) {
			t.Errorf("before the message: %v", err)
		}
		if _, err := b.session(t, "x"); !errors.Is(err, notp.ErrOver) {
			t.Errorf("who waits for nothing: %v", err)
		}
		b.write(t, phone, "yes") // to nothing that was asked
		b.write(t, phone, "When do you open?")
		b.write(t, other, text)
		b.said(t, other, failed, 1)
		b.write(t, other, "yes")
		b.write(t, phone, "Hi! "+text+".")
		b.said(t, phone, asks, 2)
		if _, err := b.session(t, pending); !errors.Is(err, notp.ErrPending) {
			t.Errorf("before it is confirmed: %v", err)
		}
		b.write(t, phone, text) // the token counts once
		b.said(t, phone, failed, 3)
		b.write(t, phone, " Yes!")
		b.said(t, phone, worked, 4)
		signin.OneWins(t, 20, func(int) error {
			tokens, err := b.session(t, pending)
			if err == nil && !(tokens.FirstSeen && tokens.User.Name == "Ada" && tokens.User.Phone == phone && tokens.User.VerifiedPhone) {
				t.Errorf("the session is of %+v", tokens.User)
			}
			return err
		}, notp.ErrOver)

		// Who says no ends it.
		pending, text = b.begin(t, challenge.Request{Act: challenge.SignIn, LoginID: "ada"})
		b.write(t, phone, text)
		b.write(t, phone, "No.")
		b.said(t, phone, failed, 6)
		b.write(t, phone, "yes")
		if _, err := b.session(t, pending); !errors.Is(err, notp.ErrOver) || len(b.shop.Sent()) != 6 {
			t.Errorf("after no: %v, %d messages", err, len(b.shop.Sent()))
		}

		// The word is for the newest that was asked, and one that was given stays.
		first, text := b.begin(t, challenge.Request{Act: challenge.SignIn, LoginID: "ada"})
		b.write(t, phone, text)
		b.write(t, phone, "yes")
		second, text := b.begin(t, challenge.Request{Act: challenge.SignIn, LoginID: "ada"})
		b.write(t, phone, text)
		third, text := b.begin(t, challenge.Request{Act: challenge.SignIn, LoginID: "ada"})
		b.write(t, phone, text)
		b.write(t, phone, "yes")
		for waiting, want := range map[string]error{first: nil, second: notp.ErrOver, third: nil} {
			if _, err := b.session(t, waiting); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
	})
}

// Without a login id it is whoever sends the message.
func TestWhoeverWrites(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.User(t, user.User{LoginIDs: []string{phone}, Name: "Ada", Phone: phone})
		b.shop.User(t, user.User{LoginIDs: []string{"+12025550145"}, Phone: "+12025550146"})
		b.shop.Import(t, map[string]string{"project.json": `{"projectSelfProvisioning":true}`})
		for name, c := range map[string]struct {
			act   challenge.Act
			from  string
			says  string
			first bool
		}{
			"a user signs in":                  {challenge.SignIn, phone, asks, false},
			"a stranger does not":              {challenge.SignIn, other, failed, false},
			"a user does not sign up":          {challenge.SignUp, phone, failed, false},
			"a stranger signs up":              {challenge.SignUp, "+12025550147", asks, true},
			"a user signs in where both may":   {challenge.SignUpOrIn, phone, asks, false},
			"a stranger signs up likewise":     {challenge.SignUpOrIn, "+12025550148", asks, true},
			"who is reached elsewhere is none": {challenge.SignIn, "+12025550145", failed, false},
		} {
			t.Run(name, func(t *testing.T) {
				before := len(b.shop.Sent())
				pending, text := b.begin(t, challenge.Request{Act: c.act})
				b.write(t, c.from, text)
				b.said(t, c.from, c.says, before+1)
				b.write(t, c.from, "yes")
				tokens, err := b.session(t, pending)
				if c.says == failed {
					if !errors.Is(err, notp.ErrPending) {
						t.Error(err)
					}
					return
				}
				if err != nil || tokens.FirstSeen != c.first || tokens.User.LoginIDs[0] != c.from || !tokens.User.VerifiedPhone {
					t.Errorf("%+v %v", tokens, err)
				}
			})
		}
		b.shop.Import(t, map[string]string{"project.json": `{"projectSelfProvisioning":false}`})
		before := len(b.shop.Sent())
		_, text := b.begin(t, challenge.Request{Act: challenge.SignUpOrIn})
		b.write(t, other, text)
		b.said(t, other, failed, before+1)
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, testkit.Store(t))
		b.shop.User(t, user.User{LoginIDs: []string{"ada"}, Phone: phone})
		b.shop.User(t, user.User{LoginIDs: []string{"bob"}, Email: "bob@b.example"})
		ask := func() challenge.Request { return challenge.Request{Act: challenge.SignIn, LoginID: "ada"} }
		pending, text := b.begin(t, ask())
		b.shop.Import(t, map[string]string{"auth/notp.json": `{"expirationTime":1,"whatsappVerifyTemplateId":"TM1","whatsappVerifyNOTPTemplates":[
			{"id":"TM1","name":"Own","body":"Is it you, at {{projectName}}? {{options.word}}"},{"id":"TM2","name":"Theirs"}]}`})
		time.Sleep(2 * time.Minute)
		b.write(t, phone, text)
		b.said(t, phone, asks, 1) // as it began
		b.write(t, phone, "yes")
		if _, err := b.session(t, pending); err != nil {
			t.Errorf("of before the import: %v", err)
		}
		pending, text = b.begin(t, ask())
		time.Sleep(62 * time.Second)
		b.write(t, phone, text)
		b.said(t, phone, failed, 3)
		if _, err := b.session(t, pending); !errors.Is(err, notp.ErrExpired) {
			t.Errorf("who waits too long: %v", err)
		}
		in := ask()
		in.Config = b.shop.Config(t)
		in.Choice.Options = map[string]string{"word": "YES or NO"}
		if _, err := b.Begin(t.Context(), in, challenge.Dialogue{Success: "TM1"}); !errors.Is(err, challenge.ErrTemplate) {
			t.Errorf("an answer that there is not: %v", err)
		}
		out, err := b.Begin(t.Context(), in, challenge.Dialogue{Verify: "TM1"})
		if err != nil {
			t.Fatal(err)
		}
		link, _ := url.Parse(out.URL)
		b.shop.Break(errors.New("no line"))
		if err := b.Receive(t.Context(), in.Config, "", connector.Inbound{From: phone, Text: link.Query().Get("text")}); err == nil {
			t.Error("nobody was asked, and nobody is told")
		}
		b.shop.Break(nil)
		if _, err := b.session(t, out.Pending); !errors.Is(err, notp.ErrOver) {
			t.Errorf("who was not asked: %v", err)
		}
		if out, err = b.Begin(t.Context(), in, challenge.Dialogue{}); err != nil {
			t.Fatal(err)
		}
		link, _ = url.Parse(out.URL)
		b.write(t, phone, link.Query().Get("text"))
		b.said(t, phone, "Is it you, at Shop & Co? YES or NO", 4)

		bob := challenge.Request{Config: in.Config, Act: challenge.SignIn, LoginID: "bob"}
		if _, err := b.Begin(t.Context(), bob, challenge.Dialogue{}); !errors.Is(err, challenge.ErrNoAddress) {
			t.Errorf("who has no number: %v", err)
		}
		for range 25 { // with the five messages above
			b.write(t, phone, "yes")
		}
		if err := b.Receive(t.Context(), in.Config, "", connector.Inbound{From: phone, Text: "yes"}); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("too often: %v", err)
		}
		b.shop.Import(t, map[string]string{"auth/notp.json": `{"enabled":false}`})
		in.Config = b.shop.Config(t)
		if _, err := b.Begin(t.Context(), in, challenge.Dialogue{}); !errors.Is(err, project.ErrMethodOff) {
			t.Errorf("switched off: %v", err)
		}
	})
}
