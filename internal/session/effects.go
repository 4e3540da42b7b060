package session

import (
	"context"
	"fmt"
	"time"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// Effects says what a plan does to sessions that live: which would end.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "sessions", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	if p.In(project.SettingsFile) == project.Whole && p.In(project.JWTTemplatesFile) == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil {
		return nil, err
	}
	was, will, now := lifetimesOf(before.Settings), lifetimesOf(after.Settings), time.Now()
	var out []project.Told
	tell := func(condition string, bound time.Time, text string, at int) error {
		n, err := s.countLive(ctx, p.Project, was, now, condition, bound)
		if err != nil || n == 0 {
			return err
		}
		subject := project.Counted(n, "session ends at its", "sessions end at their")
		out = append(out, project.Told{Difference: at, Effect: snapshot.Effect{Code: "sessions_end", Message: fmt.Sprintf("%s next refresh: %s.", subject, text), Count: n}})
		return nil
	}
	if will.refresh < was.refresh {
		err := tell(`lifetime = 0 AND created_at <= $5`, now.Add(-will.refresh), "older than "+message.Words(will.refresh), p.In(project.SettingsFile, "refreshTokenExpiration", "refreshTokenExpirationUnit"))
		if err != nil {
			return nil, err
		}
	}
	if will.inactivity > 0 && (was.inactivity == 0 || will.inactivity < was.inactivity) {
		err := tell(`refreshed_at < $5`, now.Add(-will.inactivity), "not used for "+message.Words(will.inactivity), p.In(project.SettingsFile, "enableInactivity", "inactivityTime", "inactivityTimeUnit"))
		if err != nil {
			return nil, err
		}
	}
	if otherIssuer(before, after) {
		at := p.In(project.JWTTemplatesFile)
		if at == project.Whole {
			at = p.In(project.SettingsFile, "userTemplateId")
		}
		if err := tell(`created_at <= $5`, now, "their tokens have an issuer of another form, which the JWT template does not take", at); err != nil {
			return nil, err
		}
	}
	if newlyStrict(before, after) {
		n, err := s.countLive(ctx, p.Project, was, now, `created_at <= $5`, now)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			subject := project.Counted(n, "session may end at its", "sessions may end at their")
			text := subject + " next refresh: those whose tokens have an issuer of another form than new ones. The server does not know how many have."
			out = append(out, project.Told{Difference: p.In(project.JWTTemplatesFile), Effect: snapshot.Effect{Code: "sessions_may_end", Message: text, Count: n}})
		}
	}
	forgotten, err := s.foreseeDevices(ctx, p, before, after)
	return append(out, forgotten...), err
}

// foreseeDevices tells of devices that would not be trusted any more.
func (s *Service) foreseeDevices(ctx context.Context, p project.Planned, before, after *project.Config) ([]project.Told, error) {
	was, will, now := before.Settings.TrustedDeviceFor, after.Settings.TrustedDeviceFor, time.Now()
	if will >= was {
		return nil, nil
	}
	var n int
	err := s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) },
		`SELECT COUNT(*) FROM trusted_devices WHERE project = $1 AND expires_at > $2 AND created_at > $3 AND created_at <= $4`,
		p.Project, now.Unix(), now.Add(-was).Unix(), now.Add(-will).Unix())
	if err != nil || n == 0 {
		return nil, err
	}
	text := project.Counted(n, "device is", "devices are") + " not trusted any more: for longer than " + message.Words(will) + "."
	at := p.In(project.SettingsFile, "trustedDeviceTokenExpiration", "trustedDeviceTokenExpirationUnit")
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: "devices_forgotten", Message: text, Count: n}}}, nil
}

// otherIssuer reports whether the tokens of now have an issuer that would be refused.
func otherIssuer(before, after *project.Config) bool {
	was, _ := template(before)
	will, _ := template(after)
	return will.EnforceIssuer && was.ConformanceIssuer != will.ConformanceIssuer
}

// newlyStrict reports whether both forms of an issuer are taken now, and only that of new
// tokens would be. Which one a session has is in its tokens alone, and not of record.
func newlyStrict(before, after *project.Config) bool {
	was, _ := template(before)
	will, _ := template(after)
	return will.EnforceIssuer && !was.EnforceIssuer && was.ConformanceIssuer == will.ConformanceIssuer
}

// countLive counts the sessions that live under the lifetimes of now, and of which a
// condition holds; $5 in it is the bound.
func (s *Service) countLive(ctx context.Context, project string, l lifetimes, now time.Time, condition string, bound time.Time) (n int, err error) {
	lies := int64(0) // nothing lies still where no setting asks
	if l.inactivity > 0 {
		lies = now.Add(-l.inactivity).Unix()
	}
	err = s.DB.One(ctx, func(row store.Scanner) error { return row.Scan(&n) }, `SELECT COUNT(*) FROM sessions
		WHERE project = $1 AND ended_at = 0 AND expires_at > $2 AND (lifetime > 0 OR created_at > $3) AND refreshed_at >= $4 AND `+condition,
		project, now.Unix(), now.Add(-l.refresh).Unix(), lies, bound.Unix())
	if err != nil {
		return 0, fmt.Errorf("count sessions: %w", err)
	}
	return n, nil
}
