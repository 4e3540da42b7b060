package api

import (
	"context"

	"postern/internal/project"
	"postern/internal/questions"
	"postern/internal/recovery"
	"postern/internal/secret"
	"postern/internal/session"
)

// wireAnswer is an answer to a security question.
type wireAnswer struct {
	ID     string `json:"id"` // of the question
	Answer string `json:"answer"`
}

func answersOf(list []wireAnswer) []questions.Answer {
	var out []questions.Answer
	for _, a := range list {
		out = append(out, questions.Answer{Question: a.ID, Text: secret.New(a.Answer)})
	}
	return out
}

type setQuestionsRequest struct {
	LoginID string       `json:"loginId"` // one of the user who is signed in
	Answers []wireAnswer `json:"answers"`
}

func (s *Server) setQuestions(ctx context.Context, in *setQuestionsRequest) (*empty, error) {
	now, err := s.current(ctx, in.LoginID)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Questions.SetUp(ctx, clientOf(callerOf(ctx)), callerOf(ctx).Config, now.User, answersOf(in.Answers))
}

type questionsAnswer struct {
	Questions []project.Question `json:"questions"`
}

func (s *Server) askQuestions(ctx context.Context, _ *empty) (*questionsAnswer, error) {
	now, err := s.current(ctx, "")
	if err != nil {
		return nil, err
	}
	list, err := s.Questions.Asked(ctx, callerOf(ctx).Config, now.User.ID)
	return &questionsAnswer{list}, err
}

type verifyQuestionsRequest struct {
	LoginID string       `json:"loginId"` // one of the user who is signed in
	Answers []wireAnswer `json:"answers"`
	StepUp  bool         `json:"stepup"` // else a further factor
}

func (s *Server) verifyQuestions(ctx context.Context, in *verifyQuestionsRequest) (*session.Tokens, error) {
	now, err := s.current(ctx, in.LoginID)
	if err != nil {
		return nil, err
	}
	claims(ctx, questions.AMR, now.User.ID)
	login := s.loginOf(ctx, questions.AMR, &wireLoginOptions{StepUp: in.StepUp})
	return s.Questions.Verify(ctx, login, now.User, answersOf(in.Answers))
}

type recoveryRequest struct {
	LoginID string `json:"loginId"` // one of the user who is signed in
}

type recoveryAnswer struct {
	Codes []recoveryCode `json:"codes"`
}

type recoveryCode struct {
	Code string `json:"code"`
}

func (s *Server) makeRecoveryCodes(ctx context.Context, in *recoveryRequest) (*recoveryAnswer, error) {
	now, err := s.current(ctx, in.LoginID)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	by := c.Origin
	by.Actor = now.User.ID
	list, err := s.Recovery.Make(ctx, by, c.Config, now.User)
	if err != nil {
		return nil, err
	}
	out := &recoveryAnswer{}
	for _, code := range list {
		out.Codes = append(out.Codes, recoveryCode{code.Reveal()})
	}
	return out, nil
}

type recoverySignInRequest struct {
	LoginID string            `json:"loginId"`
	Code    string            `json:"code"`
	Options *wireLoginOptions `json:"loginOptions"`
}

func (s *Server) recoverySignIn(ctx context.Context, in *recoverySignInRequest) (*session.Tokens, error) {
	claims(ctx, recovery.AMR, in.LoginID)
	return s.Recovery.SignIn(ctx, s.loginOf(ctx, "", in.Options), in.LoginID, secret.New(in.Code))
}
