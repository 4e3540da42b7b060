package challenge_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postern/internal/challenge"
	"postern/internal/message"
	"postern/internal/project"
)

// A message is written by the template that is asked for, else by the active one,
// else by ours, and leaves by the connector that is asked for, else by that of the
// method.
func TestDeliver(t *testing.T) {
	t.Parallel()
	own := project.Template{ID: "T1", Subject: "S {{.code}}", HTML: "<p>{{projectName}}: {{code}}</p>"}
	plain := project.Template{ID: "T2", Subject: "P", HTML: "<p>", Text: "plain {{code}}", Plain: true}
	both := project.Messages{Connector: "CI1", Templates: []project.Template{own, plain}, Active: &own}
	for _, tt := range []struct {
		name   string
		kind   message.Kind
		via    project.Messages
		choice challenge.Choice
		want   string // a part of the connector, the subject, the HTML and the text
	}{
		{"our own text", message.Email, project.Messages{}, challenge.Choice{}, "|123456 is your code for Lantern"},
		{"the active template", message.Email, both, challenge.Choice{}, "CI1|S 123456<p>Lantern: 123456</p>"},
		{"the template asked for", message.Email, both, challenge.Choice{Template: "T2"}, "CI1|Pplain 123456"},
		{"the connector asked for", message.Email, both, challenge.Choice{Provider: "CI2"}, "CI2|S 123456"},
		{"a text message", message.SMS, project.Messages{Active: &project.Template{Text: "{{code}}!", Plain: true}}, challenge.Choice{}, "|123456!"},
		{"a variable of the call", message.SMS, project.Messages{Active: &project.Template{Text: "{{options.shop}} {{code}}", Plain: true}}, challenge.Choice{Options: map[string]string{"shop": "Quill"}}, "|Quill 123456"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sent := ""
			s := &challenge.Service{Send: func(_ context.Context, _ *project.Config, connector string, m message.Message) error {
				sent = connector + "|" + m.Subject + m.HTML + m.Text
				return nil
			}}
			to := "ada@people.example"
			if tt.kind != message.Email {
				to = "+12025550143"
			}
			values := &message.Values{Code: "123456", ProjectName: "Lantern"}
			err := s.Deliver(t.Context(), &project.Config{}, message.OTP, tt.via, tt.choice, tt.kind, to, values)
			if err != nil || !strings.Contains(sent, tt.want) {
				t.Errorf("sent %q, %v; want %q", sent, err, tt.want)
			}
		})
	}
	err := (&challenge.Service{}).Deliver(t.Context(), &project.Config{}, message.MagicLink, project.Messages{}, challenge.Choice{}, message.Voice, "+12025550143", &message.Values{})
	if !errors.Is(err, project.ErrMethodOff) {
		t.Errorf("a link in a call: %v", err)
	}
}
