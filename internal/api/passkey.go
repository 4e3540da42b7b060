package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/passkey"
	"postern/internal/session"
)

// word is a value that the clients in JavaScript write as a word, and the
// description of the wire as a number, of which only 0 is known: not said.
type word string

func (v *word) UnmarshalJSON(b []byte) error {
	if n, err := strconv.Atoi(string(b)); err == nil && n == 0 {
		*v = ""
		return nil
	}
	return json.Unmarshal(b, (*string)(v))
}

// wirePasskeyOptions is PasskeyOptions of the wire.
type wirePasskeyOptions struct {
	Selection struct {
		Attachment   word   `json:"authenticatorAttachment"`
		ResidentKey  word   `json:"residentKey"`
		Verification word   `json:"userVerification"`
		Extensions   string `json:"extensionsJSON"`
	} `json:"authenticatorSelection"` // where a passkey is made
	Attestation  word   `json:"attestation"`
	Verification word   `json:"userVerification"` // where one is shown
	Extensions   string `json:"extensionsJSON"`
}

func (in *wirePasskeyOptions) options() passkey.Options {
	if in == nil {
		return passkey.Options{}
	}
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	out := passkey.Options{
		Attachment: string(in.Selection.Attachment), ResidentKey: string(in.Selection.ResidentKey), Attestation: string(in.Attestation),
		Verification: first(string(in.Selection.Verification), string(in.Verification)),
	}
	if text := first(in.Extensions, in.Selection.Extensions); text != "" {
		out.Extensions = jsontext.Value(text)
	}
	return out
}

// passkeyStart is the body of every start. JavaScript puts the login id of a sign-up
// into the user.
type passkeyStart struct {
	LoginID string              `json:"loginId"`
	User    wireSignUp          `json:"user"`
	Origin  string              `json:"origin"`
	Passkey *wirePasskeyOptions `json:"passkeyOptions"`
	Options *wireLoginOptions   `json:"loginOptions"`
	App     string              `json:"ssoAppId"`
}

// passkeyStarted is what a client goes on with. The options are JSON in a text: it
// gives them to the browser.
type passkeyStarted struct {
	TransactionID string `json:"transactionId"`
	Options       string `json:"options"`
	Create        bool   `json:"create"`
}

func startedOnWire(s *passkey.Started, err error) (*passkeyStarted, error) {
	if err != nil {
		return nil, err
	}
	return &passkeyStarted{s.TransactionID, s.Options, s.Create}, nil
}

func (in *passkeyStart) start(ctx context.Context) passkey.Start {
	c := callerOf(ctx)
	out := passkey.Start{Config: c.Config, Origin: in.Origin, Passkey: in.Passkey.options(), Options: in.Options.options()}
	out.Options.Trusted = c.Key != nil
	out.LoginID, out.Options.App = first(in.LoginID, in.User.LoginID), first(in.App, out.Options.App)
	return out
}

func (s *Server) passkeySignUp(ctx context.Context, in *passkeyStart) (*passkeyStarted, error) {
	return startedOnWire(s.Passkeys.StartSignUp(ctx, in.start(ctx), in.User.profile()))
}

func (s *Server) passkeySignIn(ctx context.Context, in *passkeyStart) (*passkeyStarted, error) {
	start, err := s.further(ctx, in.start(ctx))
	if err != nil {
		return nil, err
	}
	return startedOnWire(s.Passkeys.StartSignIn(ctx, start))
}

func (s *Server) passkeySignUpOrIn(ctx context.Context, in *passkeyStart) (*passkeyStarted, error) {
	start, err := s.further(ctx, in.start(ctx))
	if err != nil {
		return nil, err
	}
	return startedOnWire(s.Passkeys.StartSignUpOrIn(ctx, start))
}

// further finds out who is signed in, for a step-up or a further factor: the token
// comes with the start, and the end has none.
func (s *Server) further(ctx context.Context, in passkey.Start) (passkey.Start, error) {
	if !in.Options.StepUp && !in.Options.MFA {
		return in, nil
	}
	var err error
	in.Current, err = s.shown(ctx, in.LoginID)
	return in, err
}

func (s *Server) passkeyUpdate(ctx context.Context, in *passkeyUpdate) (*passkeyStarted, error) {
	start := in.start(ctx)
	start.Options.MFA = start.Options.MFA || in.MFA
	var err error
	if start.Current, err = s.current(ctx, start.LoginID); err != nil {
		return nil, err
	}
	return startedOnWire(s.Passkeys.StartUpdate(ctx, start))
}

// passkeyUpdate is the start of one more passkey.
type passkeyUpdate struct {
	passkeyStart `json:",embed"`
	MFA          bool `json:"mfa"`
}

// passkeyEnd is the body of every end.
type passkeyEnd struct {
	TransactionID string `json:"transactionId"`
	Response      string `json:"response"` // JSON, as the browser gave it
}

func (s *Server) finish(ctx context.Context, in *passkeyEnd) passkey.Finish {
	return passkey.Finish{Login: s.loginOf(ctx, session.AMRPasskey, nil), TransactionID: in.TransactionID, Response: in.Response}
}

func (s *Server) passkeySignedUp(ctx context.Context, in *passkeyEnd) (*session.Tokens, error) {
	return s.Passkeys.FinishSignUp(ctx, s.finish(ctx, in))
}

func (s *Server) passkeySignedIn(ctx context.Context, in *passkeyEnd) (*session.Tokens, error) {
	claims(ctx, session.AMRPasskey, "")
	end := s.finish(ctx, in)
	end.Whose = &callerOf(ctx).Claim.UserID
	return s.Passkeys.FinishSignIn(ctx, end)
}

// passkeyUpdated has tokens only where the start asked for a further factor.
type passkeyUpdated struct {
	JWT *wireTokens `json:"jwt,omitempty"`
}

// passkeyUpdateEnd answers tokens inside of a member, or nothing.
func (s *Server) passkeyUpdateEnd(w http.ResponseWriter, r *http.Request) error {
	in := &passkeyEnd{}
	if err := readInto(w, r, in); err != nil {
		return err
	}
	tokens, err := s.Passkeys.FinishUpdate(r.Context(), s.finish(r.Context(), in))
	if err != nil {
		return err
	}
	out := passkeyUpdated{}
	if tokens != nil {
		if out.JWT, err = s.handOut(w, r, tokens); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, out)
}
