package session

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/secret"
)

// BoundTo returns the thumbprint of the key that a token says it is bound to; empty
// for none. The token is not verified: who changes what it says has one that does not
// count.
func BoundTo(token secret.Text) string {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !bytes.Contains(payload, []byte(`"jkt"`)) { // as the server writes it
		return ""
	}
	var in struct {
		Confirmation struct {
			Key string `json:"jkt"`
		} `json:"cnf"`
	}
	if json.Unmarshal(payload, &in) != nil {
		return ""
	}
	return in.Confirmation.Key
}
