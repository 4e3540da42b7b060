package magiclink

import (
	"context"
	"errors"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/session"
	"postern/internal/user"
)

// An Invitation is what a request says of the message to who is invited. Where it
// says nothing the settings do.
type Invitation struct {
	URL    string
	Mail   *bool
	SMS    *bool
	Choice challenge.Choice
}

// Invite sends a user the message of the settings of the project, by mail, by text
// message or both, to the addresses that there are. Its link signs in where the
// settings say so, for as long as they say. Nothing is sent to a test user. It must
// not be called inside a transaction; the user is stored already.
func (s *Service) Invite(ctx context.Context, c *project.Config, u *user.User, in Invitation) error {
	settings := c.Settings.Invite
	target, err := challenge.Target(c, in.URL, settings.URL)
	if err != nil {
		return err
	}
	var failed error
	for _, way := range []struct {
		kind  message.Kind
		to    string
		asked *bool
		usual bool
		how   project.Messages
	}{
		{message.Email, u.Email, in.Mail, settings.SendEmail, settings.Email},
		{message.SMS, u.Phone, in.SMS, settings.SendSMS, settings.SMS},
	} {
		send := way.usual
		if way.asked != nil {
			send = *way.asked
		}
		if send && way.to != "" && !u.Test {
			failed = errors.Join(failed, s.invite(ctx, c, u, way.kind, way.how, target, in.Choice))
		}
	}
	return failed
}

func (s *Service) invite(ctx context.Context, c *project.Config, u *user.User, kind message.Kind, how project.Messages, target string, choice challenge.Choice) error {
	settings := c.Settings.Invite
	values := &message.Values{InviteURL: target, RedirectURL: target, ProjectName: c.Name, Expiration: settings.Lifetime, User: challenge.Fields(u)}
	var pending *challenge.Pending
	if settings.MagicLink && len(u.LoginIDs) > 0 {
		request := challenge.Request{
			Config: c, Act: challenge.SignIn, Kind: kind, LoginID: u.LoginIDs[0], Managed: true, Options: session.Options{Tenant: u.Home},
			Method: challenge.Method{Name: Method, Enabled: true, Lifetime: settings.Lifetime},
		}
		b, err := s.Challenges.Begin(ctx, request, func(p *challenge.Pending) (*message.Values, error) {
			values.Token = challenge.Draw(p, "")
			values.InviteURL = challenge.Link(target, values.Token)
			values.RedirectURL = values.InviteURL
			return &message.Values{}, nil
		})
		if err != nil {
			return err
		}
		pending = b.Pending
	}
	to := u.Email
	if kind != message.Email {
		to = u.Phone
	}
	err := s.Challenges.Deliver(ctx, c, message.Invite, how, choice, kind, to, values)
	if err != nil && pending != nil {
		if _, dropErr := s.Challenges.Drop(context.WithoutCancel(ctx), pending); dropErr != nil {
			err = errors.Join(err, dropErr)
		}
	}
	return err
}
