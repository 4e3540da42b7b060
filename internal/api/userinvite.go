package api

import (
	"context"
	"time"

	"postern/internal/challenge"
	"postern/internal/fault"
	"postern/internal/magiclink"
	"postern/internal/project"
	"postern/internal/user"
)

// What of an invitation is refused.
var (
	errNoInviteURL = fault.New(fault.Invalid, "E011003", "Request is invalid: an invitation needs a URL: inviteUrl of the call, or of project.json")
	errNoAddress   = fault.New(fault.Invalid, "E011003", "Request is invalid: the user has no address or number that the invitation could go to")
)

// invited makes a new user one who is invited, for as long as the project says.
func invited(c *project.Config, u *user.User) {
	u.Status = user.Invited
	if c.Settings.Invite.ExpireUsers {
		u.ExpiresAt = time.Now().Add(c.Settings.Invite.Lifetime).UTC().Truncate(time.Second)
	}
}

// invitable refuses to invite a user whom nothing could be sent to, or no link would
// lead anywhere.
func invitable(c *project.Config, u *user.User, how inviteBody) error {
	mail, sms := ways(c, how)
	switch {
	case u.Test, !mail && !sms:
		return nil
	case how.URL == "" && c.Settings.Invite.URL == "":
		return errNoInviteURL
	case (!mail || u.Email == "") && (!sms || u.Phone == ""):
		return errNoAddress
	}
	return nil
}

// invite tells a user that they may come: by mail, by text message or by both. With
// neither the user is invited all the same, and whoever calls tells them. Nothing is
// ever delivered to a test user.
func (s *Server) invite(ctx context.Context, c *project.Config, u *user.User, how inviteBody) error {
	mail, sms := ways(c, how)
	if err := invitable(c, u, how); err != nil || u.Test || !mail && !sms {
		return err
	}
	return s.MagicLinks.Invite(ctx, c, u, magiclink.Invitation{
		URL: how.URL, Mail: &mail, SMS: &sms, Choice: challenge.Choice{Template: how.Template, Options: how.Options},
	})
}

// ways says how invitations go out: as the call says, or else the project.
func ways(c *project.Config, how inviteBody) (mail, sms bool) {
	return chosen(how.SendMail, c.Settings.Invite.SendEmail), chosen(how.SendSMS, c.Settings.Invite.SendSMS)
}

// chosen is what a call says, or else the project.
func chosen(said *bool, otherwise bool) bool {
	if said != nil {
		return *said
	}
	return otherwise
}
