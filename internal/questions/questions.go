// Package questions owns security questions: the answers that users have given, what
// is asked of whom, and the locks after wrong answers.
//
// What somebody knows about a person is no authenticator (NIST SP 800-63B §3.1.1), so
// answers never begin a session: they are a further proof on top of one. They are
// kept as HMACs under a sealed key.
package questions

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/user"
)

// What callers are told.
var (
	ErrAnswers  = fault.New(fault.Unauthenticated, "P40174", "the answers are not right")
	ErrLocked   = fault.New(fault.Forbidden, "P40371", "too many wrong answers: the questions are locked until the user answers them anew")
	ErrNotSetUp = fault.New(fault.Conflict, "P40972", "the user has not answered as many questions as are asked")
	ErrSetup    = fault.New(fault.Invalid, "E011003", "Request is invalid: the answers do not fit the questions of the project")
)

// AMR is the method in the claim amr.
const AMR = session.AMRQuestions

// longest bounds an answer, in bytes.
const longest = 256

// unlocked bounds the tries of a user where the settings have no lock.
var unlocked = limit.Rule{Scope: "questions.verify", Max: 10, Within: 10 * time.Minute}

// Service keeps answers.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	Sessions *session.Service
	Attempts *limit.Service
}

// An Answer is one to a question.
type Answer struct {
	Question string // the id
	Text     secret.Text
}

// SetUp stores the answers of a user who is signed in, in place of those before. It
// ends a lock: whoever may replace the answers need not know them.
func (s *Service) SetUp(ctx context.Context, from session.Client, cfg *project.Config, u *user.User, answers []Answer) error {
	method := cfg.Methods.SecurityQuestions
	if !method.Enabled {
		return project.ErrMethodOff
	}
	pepper, err := s.pepper(ctx, cfg.Project)
	if err != nil {
		return err
	}
	known, hashes := map[string]bool{}, map[string][]byte{}
	for _, q := range method.Questions {
		known[q.ID] = true
	}
	for _, a := range answers {
		text, ok := normal(a.Text)
		switch {
		case !known[a.Question]:
			return ErrSetup.WithMessage("Request is invalid: there is no such security question")
		case hashes[a.Question] != nil:
			return ErrSetup.WithMessage("Request is invalid: a security question is answered twice")
		case !ok:
			return ErrSetup.WithMessage(fmt.Sprintf("Request is invalid: an answer has 1 to %d bytes", longest))
		}
		hashes[a.Question] = pepper.Hash(u.ID, a.Question, text)
	}
	if len(hashes) < max(method.Setup, method.Verify) {
		return ErrSetup.WithMessage(fmt.Sprintf("Request is invalid: %d security questions must be answered", max(method.Setup, method.Verify)))
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if err := removeAnswers(tx, cfg.Project, u.ID); err != nil {
			return err
		}
		for question, hash := range hashes {
			if err := insertAnswer(tx, cfg.Project, u.ID, question, hash); err != nil {
				return err
			}
		}
		if err := forgive(tx, cfg.Project, u.ID); err != nil {
			return err
		}
		if err := session.Changed(tx, u, audit.NewCredential, AMR, from); err != nil {
			return err
		}
		return user.SetMethod(tx, cfg.Project, u.ID, user.Questions, true)
	})
	if err != nil {
		return fmt.Errorf("set up security questions: %w", err)
	}
	return nil
}

// Asked returns the questions that a user must answer: as many as the settings say, of
// those that the user has answered and that there are still, in the order of the
// settings.
func (s *Service) Asked(ctx context.Context, cfg *project.Config, userID string) (asked []project.Question, err error) {
	if !cfg.Methods.SecurityQuestions.Enabled {
		return nil, project.ErrMethodOff
	}
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		asked, _, err = ask(tx, cfg, userID)
		return err
	})
	return asked, err
}

func ask(tx *store.Tx, cfg *project.Config, userID string) ([]project.Question, map[string][]byte, error) {
	have, err := answersOf(tx, cfg.Project, userID)
	if err != nil {
		return nil, nil, err
	}
	var out []project.Question
	for _, q := range cfg.Methods.SecurityQuestions.Questions {
		if have[q.ID] != nil && len(out) < cfg.Methods.SecurityQuestions.Verify {
			out = append(out, q)
		}
	}
	if len(out) == 0 || len(out) < cfg.Methods.SecurityQuestions.Verify {
		return nil, nil, ErrNotSetUp
	}
	return out, have, nil
}

// Verify takes the answers of a user who is signed in as a step-up, or else as a
// further factor, of the session in login.
func (s *Service) Verify(ctx context.Context, login session.Login, u *user.User, answers []Answer) (*session.Tokens, error) {
	cfg := login.Config
	method := cfg.Methods.SecurityQuestions
	if !method.Enabled {
		return nil, project.ErrMethodOff
	}
	pepper, err := s.pepper(ctx, cfg.Project)
	if err != nil {
		return nil, err
	}
	if method.LockAttempts == 0 && method.TempLockAttempts == 0 {
		if err := s.Attempts.Hit(ctx, cfg.Project, unlocked, u.ID); err != nil {
			return nil, err
		}
	}
	// The count of a wrong try stays, whatever becomes of the rest.
	var verdict error
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		verdict = nil
		if err := free(tx, cfg, u.ID, time.Now()); err != nil {
			return err
		}
		err := right(tx, cfg, pepper, u.ID, answers)
		if errors.Is(err, ErrAnswers) {
			verdict = err
			return wrong(tx, method, cfg.Project, u.ID, time.Now())
		}
		return err
	})
	if err = errors.Join(err, verdict); err != nil {
		return nil, fmt.Errorf("verify security questions: %w", err)
	}
	login.Method = AMR
	login.Options.MFA = login.Options.MFA || !login.Options.StepUp
	login.Prove = func(tx *store.Tx) (*user.User, bool, error) {
		if err := right(tx, cfg, pepper, u.ID, answers); err != nil {
			return nil, false, err
		}
		if err := forgive(tx, cfg.Project, u.ID); err != nil {
			return nil, false, err
		}
		now, err := user.Load(tx, cfg.Project, u.ID)
		return now, false, errors.Join(err, s.Attempts.ResetIn(tx, cfg.Project, unlocked, u.ID))
	}
	return s.Sessions.SignIn(ctx, login)
}

// right refuses answers of which one is missing, wrong or not asked for. It looks at
// all of them, so that the time does not say which.
func right(tx *store.Tx, cfg *project.Config, pepper project.Pepper, userID string, answers []Answer) error {
	asked, have, err := ask(tx, cfg, userID)
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, a := range answers {
		given[a.Question], _ = normal(a.Text)
	}
	ok := len(given) == len(asked) && len(answers) == len(asked)
	for _, q := range asked {
		ok = hmac.Equal(pepper.Hash(userID, q.ID, given[q.ID]), have[q.ID]) && ok
	}
	if !ok {
		return ErrAnswers
	}
	return nil
}

// normal returns an answer as it is compared: people write "St. Mary " and "st mary".
func normal(t secret.Text) (string, bool) {
	text := strings.ToLower(norm.NFKC.String(t.Reveal()))
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n.,;:!?'\"-_", r) }), " ")
	return text, text != "" && len(text) <= longest
}

func (s *Service) pepper(ctx context.Context, projectID string) (project.Pepper, error) {
	return s.Projects.Pepper(ctx, project.Place{Project: projectID, Kind: "questions", Entity: "answers", Field: "key"})
}
