package totp

import (
	"context"
	"fmt"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// EffectOff is the code of the effect of switching the method off.
const EffectOff = "users_lose_totp"

// Effects says how many users an import would leave without a way in that they have
// now, because it switches authenticator apps off.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "authenticator apps", Of: s.effects}
}

func (s *Service) effects(ctx context.Context, p project.Planned) ([]project.Told, error) {
	for i, d := range p.Differences {
		if d.Section != "totp" || d.Field != "enabled" || string(d.To) != "false" {
			continue
		}
		with, only, err := s.holders(ctx, p.Project)
		if err != nil || with == 0 {
			return nil, err
		}
		whose := "1 user has"
		if with > 1 {
			whose = fmt.Sprintf("%d users have", with)
		}
		text := fmt.Sprintf("%s an authenticator app that would not be taken any more; %d of them without another credential.", whose, only)
		return []project.Told{{Difference: i, Effect: snapshot.Effect{Code: EffectOff, Message: text, Count: with}}}, nil
	}
	return nil, nil
}

// holders counts the users who have a seed, and those of them who have no other
// credential to sign in with. Messages to an address are no credential.
func (s *Service) holders(ctx context.Context, project string) (with, only int, err error) {
	const others = user.Password | user.Passkey | user.SAML | user.OAuth | user.OIDC
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&with, &only) },
		`SELECT COUNT(*), COALESCE(SUM(CASE WHEN (u.methods & CAST($2 AS BIGINT)) = 0 THEN 1 ELSE 0 END), 0)
		FROM totp t JOIN users u ON u.project = t.project AND u.id = t.user_id WHERE t.project = $1 AND t.active = 1`, project, int64(others))
	return with, only, err
}
