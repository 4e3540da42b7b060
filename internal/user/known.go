package user

import (
	"strings"

	"postern/internal/store"
)

// Known writes conditions of a statement about users, whose first argument is the
// project and who are in a column, by their ids; it is empty where there are none. They
// have one of some login ids, and one that contains one of some texts, whatever the
// case; or with not they have none of these.
func Known(column string, arg func(any) string, ids, parts []string, not bool) []string {
	var out []string
	add := func(list []string, condition func(string) string) {
		switch {
		case len(list) == 0, column == "" && not:
			return
		case column == "":
			out = append(out, `1 = 0`)
			return
		}
		var any []string
		for _, v := range list {
			any = append(any, condition(v))
		}
		text := `EXISTS (SELECT 1 FROM login_ids l WHERE l.project = $1 AND l.user_id = ` + column + ` AND (` + strings.Join(any, ` OR `) + `))`
		if not {
			text = `NOT ` + text
		}
		out = append(out, text)
	}
	add(ids, func(v string) string {
		if id, err := LoginID(v); err == nil {
			v = id
		}
		return `l.login_id = ` + arg(asStored(v))
	})
	add(parts, func(v string) string {
		return `LOWER(l.login_id) LIKE ` + arg("%"+store.InLike(strings.ToLower(v))+"%") + ` ESCAPE '\'`
	})
	return out
}
