// Package signin helps tests of the ways to sign in: it makes a project that people
// sign in to, imports settings into it, puts users there, and keeps the messages that
// leave it. Databases are package testkit's. Only tests may import it.
package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// Tester is who sets projects up.
func Tester() audit.Origin {
	return audit.Origin{Actor: "Ktester", Remote: "192.0.2.7", Request: "Rtest"}
}

// A Project is one that people sign in to, with the services that a method needs.
type Project struct {
	ID         string
	DB         *store.DB
	Projects   *project.Service
	Sessions   *session.Service
	Limits     *limit.Service
	Challenges *challenge.Service
	Log        *slog.Logger
	Logs       *bytes.Buffer // what went to Log

	out *outbox
}

// Sent is a message that left, and the connector that it left by.
type Sent struct {
	Connector string
	message.Message
}

// outbox is where the messages go, unless something is broken.
type outbox struct {
	mu     sync.Mutex
	sent   []Sent
	broken error
}

func (o *outbox) send(_ context.Context, _ *project.Config, connector string, m message.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken == nil {
		o.sent = append(o.sent, Sent{connector, m})
	}
	return o.broken
}

// New makes a project, without any settings, under a new master key.
func New(t testing.TB, db *store.DB, what project.New) *Project {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	p := &Project{DB: db, Limits: &limit.Service{DB: db}, Logs: &bytes.Buffer{}, out: &outbox{}}
	p.Log = slog.New(slog.NewTextHandler(p.Logs, nil))
	p.Projects = &project.Service{DB: db, Master: master, Log: p.Log}
	p.Sessions = &session.Service{DB: db, Projects: p.Projects, Keys: &key.Service{DB: db, Projects: p.Projects}}
	p.Projects.Made = append(p.Projects.Made, p.Sessions.Keys.Made)
	p.Challenges = &challenge.Service{
		DB: db, Projects: p.Projects, Sessions: p.Sessions, Limits: p.Limits, Log: p.Log, Send: p.out.send,
	}
	return p.Beside(t, what)
}

// Beside makes another project, which shares everything with p but its id.
func (p *Project) Beside(t testing.TB, what project.New) *Project {
	t.Helper()
	made, err := p.Projects.Create(t.Context(), Tester(), what)
	if err != nil {
		t.Fatal(err)
	}
	other := *p
	other.ID = made.ID
	return &other
}

// upload is what an import of files takes, each a path and its text. What they name
// keeps its ids.
func upload(files map[string]string) *snapshot.Upload {
	out := &snapshot.Upload{Files: snapshot.Files{}, SameIDs: true}
	for path, text := range files {
		out.Files[path] = []byte(text)
	}
	return out
}

// Import imports files, each a path and its text. What they do not say stays as it is.
func (p *Project) Import(t testing.TB, files map[string]string) {
	t.Helper()
	if _, err := p.Projects.Import(t.Context(), Tester(), project.Import{Project: p.ID, Upload: upload(files)}); err != nil {
		t.Fatal(err, fault.From(err).Details)
	}
}

// Effects are what the plan of an import of files tells: first of its differences, in
// their order, each as "name field: message (code, count)", then of the whole.
func (p *Project) Effects(t testing.TB, files map[string]string) []string {
	t.Helper()
	plan, err := p.Projects.Plan(t.Context(), project.Import{Project: p.ID, Upload: upload(files)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	tell := func(e snapshot.Effect) string { return fmt.Sprintf("%s (%s, %d)", e.Message, e.Code, e.Count) }
	for _, d := range plan.Differences {
		for _, e := range d.Effects {
			out = append(out, strings.TrimSpace(d.Name+" "+d.Field)+": "+tell(e))
		}
	}
	for _, e := range plan.Effects {
		out = append(out, tell(e))
	}
	return out
}

// Config is the configuration of now.
func (p *Project) Config(t testing.TB) *project.Config {
	t.Helper()
	c, err := p.Projects.Config(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// User makes a user.
func (p *Project) User(t testing.TB, u user.User) *user.User {
	t.Helper()
	u.Project = p.ID
	if err := p.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error { return user.Create(tx, &u) }); err != nil {
		t.Fatal(err)
	}
	return &u
}

// SignedIn makes a user, and a session that an answer to a mail began.
func (p *Project) SignedIn(t testing.TB, u user.User) *session.Tokens {
	t.Helper()
	u.Project = p.ID
	tokens, err := p.Sessions.SignIn(t.Context(), session.Login{
		Config: p.Config(t), Method: session.AMREmail,
		Prove: func(tx *store.Tx) (*user.User, bool, error) { return &u, true, user.Create(tx, &u) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// Find returns the user who has a login id.
func (p *Project) Find(t testing.TB, loginID string) *user.User {
	t.Helper()
	u, err := (&user.Service{DB: p.DB}).Find(t.Context(), p.ID, "", loginID)
	if err != nil {
		t.Fatalf("find %s: %v", loginID, err)
	}
	return u
}

// Sent returns the messages that have left, the oldest first.
func (p *Project) Sent() []Sent {
	p.Challenges.Wait()
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return slices.Clone(p.out.sent)
}

// Last returns the newest of them.
func (p *Project) Last(t testing.TB) Sent {
	t.Helper()
	all := p.Sent()
	if len(all) == 0 {
		t.Fatal("nothing was sent")
	}
	return all[len(all)-1]
}

// Break lets no message leave, for the reason given, or, with nil, each one again.
func (p *Project) Break(why error) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.out.broken = why
}

// AtOnce calls fn n times at once, with 0 to n-1, and returns how many calls went well
// and the errors of the others.
func AtOnce(n int, fn func(i int) error) (ok int, failed []error) {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = fn(i) })
	}
	group.Wait()
	for _, err := range errs {
		if err == nil {
			ok++
		} else {
			failed = append(failed, err)
		}
	}
	return ok, failed
}

// OneWins calls fn n times at once, with 0 to n-1: one call is to go well, and the
// others to return one of the errors.
func OneWins(t testing.TB, n int, fn func(i int) error, others ...error) {
	t.Helper()
	won, failed := AtOnce(n, fn)
	if won != 1 {
		t.Errorf("%d of %d went well", won, n)
	}
	for _, err := range failed {
		if !slices.ContainsFunc(others, func(want error) bool { return errors.Is(err, want) }) {
			t.Errorf("an error: %v", err)
		}
	}
}
