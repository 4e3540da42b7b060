package challenge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/user"
)

// sendFor bounds how long a message is being sent after the answer.
const sendFor = time.Minute

// deliver sends the message of a proof. Where that fails the proof is forgotten:
// whoever asked for it may ask again. Where nobody may learn who is a user, a message to
// nobody is written, too, and all that is done after the answer.
func (s *Service) deliver(ctx context.Context, in Request, b *Begun) error {
	if in.Managed || b.Pending.Test || in.Dialogue != nil {
		in.show(b.Values, b.User)
		return nil
	}
	send := func(ctx context.Context) error {
		in.show(b.Values, b.User)
		out, err := in.letter(b)
		if b.Pending.Nobody {
			return nil
		}
		if err == nil {
			err = s.post(ctx, in.Config, out)
		}
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
		s.linger(ctx)
		if err := send(ctx); err != nil {
			s.Log.WarnContext(ctx, "message not sent", "project", in.Config.Project, "method", in.Method.Name, "err", err)
		}
	})
	return nil
}

// linger waits until an answer has gone, and then for a while that nobody knows, so that
// neither it nor the next one is late where there is something to send.
func (s *Service) linger(ctx context.Context) {
	if s.Linger <= 0 {
		return
	}
	more, err := rand.Int(rand.Reader, big.NewInt(int64(s.Linger)))
	if err != nil {
		return
	}
	wait := time.NewTimer(s.Linger/2 + time.Duration(more.Int64()))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// A letter is a message and the connector that it leaves by.
type letter struct {
	connector string
	message.Message
}

// letter writes the message of a proof. That to nobody goes to whom they asked for.
func (in *Request) letter(b *Begun) (letter, error) {
	to := b.Pending.Address
	if b.Pending.Nobody && to == "" {
		to = in.LoginID
	}
	return write(in.Method.Purpose, in.Method.Messages(in.Kind), in.Choice, in.Kind, to, b.Values)
}

// Deliver makes a message of the template of a project, or else of our own, and
// sends it.
func (s *Service) Deliver(ctx context.Context, c *project.Config, purpose message.Purpose, how project.Messages, choice Choice, kind message.Kind, to string, v *message.Values) error {
	out, err := write(purpose, how, choice, kind, to, v)
	if err != nil {
		return err
	}
	return s.post(ctx, c, out)
}

func write(purpose message.Purpose, how project.Messages, choice Choice, kind message.Kind, to string, v *message.Values) (letter, error) {
	v.Options = choice.Options
	template, ok := message.Builtin(purpose, kind)
	own, has := how.Template(choice.Template)
	if !has {
		return letter{}, ErrTemplate
	}
	if own != nil {
		template, ok = templateOf(own, kind), true
	}
	if !ok {
		return letter{}, project.ErrMethodOff
	}
	m, err := template.Render(kind, to, v)
	if err != nil {
		return letter{}, err
	}
	out := letter{how.Connector, m}
	if choice.Provider != "" {
		out.connector = choice.Provider
	}
	return out, nil
}

// post sends a message.
func (s *Service) post(ctx context.Context, c *project.Config, out letter) error {
	err := s.Send(ctx, c, out.connector, out.Message)
	if f := fault.From(err); err != nil && (f == nil || f == fault.ErrInternal) {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return err
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
