package otp_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/otp"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// tester is who sets projects up.
var tester = audit.Origin{Actor: "test", Remote: "192.0.2.1", Request: "r1"}

const ada = "ada@a.example"

// sent is a message that left, and by which connector.
type sent struct {
	connector string
	message.Message
}

// A bench is a project, and what leaves it.
type bench struct {
	*otp.Service
	db      *store.DB
	project string

	mu   sync.Mutex
	sent []sent
	down error // why nothing can be sent
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
	b.Service = &otp.Service{Challenges: &challenge.Service{
		DB: db, Projects: projects, Limits: &limit.Service{DB: db}, Log: log, Send: b.send,
		Sessions: &session.Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}},
	}}
	p, err := projects.Create(t.Context(), tester, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	b.project = p.ID
	return b
}

func (b *bench) send(_ context.Context, _ *project.Config, connector string, m message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return b.down
	}
	b.sent = append(b.sent, sent{connector, m})
	return nil
}

// configure imports files, as members of objects.
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

func (b *bench) ada(t *testing.T) *user.User {
	t.Helper()
	u, err := (&user.Service{DB: b.db}).Find(t.Context(), b.project, ada)
	if err != nil {
		t.Fatalf("find her: %v", err)
	}
	return u
}

// ask is a request by mail, for what act says.
func (b *bench) ask(t *testing.T, act challenge.Act, loginID string) challenge.Request {
	t.Helper()
	return challenge.Request{Config: b.config(t), Act: act, Kind: message.Email, LoginID: loginID}
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
	b.Challenges.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sent) == 0 {
		t.Fatal("nothing was sent")
	}
	m := b.sent[len(b.sent)-1]
	for word := range strings.FieldsFuncSeq(m.Text+" "+m.HTML, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(word) == 6 {
			return word
		}
	}
	t.Fatalf("no code in %q", m.Text)
	return ""
}

// count is how many messages have left.
func (b *bench) count() int {
	b.Challenges.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sent)
}

func (b *bench) verify(t *testing.T, loginID, code string) (*session.Tokens, error) {
	t.Helper()
	return b.Verify(t.Context(), otp.Answer{Project: b.project, Kind: message.Email, LoginID: loginID, Code: code})
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
		if m := b.sent[0]; m.To != ada || m.connector != "" || !strings.Contains(m.Subject, "Shop") {
			t.Errorf("sent %+v", m)
		}
		tokens, err := b.verify(t, ada, b.code(t))
		if err != nil {
			t.Fatal(err)
		}
		u := b.ada(t)
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
		if b.ada(t).ID != u.ID {
			t.Error("there are two of her")
		}
	})
}

func TestAnswersOfAWrongCode(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		b.configure(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.user(t, user.User{LoginIDs: []string{ada}, Email: ada})
		b.user(t, user.User{LoginIDs: []string{"bob@a.example"}, Email: "bob@a.example"})
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
		if _, err := b.Verify(t.Context(), otp.Answer{Project: b.project, Kind: message.SMS, LoginID: ada, Code: code}); !errors.Is(err, otp.ErrWrong) {
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
		b.configure(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.begin(t, b.ask(t, challenge.SignUp, ada))
		code := b.code(t)
		all := func(guess func(i int) string) (ok int, spent int) {
			var group sync.WaitGroup
			var mu sync.Mutex
			for i := range 50 {
				group.Go(func() {
					_, err := b.verify(t, ada, guess(i))
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						ok++
					case errors.Is(err, otp.ErrSpent):
						spent++
					case errors.Is(err, limit.ErrExceeded):
						spent++
					case !errors.Is(err, otp.ErrWrong):
						t.Error(err)
					}
				})
			}
			group.Wait()
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
		b.configure(t, map[string]string{"auth/otp.json": `{"rateLimitRetries":100}`})
		b.user(t, user.User{LoginIDs: []string{ada}, Email: ada})
		right := func() *challenge.Pending {
			t.Helper()
			b.begin(t, b.ask(t, challenge.SignIn, ada))
			p, err := b.Challenges.Answer(t.Context(), challenge.Method{Name: "otp", Faults: challenge.Faults{Spent: otp.ErrSpent}}, challenge.Answer{
				Project: b.project, ID: challenge.Name(ada), LoginID: ada, Right: func(*challenge.Pending) bool { return true },
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
