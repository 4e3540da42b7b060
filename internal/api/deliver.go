package api

import (
	"context"
	"strings"

	"postern/internal/challenge"
	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/session"
)

var errDelivery = fault.New(fault.Invalid, "E011003", "Request is invalid: the deliveryMethod is none of email, sms, voice, whatsapp, im and Embedded")

// A delivery is a way that a message takes, as paths name it.
type delivery struct {
	name string
	kind message.Kind
}

// The deliveries. Instant messages go the way of WhatsApp, the only one there is.
func deliveries() []delivery {
	return []delivery{
		{"email", message.Email}, {"sms", message.SMS}, {"voice", message.Voice}, {"whatsapp", message.WhatsApp}, {"im", message.WhatsApp},
	}
}

// messageSignIn is the body of a sign-in, or of one that may be a sign-up, which a
// message completes. Codes lead nowhere: they have no redirectUrl.
type messageSignIn struct {
	LoginID     string            `json:"loginId"`
	RedirectURL string            `json:"redirectUrl,omitempty"`
	URI         string            `json:"URI,omitempty"` // the same, as the Go SDK calls it
	Options     *wireLoginOptions `json:"loginOptions,omitempty"`
	Provider    string            `json:"providerId,omitempty"`
	App         string            `json:"ssoAppId,omitempty"`
	Recovery    bool              `json:"useRecovery,omitempty"`
}

// messageSignUp is the body of a sign-up that a message completes.
type messageSignUp struct {
	LoginID     string            `json:"loginId"`
	Email       string            `json:"email,omitempty"`
	Phone       string            `json:"phone,omitempty"`
	User        wireSignUp        `json:"user"`
	RedirectURL string            `json:"redirectUrl,omitempty"`
	URI         string            `json:"URI,omitempty"`
	Options     *wireLoginOptions `json:"loginOptions,omitempty"`
	Provider    string            `json:"providerId,omitempty"`
}

// messageUpdate is the body of a change of address, which a message to the new one
// completes.
type messageUpdate struct {
	LoginID         string            `json:"loginId"`
	Email           string            `json:"email,omitempty"`
	Phone           string            `json:"phone,omitempty"`
	RedirectURL     string            `json:"redirectUrl,omitempty"`
	URI             string            `json:"URI,omitempty"`
	AddToLoginIDs   bool              `json:"addToLoginIDs"`
	MergeExisting   bool              `json:"onMergeUseExisting"`
	FailOnConflict  bool              `json:"failOnConflict"`
	Provider        string            `json:"providerId,omitempty"`
	Template        string            `json:"templateId,omitempty"`
	TemplateOptions map[string]string `json:"templateOptions,omitempty"`
	Locale          string            `json:"locale,omitempty"`
	MFA             bool              `json:"mfa,omitempty"`
}

// An asked body is what a message is asked for with, and where its link leads.
type asked interface {
	request(message.Kind) challenge.Request
	target() string
}

func (in *messageSignIn) target() string { return first(in.RedirectURL, in.URI) }
func (in *messageSignUp) target() string { return first(in.RedirectURL, in.URI) }
func (in *messageUpdate) target() string { return first(in.RedirectURL, in.URI) }

func first(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (in *messageSignIn) request(message.Kind) challenge.Request {
	out := challenge.Request{LoginID: in.LoginID, Recovery: in.Recovery}
	out.Options, out.Choice = in.Options.message(in.Provider)
	out.Options.App, out.CodeChallenge = first(in.App, out.Options.App), in.Options.codeChallenge()
	return out
}

func (in *messageSignUp) request(kind message.Kind) challenge.Request {
	out := challenge.Request{LoginID: first(in.LoginID, in.User.LoginID), Address: addressIn(kind, in.Email, in.Phone), Profile: in.User.profile()}
	if out.Profile.Email == "" {
		out.Profile.Email = in.Email
	}
	if out.Profile.Phone == "" {
		out.Profile.Phone = in.Phone
	}
	out.Options, out.Choice = in.Options.message(in.Provider)
	out.CodeChallenge = in.Options.codeChallenge()
	return out
}

func (in *messageUpdate) request(kind message.Kind) challenge.Request {
	return challenge.Request{
		LoginID: in.LoginID, Address: addressIn(kind, in.Email, in.Phone), Options: session.Options{MFA: in.MFA},
		Choice: challenge.Choice{Template: in.Template, Provider: in.Provider, Options: in.TemplateOptions},
		Change: challenge.Change{AddToLoginIDs: in.AddToLoginIDs, UseExisting: in.MergeExisting, FailOnConflict: in.FailOnConflict},
	}
}

func addressIn(kind message.Kind, email, phone string) string {
	if kind == message.Email {
		return email
	}
	return phone
}

// message returns what the options say of the sign-in and of its message.
func (in *wireLoginOptions) message(provider string) (session.Options, challenge.Choice) {
	if in == nil {
		return session.Options{}, challenge.Choice{Provider: provider}
	}
	return in.options(), challenge.Choice{Template: in.Template, Provider: provider, Options: in.TemplateOptions}
}

func (in *wireLoginOptions) codeChallenge() string {
	if in == nil {
		return ""
	}
	return in.PKCEChallenge
}

// requestOf completes a request with who makes it.
func requestOf(ctx context.Context, in asked, act challenge.Act, kind message.Kind) challenge.Request {
	c := callerOf(ctx)
	out := in.request(kind)
	out.Config, out.Act, out.Kind, out.Current, out.Client = c.Config, act, kind, c.Token, clientOf(c)
	out.Options.Trusted = c.Key != nil
	out.Choice = trusted(c, out.Choice)
	return out
}

// trusted returns what a caller may say of a message. Variables of the template are
// words that reach somebody in the name of the project, so they come with a management
// key or not at all: who only knows the id of the project could write to anybody.
func trusted(c *edge.Caller, choice challenge.Choice) challenge.Choice {
	if c.Key == nil {
		choice.Options = nil
	}
	return choice
}

// maskedAnswer says where a message went. One of the addresses is there.
type maskedAnswer struct {
	Email    *string `json:"maskedEmail,omitempty"`
	Phone    *string `json:"maskedPhone,omitempty"`
	Attempts int     `json:"verificationAttempts,omitzero"` // how many answers a code takes
}

func maskedAs(kind message.Kind, shown string) maskedAnswer {
	if kind == message.Email {
		return maskedAnswer{Email: &shown}
	}
	return maskedAnswer{Phone: &shown}
}

// testAnswer is what a test user would have been sent.
type testAnswer struct {
	LoginID string `json:"loginId"`
	Code    string `json:"code,omitempty"`
	Link    string `json:"link,omitempty"`
	Pending string `json:"pendingRef,omitempty"`
}

// testRequest is the body of the calls that give what a test user would be sent.
type testRequest struct {
	LoginID     string            `json:"loginId"`
	Delivery    string            `json:"deliveryMethod,omitempty"` // email, sms, voice, whatsapp, im or embedded
	RedirectURL string            `json:"redirectUrl,omitempty"`
	URI         string            `json:"URI,omitempty"`
	Options     *wireLoginOptions `json:"loginOptions,omitempty"`
}

// kind is the way that the message of a test user would take.
func (in *testRequest) kind() (message.Kind, error) {
	for _, d := range deliveries() {
		if strings.EqualFold(in.Delivery, d.name) {
			return d.kind, nil
		}
	}
	if in.Delivery != "" && !strings.EqualFold(in.Delivery, "embedded") { // which nothing sends, so that it goes by mail as well as by anything
		return "", errDelivery
	}
	return message.Email, nil
}

// testUser returns the request of a test user, made by the customer's own system.
func (s *Server) testUser(ctx context.Context, in *testRequest) (challenge.Request, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return challenge.Request{}, err
	}
	kind, err := in.kind()
	if err != nil {
		return challenge.Request{}, err
	}
	out := challenge.Request{Config: c, Act: challenge.SignIn, Kind: kind, LoginID: in.LoginID, Options: in.Options.options()}
	out.Options.Trusted = true
	return out, nil
}
