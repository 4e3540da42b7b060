package connector

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// Effects says of a plan which messages could not be sent any more, and who gets no
// records of the audit.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "messages", Of: s.foresee}
}

// A channel is one way by which messages of a method leave.
type channel struct {
	file, field string
	what        string // in words, as the beginning of a sentence
	kind        message.Kind
	on          bool
	via         project.Messages
}

// channels are the ways by which the messages of a project leave. One that goes by the
// same setting as another comes after it.
func channels(c *project.Config) []channel {
	m, invite := c.Methods, c.Settings.Invite
	const email, text = "emailServiceProvider", "textServiceProvider"
	return []channel{
		{project.OTPFile, email, "One-time codes by mail", message.Email, m.OTP.Enabled, m.OTP.Email},
		{project.OTPFile, text, "One-time codes by text message", message.SMS, m.OTP.Enabled, m.OTP.Text},
		{project.OTPFile, text, "One-time codes over WhatsApp", message.WhatsApp, m.OTP.Enabled, m.OTP.Text},
		{project.OTPFile, "voiceServiceProvider", "One-time codes by call", message.Voice, m.OTP.Enabled, m.OTP.Voice},
		{project.MagicLinkFile, email, "Magic links by mail", message.Email, m.MagicLink.Enabled, m.MagicLink.Email},
		{project.MagicLinkFile, text, "Magic links by text message", message.SMS, m.MagicLink.Enabled, m.MagicLink.Text},
		{project.MagicLinkFile, text, "Magic links over WhatsApp", message.WhatsApp, m.MagicLink.Enabled, m.MagicLink.Text},
		{project.EnchantedLinkFile, email, "Enchanted links by mail", message.Email, m.EnchantedLink.Enabled, m.EnchantedLink.Email},
		{project.NOTPFile, "whatsappChatbotProvider", "Answers over WhatsApp", message.WhatsApp, m.NOTP.Enabled, m.NOTP.Verify},
		{project.PasswordFile, email, "Mails to reset a password", message.Email, m.Password.Enabled, m.Password.Email},
		{project.SettingsFile, "inviteEmailProviderId", "Invitations by mail", message.Email, invite.SendEmail, invite.Email},
		{project.SettingsFile, "inviteSmsProviderId", "Invitations by text message", message.SMS, invite.SendSMS, invite.SMS},
	}
}

// obstacle says why messages cannot leave by a channel; blank where they can.
func (ch channel) obstacle(c *project.Config) string {
	if ch.via.Connector == "" {
		if production(c) {
			return "the built-in provider sends nothing, and production has no outbox"
		}
		return ""
	}
	found, ok := find(c, ch.via.Connector)
	if !ok {
		return "its connector does not exist"
	}
	if g, ok := gateways()[found.Type]; !ok || !slices.Contains(g.kinds, ch.kind) {
		return fmt.Sprintf("the connector %q cannot send messages of the kind %s", found.Name, ch.kind)
	}
	return ""
}

// foresee tells of channels that work now, or are not in use, and would not work.
func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	if len(p.Differences) == 0 {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil {
		return nil, err
	}
	about, err := s.Projects.Get(ctx, p.Project)
	if err != nil {
		return nil, err
	}
	before.Environment, after.Environment = about.Environment, about.Environment
	var out []project.Told
	was, known := channels(before), map[[2]string]bool{}
	for i, ch := range channels(after) {
		why, setting := ch.obstacle(after), [2]string{ch.file, ch.field}
		if !ch.on || why == "" || was[i].on && was[i].obstacle(before) != "" || known[setting] {
			continue // what holds up text messages is not said of WhatsApp again
		}
		known[setting] = true
		out = append(out, project.Told{Difference: p.In(ch.file, ch.field), Effect: snapshot.Effect{
			Code: "messages_not_sent", Message: ch.what + " could not be sent: " + why + ".", Count: 1,
		}})
	}
	return append(out, unsent(p, before, after)...), nil
}

// unsent tells of connectors that are to take the audit now, and whose type this server
// cannot send it to.
func unsent(p project.Planned, before, after *project.Config) []project.Told {
	var known []string
	for _, c := range silent(before) {
		known = append(known, c.ID)
	}
	var out []project.Told
	for _, c := range silent(after) {
		if slices.Contains(known, c.ID) {
			continue
		}
		out = append(out, project.Told{
			Difference: slices.IndexFunc(p.Differences, func(d snapshot.Difference) bool { return d.Kind == "connector" && d.ID == c.ID }),
			Effect: snapshot.Effect{
				Code: "audit_not_sent", Message: fmt.Sprintf("The connector %q gets no records of the audit: this server cannot send them to one of the type %s.", c.Name, c.Type), Count: 1,
			},
		})
	}
	return out
}
