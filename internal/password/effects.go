package password

import (
	"context"
	"fmt"
	"math"
	"time"

	"postern/internal/message"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
	"postern/internal/user"
)

// Effects says what a plan does to people with a password: who could not sign in any
// more, whose password would be too old, who would be locked.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "passwords", Of: s.foresee}
}

func (s *Service) foresee(ctx context.Context, p project.Planned) ([]project.Told, error) {
	if p.In(project.PasswordFile) == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil {
		return nil, err
	}
	var out []project.Told
	tell := func(n int, code string, text func(people string) string, fields ...string) {
		if n > 0 {
			out = append(out, project.Told{Difference: p.In(project.PasswordFile, fields...), Effect: snapshot.Effect{
				Code: code, Message: text(project.Counted(n, "person", "people")), Count: n,
			}})
		}
	}
	was, will, now := before.Methods.Password, after.Methods.Password, time.Now()
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		if was.Enabled && !will.Enabled {
			n, err := user.Stranded(tx, p.Project, user.Password, after.Methods)
			tell(n, "users_lose_only_method", func(people string) string {
				return "This is the only way in of " + people + "."
			}, "enabled")
			return err // nothing else of the policy counts then
		}
		n, err := countOld(tx, p.Project, now, was.ExpireAfter, will.ExpireAfter)
		if err != nil {
			return err
		}
		tell(n, "passwords_expire", func(people string) string {
			return fmt.Sprintf("The passwords of %s are older than %s, and would have to be replaced at the next sign-in.", people, message.Words(will.ExpireAfter))
		}, "expiration", "expirationWeeks")
		if n, err = countTried(tx, p.Project, was.LockAttempts, will.LockAttempts); err != nil {
			return err
		}
		tell(n, "passwords_lock", func(people string) string {
			return fmt.Sprintf("%s had %d wrong tries or more since the last right one, and would be locked at once.", people, will.LockAttempts)
		}, "lock", "lockAttempts")
		return nil
	})
	return out, err
}

// countOld counts the passwords that expire where another age is set; 0 is none.
func countOld(tx *store.Tx, project string, now time.Time, was, will time.Duration) (n int, err error) {
	if will == 0 {
		return 0, nil
	}
	alive := int64(math.MinInt64)
	if was > 0 {
		alive = now.Add(-was).Unix()
	}
	err = tx.QueryRow(`SELECT COUNT(*) FROM passwords WHERE project = $1 AND expired = 0 AND set_at <= $2 AND set_at > $3`,
		project, now.Add(-will).Unix(), alive).Scan(&n)
	return n, err
}

// countTried counts the passwords that are locked where another number of wrong
// tries locks; 0 is none.
func countTried(tx *store.Tx, project string, was, will int) (n int, err error) {
	if will == 0 {
		return 0, nil
	}
	if was == 0 {
		was = math.MaxInt32
	}
	err = tx.QueryRow(`SELECT COUNT(*) FROM passwords WHERE project = $1 AND attempts >= $2 AND attempts < $3`, project, will, was).Scan(&n)
	return n, err
}
