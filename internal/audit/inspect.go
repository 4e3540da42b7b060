package audit

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

// Inspect looks at every event and reports those that Record could not have
// written. It returns how many there are.
func Inspect(tx *store.Tx, found func(id, project, message string)) (int, error) {
	type raw struct {
		Event
		at      int64
		details string
	}
	n := 0
	err := store.Each(tx, func(row store.Scanner) (e raw, err error) {
		return e, row.Scan(&e.ID, &e.Project, &e.Actor, &e.Action, &e.Outcome, &e.at, &e.details)
	}, func(e raw) error {
		n++
		var details map[string]any
		switch {
		case e.Actor == "" || e.Action == "":
			found(e.ID, e.Project, "it says not who did what")
		case e.Outcome != Done && e.Outcome != Refused && e.Outcome != Failed:
			found(e.ID, e.Project, fmt.Sprintf("there is no outcome %q", e.Outcome))
		case e.at <= 0:
			found(e.ID, e.Project, "it says not when it was")
		case json.Unmarshal([]byte(e.details), &details) != nil:
			found(e.ID, e.Project, "its details are no JSON object")
		}
		return nil
	}, `SELECT id, project, actor, action, outcome, occurred_at, details FROM audit`)
	if err != nil {
		return n, fmt.Errorf("inspect audit: %w", err)
	}
	return n, nil
}
