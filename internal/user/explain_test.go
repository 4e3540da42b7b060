package user

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/store"
	"postern/internal/testkit"
)

// many is how many users the plans of searches are asked about.
const many = 20_000

// fillMany makes many users in one project with plain statements, and lets
// PostgreSQL count them.
func fillMany(t *testing.T, db *store.DB) {
	t.Helper()
	numbers := `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(many) + `) `
	err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for _, statement := range []string{
			`INSERT INTO projects (id, name, created_at) VALUES ('P1', 'P1', 1)`,
			`INSERT INTO tenants (project, id, name, created_at, modified_at) VALUES ('P1', 'T1', 'One', 1, 1)`,
			numbers + `INSERT INTO users (project, id, status, email, phone, created_at, modified_at) SELECT 'P1', 'U' || i, 'enabled', 'u' || i || '@shop.example', '+1' || i, i, i FROM n`,
			numbers + `INSERT INTO login_ids (project, login_id, user_id, position) SELECT 'P1', 'u' || i || '@shop.example', 'U' || i, 0 FROM n`,
			numbers + `INSERT INTO user_attributes (project, name, value, user_id) SELECT 'P1', 'number', CAST(i AS TEXT), 'U' || i FROM n`,
			`INSERT INTO memberships (project, user_id, tenant) VALUES ('P1', 'U7', 'T1')`,
			`INSERT INTO user_roles (project, user_id, tenant, role) VALUES ('P1', 'U7', '', 'R1')`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		if db.Kind() == store.Postgres {
			_, err := tx.Exec(`ANALYZE`)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A search for what few users have looks at few: no plan reads the table of users or
// of login ids from one end to the other, however many there are. Only the search
// for text does, which says so.
func TestSearchesUseIndexes(t *testing.T) {
	t.Parallel()
	no := false
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		fillMany(t, db)
		for name, q := range map[string]Search{
			"a login id":                   {LoginIDs: []string{"u7@shop.example"}, Test: &no},
			"login ids":                    {LoginIDs: []string{"u7@shop.example", "u8@shop.example"}, Test: &no},
			"an id":                        {IDs: []string{"U7"}, Test: &no},
			"an address":                   {Emails: []string{"u7@shop.example"}, Test: &no},
			"a number":                     {Phones: []string{"+17"}, Test: &no},
			"a tenant":                     {Tenants: []string{"T1"}, Test: &no},
			"a role":                       {Roles: []string{"R1"}, Test: &no},
			"a tenant, or with a role":     {RolesIn: []TenantHas{{Tenant: "T1"}, {Tenant: "T1", Roles: []string{"R1", "R2"}, All: true}}, Test: &no},
			"a custom attribute":           {Custom: map[string][]any{"number": {7}}, Test: &no},
			"the newest of a custom value": {Custom: map[string][]any{"number": {7}}, Sort: []Sort{{Field: "createdTime", Desc: true}}},
		} {
			users, total, err := (&Service{DB: db}).Search(t.Context(), "P1", q)
			if err != nil || total < 1 || total > 2 || users[0].ID != "U7" {
				t.Errorf("%s: %d users, %v", name, total, err)
			}
			page, count, whole := plan(t, db, q)
			for _, line := range slices.Concat(page, count, whole) {
				whole := strings.Contains(line, "Seq Scan on users") || strings.Contains(line, "Seq Scan on login_ids") || strings.Contains(line, "users_listed") || strings.Contains(line, "users_created") ||
					strings.HasPrefix(strings.TrimSpace(line), "SCAN u") || strings.Contains(line, "SCAN login_ids") || strings.Contains(line, "(project=?)")
				if whole {
					t.Errorf("%s reads all users: %s", name, line)
				}
			}
		}
		for name, q := range map[string]Search{"the first page": {Test: &no}, "the first page, with test users": {}} {
			page, _, _ := plan(t, db, q)
			for _, line := range page {
				if strings.HasPrefix(strings.TrimLeft(line, " ->"), "Sort  ") || strings.Contains(line, "TEMP B-TREE FOR ORDER BY") {
					t.Errorf("%s is sorted as a whole: %s", name, line)
				}
			}
		}
	})
}

// PostgreSQL takes longer to plan a search of users who are named than to run it: it does
// so for the first times alone.
func TestSearchesAreNotPlannedEachTime(t *testing.T) {
	t.Parallel()
	no := false
	db := testkit.Open(t, testkit.Postgres(t))
	fillMany(t, db)
	for name, q := range map[string]Search{
		"a login id": {LoginIDs: []string{"u7@shop.example"}, Test: &no, Limit: DefaultPage},
		"an id":      {IDs: []string{"U7"}, Test: &no, Limit: DefaultPage},
	} {
		st, err := q.statement("P1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var planned int
		err = db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error { // on one connection
			for range 20 {
				if users, err := store.Collect(tx, scan, st.users(&q), st.paged(&q)...); err != nil || len(users) != 1 {
					t.Fatal(name, len(users), err)
				}
			}
			return tx.QueryRow(`SELECT custom_plans FROM pg_prepared_statements WHERE statement = $1`, st.users(&q)).Scan(&planned)
		})
		if err != nil || planned > 10 {
			t.Errorf("%s: planned %d times, %v", name, planned, err)
		}
	}
}

// plan returns how the database goes about a page of a search, about its count, and
// about the users themselves where the search names them.
func plan(t *testing.T, db *store.DB, q Search) (page, count, whole []string) {
	t.Helper()
	st, err := q.statement("P1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	explain := map[string]string{store.SQLite: "EXPLAIN QUERY PLAN ", store.Postgres: "EXPLAIN "}[db.Kind()]
	scan := func(row store.Scanner) (line string, err error) {
		if db.Kind() == store.Postgres {
			return line, row.Scan(&line)
		}
		var id, parent, unused int
		return line, row.Scan(&id, &parent, &unused, &line)
	}
	ask := func(query string, args ...any) []string {
		lines, err := store.Rows(t.Context(), db, scan, explain+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	q.Limit = DefaultPage
	page, count = ask(st.page(&q), st.paged(&q)...), ask(st.count(), st.args...)
	if q.names() {
		whole = ask(st.users(&q), st.paged(&q)...)
	}
	return page, count, whole
}
