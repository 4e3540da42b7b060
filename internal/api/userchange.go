package api

import (
	"context"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/user"
)

var (
	errNoMember = fault.New(fault.Invalid, "E011003", "Request is invalid: the user does not belong to the tenant")
	errConsent  = fault.New(fault.Invalid, "E011003", "Request is invalid: impersonationConsent is the time until which the user consents, in Unix seconds, or 0 for no more")
)

// changeUser changes one user, and answers as they are then.
func (s *Server) changeUser(ctx context.Context, in whoBody, make func(names *directory, u *user.User) error) (*userAnswer, error) {
	who, err := in.who(ctx)
	if err != nil {
		return nil, err
	}
	results, err := s.changeUsers(ctx, []user.Who{who}, func(_ int, names *directory, u *user.User) error { return make(names, u) }, nil)
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, userFault(err)
	}
	return s.answerUser(ctx, results[0].User, false)
}

func (s *Server) changeUsers(ctx context.Context, list []user.Who, make func(i int, names *directory, u *user.User) error,
	beside func(i int) func(*store.Tx, *user.User) ([]string, error),
) ([]user.Result, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	var edits []user.Edit
	for i, who := range list {
		e := user.Edit{Who: who, Make: func(tx *store.Tx, u *user.User) error {
			was := u.Copy()
			if err := make(i, newDirectory(tx, config), u); err != nil {
				return err
			}
			return delegateOf(ctx).allows(was, u)
		}}
		if beside != nil {
			e.Beside = beside(i)
		}
		edits = append(edits, e)
	}
	c := callerOf(ctx)
	return s.Users.Change(ctx, c.Origin, c.Project, edits...)
}

// apply changes one user by what is the same for each project.
func (s *Server) apply(ctx context.Context, in whoBody, change user.Change) (*userAnswer, error) {
	return s.changeUser(ctx, in, func(names *directory, u *user.User) error { return change.Apply(names.config, u) })
}

type updateUserRequest struct {
	whoBody
	userBody
}

// updateUser makes a user what the body says, whole.
func (s *Server) updateUser(ctx context.Context, in *updateUserRequest) (*userAnswer, error) {
	return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
		change, err := in.replacement(names, u)
		if err != nil {
			return err
		}
		return change.Apply(names.config, u)
	})
}

type nameUserRequest struct {
	whoBody
	Name        *string `json:"name"`
	DisplayName *string `json:"displayName"`
	GivenName   *string `json:"givenName"`
	MiddleName  *string `json:"middleName"`
	FamilyName  *string `json:"familyName"`
}

func (s *Server) updateUserName(ctx context.Context, in *nameUserRequest) (*userAnswer, error) {
	return s.apply(ctx, in.whoBody, user.Change{
		Name: or(in.DisplayName, in.Name), GivenName: in.GivenName, MiddleName: in.MiddleName, FamilyName: in.FamilyName,
	})
}

type emailUserRequest struct {
	whoBody
	Email          string `json:"email"` // blank takes it away
	Verified       bool   `json:"verified"`
	FailOnConflict bool   `json:"failOnConflict"` // where it is the login id of another user
}

func (s *Server) updateUserEmail(ctx context.Context, in *emailUserRequest) (*userAnswer, error) {
	return s.address(ctx, in.whoBody, user.Change{Email: &in.Email, VerifiedEmail: &in.Verified}, in.FailOnConflict, func(u *user.User) string { return u.Email })
}

type phoneUserRequest struct {
	whoBody
	Phone          string `json:"phone"` // blank takes it away
	Verified       bool   `json:"verified"`
	FailOnConflict bool   `json:"failOnConflict"` // where it is the login id of another user
}

func (s *Server) updateUserPhone(ctx context.Context, in *phoneUserRequest) (*userAnswer, error) {
	return s.address(ctx, in.whoBody, user.Change{Phone: &in.Phone, VerifiedPhone: &in.Verified}, in.FailOnConflict, func(u *user.User) string { return u.Phone })
}

// address changes where a user is reached. alone refuses what another user signs in
// by.
func (s *Server) address(ctx context.Context, in whoBody, change user.Change, alone bool, of func(*user.User) string) (*userAnswer, error) {
	return s.changeUser(ctx, in, func(names *directory, u *user.User) error {
		if err := change.Apply(names.config, u); err != nil {
			return err
		}
		if !alone || of(u) == "" {
			return nil
		}
		return user.Foreign(names.tx, u, of(u))
	})
}

type recoveryUserRequest struct {
	whoBody
	Email    *string `json:"recoveryEmail"`
	Phone    *string `json:"recoveryPhone"`
	Verified bool    `json:"verified"`
}

func (s *Server) updateUserRecovery(ctx context.Context, in *recoveryUserRequest) (*userAnswer, error) {
	change := user.Change{RecoveryEmail: in.Email, RecoveryPhone: in.Phone}
	if in.Email != nil {
		change.VerifiedRecoveryEmail = &in.Verified
	}
	if in.Phone != nil {
		change.VerifiedRecoveryPhone = &in.Verified
	}
	return s.apply(ctx, in.whoBody, change)
}

type loginUserRequest struct {
	LoginID string `json:"loginId"`
	New     string `json:"newLoginId"` // blank takes the other away
}

func (s *Server) updateUserLoginID(ctx context.Context, in *loginUserRequest) (*userAnswer, error) {
	return s.changeUser(ctx, whoBody{LoginID: in.LoginID}, func(_ *directory, u *user.User) error { return u.Rename(in.LoginID, in.New) })
}

type pictureUserRequest struct {
	whoBody
	Picture string `json:"picture"`
}

func (s *Server) updateUserPicture(ctx context.Context, in *pictureUserRequest) (*userAnswer, error) {
	return s.apply(ctx, in.whoBody, user.Change{Picture: &in.Picture})
}

type statusUserRequest struct {
	whoBody
	Status user.Status `json:"status"`
}

func (s *Server) updateUserStatus(ctx context.Context, in *statusUserRequest) (*userAnswer, error) {
	return s.apply(ctx, in.whoBody, user.Change{Status: &in.Status})
}

type attributeUserRequest struct {
	whoBody
	Key   string `json:"attributeKey"`
	Value any    `json:"attributeValue"` // null takes it away
}

func (s *Server) updateUserAttribute(ctx context.Context, in *attributeUserRequest) (*userAnswer, error) {
	if in.Key == "" {
		return nil, errMember.WithMessage("the body lacks attributeKey, the name of the custom attribute")
	}
	return s.apply(ctx, in.whoBody, user.Change{Custom: map[string]any{in.Key: in.Value}})
}

type consentUserRequest struct {
	whoBody
	Until number `json:"impersonationConsent"` // Unix seconds; 0 takes it back
}

func (s *Server) updateUserConsent(ctx context.Context, in *consentUserRequest) (*userAnswer, error) {
	if in.Until < 0 || in.Until > lastExpiry {
		return nil, errConsent
	}
	until := time.Time{}
	if in.Until > 0 {
		until = time.Unix(int64(in.Until), 0).UTC()
	}
	return s.apply(ctx, in.whoBody, user.Change{ConsentUntil: &until})
}

type rolesUserRequest struct {
	whoBody
	Tenant string   `json:"tenantId"` // blank is the whole project
	Roles  []string `json:"roleNames"`
}

// An update of a list makes the new one of what there is and what is named.
type update func(have, named []string) []string

func addTo(have, named []string) []string { return append(slices.Clone(have), named...) }

func setTo(_, named []string) []string { return named }

func removeFrom(have, named []string) []string {
	return slices.DeleteFunc(slices.Clone(have), func(v string) bool { return slices.Contains(named, v) })
}

// updateUserRoles adds, sets or removes roles, in the project or in a tenant that
// the user belongs to.
func (s *Server) updateUserRoles(how update) func(context.Context, *rolesUserRequest) (*userAnswer, error) {
	return func(ctx context.Context, in *rolesUserRequest) (*userAnswer, error) {
		return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
			if in.Tenant != "" {
				if err := names.tenant(in.Tenant); err != nil {
					return err
				}
			}
			ids, err := names.roles(in.Tenant, in.Roles)
			if err != nil {
				return err
			}
			if in.Tenant == "" {
				roles := how(u.Roles, ids)
				return user.Change{Roles: &roles}.Apply(names.config, u)
			}
			member, ok := u.In(in.Tenant)
			if !ok {
				return errNoMember
			}
			u.Leave(in.Tenant)
			tenants := append(slices.Clone(u.Tenants), user.Membership{Tenant: in.Tenant, Roles: how(member.Roles, ids)})
			return user.Change{Tenants: &tenants}.Apply(names.config, u)
		})
	}
}

type tenantUserRequest struct {
	whoBody
	Tenant string `json:"tenantId"`
}

func (s *Server) addUserTenant(ctx context.Context, in *tenantUserRequest) (*userAnswer, error) {
	return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
		if err := names.tenant(in.Tenant); err != nil {
			return err
		}
		roles, err := names.joining(u, in.Tenant, nil)
		if err != nil {
			return err
		}
		u.Join(in.Tenant, roles...)
		return user.Change{}.Apply(names.config, u)
	})
}

func (s *Server) removeUserTenant(ctx context.Context, in *tenantUserRequest) (*userAnswer, error) {
	return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
		if u.Leave(in.Tenant) {
			return nil
		}
		return names.tenant(in.Tenant) // what there is not is a mistake; what the user has not is what is wanted
	})
}

type appsUserRequest struct {
	whoBody
	Apps []string `json:"ssoAppIds"`
}

func (s *Server) updateUserApps(how update) func(context.Context, *appsUserRequest) (*userAnswer, error) {
	return func(ctx context.Context, in *appsUserRequest) (*userAnswer, error) {
		return s.changeUser(ctx, in.whoBody, func(names *directory, u *user.User) error {
			apps := how(u.Apps, in.Apps)
			return user.Change{Apps: &apps}.Apply(names.config, u)
		})
	}
}
