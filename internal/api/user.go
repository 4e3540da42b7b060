package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/user"
)

// What the management is told of users. It has a code of its own for one that there
// is not: programs look for it.
var (
	errNoUser     = fault.New(fault.NotFound, "E112102", "User not found")
	errNoWho      = fault.New(fault.Invalid, "E011002", "Request is invalid: The loginId field is required")
	errManyUsers  = fault.New(fault.Invalid, "E011003", "Request is invalid: a call takes at most 1000 users")
	errNoProvider = fault.New(fault.NotFound, "P40460", "no token of this provider is kept for the user")
)

// mostUsers bounds the users of one call.
const mostUsers = 1000

// userFault is an error of package user as the management has it.
func userFault(err error) error {
	if errors.Is(err, user.ErrNotFound) {
		return errNoUser
	}
	return err
}

// whoBody names a user: loginId may hold an id, too.
type whoBody struct {
	LoginID string `json:"loginId"`
	UserID  string `json:"userId"`
}

// who is the user whom a body names, of those whom the caller manages.
func (in *whoBody) who(ctx context.Context) (user.Who, error) {
	if in.LoginID == "" && in.UserID == "" {
		return user.Who{}, errNoWho
	}
	if d := delegateOf(ctx); d != nil {
		return user.Who{ID: in.UserID, LoginID: in.LoginID, Home: d.tenant, Member: d.tenant}, nil
	}
	return user.Who{ID: in.UserID, LoginID: in.LoginID, Anywhere: true}, nil
}

func (in *whoBody) query(r *http.Request) error {
	if r.Method != http.MethodGet {
		return nil
	}
	in.LoginID, in.UserID = r.URL.Query().Get("loginId"), r.URL.Query().Get("userId")
	_, err := in.who(r.Context())
	return err
}

// userAnswer is one user.
type userAnswer struct {
	User    *wireUser `json:"user"`
	Created bool      `json:"created"`
}

// usersAnswer is a page of users.
type usersAnswer struct {
	Users []wireUser `json:"users"`
	Total int        `json:"total"`
}

// userNamed returns the user that a body names, for calls of the management.
func (s *Server) userNamed(ctx context.Context, in whoBody) (*user.User, error) {
	who, err := in.who(ctx)
	if err != nil {
		return nil, err
	}
	var u *user.User
	err = s.Users.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		u, err = who.Find(tx, callerOf(ctx).Project)
		return err
	})
	return u, userFault(err)
}

func (s *Server) loadUser(ctx context.Context, in *whoBody) (*userAnswer, error) {
	u, err := s.userNamed(ctx, *in)
	if err != nil {
		return nil, err
	}
	return s.answerUser(ctx, u, false)
}

func (s *Server) answerUser(ctx context.Context, u *user.User, created bool) (*userAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	wire, err := s.userOnWire(ctx, config, u)
	return &userAnswer{wire, created}, err
}

type loadUsersRequest struct {
	UserIDs []string `json:"userIds"`
	Invalid bool     `json:"includeInvalidUsers"` // also those who may not sign in
}

func (s *Server) loadUsers(ctx context.Context, in *loadUsersRequest) (*usersAnswer, error) {
	if len(in.UserIDs) > mostUsers {
		return nil, errManyUsers
	}
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var users []*user.User
	err = s.Users.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		users, err = user.LoadAll(tx, config.Project, in.UserIDs)
		return err
	})
	if err != nil {
		return nil, err
	}
	var shown []*user.User
	for _, u := range users {
		if in.Invalid || u.MaySignIn(time.Now()) == nil {
			shown = append(shown, u)
		}
	}
	wire, err := s.usersOnWire(ctx, config, shown...)
	return &usersAnswer{wire, len(wire)}, err
}

func (s *Server) deleteUser(ctx context.Context, in *whoBody) (*empty, error) {
	who, err := in.who(ctx)
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	n, err := s.Users.Remove(ctx, c.Origin, c.Project, who)
	if err == nil && n == 0 {
		err = errNoUser
	}
	return &empty{}, err
}

type deleteUsersRequest struct {
	UserIDs []string `json:"userIds"`
}

// deleteUsers deletes those that there are: a call that is made again succeeds.
func (s *Server) deleteUsers(ctx context.Context, in *deleteUsersRequest) (*empty, error) {
	if len(in.UserIDs) > mostUsers {
		return nil, errManyUsers
	}
	c := callerOf(ctx)
	if d := delegateOf(ctx); d != nil {
		return &empty{}, s.Users.Dismiss(ctx, c.Origin, c.Project, d.tenant, d.dismisses, d.members(in.UserIDs)...)
	}
	var list []user.Who
	for _, id := range in.UserIDs {
		list = append(list, user.Who{ID: id})
	}
	_, err := s.Users.Remove(ctx, c.Origin, c.Project, list...)
	return &empty{}, err
}

func (s *Server) deleteTestUsers(ctx context.Context, _ *empty) (*empty, error) {
	c := callerOf(ctx)
	_, err := s.Users.RemoveTest(ctx, c.Origin, c.Project)
	return &empty{}, err
}

type providerTokenRequest struct{ whoBody }

// providerToken finds nothing until people sign in through other providers.
func (s *Server) providerToken(ctx context.Context, in *providerTokenRequest) (*empty, error) {
	if _, err := s.userNamed(ctx, in.whoBody); err != nil {
		return nil, err
	}
	return nil, errNoProvider
}
