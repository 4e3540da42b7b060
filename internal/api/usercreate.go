package api

import (
	"context"
	"errors"
	"time"

	"postern/internal/fault"
	"postern/internal/password"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
	"postern/internal/user"
)

// createUserBody is a user to be made.
type createUserBody struct {
	LoginID string `json:"loginId"`
	userBody
	Test     bool             `json:"test"`
	Password string           `json:"password"`
	Hashed   *password.Import `json:"hashedPassword"`
	Seed     string           `json:"seed"`        // of an authenticator app
	Created  number           `json:"createdTime"` // of who moves in, in Unix seconds; 0 is now
}

// errCreated is a user who is to have come at a time that there was not.
var errCreated = fault.New(fault.Invalid, "E011003", "Request is invalid: createdTime is when the user came, in Unix seconds, and not after now")

// born is when the user came; zero is now.
func (in *createUserBody) born() (time.Time, error) {
	if in.Created == 0 {
		return time.Time{}, nil
	}
	at := time.Unix(int64(in.Created), 0).UTC()
	if in.Created < 0 || at.After(time.Now()) {
		return time.Time{}, errCreated
	}
	return at, nil
}

// inviteBody is how users are told that they may come.
type inviteBody struct {
	Invite   bool              `json:"invite"`
	URL      string            `json:"inviteUrl"`
	SendMail *bool             `json:"sendMail"` // as the project says, where it is not given
	SendSMS  *bool             `json:"sendSMS"`
	Options  map[string]string `json:"templateOptions"`
	Template string            `json:"templateId"`
	Locale   string            `json:"locale"`

	// member makes each one of a tenant, for who manages that alone, and learns of nobody
	// else who is there. Nil is for keys.
	member func(*user.User)

	// alone is for one user: one who cannot be told is not made. Of several they are,
	// and the answer says who was not told.
	alone bool
}

type createUserRequest struct {
	createUserBody
	inviteBody
}

type createUsersRequest struct {
	Users []createUserBody `json:"users"`
	inviteBody
}

// failedUser is one of several users with whom it did not work.
type failedUser struct {
	Failure string    `json:"failure"`
	User    *wireUser `json:"user"`
}

type createUsersAnswer struct {
	Created []wireUser        `json:"createdUsers"`
	Failed  []failedUser      `json:"failedUsers"`
	Errors  map[string]string `json:"additionalErrors"` // by login id: what did not work beside making the user
}

func (s *Server) createUser(ctx context.Context, in *createUserRequest) (*userAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := delegateOf(ctx).make(in); err != nil {
		return nil, err
	}
	in.alone = true
	results, err := s.createAll(ctx, config, []createUserBody{in.createUserBody}, in.inviteBody)
	if err != nil {
		return nil, err
	}
	r := results[0]
	if r.Err != nil {
		return nil, userFault(r.Err)
	}
	if in.Invite {
		if err := s.invite(ctx, config, r.User, in.inviteBody); err != nil {
			return nil, err
		}
	}
	return s.answerUser(ctx, r.User, r.Created)
}

func (s *Server) createTestUser(ctx context.Context, in *createUserRequest) (*userAnswer, error) {
	in.Test = true
	return s.createUser(ctx, in)
}

func (s *Server) createUsers(ctx context.Context, in *createUsersRequest) (*createUsersAnswer, error) {
	if len(in.Users) > mostUsers {
		return nil, errManyUsers
	}
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	results, err := s.createAll(ctx, config, in.Users, in.inviteBody)
	if err != nil {
		return nil, err
	}
	out := &createUsersAnswer{Errors: map[string]string{}}
	if in.Invite {
		for i, r := range results {
			if r.Err != nil {
				continue
			}
			if err := s.invite(ctx, config, r.User, in.inviteBody); err != nil {
				out.Errors[in.Users[i].LoginID] = fault.From(err).Message
			}
		}
	}
	out.Created, out.Failed, err = s.resultsOnWire(ctx, config, results, func(i int) string { return in.Users[i].LoginID })
	return out, err
}

// resultsOnWire tells what became of several users. loginID names one of whom
// nothing else is known.
func (s *Server) resultsOnWire(ctx context.Context, c *project.Config, results []user.Result, loginID func(i int) string) ([]wireUser, []failedUser, error) {
	var done []*user.User
	failed := []failedUser{}
	for i, r := range results {
		if r.Err == nil {
			done = append(done, r.User)
			continue
		}
		u := &user.User{}
		if r.User != nil && !r.User.CreatedAt.IsZero() {
			u = r.User // one that there is
		} else {
			u.LoginIDs = []string{loginID(i)}
		}
		wire, err := s.userOnWire(ctx, c, u)
		if err != nil {
			return nil, nil, err
		}
		failed = append(failed, failedUser{fault.From(userFault(r.Err)).Message, wire})
	}
	wire, err := s.usersOnWire(ctx, c, done...)
	return wire, failed, err
}

// createAll makes users, and says of each what became of it.
func (s *Server) createAll(ctx context.Context, config *project.Config, list []createUserBody, how inviteBody) ([]user.Result, error) {
	if how.Invite {
		if _, err := config.Redirect(how.URL, config.Settings.Invite.URL); err != nil {
			return nil, err
		}
	}
	out := make([]user.Result, len(list))
	var drafts []user.Draft
	var places []int
	for i := range list {
		d, err := s.draft(ctx, config, &list[i], how)
		if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
			return nil, err
		}
		if err != nil {
			out[i].Err = err
			continue
		}
		drafts, places = append(drafts, d), append(places, i)
	}
	c := callerOf(ctx)
	results, err := s.Users.Create(ctx, c.Origin, c.Project, drafts...)
	if err != nil {
		return nil, err
	}
	for n, r := range results {
		out[places[n]] = r
	}
	return out, nil
}

// draft says who a user is to be.
func (s *Server) draft(ctx context.Context, config *project.Config, in *createUserBody, how inviteBody) (user.Draft, error) {
	if in.LoginID == "" {
		return user.Draft{}, errNoWho
	}
	plain, err := user.Prepare(config, user.Home(config, onlyTenant(in.tenants())), in.LoginID, user.Profile{})
	if err != nil {
		return user.Draft{}, err
	}
	born, err := in.born()
	if err != nil {
		return user.Draft{}, err
	}
	d := user.Draft{CreatedAt: born, Make: func(tx *store.Tx) (*user.User, error) {
		u := *plain
		change, err := in.change(newDirectory(tx, config), &u)
		if err != nil {
			return nil, err
		}
		if change.Roles != nil { // beside those that everybody has
			roles := append(*change.Roles, u.Roles...)
			change.Roles = &roles
		}
		if err := change.Apply(config, &u); err != nil {
			return nil, err
		}
		u.Test = u.Test || in.Test
		if how.Invite {
			if err := invitable(config, &u, how); err != nil && how.alone {
				return nil, err
			}
			invited(config, &u)
		}
		if how.member != nil {
			how.member(&u)
		}
		return &u, nil
	}}
	if how.Invite && how.member == nil {
		d.Again = &user.Who{LoginID: in.LoginID, Home: plain.Home}
		d.Renew = func(u *user.User) {
			if u.Status == user.Invited {
				invited(config, u)
			}
		}
	}
	d.Beside, err = s.credentials(ctx, config, plain, in)
	return d, err
}

// tenants are the ids of those that the user is to belong to.
func (in *createUserBody) tenants() (ids []string) {
	if in.Tenants == nil {
		return nil
	}
	for _, t := range *in.Tenants {
		ids = append(ids, t.ID)
	}
	return ids
}

// onlyTenant is the tenant of who belongs to one alone, and blank of others. Where
// tenants have users of their own, it is their home.
func onlyTenant(ids []string) string {
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}

// credentials returns what stores the credentials that a body brings, or nil. What
// is wrong with them is said before anything is stored.
func (s *Server) credentials(ctx context.Context, c *project.Config, u *user.User, in *createUserBody) (func(*store.Tx, *user.User) error, error) {
	if in.Password == "" && in.Hashed == nil && in.Seed == "" {
		return nil, nil
	}
	known := *u // what the password must not be like
	for _, v := range []struct{ from, into *string }{{in.Email, &known.Email}, {in.Name, &known.Name}, {in.GivenName, &known.GivenName}, {in.FamilyName, &known.FamilyName}} {
		if v.from != nil {
			*v.into = *v.from
		}
	}
	if in.Tenants != nil { // whose policy counts, too
		for _, t := range *in.Tenants {
			known.Tenants = append(known.Tenants, user.Membership{Tenant: t.ID})
		}
	}
	prepared, err := s.Passwords.Prepare(ctx, c, &known, secret.New(in.Password), in.Hashed)
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx, u *user.User) error {
		if err := prepared.Store(tx, u.Project, u.ID); err != nil {
			return err
		}
		if in.Password != "" || in.Hashed != nil {
			u.Methods |= user.Password
		}
		if in.Seed == "" {
			return nil
		}
		u.Methods |= user.TOTP
		return s.TOTP.Import(tx, u.Project, u.ID, secret.New(in.Seed))
	}, nil
}
