package questions

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/testkit/signin"
	"postern/internal/user"
)

type fixture struct {
	*Service
	shop   *signin.Project
	user   *user.User
	tokens *session.Tokens
}

const three = `"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q2","text":"Two?"},{"id":"q3","text":"Three?"}]`

// setup makes a project that asks two of three questions, and a user with a session.
func setup(t testing.TB, db *store.DB, more string) *fixture {
	t.Helper()
	shop := signin.New(t, db, project.New{Name: "Shop"})
	s := &Service{DB: db, Projects: shop.Projects, Sessions: shop.Sessions, Attempts: shop.Limits}
	shop.Projects.Effects = []project.Effects{s.Effects()}
	shop.Import(t, file(`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,`+more+three+`}`))
	tokens := shop.SignedIn(t, user.User{LoginIDs: []string{"ann"}})
	return &fixture{s, shop, tokens.User, tokens}
}

// file is the configuration of the method.
func file(text string) map[string]string {
	return map[string]string{"auth/securityquestions.json": text}
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
	return f.Verify(t.Context(), session.Login{Config: f.shop.Config(t), Current: f.tokens.Refresh}, f.user, answers(pairs...))
}

func (f *fixture) setUp(t testing.TB, pairs ...string) {
	t.Helper()
	if err := f.SetUp(t.Context(), session.Client{}, f.shop.Config(t), f.user, answers(pairs...)); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersAreAFurtherFactor(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		if _, err := f.Asked(t.Context(), f.shop.Config(t), f.user.ID); !errors.Is(err, ErrNotSetUp) {
			t.Errorf("before there are answers: %v", err)
		}
		for name, pairs := range map[string][]string{
			"one where two are asked": {"q1", "red"}, "one twice": {"q1", "red", "q1", "red"}, "one that there is not": {"q1", "red", "q9", "blue"},
			"nothing": {"q1", "red", "q2", " . "}, "none": nil, "a long one": {"q1", "red", "q2", fmt.Sprintf("%300d", 7)},
		} {
			if name == "a long one" {
				pairs[3] = fmt.Sprintf("%0300d", 7)
			}
			if err := f.SetUp(t.Context(), session.Client{}, f.shop.Config(t), f.user, answers(pairs...)); !errors.Is(err, ErrSetup) {
				t.Errorf("setting up %s: %v", name, err)
			}
		}
		f.setUp(t, "q3", "Rue de l'Église", "q1", "Red")
		asked, err := f.Asked(t.Context(), f.shop.Config(t), f.user.ID)
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
		if _, err := f.Verify(t.Context(), session.Login{Config: f.shop.Config(t)}, f.user, answers("q1", "red", "q3", "Rue de l'Église")); !errors.Is(err, session.ErrNoSession) {
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
		_, failed := signin.AtOnce(50, func(i int) error {
			_, err := f.verify(t, "q1", "red", "q2", fmt.Sprint("guess", i))
			return err
		})
		heard := 0
		for _, err := range failed {
			if errors.Is(err, ErrAnswers) {
				heard++
			} else if !errors.Is(err, ErrLocked) {
				t.Errorf("an error: %v", err)
			}
		}
		if heard != 5 || len(failed) != 50 {
			t.Errorf("%d were heard, %d got in", heard, 50-len(failed))
		}
	})
}

func TestSettingsDecide(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db, "")
		f.setUp(t, "q1", "red", "q2", "blue")
		const dropped = ": 1 user has answered security questions, and could not use them as a further proof any more. (answers_dropped, 1)"
		for name, tt := range map[string]struct {
			file string
			want []string
		}{
			"off":                          {`{"enabled":false,"setupQuestionsCount":2,"verifyQuestionsCount":2,` + three + `}`, []string{"enabled" + dropped}},
			"a question that was answered": {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q3","text":"Three?"}]}`, []string{dropped}},
			"a question that was not":      {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":2,"securityQuestions":[{"id":"q1","text":"One?"},{"id":"q2","text":"Two?"}]}`, nil},
			"fewer are asked":              {`{"enabled":true,"setupQuestionsCount":2,"verifyQuestionsCount":1,` + three + `}`, nil},
			"more are asked":               {`{"enabled":true,"setupQuestionsCount":3,"verifyQuestionsCount":3,` + three + `}`, []string{"setupQuestionsCount" + dropped}},
		} {
			if diff := cmp.Diff(tt.want, f.shop.Effects(t, file(tt.file))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		f.shop.Import(t, file(`{"enabled":true,"setupQuestionsCount":3,"verifyQuestionsCount":3,`+three+`}`))
		if _, err := f.verify(t, "q1", "red", "q2", "blue"); !errors.Is(err, ErrNotSetUp) {
			t.Errorf("where more are asked than were answered: %v", err)
		}
		f.shop.Import(t, file(`{"enabled":false,`+three+`}`))
		_, err1 := f.verify(t, "q1", "red", "q2", "blue")
		_, err2 := f.Asked(t.Context(), f.shop.Config(t), f.user.ID)
		err3 := f.SetUp(t.Context(), session.Client{}, f.shop.Config(t), f.user, nil)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, project.ErrMethodOff) {
				t.Errorf("where the method is off: %v", err)
			}
		}
	})
}
