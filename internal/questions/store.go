package questions

import (
	"database/sql"
	"errors"
	"time"

	"postern/internal/limit"
	"postern/internal/project"
	"postern/internal/store"
)

func removeAnswers(tx *store.Tx, project, userID string) error {
	_, err := tx.Exec(`DELETE FROM security_answers WHERE project = $1 AND user_id = $2`, project, userID)
	return err
}

func insertAnswer(tx *store.Tx, project, userID, question string, hash []byte) error {
	_, err := tx.Exec(`INSERT INTO security_answers (project, user_id, question, answer) VALUES ($1, $2, $3, $4)`, project, userID, question, hash)
	return err
}

// answersOf returns the hashes of answers by the ids of their questions.
func answersOf(tx *store.Tx, project, userID string) (map[string][]byte, error) {
	type row struct {
		question string
		answer   []byte
	}
	out := map[string][]byte{}
	err := store.Each(tx, func(s store.Scanner) (r row, err error) { return r, s.Scan(&r.question, &r.answer) },
		func(r row) error { out[r.question] = r.answer; return nil },
		`SELECT question, answer FROM security_answers WHERE project = $1 AND user_id = $2`, project, userID)
	return out, err
}

// free refuses a user whose questions are locked, for a while or for good.
func free(tx *store.Tx, cfg *project.Config, userID string, now time.Time) error {
	var tries int
	var until int64
	err := tx.QueryRow(`SELECT wrong, wait_until FROM security_tries WHERE project = $1 AND user_id = $2`, cfg.Project, userID).Scan(&tries, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if most := cfg.Methods.SecurityQuestions.LockAttempts; most > 0 && tries >= most {
		return ErrLocked
	}
	if left := until - now.Unix(); left > 0 && cfg.Methods.SecurityQuestions.TempLockAttempts > 0 {
		return limit.ErrExceeded.With(limit.Wait{Seconds: int(left)})
	}
	return nil
}

// wrong counts a wrong try. Each time that it makes the number for a wait full, there
// is one.
func wrong(tx *store.Tx, m project.QuestionsMethod, projectID, userID string, now time.Time) error {
	var tries int
	err := tx.QueryRow(`INSERT INTO security_tries (project, user_id, wrong, wait_until) VALUES ($1, $2, 1, 0)
		ON CONFLICT (project, user_id) DO UPDATE SET wrong = security_tries.wrong + 1 RETURNING wrong`, projectID, userID).Scan(&tries)
	if err != nil || m.TempLockAttempts == 0 || tries%m.TempLockAttempts != 0 {
		return err
	}
	_, err = tx.Exec(`UPDATE security_tries SET wait_until = $3 WHERE project = $1 AND user_id = $2`, projectID, userID, now.Add(m.TempLockFor).Unix())
	return err
}

// forgive forgets the wrong tries.
func forgive(tx *store.Tx, project, userID string) error {
	_, err := tx.Exec(`DELETE FROM security_tries WHERE project = $1 AND user_id = $2`, project, userID)
	return err
}
