package questions

import (
	"context"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// EffectGone is the code of the effect of taking questions away that users have
// answered.
const EffectGone = "answers_dropped"

// Effects says how many users an import would leave with fewer answers than are asked.
func (s *Service) Effects() project.Effects {
	return project.Effects{Owner: "security questions", Of: s.effects}
}

func (s *Service) effects(ctx context.Context, p project.Planned) ([]project.Told, error) {
	at := p.In(project.QuestionsFile)
	if at == project.Whole {
		return nil, nil
	}
	before, after, err := p.Configs()
	if err != nil || after == nil || !before.Methods.SecurityQuestions.Enabled {
		return nil, err
	}
	now, will := before.Methods.SecurityQuestions, after.Methods.SecurityQuestions
	answered := map[string]map[string]bool{} // by user
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		return store.Each(tx, func(row store.Scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) },
			func(r [2]string) error {
				if answered[r[0]] == nil {
					answered[r[0]] = map[string]bool{}
				}
				answered[r[0]][r[1]] = true
				return nil
			}, `SELECT user_id, question FROM security_answers WHERE project = $1`, p.Project)
	})
	if err != nil {
		return nil, err
	}
	n := 0
	for _, have := range answered {
		if enough(now, have) && (!will.Enabled || !enough(will, have)) {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	text := project.Counted(n, "user has", "users have") + " answered security questions, and could not use them as a further proof any more."
	return []project.Told{{Difference: at, Effect: snapshot.Effect{Code: EffectGone, Message: text, Count: n}}}, nil
}

// enough reports whether somebody has answered as many of the questions as are asked.
func enough(m project.QuestionsMethod, answered map[string]bool) bool {
	n := 0
	for _, q := range m.Questions {
		if answered[q.ID] {
			n++
		}
	}
	return n > 0 && n >= m.Verify
}
