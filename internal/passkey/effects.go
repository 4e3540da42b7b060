package passkey

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// The codes of the effects of an import.
const (
	EffectOff     = "users_lose_passkey" // the method is switched off
	EffectUseless = "passkeys_useless"   // they are bound to another relying party
)

// Effects says how many users and passkeys an import would shut out, because it
// switches passkeys off or binds them to another domain.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "passkeys", Of: s.effects}
}

func (s *Service) effects(ctx context.Context, p project.Planned) ([]project.Told, error) {
	if p.In(project.PasskeyFile) == project.Whole && p.In(project.SettingsFile) == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil {
		return nil, err
	}
	was, will := before.Methods.Passkey, after.Methods.Passkey
	at, tell := project.Whole, s.off
	switch {
	case !was.Enabled:
		return nil, nil
	case !will.Enabled:
		at = p.In(project.PasskeyFile, "enabled")
	case !strings.EqualFold(was.RelyingPartyID, will.RelyingPartyID):
		at, tell = p.In(project.PasskeyFile, "relyingPartyId"), s.moved
	case will.RelyingPartyID == "":
		at = p.In(project.SettingsFile, "trustedDomains", "appUrl", "customDomain")
		tell = func(ctx context.Context, projectID string, after *project.Config) (snapshot.Effect, error) {
			return s.untrusted(ctx, projectID, before, after)
		}
	}
	if at == project.Whole {
		return nil, nil
	}
	e, err := tell(ctx, p.Project, after)
	if err != nil || e.Count == 0 {
		return nil, err
	}
	return []project.Told{{Difference: at, Effect: e}}, nil
}

// untrusted counts the passkeys of pages that the project would trust no more. Where
// the settings name no relying party it is the host of each page.
func (s *Service) untrusted(ctx context.Context, projectID string, before, after *project.Config) (snapshot.Effect, error) {
	type party struct {
		id string
		n  int
	}
	n := 0
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (p party, err error) { return p, row.Scan(&p.id, &p.n) },
			func(p party) error {
				if before.Trusts(p.id) && !after.Trusts(p.id) {
					n += p.n
				}
				return nil
			}, `SELECT rp_id, COUNT(*) FROM passkeys WHERE project = $1 GROUP BY rp_id`, projectID)
	})
	what := project.Counted(n, "passkey is of a page that is", "passkeys are of pages that are")
	return snapshot.Effect{Code: EffectUseless, Message: what + " not trusted any more, and would be useless.", Count: n}, err
}

// off counts the users who have passkeys, and those who have no other way in.
func (s *Service) off(ctx context.Context, projectID string, after *project.Config) (snapshot.Effect, error) {
	var with, stranded int
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if with, err = user.Holders(tx, projectID, user.Passkey); err != nil {
			return err
		}
		stranded, err = user.Stranded(tx, projectID, user.Passkey, after.Methods)
		return err
	})
	text := fmt.Sprintf("%s passkeys that would not be taken any more; for %d they are the only way in.",
		project.Counted(with, "user has", "users have"), stranded)
	return snapshot.Effect{Code: EffectOff, Message: text, Count: with}, err
}

// moved counts the passkeys that are bound to another relying party than the one that
// there will be. Without one in the settings it is the host of each page.
func (s *Service) moved(ctx context.Context, projectID string, after *project.Config) (snapshot.Effect, error) {
	rpID := strings.ToLower(after.Methods.Passkey.RelyingPartyID)
	if rpID == "" {
		return snapshot.Effect{}, nil
	}
	var n, users int
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n, &users) },
		`SELECT COUNT(*), COUNT(DISTINCT user_id) FROM passkeys WHERE project = $1 AND rp_id <> $2`, projectID, rpID)
	what := project.Counted(n, "passkey is bound to another domain", "passkeys are bound to other domains")
	return snapshot.Effect{Code: EffectUseless, Message: fmt.Sprintf("%s and would be useless; users who have them: %d.", what, users), Count: n}, err
}
