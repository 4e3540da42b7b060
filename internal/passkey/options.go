package passkey

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-webauthn/webauthn/protocol"

	"postern/internal/project"
	"postern/internal/user"
)

// Options are what a caller asks of the authenticator: PasskeyOptions of the wire.
// The zero value leaves all of it to us.
type Options struct {
	Attachment   string         // of an authenticator to be made: "any", "platform", "crossplatform"
	ResidentKey  string         // "discouraged", "preferred", "required"
	Verification string         // of the person: "discouraged", "preferred", "required"
	Attestation  string         // "none", "indirect", "direct"
	Extensions   jsontext.Value // inputs, an object; nil for none
}

// maxExtensions bounds the inputs of extensions, in bytes.
const maxExtensions = 4096

// check returns the options in the words of the standard.
func (o Options) check() (Options, error) {
	for _, v := range []struct {
		value *string
		words map[string]string
	}{
		{&o.Attachment, map[string]string{"": "", "any": "", "platform": "platform", "crossplatform": "cross-platform", "cross-platform": "cross-platform"}},
		{&o.ResidentKey, map[string]string{"": preferred, discouraged: discouraged, preferred: preferred, required: required}},
		{&o.Verification, map[string]string{"": preferred, discouraged: discouraged, preferred: preferred, required: required}},
		{&o.Attestation, map[string]string{"": "none", "none": "none", "indirect": "indirect", "direct": "direct"}},
	} {
		word, ok := v.words[strings.ToLower(*v.value)]
		if !ok {
			return o, ErrOptions
		}
		*v.value = word
	}
	if len(o.Extensions) > 0 && (len(o.Extensions) > maxExtensions || !o.Extensions.IsValid() || o.Extensions.Kind() != '{') {
		return o, ErrOptions.WithMessage("Request is invalid: extensionsJSON must be a JSON object")
	}
	return o, nil
}

const (
	discouraged = "discouraged"
	preferred   = "preferred"
	required    = "required"
)

// The options of navigator.credentials, with bytes as base64url without padding:
// PublicKeyCredentialCreationOptionsJSON and …RequestOptionsJSON.
type (
	creation struct {
		RP          entity         `json:"rp"`
		User        person         `json:"user"`
		Challenge   string         `json:"challenge"`
		Algorithms  []algorithm    `json:"pubKeyCredParams"`
		Timeout     int64          `json:"timeout"` // milliseconds
		Exclude     []descriptor   `json:"excludeCredentials"`
		Selection   selection      `json:"authenticatorSelection"`
		Attestation string         `json:"attestation"`
		Extensions  jsontext.Value `json:"extensions,omitzero"`
	}
	request struct {
		Challenge    string         `json:"challenge"`
		Timeout      int64          `json:"timeout"`
		RPID         string         `json:"rpId"`
		Allow        []descriptor   `json:"allowCredentials,omitzero"`
		Verification string         `json:"userVerification"`
		Extensions   jsontext.Value `json:"extensions,omitzero"`
	}
	entity struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	person struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	}
	algorithm struct {
		Type string `json:"type"`
		Alg  int64  `json:"alg"`
	}
	descriptor struct {
		Type       string   `json:"type"`
		ID         string   `json:"id"`
		Transports []string `json:"transports,omitempty"`
	}
	selection struct {
		Attachment   string `json:"authenticatorAttachment,omitzero"`
		ResidentKey  string `json:"residentKey"`
		Required     bool   `json:"requireResidentKey"`
		Verification string `json:"userVerification"`
	}
)

const publicKey = "public-key"

// algorithms are those of the keys that we take, the best first (COSE: EdDSA, ES256,
// RS256, which Windows has).
var algorithms = []algorithm{{publicKey, -8}, {publicKey, -7}, {publicKey, -257}}

// parameters are the same in the words of the library.
func parameters() []protocol.CredentialParameter {
	return []protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: -8},
		{Type: protocol.PublicKeyCredentialType, Algorithm: -7},
		{Type: protocol.PublicKeyCredentialType, Algorithm: -257},
	}
}

// toCreate writes the options of a registration, as clients of the wire read them: a
// JSON text.
func toCreate(cfg *project.Config, c *ceremony, u *user.User, o Options, have []*Passkey) (string, error) {
	name := cfg.Methods.Passkey.Name
	if name == "" {
		name = cfg.Name
	}
	who := person{ID: encode([]byte(c.UserID)), Name: c.UserID}
	if len(u.LoginIDs) > 0 {
		who.Name = u.LoginIDs[0]
	}
	if who.DisplayName = u.Name; who.DisplayName == "" {
		who.DisplayName = who.Name
	}
	return publicKeyText(creation{
		RP: entity{c.Party.ID, name}, User: who, Challenge: c.Challenge, Algorithms: algorithms, Timeout: lifetime.Milliseconds(),
		Exclude: describe(have), Attestation: o.Attestation, Extensions: o.Extensions,
		Selection: selection{o.Attachment, o.ResidentKey, o.ResidentKey == required, o.Verification},
	})
}

// toGet writes the options of a sign-in. Without allowed passkeys the person chooses
// among those that the authenticator has for the relying party.
func toGet(c *ceremony, o Options, allowed []descriptor) (string, error) {
	return publicKeyText(request{
		Challenge: c.Challenge, Timeout: lifetime.Milliseconds(), RPID: c.Party.ID, Allow: allowed, Verification: o.Verification, Extensions: o.Extensions,
	})
}

func publicKeyText(v any) (string, error) {
	out, err := json.Marshal(map[string]any{"publicKey": v}, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("write passkey options: %w", err)
	}
	return string(out), nil
}

func describe(list []*Passkey) []descriptor {
	out := []descriptor{}
	for _, p := range list {
		out = append(out, descriptor{publicKey, p.EncodedID(), p.Transports})
	}
	return out
}
