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
	at := p.In(project.TOTPFile, "enabled")
	if at == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil || !before.Methods.TOTP.Enabled || after.Methods.TOTP.Enabled {
		return nil, err
	}
	var with, stranded int
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if with, err = user.Holders(tx, p.Project, user.TOTP); err != nil {
			return err
		}
		stranded, err = user.Stranded(tx, p.Project, user.TOTP, after.Methods)
		return err
	})
	if err != nil || with == 0 {
		return nil, err
	}
	text := fmt.Sprintf("%s an authenticator app that would not be taken any more; for %d it is the only way in.",
		project.Counted(with, "user has", "users have"), stranded)
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: EffectOff, Message: text, Count: with}}}, nil
}
