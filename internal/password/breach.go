package password

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // it is the index of the list, and proves nothing
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"postern/internal/project"
	"postern/internal/safehttp"
	"postern/internal/secret"
)

// BreachType is the type of the connector that asks for the list of stolen passwords.
const BreachType = "hibp"

const (
	breachList = "https://api.pwnedpasswords.com/range/"
	breachWait = 2 * time.Second
)

// breached reports whether a password is in the list of stolen ones, where the
// project has a connector for it. What leaves is five of the forty digits of its
// SHA-1, which hundreds of other passwords share. A list that does not answer says
// no: see docs/decisions/0049.
func (s *Service) breached(ctx context.Context, c *project.Config, password secret.Text) bool {
	for _, connector := range c.Connectors {
		if connector.Type != BreachType {
			continue
		}
		found, err := s.lookUp(ctx, password)
		if err != nil && s.Log != nil {
			s.Log.WarnContext(ctx, "the list of stolen passwords does not answer; a password was taken without it",
				"project", c.Project, "connector", connector.ID, "err", err)
		}
		return found
	}
	return false
}

func (s *Service) lookUp(ctx context.Context, password secret.Text) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, breachWait)
	defer cancel()
	base := s.BreachList
	if base == "" {
		base = breachList
	}
	sum := sha1.Sum([]byte(password.Reveal())) //nolint:gosec // the same
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	answer, err := s.HTTP.Do(ctx, safehttp.Request{
		URL: base + digest[:5], Headers: []safehttp.Header{{Name: "Add-Padding", Value: "true"}, {Name: "User-Agent", Value: "postern"}},
	})
	if err != nil {
		return false, err
	}
	if answer.Status != 200 {
		return false, fmt.Errorf("the answer has status %d", answer.Status)
	}
	for line := range bytes.Lines(answer.Body) { // the other 35 digits, a colon, how often
		rest, count, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if ok && strings.EqualFold(rest, digest[5:]) && count != "0" { // 0 is padding
			return true, nil
		}
	}
	return false, nil
}
