package challenge

import (
	"context"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
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
	if err != nil || after == nil {
		return nil, err
	}
	now, then := reached(before.Methods), reached(after.Methods)
	if now == then {
		return nil, nil
	}
	var n int
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) },
		`SELECT COUNT(*) FROM users WHERE project = $1 AND methods & $2 = 0 AND `+now+` AND NOT `+then, p.Project, int64(user.Credentials(before.Methods)))
	if err != nil || n == 0 {
		return nil, err
	}
	people := project.Counted(n, "person", "people")
	text := "A code or a link in a message is the only way in of " + people + ", and no method would send one."
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: "users_lose_only_method", Message: text, Count: n}}}, nil
}

// reached is the condition on a row of users that a message signs somebody in. The
// one that a user sends counts where a service receives it.
func reached(m project.Methods) string {
	both := m.OTP.Enabled || m.MagicLink.Enabled
	mail, phone := both || m.EnchantedLink.Enabled, both || m.NOTP.Enabled && m.NOTP.Verify.Connector != ""
	switch {
	case mail && phone:
		return `(email <> '' OR phone <> '')`
	case mail:
		return `(email <> '')`
	case phone:
		return `(phone <> '')`
	}
	return `(1 = 0)`
}
