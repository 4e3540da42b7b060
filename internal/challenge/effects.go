package challenge

import (
	"context"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Effects says what a plan does to people who sign in by messages alone: that none
// reaches them any more.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "messages", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	at := project.Whole
	for _, file := range []string{project.OTPFile, project.MagicLinkFile, project.EnchantedLinkFile, project.NOTPFile} {
		if at = p.In(file, "enabled"); at != project.Whole {
			break
		}
	}
	if at == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil || before == nil || !byMessage(before.Methods) || byMessage(after.Methods) {
		return nil, err
	}
	var n int
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) },
		`SELECT COUNT(*) FROM users WHERE project = $1 AND methods = 0 AND (email <> '' OR phone <> '')`, p.Project)
	if err != nil || n == 0 {
		return nil, err
	}
	people := project.Counted(n, "person", "people")
	text := "A code or a link in a message is the only way in of " + people + ", and no method would send one."
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: "users_lose_only_method", Message: text, Count: n}}}, nil
}

// byMessage reports whether a message can sign somebody in. The one that a user sends
// counts where a service receives it.
func byMessage(m project.Methods) bool {
	return m.OTP.Enabled || m.MagicLink.Enabled || m.EnchantedLink.Enabled || m.NOTP.Enabled && m.NOTP.Verify.Connector != ""
}
