package questions

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/audit"
	"postern/internal/key"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

var tester = audit.Origin{Actor: "Ktester"}

type fixture struct {
	*Service
	id     string
	user   *user.User
	tokens *session.Tokens
}

const three = `"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q2","text":"Two?"},{"id":"q3","text":"Three?"}]`

// setup makes a project that asks two of three questions, and a user with a session.
func setup(t testing.TB, db *store.DB, more string) *fixture {
	t.Helper()
	master, _, err := secret.NewMaster()
	if err != nil {
		t.Fatal(err)
	}
	projects := &project.Service{DB: db, Master: master}
	f := &fixture{Service: &Service{
		DB: db, Projects: projects, Attempts: &limit.Service{DB: db},
		Sessions: &session.Service{DB: db, Projects: projects, Keys: &key.Service{DB: db, Projects: projects}},
	}}
	p, err := projects.Create(t.Context(), tester, project.New{Name: "Shop"})
	if err != nil {
		t.Fatal(err)
	}
	f.id = p.ID
	projects.Effects = []project.Effects{f.Effects()}
	f.load(t, `{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,`+more+three+`}`)
	f.tokens, err = f.Sessions.SignIn(t.Context(), session.Login{Config: f.config(t), Method: session.AMREmail, Prove: func(tx *store.Tx) (*user.User, bool, error) {
		u := &user.User{Project: f.id, LoginIDs: []string{"ann"}}
		return u, true, user.Create(tx, u)
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.user = f.tokens.User
	return f
}

func upload(file string) *snapshot.Upload {
	return &snapshot.Upload{SameIDs: true, Files: snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "auth/securityquestions.json": []byte(file)}}
}

func (f *fixture) load(t testing.TB, file string) {
	t.Helper()
	if _, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.id, Upload: upload(file)}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) config(t testing.TB) *project.Config {
	t.Helper()
	c, err := f.Projects.Config(t.Context(), f.id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers pairs ids of questions with answers.
func answers(pairs ...string) (out []Answer) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Answer{pairs[i], secret.New(pairs[i+1])})
	}
	return out
}

func (f *fixture) verify(t testing.TB, pairs ...string) (*session.Tokens, error) {
	t.Helper()
	return f.Verify(t.Context(), session.Login{Config: f.config(t), Current: f.tokens.Refresh}, f.user, answers(pairs...))
}

func (f *fixture) setUp(t testing.TB, pairs ...string) {
	t.Helper()
	if err := f.SetUp(t.Context(), f.config(t), f.user, answers(pairs...)); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersAreAFurtherFactor(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		if _, err := f.Asked(t.Context(), f.config(t), f.user.ID); !errors.Is(err, ErrNotSetUp) {
			t.Errorf("before there are answers: %v", err)
		}
		for name, pairs := range map[string][]string{
			"one where two are asked": {"q1", "red"}, "one twice": {"q1", "red", "q1", "red"}, "one that there is not": {"q1", "red", "q9", "blue"},
			"nothing": {"q1", "red", "q2", " . "}, "none": nil, "a long one": {"q1", "red", "q2", fmt.Sprintf("%300d", 7)},
		} {
			if name == "a long one" {
				pairs[3] = fmt.Sprintf("%0300d", 7)
			}
			if err := f.SetUp(t.Context(), f.config(t), f.user, answers(pairs...)); !errors.Is(err, ErrSetup) {
				t.Errorf("setting up %s: %v", name, err)
			}
		}
		f.setUp(t, "q3", "Rue de l'Église", "q1", "Red")
		asked, err := f.Asked(t.Context(), f.config(t), f.user.ID)
		if diff := cmp.Diff([]project.Question{{ID: "q1", Text: "One?"}, {ID: "q3", Text: "Three?"}}, asked); diff != "" || err != nil {
			t.Errorf("asked are (-want +got), %v:\n%s", err, diff)
		}
		for name, tt := range map[string]struct {
			pairs []string
			want  error
		}{
			"the answers":             {[]string{"q1", "Red", "q3", "Rue de l'Église"}, nil},
			"the same, otherwise":     {[]string{"q3", " rue DE L'E\u0301GLISE. ", "q1", "red"}, nil},
			"one that is wrong":       {[]string{"q1", "red", "q3", "elsewhere"}, ErrAnswers},
			"one":                     {[]string{"q1", "red"}, ErrAnswers},
			"one twice":               {[]string{"q1", "red", "q1", "red"}, ErrAnswers},
			"one more":                {[]string{"q1", "red", "q3", "Rue de l'Église", "q2", "x"}, ErrAnswers},
			"one that is not asked":   {[]string{"q1", "red", "q2", "Rue de l'Église"}, ErrAnswers},
			"the answer of the other": {[]string{"q1", "Rue de l'Église", "q3", "red"}, ErrAnswers},
			"none":                    {nil, ErrAnswers},
		} {
			tokens, err := f.verify(t, tt.pairs...)
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if err == nil {
				if diff := cmp.Diff([]string{session.AMREmail, AMR, session.AMRMFA}, tokens.Claims["amr"]); diff != "" || tokens.ID != f.tokens.ID {
					t.Errorf("%s: amr (-want +got):\n%s", name, diff)
				}
				f.tokens = tokens
			}
		}
		if _, err := f.Verify(t.Context(), session.Login{Config: f.config(t)}, f.user, answers("q1", "red", "q3", "Rue de l'Église")); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		for table, rows := range testkit.Rows(t, db) {
			for _, row := range rows {
				if bytes.Contains([]byte(row), []byte("glise")) {
					t.Errorf("%s has an answer: %s", table, row)
				}
			}
		}
	})
}

func TestLocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, testkit.Store(t), `"lock":true,"lockAttempts":5,"tempLock":true,"tempLockAttempts":2,"tempLockDuration":10,`)
		f.setUp(t, "q1", "red", "q2", "blue")
		right := func() error {
			tokens, err := f.verify(t, "q1", "red", "q2", "blue")
			if err == nil {
				f.tokens = tokens
			}
			return err
		}
		wrong := func(want error) {
			t.Helper()
			if _, err := f.verify(t, "q1", "red", "q2", "green"); !errors.Is(err, want) {
				t.Fatalf("a wrong try: %v, want %v", err, want)
			}
		}
		wrong(ErrAnswers)
		wrong(ErrAnswers)
		wrong(limit.ErrExceeded)
		if err := right(); !errors.Is(err, limit.ErrExceeded) {
			t.Errorf("right answers during the wait: %v", err)
		}
		time.Sleep(10 * time.Minute)
		wrong(ErrAnswers)
		if err := right(); err != nil {
			t.Errorf("right answers after the wait: %v", err)
		}
		for _, wait := range []bool{false, true, false, true, false} {
			wrong(ErrAnswers)
			if wait {
				time.Sleep(10 * time.Minute)
			}
		}
		wrong(ErrLocked)
		time.Sleep(time.Hour)
		if err := right(); !errors.Is(err, ErrLocked) {
			t.Errorf("right answers behind a lock: %v", err)
		}
		f.setUp(t, "q1", "red", "q2", "blue")
		if err := right(); err != nil {
			t.Errorf("after they were set up anew: %v", err)
		}
	})
}

// Where the settings have no lock, there is a limit.
func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t), "")
	f.setUp(t, "q1", "red", "q2", "blue")
	for range unlocked.Max {
		if _, err := f.verify(t, "q1", "red", "q2", "green"); !errors.Is(err, ErrAnswers) {
			t.Fatal(err)
		}
	}
	if _, err := f.verify(t, "q1", "red", "q2", "blue"); !errors.Is(err, limit.ErrExceeded) {
		t.Errorf("one more: %v", err)
	}
}

// Of fifty who guess at once no more than the settings allow are heard.
func TestRaceOfGuesses(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, `"lock":true,"lockAttempts":5,`)
		f.setUp(t, "q1", "red", "q2", "blue")
		var heard atomic.Int64
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				switch _, err := f.verify(t, "q1", "red", "q2", fmt.Sprint("guess", i)); {
				case errors.Is(err, ErrAnswers):
					heard.Add(1)
				case !errors.Is(err, ErrLocked):
					t.Errorf("an error: %v", err)
				}
			})
		}
		all.Wait()
		if heard.Load() != 5 {
			t.Errorf("%d were heard", heard.Load())
		}
	})
}

func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		f.setUp(t, "q1", "red", "q2", "blue")
		for name, tt := range map[string]struct {
			file string
			want string
		}{
			"off":                          {`{"enabled":false,"setupQuestionsCount":2,"verifyQuestionsCount":2,` + three + `}`, "answers_dropped 1"},
			"a question that was answered": {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q3","text":"Three?"}]}`, "answers_dropped 1"},
			"a question that was not":      {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q2","text":"Two?"}]}`, ""},
			"fewer are asked":              {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":1,` + three + `}`, ""},
			"more are asked":               {`{"enabled":true,"setupQuestionsCount":3,"verifyQuestionsCount":3,` + three + `}`, "answers_dropped 1"},
		} {
			plan, err := f.Projects.Plan(t.Context(), project.Import{Project: f.id, Upload: upload(tt.file)})
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			for _, d := range plan.Differences {
				for _, e := range d.Effects {
					told += fmt.Sprint(e.Code, " ", e.Count)
				}
			}
			if told != tt.want {
				t.Errorf("%s: %q, want %q", name, told, tt.want)
			}
		}
		f.load(t, `{"enabled":true,"setupQuestionsCount":3,"verifyQuestionsCount":3,`+three+`}`)
		if _, err := f.verify(t, "q1", "red", "q2", "blue"); !errors.Is(err, ErrNotSetUp) {
			t.Errorf("where more are asked than were answered: %v", err)
		}
		f.load(t, `{"enabled":false,`+three+`}`)
		_, err1 := f.verify(t, "q1", "red", "q2", "blue")
		_, err2 := f.Asked(t.Context(), f.config(t), f.user.ID)
		err3 := f.SetUp(t.Context(), f.config(t), f.user, nil)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, project.ErrMethodOff) {
				t.Errorf("where the method is off: %v", err)
			}
		}
	})
}
