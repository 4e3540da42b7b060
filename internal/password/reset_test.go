package password_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

const page = "https://shop.example/reset?lang=en"

func (f *fixture) reset(t testing.TB, loginID, redirect string) (masked string, err error) {
	t.Helper()
	masked, err = f.SendReset(t.Context(), password.Reset{Config: f.shop.Config(t), LoginID: loginID, RedirectURL: redirect})
	f.Challenges.Wait()
	return masked, err
}

// token is that of the last mail, after the link was looked at.
func (f *fixture) token(t testing.TB) string {
	t.Helper()
	text := f.shop.Last(t).Text
	begin := strings.Index(text, "https://")
	if begin < 0 {
		t.Fatalf("no link in %q", text)
	}
	link, _, _ := strings.Cut(text[begin:], "\n")
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Host != "shop.example" || u.Path != "/reset" || u.Query().Get("lang") != "en" || !password.IsResetToken(u.Query().Get("t")) {
		t.Fatalf("the link is %q", link)
	}
	return u.Query().Get("t")
}

func (f *fixture) verify(t testing.TB, token string) (*session.Tokens, error) {
	t.Helper()
	return f.VerifyReset(t.Context(), f.shop.Config(t), secret.New(token), client())
}

// Who has forgotten the password gets a link, which signs in once; then a new one can
// be set, and that ends a lock.
func TestReset(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.load(t, `"lock":true,"lockAttempts":2`)
		u := f.person(t, "ann@example.com", "forgotten")
		f.answers(t, "ann@example.com", "x", "x")
		masked, err := f.reset(t, "Ann@example.com", page)
		if err != nil || masked != "a***@e***.com" || len(f.shop.Sent()) != 1 || f.shop.Last(t).To != "ann@example.com" {
			t.Fatalf("%q, %v, sent %+v", masked, err, f.shop.Sent())
		}
		older := f.token(t)
		if _, err := f.reset(t, "ann@example.com", page); err != nil {
			t.Fatal(err)
		}
		token := f.token(t)
		if strings.Contains(strings.Join(allRows(t, db), "\n"), token) || strings.Contains(f.shop.Logs.String(), token) {
			t.Error("the token is stored or logged")
		}
		for _, wrong := range []string{"", "reset-", token[:len(token)-1], token + "x", strings.ToUpper(token)} {
			if _, err := f.verify(t, wrong); !errors.Is(err, challenge.ErrNoLink) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		got, err := f.verify(t, token)
		if err != nil || got.User.ID != u.ID || !got.User.VerifiedEmail || got.Refresh.IsZero() {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := f.verify(t, token); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("a second time: %v", err)
		}
		if got := f.answers(t, "ann@example.com", "forgotten"); got[0] != locked {
			t.Errorf("before a new one: %q", got)
		}
		if err := f.Update(t.Context(), signin.Tester(), f.shop.Config(t), &session.Current{User: got.User, Session: &session.Session{ID: got.ID}}, secret.New("remembered")); err != nil {
			t.Fatal(err)
		}
		if got := f.answers(t, "ann@example.com", "remembered", "forgotten"); got[0] != "" || got[1] != wrong {
			t.Errorf("with a new one: %q", got)
		}
		if _, err := f.verify(t, older); !errors.Is(err, challenge.ErrNoLink) {
			t.Errorf("a link of the time before: %v", err)
		}
	})
}

// Of many who show one link at once, one signs in.
func TestResetAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.person(t, "ann@example.com", "forgotten")
		if _, err := f.reset(t, "ann@example.com", page); err != nil {
			t.Fatal(err)
		}
		token := f.token(t)
		signin.OneWins(t, 10, func(int) error {
			_, err := f.verify(t, token)
			return err
		}, challenge.ErrNoLink)
	})
}

func TestResetsThatAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.person(t, "ann@example.com", "forgotten")
		f.person(t, "nameless", "forgotten")
		for _, tt := range []struct {
			name, policy, loginID, redirect string
			want                            *fault.Error
		}{
			{"a page of somebody else", ``, "ann@example.com", "https://evil.example/", project.ErrUntrusted},
			{"a script", ``, "ann@example.com", "javascript:alert(1)", project.ErrUntrusted},
			{"no page", ``, "ann@example.com", "", challenge.ErrNoTarget},
			{"nobody", ``, "bob@example.com", page, user.ErrNotFound},
			{"who has no address", ``, "nameless", page, fault.New(fault.Invalid, "E011003", "")},
			{"passwords that are off", `"enabled":false`, "ann@example.com", page, project.ErrMethodOff},
			{"passwords that are off, and no page", `"enabled":false`, "ann@example.com", "", project.ErrMethodOff},
		} {
			f.load(t, tt.policy)
			if masked, err := f.reset(t, tt.loginID, tt.redirect); !errors.Is(err, tt.want) || masked != "" {
				t.Errorf("%s: %q, %v, want %v", tt.name, masked, err, tt.want)
			}
		}
		if len(f.shop.Sent()) != 0 {
			t.Errorf("sent %+v", f.shop.Sent())
		}
	})
}

// Where errors are masked, nobody gets the same answer as somebody, and no mail.
func TestResetOfNobodyIsMasked(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.load(t, `"maskError":true`)
		f.person(t, "ann@example.com", "forgotten")
		f.person(t, "ann", "forgotten")
		for loginID, want := range map[string]string{
			"ann@example.com": "a***@e***.com", "bob@example.com": "b***@e***.com", "ann": "", "bob": "",
		} {
			if masked, err := f.reset(t, loginID, page); masked != want || err != nil {
				t.Errorf("%s: %q, %v, want %q", loginID, masked, err, want)
			}
		}
		if len(f.shop.Sent()) != 1 || f.shop.Last(t).To != "ann@example.com" {
			t.Errorf("sent %+v", f.shop.Sent())
		}
	})
}

// The template and the connector of the import are those of the next mail.
func TestAnImportChangesTheMailOfAReset(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	f.person(t, "ann@example.com", "forgotten")
	if _, err := f.reset(t, "ann@example.com", page); err != nil {
		t.Fatal(err)
	}
	up := files(`"emailServiceProvider":"smtp:CI1","emailTemplates":[{"id":"T1","name":"Old","subject":"old","body":"old","active":false},` +
		`{"id":"T2","name":"Own","subject":"For {{.projectName}}","bodyPlainText":"Go to {{.redirectUrl}}\n","useBodyPlainText":true,"active":true}]`)
	up["connectors/connectors.json"] = `{"connectors":["mail"]}`
	up["connectors/mail.json"] = `{"configuration":{"fromEmail":"a@example.test","fromName":"A","host":"smtp.example.test","username":"u","password":"p"},"id":"CI1","name":"Mail","type":"smtp"}`
	f.shop.Import(t, up)
	if _, err := f.reset(t, "ann@example.com", page); err != nil {
		t.Fatal(err)
	}
	all := f.shop.Sent()
	before, after := all[0], all[1]
	if before.Connector != "" || before.HTML == "" || !strings.Contains(before.Subject, "Test") {
		t.Errorf("before: %+v", before)
	}
	if after.Connector != "CI1" || after.Subject != "For Test" || after.HTML != "" || !strings.HasPrefix(after.Text, "Go to https://shop.example/reset?") {
		t.Errorf("after: %+v", after)
	}
	if _, err := f.verify(t, f.token(t)); err != nil {
		t.Errorf("the link of the template: %v", err)
	}
}

// A link lives as long as magic links do, and one user gets few of them.
func TestResetsEndAndAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t))
		f.person(t, "ann@example.com", "forgotten")
		up := files("")
		up["auth/magiclink.json"] = `{"enabled":false,"expirationTime":4,"expirationTimeUnit":"minutes"}`
		f.shop.Import(t, up)
		send := func() string {
			if _, err := f.reset(t, "ann@example.com", page); err != nil {
				t.Fatal(err)
			}
			return f.token(t)
		}
		first := send()
		time.Sleep(4*time.Minute - time.Second) // of the bubble's clock
		if _, err := f.verify(t, first); err != nil {
			t.Errorf("in time: %v", err)
		}
		second := send()
		time.Sleep(4 * time.Minute) // of the bubble's clock
		if _, err := f.verify(t, second); !errors.Is(err, challenge.ErrLinkExpired) {
			t.Errorf("too late: %v", err)
		}
		time.Sleep(time.Hour) // of the bubble's clock
		refused := 0
		for range 20 {
			if _, err := f.reset(t, "ann@example.com", page); errors.Is(err, limit.ErrExceeded) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused == 0 {
			t.Error("twenty mails in a row")
		}
	})
}
