package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/secret"
)

// longest is how long a token may be, in bytes.
const longest = 16 << 10

// algorithms are those that former services sign with: asymmetric ones alone.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512}
}

// claims verifies the signature of a token by the keys of the service, and what every
// token of it must say: the issuer, and that it counts now.
func (s *Service) claims(ctx context.Context, m *project.Migration, base string, token secret.Text) (map[string]any, error) {
	text := token.Reveal()
	if len(text) > longest {
		return nil, errors.New("it is too long")
	}
	parsed, err := jose.ParseSignedCompact(text, algorithms())
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, errors.New("it is no JWT that is signed with a key pair")
	}
	key, err := s.keys.find(ctx, s.HTTP, keysURL(m, base), parsed.Signatures[0].Header.KeyID)
	if err != nil {
		return nil, err
	}
	payload, err := parsed.Verify(key)
	if err != nil {
		return nil, errors.New("its signature is not that of the service")
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, errors.New("its claims are no JSON object")
	}
	return claims, current(m, claims, time.Now())
}

// current says why a token does not count now, or nil.
func current(m *project.Migration, claims map[string]any, now time.Time) error {
	if claims["iss"] != m.Issuer {
		return fmt.Errorf("its issuer is %.100q and not %q", claims["iss"], m.Issuer)
	}
	expires, ok := claims["exp"].(float64)
	if !ok || !now.Before(time.Unix(int64(expires), 0).Add(leeway)) {
		return errors.New("it has expired")
	}
	if from, ok := claims["nbf"].(float64); ok && now.Add(leeway).Before(time.Unix(int64(from), 0)) {
		return errors.New("it does not count yet")
	}
	return nil
}

// audience reports whether a token is for an audience: a text, or one of a list.
func audience(claims map[string]any, want string) bool {
	if list, ok := claims["aud"].([]any); ok {
		return slices.Contains(list, any(want))
	}
	return claims["aud"] == want
}

// keysURL is where a service publishes the keys that it signs with.
func keysURL(m *project.Migration, base string) string {
	switch {
	case m.Vendor == project.Auth0:
		return base + "/.well-known/jwks.json"
	case strings.Contains(base, "/oauth2/"): // an authorization server of its own
		return base + "/v1/keys"
	}
	return base + "/oauth2/v1/keys"
}
