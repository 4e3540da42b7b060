package challenge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/user"
)

// sendFor bounds how long a message is being sent after the answer.
const sendFor = time.Minute

// deliver sends the message of a proof. Where that fails the proof is forgotten:
// whoever asked for it may ask again.
func (s *Service) deliver(ctx context.Context, in Request, b *Begun) error {
	if in.Managed || b.Pending.Test || in.Dialogue != nil {
		return nil
	}
	send := func(ctx context.Context) error {
		if b.Pending.Nobody {
			return nil
		}
		err := s.Deliver(ctx, in.Config, in.Method.Purpose, in.Method.Messages(in.Kind), in.Choice, in.Kind, b.Pending.Address, b.Values)
		if err == nil {
			return nil
		}
		if _, dropErr := s.Drop(context.WithoutCancel(ctx), b.Pending); dropErr != nil {
			err = errors.Join(err, dropErr)
		}
		return err
	}
	if !in.masks() || in.Act == Update {
		return send(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendFor)
	s.sending.Go(func() {
		defer cancel()
		if err := send(ctx); err != nil {
			s.Log.WarnContext(ctx, "message not sent", "project", in.Config.Project, "method", in.Method.Name, "err", err)
		}
	})
	return nil
}

// Deliver makes a message of the template of a project, or else of our own, and
// sends it.
func (s *Service) Deliver(ctx context.Context, c *project.Config, purpose message.Purpose, how project.Messages, choice Choice, kind message.Kind, to string, v *message.Values) error {
	v.Options = choice.Options
	template, ok := message.Builtin(purpose, kind)
	own, has := how.Template(choice.Template)
	if !has {
		return ErrTemplate
	}
	if own != nil {
		template, ok = templateOf(own, kind), true
	}
	if !ok {
		return project.ErrMethodOff
	}
	m, err := template.Render(kind, to, v)
	if err != nil {
		return err
	}
	connector := how.Connector
	if choice.Provider != "" {
		connector = choice.Provider
	}
	if err := s.Send(ctx, c, connector, m); err != nil {
		if f := fault.From(err); f != nil && f != fault.ErrInternal {
			return err
		}
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return nil
}

func templateOf(t *project.Template, kind message.Kind) message.Template {
	if kind == message.Email {
		return message.EmailTemplate(t.Subject, t.HTML, t.Text, t.Plain)
	}
	return message.Template{Text: t.Text}
}

// show adds to the values of a message what is the same for every method.
func (in *Request) show(v *message.Values, u *user.User) {
	v.ProjectName, v.Domain, v.Expiration = in.Config.Name, in.Method.Domain, in.lifetime()
	v.User = map[string]any{"name": in.Profile.Name, "email": in.Profile.Email, "phone": in.Profile.Phone, "givenName": in.Profile.GivenName, "familyName": in.Profile.FamilyName}
	if u != nil {
		v.User = Fields(u)
	}
}

// Fields are what a template may show of a user, as the API names it.
func Fields(u *user.User) map[string]any {
	return map[string]any{
		"userId": u.ID, "name": u.Name, "givenName": u.GivenName, "middleName": u.MiddleName, "familyName": u.FamilyName, "email": u.Email, "phone": u.Phone,
		"verifiedEmail": u.VerifiedEmail, "verifiedPhone": u.VerifiedPhone, "picture": u.Picture, "loginIds": u.LoginIDs, "customAttributes": u.Custom,
	}
}
