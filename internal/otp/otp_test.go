package otp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/internal/challenge"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

const ada = "ada@a.example"

// A bench is a project whose users get codes.
type bench struct {
	*otp.Service
	shop *signin.Project
}

func setup(t *testing.T, db *store.DB) *bench {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop"})
	return &bench{&otp.Service{Challenges: shop.Challenges}, shop}
}

// ask is a request by mail, for what act says.
func (b *bench) ask(t *testing.T, act challenge.Act, loginID string) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.shop.Config(t), Act: act, Kind: message.Email, LoginID: loginID}
}

func (b *bench) begin(t *testing.T, in challenge.Request) string {
	t.Helper()
	masked, err := b.Begin(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return masked
}

// code is the one in the last message.
func (b *bench) code(t *testing.T) string {
	t.Helper()
	m := b.shop.Last(t)
	for word := range strings.FieldsFuncSeq(m.Text+" "+m.HTML, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(word) == 6 {
			return word
		}
	}
	t.Fatalf("no code in %q", m.Text)
	return ""
}

func (b *bench) verify(t *testing.T, loginID, code string) (*session.Tokens, error) {
	t.Helper()
	return b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: message.Email, LoginID: loginID, Code: code})
}

// wrong is a code that is not the given one.
func wrong(code string) string {
	return string('0'+(code[0]-'0'+1)%10) + code[1:]
}

func TestSignUpSignInAndBoth(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		in := b.ask(t, challenge.SignUp, "Ada@A.example")
		in.Profile = user.Profile{Name: "Ada"}
		if masked := b.begin(t, in); masked != "a***@a***.example" {
			t.Errorf("masked = %q", masked)
		}
		if m := b.shop.Last(t); m.To != ada || m.Connector != "" || !strings.Contains(m.Subject, "Shop") {
			t.Errorf("sent %+v", m)
		}
		tokens, err := b.verify(t, ada, b.code(t))
		if err != nil {
			t.Fatal(err)
		}
		u := b.shop.Find(t, ada)
		if !tokens.FirstSeen || tokens.User.ID != u.ID || u.Name != "Ada" || !u.VerifiedEmail || u.LastLoginAt.IsZero() {
			t.Errorf("first seen %v, user %+v", tokens.FirstSeen, u)
		}
		if !slices.Equal(tokens.Claims["amr"].([]string), []string{session.AMREmail}) {
			t.Errorf("amr = %v", tokens.Claims["amr"])
		}
		if _, err := b.Begin(t.Context(), in); !errors.Is(err, user.ErrExists) {
			t.Errorf("a second sign-up: %v", err)
		}
		if _, err := b.Begin(t.Context(), b.ask(t, challenge.SignIn, "bob@a.example")); !errors.Is(err, user.ErrNotFound) {
			t.Errorf("a sign-in of a stranger: %v", err)
		}
		for i, who := range []string{ada, "eve@a.example"} {
			b.begin(t, b.ask(t, challenge.SignUpOrIn, who))
			tokens, err := b.verify(t, who, b.code(t))
			if err != nil || tokens.FirstSeen != (i == 1) {
				t.Errorf("%s: %v", who, err)
			}
		}
		if b.shop.Find(t, ada).ID != u.ID {
			t.Error("there are two of her")
		}
	})
}

func TestAnswersOfAWrongCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.shop.User(t, user.User{LoginIDs: []string{"bob@a.example"}, Email: "bob@a.example"})
		if _, err := b.verify(t, ada, "123456"); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("without a code: %v", err)
		}
		if _, err := b.verify(t, "nobody", "123456"); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("without a user: %v", err)
		}
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		first := b.code(t)
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		code := b.code(t)
		if _, err := b.verify(t, ada, first); first != code && !errors.Is(err, otp.ErrWrong) {
			t.Errorf("the code before: %v", err)
		}
		if _, err := b.verify(t, "bob@a.example", code); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("for another user: %v", err)
		}
		if _, err := b.Verify(t.Context(), otp.Answer{Project: b.shop.ID, Kind: message.SMS, LoginID: ada, Code: code}); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("as if it came by text message: %v", err)
		}
		for range otp.Attempts - 2 {
			if _, err := b.verify(t, ada, wrong(code)); !errors.Is(err, otp.ErrWrong) {
				t.Errorf("a wrong one: %v", err)
			}
		}
		if _, err := b.verify(t, ada, code); !errors.Is(err, otp.ErrSpent) {
			t.Errorf("the right one, too late: %v", err)
		}
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		if _, err := b.verify(t, ada, b.code(t)); err != nil {
			t.Errorf("a new one: %v", err)
		}
		if _, err := b.verify(t, ada, b.code(t)); !errors.Is(err, otp.ErrWrong) {
			t.Errorf("the same one again: %v", err)
		}
	})
}

// One code makes one session, however many show it at once; and of many guesses at
// once no more are looked at than one after the other.
func TestOneCodeOneSession(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.begin(t, b.ask(t, challenge.SignUp, ada))
		code := b.code(t)
		all := func(guess func(i int) string) (ok int, spent int) {
			ok, failed := signin.AtOnce(50, func(i int) error {
				_, err := b.verify(t, ada, guess(i))
				return err
			})
			for _, err := range failed {
				if errors.Is(err, otp.ErrSpent) || errors.Is(err, limit.ErrExceeded) {
					spent++
				} else if !errors.Is(err, otp.ErrWrong) {
					t.Error(err)
				}
			}
			return ok, spent
		}
		if ok, _ := all(func(int) string { return code }); ok != 1 {
			t.Errorf("%d sessions of one code", ok)
		}
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		if ok, spent := all(func(int) string { return wrong(b.code(t)) }); ok != 0 || spent != 50-otp.Attempts {
			t.Errorf("%d signed in with a wrong code, %d were told that there were too many", ok, spent)
		}
	})
}

// A right answer is looked at before it is counted. It comes to nothing where the tries
// run out, or wrong answers become too many, before it makes its session.
func TestARightAnswerThatIsOvertaken(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.shop.Import(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.shop.User(t, user.User{LoginIDs: []string{ada}, Email: ada})
		right := func() *challenge.Pending {
			t.Helper()
			b.begin(t, b.ask(t, challenge.SignIn, ada))
			p, err := b.Challenges.Answer(t.Context(), challenge.Method{Name: "otp", Faults: challenge.Faults{Spent: otp.ErrSpent}}, challenge.Answer{
				Project: b.shop.ID, ID: challenge.Name(ada), LoginID: ada, Right: func(*challenge.Pending) bool { return true },
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		guess := func(n int) {
			t.Helper()
			for range n {
				if _, err := b.verify(t, ada, wrong(b.code(t))); !errors.Is(err, otp.ErrWrong) {
					t.Errorf("a wrong one: %v", err)
				}
			}
		}
		errGone := errors.New("gone")
		p := right()
		guess(otp.Attempts - 1)
		if _, err := b.Challenges.SignIn(t.Context(), p, session.Client{}, errGone); err != nil {
			t.Errorf("with one try left: %v", err)
		}
		p = right()
		guess(otp.Attempts)
		if _, err := b.Challenges.SignIn(t.Context(), p, session.Client{}, errGone); !errors.Is(err, otp.ErrSpent) {
			t.Errorf("with no try left: %v", err)
		}
		for range 30/otp.Attempts - 2 {
			b.begin(t, b.ask(t, challenge.SignIn, ada))
			guess(otp.Attempts)
		}
		b.begin(t, b.ask(t, challenge.SignIn, ada))
		guess(otp.Attempts - 1)
		p = right()
		guess(1)
		if _, err := b.Challenges.SignIn(t.Context(), p, session.Client{}, errGone); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("after thirty wrong ones: %v", err)
		}
		if _, err := b.verify(t, ada, b.code(t)); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("the right one after thirty wrong ones: %v", err)
		}
	})
}
