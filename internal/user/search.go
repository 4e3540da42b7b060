package user

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/message"
	"postern/internal/store"
)

// What of a search is refused.
var (
	ErrSort = fault.New(fault.Invalid, "E011003", "Request is invalid: users are not sorted by this field")
	ErrPage = fault.New(fault.Invalid, "E011003", "Request is invalid: a page has at most 1000 users, and neither it nor its number is negative")
)

// DefaultPage is how many users a page has where nobody says.
const DefaultPage = 100

// A Search says which users are wanted. What is empty or nil does not matter; of a
// list one is enough, and of the fields each counts.
type Search struct {
	LoginIDs, IDs, Emails, Phones  []string
	RecoveryEmails, RecoveryPhones []string

	Statuses []Status
	Tenants  []string
	Roles    []string    // ids, in the project or in a tenant
	RolesIn  []TenantHas // one of them
	Apps     []string
	Custom   map[string][]any // values by the name of the attribute, of which one is enough

	Text string // is somewhere in a name, an address, a number or a login id, or is the id; letters of ASCII without their case

	VerifiedEmail, VerifiedPhone                 *bool
	VerifiedRecoveryEmail, VerifiedRecoveryPhone *bool
	Test                                         *bool
	Has, Lacks                                   Methods // each of them
	HasAny                                       Methods // one of them

	CreatedFrom, CreatedTo, ModifiedFrom, ModifiedTo time.Time // zero is no bound; the bounds count

	Sort   []Sort // at last by when they were created, the oldest first
	Limit  int    // 0 is 100; at most MostLoaded
	Offset int
}

// TenantHas are roles in one tenant, by id. Without a role it is the tenant alone.
type TenantHas struct {
	Tenant string
	Roles  []string
	All    bool // each of them, not one
}

// Sort is by what users are sorted. Text comes in the order of the database.
type Sort struct {
	Field string
	Desc  bool
}

// firstLoginID is the first login id of a user, as SQL.
const firstLoginID = "(SELECT l.login_id FROM login_ids l WHERE l.project = u.project AND l.user_id = u.id AND l.position = 0)"

// sortColumns are what users are sorted by, by the name of the field on the wire.
func sortColumns() map[string]string {
	return map[string]string{
		"createdTime": "u.created_at", "modifiedTime": "u.modified_at", "lastLoginTime": "u.last_login_at", "status": "u.status",
		"name": "u.name", "displayName": "u.name", "givenName": "u.given_name", "middleName": "u.middle_name", "familyName": "u.family_name",
		"email": "u.email", "phone": "u.phone", "userId": "u.id", "test": "u.test",
		"loginId": firstLoginID, "loginIds": firstLoginID,
	}
}

// Search returns a page of users, and how many there are in all. It takes as many
// statements for a page as for one user; one by login ids or ids takes one.
func (s *Service) Search(ctx context.Context, project string, q Search) (users []*User, total int, err error) {
	if q.Limit < 0 || q.Limit > MostLoaded || q.Offset < 0 {
		return nil, 0, ErrPage
	}
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	st, err := q.statement(project, time.Now())
	if err != nil {
		return nil, 0, err
	}
	if q.names() {
		users, err = store.Rows(ctx, s.DB, scan, st.users(&q), st.paged(&q)...)
		if err != nil {
			return nil, 0, fmt.Errorf("search users by name: %w", err)
		}
		if q.last(len(users)) {
			return users, q.Offset + len(users), nil
		}
	}
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		users, total, err = searchIn(tx, project, &q, st)
		return err
	})
	return users, total, err
}

// names reports whether a search says by what users are found, of fewer than a page
// has room for. A login id may mean one user in each tenant, so there may be more.
func (q *Search) names() bool {
	some := func(list []string) bool { return len(list) > 0 && len(list) < q.Limit }
	return some(q.LoginIDs) || some(q.IDs)
}

// last reports whether a page with n users says how many there are in all: it is the
// last one, and not behind it.
func (q *Search) last(n int) bool { return n < q.Limit && (n > 0 || q.Offset == 0) }

func searchIn(tx *store.Tx, project string, q *Search, st *statement) ([]*User, int, error) {
	ids, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id, new(string)) }, st.page(q), st.paged(q)...)
	if err != nil {
		return nil, 0, fmt.Errorf("search users: %w", err)
	}
	total := q.Offset + len(ids)
	if !q.last(len(ids)) {
		if err := tx.QueryRow(st.count(), st.args...).Scan(&total); err != nil {
			return nil, 0, fmt.Errorf("count users: %w", err)
		}
	}
	users, err := LoadAll(tx, project, ids)
	return users, total, err
}

func (q *Search) statement(project string, now time.Time) (*statement, error) {
	st := &statement{where: []string{"u.project = $1"}, args: []any{project}}
	q.identities(st)
	if err := q.belongings(st); err != nil {
		return nil, err
	}
	if err := q.marks(st, now); err != nil {
		return nil, err
	}
	for _, s := range q.Sort {
		column, ok := sortColumns()[s.Field]
		if !ok {
			return nil, ErrSort.WithMessage("Request is invalid: users are sorted by one of " + strings.Join(slices.Sorted(maps.Keys(sortColumns())), ", "))
		}
		st.order += st.plain(column)
		if s.Desc {
			st.order += " DESC"
		}
		st.order += ", "
	}
	st.order = " ORDER BY " + st.order + st.plain("u.created_at") + ", u.id"
	return st, nil
}

func (q *Search) identities(st *statement) {
	var ids []string
	for _, id := range q.LoginIDs {
		if id, err := LoginID(id); err == nil {
			ids = append(ids, id)
		}
	}
	if len(q.LoginIDs) > 0 {
		st.owner("login_ids", "login_id IN "+store.Among(&st.args, ids))
	}
	var emails, phones []string
	for _, s := range q.Emails {
		emails = append(emails, strings.ToLower(strings.TrimSpace(s)))
	}
	for _, s := range q.Phones {
		phones = append(phones, asStored(s))
	}
	st.one("u.id", q.IDs)
	st.one("u.email", emails)
	st.one("u.phone", phones)
	st.narrow = st.narrow || len(q.IDs)+len(emails)+len(phones) > 0
	if q.Text != "" {
		like := st.arg("%" + store.InLike(strings.ToLower(q.Text)) + "%")
		var or []string
		for _, column := range []string{"name", "given_name", "middle_name", "family_name", "email", "phone"} {
			or = append(or, "LOWER(u."+column+") LIKE "+like+` ESCAPE '\'`)
		}
		or = append(or, "u.id = "+st.arg(q.Text),
			"u.id IN (SELECT user_id FROM login_ids WHERE project = $1 AND LOWER(login_id) LIKE "+like+` ESCAPE '\')`)
		st.or(or)
	}
}

func (q *Search) belongings(st *statement) error {
	if len(q.Tenants) > 0 {
		st.owner("memberships", "tenant IN "+store.Among(&st.args, q.Tenants))
	}
	if len(q.Roles) > 0 {
		condition := "role IN " + store.Among(&st.args, q.Roles)
		if len(q.Tenants) > 0 {
			condition += " AND tenant IN " + store.Among(&st.args, append([]string{""}, q.Tenants...))
		}
		st.owner("user_roles", condition)
	}
	var found []string
	for _, in := range q.RolesIn {
		tenant := st.arg(in.Tenant)
		all := []string{"SELECT user_id FROM memberships WHERE project = $1 AND tenant = " + tenant}
		sets := [][]string{in.Roles}
		if in.All {
			sets = nil
			for _, role := range in.Roles {
				sets = append(sets, []string{role})
			}
		}
		for _, set := range sets {
			if len(set) > 0 {
				all = append(all, "user_id IN (SELECT user_id FROM user_roles WHERE project = $1 AND tenant = "+tenant+" AND role IN "+store.Among(&st.args, set)+")")
			}
		}
		found = append(found, strings.Join(all, " AND "))
	}
	if len(found) > 0 {
		st.found(strings.Join(found, " UNION ALL "))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Custom)) {
		keys, err := attributeKeys(q.Custom[name])
		if err != nil {
			return err
		}
		st.owner("user_attributes", "name = "+st.arg(name)+" AND value IN "+store.Among(&st.args, keys))
	}
	return nil
}

// marks adds what the row of a user says itself.
func (q *Search) marks(st *statement, now time.Time) error {
	for _, f := range []struct {
		want   *bool
		column string
	}{{q.Test, st.plain("u.test")}, {q.VerifiedEmail, "u.email_verified"}, {q.VerifiedPhone, "u.phone_verified"}} {
		if f.want != nil {
			st.where = append(st.where, f.column+" = "+strconv.FormatInt(flag(*f.want), 10))
		}
	}
	for _, m := range []struct {
		bits      Methods
		condition string
	}{{q.Has, " = " + strconv.FormatInt(int64(q.Has), 10)}, {q.Lacks, " = 0"}, {q.HasAny, " <> 0"}} {
		if m.bits != 0 {
			st.where = append(st.where, "(u.methods & "+strconv.FormatInt(int64(m.bits), 10)+")"+m.condition)
		}
	}
	for _, r := range []struct {
		at        time.Time
		condition string
	}{{q.CreatedFrom, "u.created_at >= "}, {q.CreatedTo, "u.created_at <= "}, {q.ModifiedFrom, "u.modified_at >= "}, {q.ModifiedTo, "u.modified_at <= "}} {
		if !r.at.IsZero() {
			st.where = append(st.where, r.condition+st.arg(r.at.Unix()))
		}
	}
	q.statuses(st, now)
	return q.documents(st)
}

// statuses adds the status, of which an invitation that has ended is one.
func (q *Search) statuses(st *statement, now time.Time) {
	ended := "u.status = 'invited' AND u.expires_at <> 0 AND u.expires_at < "
	var or []string
	for _, s := range q.Statuses {
		switch s {
		case Expired:
			or = append(or, ended+st.arg(now.Unix()))
		case Invited:
			or = append(or, "u.status = 'invited' AND NOT ("+ended+st.arg(now.Unix())+")")
		default:
			or = append(or, "u.status = "+st.arg(string(s)))
		}
	}
	st.or(or)
}

// asStored returns a number as it is stored, and what is none without space around it.
func asStored(s string) string {
	if e164, err := message.Phone(s); err == nil {
		return e164
	}
	return strings.TrimSpace(s)
}

// documents adds conditions on what is kept as JSON, which is written in one way
// only: a member or an element is found as text. No index helps.
func (q *Search) documents(st *statement) error {
	member := func(name string, v any) (string, error) {
		b, err := json.Marshal(v)
		return "u.recovery LIKE " + st.arg("%"+store.InLike(`"`+name+`":`+string(b))+"%") + ` ESCAPE '\'`, err
	}
	for _, f := range []struct {
		name   string
		values []string
	}{{"email", q.RecoveryEmails}, {"phone", q.RecoveryPhones}} {
		var or []string
		for _, v := range f.values {
			c, err := member(f.name, strings.ToLower(asStored(v)))
			if err != nil {
				return err
			}
			or = append(or, c)
		}
		st.or(or)
	}
	for _, f := range []struct {
		name string
		want *bool
	}{{"verifiedEmail", q.VerifiedRecoveryEmail}, {"verifiedPhone", q.VerifiedRecoveryPhone}} {
		if f.want == nil {
			continue
		}
		c, err := member(f.name, true)
		if err != nil {
			return err
		}
		if !*f.want {
			c = "NOT (" + c + ")"
		}
		st.where = append(st.where, c)
	}
	var or []string
	for _, app := range q.Apps {
		b, err := json.Marshal(app)
		if err != nil {
			return err
		}
		or = append(or, "u.apps LIKE "+st.arg("%"+store.InLike(string(b))+"%")+` ESCAPE '\'`)
	}
	st.or(or)
	return nil
}
