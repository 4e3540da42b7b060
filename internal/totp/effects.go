package totp

import (
	"context"
	"fmt"
	"slices"

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
	at := slices.IndexFunc(p.Differences, func(d snapshot.Difference) bool { return d.Section == "totp" })
	if at < 0 {
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
	if i := slices.IndexFunc(p.Differences, func(d snapshot.Difference) bool { return d.Section == "totp" && d.Field == "enabled" }); i >= 0 {
		at = i
	}
	whose := "1 user has"
	if with > 1 {
		whose = fmt.Sprintf("%d users have", with)
	}
	text := fmt.Sprintf("%s an authenticator app that would not be taken any more; for %d it is the only way in.", whose, stranded)
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: EffectOff, Message: text, Count: with}}}, nil
}
