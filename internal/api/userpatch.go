package api

import (
	"context"

	"postern/internal/store"
	"postern/internal/user"
)

type patchUserBody struct {
	whoBody
	userBody
	SCIM *bool `json:"scim"` // whether a directory manages the user
}

// patch changes what is given, and nothing else.
func (in *patchUserBody) patch(names *directory, u *user.User) error {
	change, err := in.change(names, u)
	if err != nil {
		return err
	}
	return change.Apply(names.config, u)
}

// beside stores what is not of the row of a user.
func (in *patchUserBody) beside(tx *store.Tx, u *user.User) ([]string, error) {
	if in.SCIM == nil || *in.SCIM == u.Has(user.SCIM) {
		return nil, nil
	}
	if err := user.SetMethod(tx, u.Project, u.ID, user.SCIM, *in.SCIM); err != nil {
		return nil, err
	}
	u.Methods ^= user.SCIM
	return []string{"scim"}, nil
}

// patchAll changes users, and says of each what became of it.
func (s *Server) patchAll(ctx context.Context, list []patchUserBody) ([]user.Result, error) {
	out := make([]user.Result, len(list))
	var who []user.Who
	var places []int
	for i, in := range list {
		w, err := in.who(ctx)
		if err != nil {
			out[i].Err = err
			continue
		}
		who, places = append(who, w), append(places, i)
	}
	results, err := s.changeUsers(ctx, who,
		func(n int, names *directory, u *user.User) error { return list[places[n]].patch(names, u) },
		func(n int) func(*store.Tx, *user.User) ([]string, error) { return list[places[n]].beside })
	if err != nil {
		return nil, err
	}
	for n, r := range results {
		out[places[n]] = r
	}
	return out, nil
}

func (s *Server) patchUser(ctx context.Context, in *patchUserBody) (*userAnswer, error) {
	if d := delegateOf(ctx); d != nil {
		return s.patchMember(ctx, d, in)
	}
	results, err := s.patchAll(ctx, []patchUserBody{*in})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, userFault(err)
	}
	return s.answerUser(ctx, results[0].User, false)
}

type patchUsersRequest struct {
	Users []patchUserBody `json:"users"`
}

type patchUsersAnswer struct {
	Patched []wireUser        `json:"patchedUsers"`
	Failed  []failedUser      `json:"failedUsers"`
	Errors  map[string]string `json:"additionalErrors"`
}

func (s *Server) patchUsers(ctx context.Context, in *patchUsersRequest) (*patchUsersAnswer, error) {
	if len(in.Users) > mostUsers {
		return nil, errManyUsers
	}
	results, err := s.patchAll(ctx, in.Users)
	if err != nil {
		return nil, err
	}
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &patchUsersAnswer{Errors: map[string]string{}}
	out.Patched, out.Failed, err = s.resultsOnWire(ctx, config, results, func(i int) string { return in.Users[i].LoginID })
	return out, err
}
