package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/store"
	"postern/internal/testkit"
)

const analyticsPath = "/v1/mgmt/analytics/search"

// counts makes a search and returns each count as "created action method tenant
// device = n", without what is blank.
func (b *bundle) counts(t *testing.T, body string) string {
	t.Helper()
	var out []string
	for _, c := range answer[analyticsAnswer](t, b, "POST", analyticsPath, body).Counts {
		if c.Project != b.project || c.Geo != "" || c.Referrer != "" {
			t.Errorf("%+v", c)
		}
		var ms int64
		if _, err := fmt.Sscan(c.Created, &ms); err != nil {
			t.Fatal(err)
		}
		at := "-"
		if ms > 0 {
			at = time.UnixMilli(ms).UTC().Format("06-01-02T15")
		}
		out = append(out, strings.Join(strings.Fields(strings.Join([]string{at, c.Action, c.Method, c.Tenant, c.Device}, " ")), " ")+"="+c.N)
	}
	return strings.Join(out, ", ")
}

// Logins are counted by what is asked for, in steps of UTC, and only those of the
// project.
func TestAnalytics(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		const desktop, phone, tablet, bot = "Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Linux; Android 15) Mobile", "Mozilla/5.0 (iPad)", "examplebot/1.0"
		for i, b := range []*bundle{b, b.other(t)} {
			b.post(t, "user/create", `{"loginId":"ann"}`)
			user := answer[userAnswer](t, b, "GET", "/v1/mgmt/user?loginId=ann", "").User.ID
			err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				for n, l := range []struct{ at, method, tenant, agent string }{
					{"2026-01-05T10:59:59Z", "email", "", desktop},
					{"2026-01-05T11:00:00Z", "pwd", "T1", phone},
					{"2026-01-05T11:59:59Z", "pwd", "T1", phone},
					{"2026-01-11T23:59:59Z", "pwd", "T2", tablet},
					{"2026-01-12T00:00:00Z", "totp", "", bot},
					{"2026-04-01T00:00:00Z", "email", "", ""},
				} {
					at, err := time.Parse(time.RFC3339, l.at)
					if err != nil {
						return err
					}
					if _, err := tx.Exec(`INSERT INTO logins (project, id, user_id, login_at, method, tenant, address, agent) VALUES ($1, $2, $3, $4, $5, $6, '', $7)`,
						b.project, fmt.Sprintf("L%d-%d", i, n), user, at.Unix(), l.method, l.tenant, l.agent); err != nil {
						return err
					}
				}
				made := time.Date(2026, 1, 12, 8, 30, 0, 0, time.UTC)
				_, err := tx.Exec(`UPDATE users SET created_at = $1 WHERE project = $2`, made.Unix(), b.project)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		in := func(from, to, more string) string {
			ms := func(day string) int64 {
				at, err := time.Parse(time.DateOnly, day)
				if err != nil {
					t.Fatal(err)
				}
				return at.UnixMilli()
			}
			return fmt.Sprintf(`{"from":%d,"to":%d%s}`, ms(from), ms(to), more)
		}
		const login = `,"actions":["LoginSucceed"]`
		for _, c := range [][2]string{
			{in("2026-01-01", "2026-04-02", ``), "-=7"},
			{in("2026-01-01", "2026-04-02", `,"groupByAction":true`), "- LoginSucceed=6, - UserCreated=1"},
			{in("2026-01-01", "2026-04-02", login+`,"groupByCreated":"h"`), "26-01-05T10=1, 26-01-05T11=2, 26-01-11T23=1, 26-01-12T00=1, 26-04-01T00=1"},
			{in("2026-01-01", "2026-04-02", login+`,"groupByCreated":"d"`), "26-01-05T00=3, 26-01-11T00=1, 26-01-12T00=1, 26-04-01T00=1"},
			{in("2026-01-01", "2026-04-02", login+`,"groupByCreated":"w"`), "26-01-05T00=4, 26-01-12T00=1, 26-03-30T00=1"},
			{in("2026-01-01", "2026-04-02", `,"groupByCreated":"m"`), "26-01-01T00=6, 26-04-01T00=1"},
			{in("2026-01-01", "2026-04-02", `,"groupByCreated":"q","groupByAction":true`), "26-01-01T00 LoginSucceed=5, 26-01-01T00 UserCreated=1, 26-04-01T00 LoginSucceed=1"},
			{in("2026-01-01", "2026-01-12", `,"groupByMethod":true,"groupByTenant":true`), "- email=1, - password T1=2, - password T2=1, - totp=1"},
			{in("2026-01-01", "2026-04-02", login+`,"groupByDevice":true`), "- Bot=1, - Desktop=1, - Mobile=2, - Tablet=1, - Unknown=1"},
			{in("2026-01-01", "2026-04-02", `,"devices":["Mobile","Bot"]`), "-=3"},
			{in("2026-01-01", "2026-04-02", `,"methods":["password"],"tenants":["T2"],"groupByTenant":true`), "- T2=1"},
			{in("2026-01-01", "2026-04-02", `,"excludedActions":["LoginSucceed"],"groupByAction":true,"groupByGeo":true,"groupByReferrer":true`), "- UserCreated=1"},
			{in("2026-01-01", "2026-04-02", `,"geos":["DE"]`), ""},
			{in("2026-02-01", "2026-03-01", ``), ""},
		} {
			if got := b.counts(t, c[0]); got != c[1] {
				t.Errorf("%s: %q, want %q", c[0], got, c[1])
			}
		}

		// as the SDK in Go sends it, without a time; and what the audit has
		b.post(t, "audit/event", `{"action":"invoice.paid","type":"info"}`)
		got := b.counts(t, `{"actions":["invoice.paid","user.create","LoginSucceed"],"excludedActions":null,"from":-62135596800000,"to":-62135596800000,"devices":null,"methods":null,
			"geos":null,"tenants":null,"groupByAction":true,"groupByDevice":false,"groupByMethod":false,"groupByGeo":false,"groupByTenant":false,"groupByReferrer":false,"groupByCreated":""}`)
		if want := "- LoginSucceed=6, - invoice.paid=1, - user.create=1"; got != want {
			t.Errorf("without a time: %q, want %q", got, want)
		}
		wantFault(t, b.send(t, "POST", analyticsPath, `{"groupByCreated":"y"}`), 400, "E011003")
	})
}

// What is counted is what a search of the audit finds by the same filters.
func TestAnalyticsCountWhatTheAuditFinds(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.post(t, "tenant/create", `{"id":"T1","name":"One"}`)
		b.post(t, "user/create", `{"loginId":"ann"}`)
		user := answer[userAnswer](t, b, "GET", "/v1/mgmt/user?loginId=ann", "").User.ID
		first := time.Date(2026, 1, 5, 10, 59, 58, 0, time.UTC)
		err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			for n, a := range []struct {
				action, method, tenant, agent string
				after                         time.Duration
			}{
				{"LoginFailed", "pwd", "", firefox, 0},
				{"LoginFailed", "pwd", "T1", firefox, 1999 * time.Millisecond},
				{"LoginFailed", "email", "", "Mozilla/5.0 (iPad)", 2 * time.Second},
				{"Logout", "", "T1", firefox, 3 * time.Second},
				{"CredentialAdded", "totp", "", firefox, 4 * time.Second},
				{"UserCreated", "email", "", firefox, 5 * time.Second}, // the user is counted, and not that they came
			} {
				if _, err := tx.Exec(`INSERT INTO acts (project, id, user_id, action, outcome, acted_at, method, tenant, reason, remote, agent, request) VALUES ($1, $2, $3, $4, 'done', $5, $6, $7, '', '', $8, '')`,
					b.project, fmt.Sprint("A", n), user, a.action, first.Add(a.after).UnixMilli(), a.method, a.tenant, a.agent); err != nil {
					return err
				}
			}
			for n, after := range []time.Duration{0, time.Second} {
				if _, err := tx.Exec(`INSERT INTO logins (project, id, user_id, login_at, method, tenant, address, agent) VALUES ($1, $2, $3, $4, 'pwd', 'T1', '', $5)`,
					b.project, fmt.Sprint("L", n), user, first.Add(after).Unix(), firefox); err != nil {
					return err
				}
			}
			_, err := tx.Exec(`UPDATE users SET created_at = $1 WHERE project = $2`, first.Unix(), b.project)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.post(t, "audit/event", `{"action":"invoice.paid","type":"info","tenantId":"T1","data":{"tenant":"T9"}}`)
		b.post(t, "audit/event", `{"action":"invoice.paid","type":"info","data":{"tenant":"T1"}}`)
		in := func(from, to time.Duration, more string) string {
			return fmt.Sprintf(`{"from":%d,"to":%d%s}`, first.Add(from).UnixMilli(), first.Add(to).UnixMilli(), more)
		}
		for _, c := range [][2]string{
			{in(0, time.Minute, `,"groupByAction":true,"groupByMethod":true`), "- CredentialAdded totp=1, - LoginFailed email=1, - LoginFailed password=2, - LoginSucceed password=2, - Logout=1, - UserCreated=1"},
			{in(0, time.Minute, `,"actions":["LoginFailed"],"groupByCreated":"h"`), "26-01-05T10=2, 26-01-05T11=1"},
			{in(0, time.Minute, `,"actions":["LoginFailed"],"groupByDevice":true,"groupByTenant":true`), "- Desktop=1, - Tablet=1, - T1 Desktop=1"},
			{in(0, time.Minute, `,"methods":["pwd"],"groupByAction":true`), "- LoginFailed=2, - LoginSucceed=2"},
			{in(0, time.Minute, `,"tenants":["T1"],"groupByAction":true`), "- LoginFailed=1, - LoginSucceed=2, - Logout=1"},
			{in(time.Millisecond, time.Minute, `,"actions":["LoginSucceed","UserCreated"],"groupByAction":true`), "- LoginSucceed=1"},
			{in(1000*time.Millisecond, 1999*time.Millisecond, `,"groupByAction":true`), "- LoginFailed=1, - LoginSucceed=1"},
			{in(1001*time.Millisecond, 1998*time.Millisecond, ``), ""},
			{`{"actions":["invoice.paid"],"groupByTenant":true}`, "-=1, - T1=1"},
			{`{"actions":["invoice.paid"],"tenants":["T1"]}`, "-=1"},
			{`{"actions":["invoice.paid"],"tenants":["T9"]}`, ""},
		} {
			if got := b.counts(t, c[0]); got != c[1] {
				t.Errorf("%s: %q, want %q", c[0], got, c[1])
			}
		}
	})
}

// A real sign-in is counted.
func TestASignInIsCounted(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.acme(t)
	b.byCode(t, "signup", "ann@acme.example", "")
	answer[wireTokens](t, b, "POST", passwordPath+"signup", `{"loginId":"bob","password":"secret no 1"}`, b.as("")...)
	if got := b.counts(t, `{"actions":["LoginSucceed","UserCreated"],"groupByAction":true,"groupByMethod":true}`); got != "- LoginSucceed email=1, - LoginSucceed password=1, - UserCreated=2" {
		t.Errorf("counted %q", got)
	}
}

// An answer with more counts than anybody reads is refused, not cut.
func TestAnalyticsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, t.TempDir()+"/test.db")
	b.post(t, "user/create", `{"loginId":"ann"}`)
	user := answer[userAnswer](t, b, "GET", "/v1/mgmt/user?loginId=ann", "").User.ID
	err := b.Projects.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
		for i := range mostCounts + 1 {
			if _, err := tx.Exec(`INSERT INTO logins (project, id, user_id, login_at, method, tenant, address, agent) VALUES ($1, $2, $3, $4, '', '', '', '')`,
				b.project, fmt.Sprint("L", i), user, 3600*(i+1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, b.send(t, "POST", analyticsPath, `{"actions":["LoginSucceed"],"groupByCreated":"h"}`), 400, "P40026")
	if got := b.counts(t, `{"actions":["LoginSucceed"]}`); got != fmt.Sprintf("-=%d", mostCounts+1) {
		t.Errorf("in one: %s", got)
	}
}
