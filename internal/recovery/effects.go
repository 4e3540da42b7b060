package recovery

import (
	"context"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// EffectOff is the code of the effect of switching off what recovery codes stand in for.
const EffectOff = "recovery_codes_useless"

// Effects says how many users have recovery codes that an import would make useless,
// because neither authenticator apps nor passkeys are left.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "recovery codes", Of: s.effects}
}

func (s *Service) effects(ctx context.Context, p project.Planned) ([]project.Told, error) {
	at := p.In(project.TOTPFile, "enabled")
	if at == project.Whole {
		at = p.In(project.PasskeyFile, "enabled")
	}
	if at == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil || !enabled(before) || enabled(after) {
		return nil, err
	}
	var n int
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		n, err = user.Holders(tx, p.Project, user.RecoveryCodes)
		return err
	})
	if err != nil || n == 0 {
		return nil, err
	}
	text := project.Counted(n, "user has", "users have") + " recovery codes that would not be taken any more."
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: EffectOff, Message: text, Count: n}}}, nil
}
