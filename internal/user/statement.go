package user

import (
	"slices"
	"strconv"
	"strings"

	"postern/internal/store"
)

// statement is a search as SQL: the condition and the order.
type statement struct {
	where  []string
	args   []any
	order  string
	narrow bool // an index finds the few users of which one condition speaks
}

// count counts all who are found.
func (st *statement) count() string { return `SELECT COUNT(` + st.column() + `)` + st.from() }

// page reads the ids of some of them; paged are its arguments.
func (st *statement) page(q *Search) string {
	return `SELECT u.id, ` + st.column() + st.from() + st.some(q)
}

// users reads a page of users themselves. SQLite reads all that each has before it
// knows which are in the page, so there must not be many more.
func (st *statement) users(q *Search) string { return `SELECT ` + Columns() + st.from() + st.some(q) }

// some is which of all are in a page: the arguments after those of the conditions are
// how many, and after how many others. Of a number of others that it does not know
// PostgreSQL takes one for granted, and so plans anew each time what it finds too dear.
func (st *statement) some(q *Search) string {
	n := len(st.args)
	out := st.order + ` LIMIT $` + strconv.Itoa(n+1)
	if q.Offset > 0 {
		out += ` OFFSET $` + strconv.Itoa(n+2)
	}
	return out
}

func (st *statement) paged(q *Search) []any {
	args := append(slices.Clip(st.args), q.Limit)
	if q.Offset > 0 {
		args = append(args, q.Offset)
	}
	return args
}

func (st *statement) from() string {
	return ` FROM users u WHERE ` + strings.Join(st.where, " AND ")
}

// column is one that is never null. Where an index finds few it is one that no index
// has: SQLite reads an index that has all that is asked for from one end to the
// other rather than the rows of those few.
func (st *statement) column() string {
	if st.narrow {
		return "u.recovery"
	}
	return "u.id"
}

// one adds a condition that a column is one of some values.
func (st *statement) one(column string, values []string) {
	if len(values) > 0 {
		st.where = append(st.where, column+" IN "+store.Among(&st.args, values))
	}
}

// owner adds a condition on another table: that it has a row of the user. Such a
// table is read by an index, and what is found there are the ids.
func (st *statement) owner(table, condition string) {
	st.found(`SELECT user_id FROM ` + table + ` WHERE project = $1 AND ` + condition)
}

// found adds a condition that the user is one of whom another statement finds.
func (st *statement) found(statement string) {
	st.where = append(st.where, "u.id IN ("+statement+")")
	st.narrow = true
}

// plain is a column whose index must not be taken where another one finds few: a
// plus before a number keeps it away, on both databases. Without it a page of the few
// is looked for among all, in the order of the page.
func (st *statement) plain(column string) string {
	if st.narrow && indexed(column) {
		return "+" + column
	}
	return column
}

// indexed reports whether a column of numbers has an index of its own.
func indexed(column string) bool { return column == "u.created_at" || column == "u.test" }

// or adds a condition of which one part is enough; no part is no condition.
func (st *statement) or(parts []string) {
	if len(parts) > 0 {
		st.where = append(st.where, "("+strings.Join(parts, " OR ")+")")
	}
}

func (st *statement) arg(v any) string {
	st.args = append(st.args, v)
	return "$" + strconv.Itoa(len(st.args))
}
