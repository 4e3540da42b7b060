package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/argon2"

	"postern/internal/audit"
	pkgproject "postern/internal/project"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// TestSignedIn prints how many people a second refresh their tokens, have them
// validated and ask who they are, beside a bare server that does the least that it
// takes. The two are measured in turn. Where others use the machine, processor time
// says more than time does.
func TestSignedIn(t *testing.T) {
	out := newReport(t, "People who have signed in, 16 at once", "database", "job", "rate", "floor", "ratio", "processor", "floor", "ratio", "goal", "floor there", "ratio")
	measureSignedIn(t, out, "SQLite", filepath.Join(t.TempDir(), "bench.db"))
	if os.Getenv(testkit.PostgresVariable) != "" {
		measureSignedIn(t, out, "PostgreSQL", testkit.Postgres(t))
	}
}

// GoTrue rotated 400 refresh tokens a second on PostgreSQL where a floor like ours made
// 12,000, with two cores and 16 clients. It is not run here: that the two would be as
// far apart on this machine is an assumption.
const (
	goTrueThere = 400
	floorThere  = 12_000
)

func measureSignedIn(t *testing.T, out *report, kind, database string) {
	p, b, there := newPeople(t, database, 2000), newBare(t), newBareBeside(t, kind)
	refreshed := p.refreshTokens()
	var rotated, least rate // refreshes
	if kind == "PostgreSQL" {
		defer func() {
			r := middle(durably(t, database))
			out.row(kind, "a bare durable commit each, for comparison", r.perSecond(), "", "", r.processor.Round(time.Microsecond).String())
			out.row(kind, "refresh with rotation over a bare durable commit", rotated.perSecond(), r.perSecond(), ratio(r.each, rotated.each))
			theirs := rate{each: least.each * floorThere / goTrueThere}
			out.row(kind, "refresh with rotation over GoTrue, scaled by the floor", rotated.perSecond(), theirs.perSecond(), ratio(theirs.each, rotated.each), "", "", "", "5")
		}()
	}
	for _, j := range []struct {
		name, goal string
		ours       func(i int, w *wire) error
		floor      func(*bare) func(i int, w *wire) error
	}{
		{
			"refresh with rotation", "0.6",
			p.refresh(refreshed),
			(*bare).rotate,
		},
		{
			"validate", "0.7",
			func(i int, w *wire) error {
				_, err := w.call("POST", "/v1/auth/validate", p.project+":"+p.tokens[i].Session.Reveal(), "{}")
				return err
			},
			(*bare).look,
		},
		{
			"me", "0.7",
			func(i int, w *wire) error {
				_, err := w.call("GET", "/v1/auth/me", p.project+":"+refreshed[i], "")
				return err
			},
			(*bare).look,
		},
	} {
		t.Run(kind+" "+j.name, func(t *testing.T) {
			sides := []side{{p.url, j.ours}, {b.url, j.floor(b)}}
			if there != nil {
				sides = append(sides, side{there.url, j.floor(there)})
			}
			all := inTurn(t, sides...)
			ours, floor := middle(all[0]), middle(all[1])
			if rotated.each == 0 {
				rotated, least = ours, floor
			}
			cells := []any{
				kind, j.name, ours.perSecond(), floor.perSecond(), ratio(floor.each, ours.each),
				ours.processor.Round(time.Microsecond).String(), floor.processor.Round(time.Microsecond).String(), ratio(floor.processor, ours.processor), j.goal,
			}
			if there != nil {
				cells = append(cells, onTheSame(ours, all[2])...)
			}
			out.row(cells...)
		})
	}
}

// refreshTokens returns the refresh token of each client.
func (p *people) refreshTokens() []string {
	out := make([]string, clients)
	for i, tokens := range p.tokens {
		out[i] = tokens.Refresh.Reveal()
	}
	return out
}

// refresh uses the token of a client, and puts the next one in its place.
func (p *people) refresh(tokens []string) func(i int, w *wire) error {
	return func(i int, w *wire) error {
		body, err := w.call("POST", "/v1/auth/refresh", p.project+":"+tokens[i], "{}")
		if err == nil {
			tokens[i], err = member(body, "refreshJwt")
		}
		return err
	}
}

// durably changes one row of PostgreSQL from all clients, each change a commit of its
// own, which the server makes durable for those who wait together.
func durably(t *testing.T, database string) []rate {
	t.Helper()
	pool := make([]*pgx.Conn, clients)
	for i := range pool {
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		pool[i] = conn
	}
	if _, err := pool[0].Exec(t.Context(), `CREATE TABLE bare (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		if _, err := pool[0].Exec(t.Context(), `INSERT INTO bare VALUES ($1, 0)`, i); err != nil {
			t.Fatal(err)
		}
	}
	var all []rate
	for range *rounds {
		all = append(all, load(t, "", func(i int, _ *wire) error {
			_, err := pool[i].Exec(t.Context(), `UPDATE bare SET n = n + 1 WHERE id = $1`, i)
			return err
		}))
	}
	return all
}

// look validates a token at the floor.
func (b *bare) look() func(i int, w *wire) error {
	return func(i int, w *wire) error {
		_, err := w.call("POST", "/validate", "P:"+b.tokens[i], "{}")
		return err
	}
}

// rotate uses the token of a client at the floor, and puts the next one in its place.
func (b *bare) rotate() func(i int, w *wire) error {
	return func(i int, w *wire) error {
		body, err := w.call("POST", "/refresh", "P:"+b.tokens[i], "{}")
		if err == nil {
			b.tokens[i], err = member(body, "refreshJwt")
		}
		return err
	}
}

// A side is what is measured beside others, and where.
type side struct {
	host string
	do   func(client int, w *wire) error
}

// inTurn measures sides, round by round.
func inTurn(t *testing.T, sides ...side) [][]rate {
	all := make([][]rate, len(sides))
	order := make([]int, len(sides))
	for i := range order {
		order[i] = i
	}
	for range *rounds {
		for _, i := range order {
			all[i] = append(all[i], load(t, sides[i].host, sides[i].do))
		}
		slices.Reverse(order) // each goes first as often as last
	}
	return all
}

// TestPasswords prints how much of a sign-in with a password is the hash, which no
// server can do without.
func TestPasswords(t *testing.T) {
	out := newReport(t, "Sign-in with a password, 16 at once", "database", "rate", "processor", "argon2id alone", "share", "goal")
	p := newPeople(t, filepath.Join(t.TempDir(), "bench.db"), clients)
	const word = "correct horse battery staple 7!A"
	sign := func(how string) func(i int, w *wire) error {
		return func(i int, w *wire) error {
			_, err := w.call("POST", "/v1/auth/password/"+how, p.project, fmt.Sprintf(`{"loginId":"with-password-%d@example.com","password":%q}`, i, word))
			return err
		}
	}
	w := dial(t, p.url)
	for i := range clients {
		if err := sign("signup")(i, w); err != nil {
			t.Fatal(err)
		}
	}
	// As many at once as the server lets: more would only take each other's caches.
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var ours, alone []rate
	for range *rounds {
		ours = append(ours, load(t, p.url, sign("signin")))
		alone = append(alone, load(t, p.url, func(int, *wire) error {
			turns <- struct{}{}
			defer func() { <-turns }()
			argon2.IDKey([]byte(word), []byte("sixteen bytes of"), passwordPasses, passwordMemory>>10, 1, 32)
			return nil
		}))
	}
	a, b := middle(ours), middle(alone)
	out.row("SQLite", a.perSecond(), a.processor, b.processor, ratio(b.processor, a.processor), "0.95")
}

// TestManyUsers prints how long it takes to find one user of a million by a login
// id, as a sign-in does and as the search of the management does, beside one of a
// thousand, and how much room a user takes.
func TestManyUsers(t *testing.T) {
	out := newReport(t, "Many users", "database", "by login id", "1,000,000", "1,000", "ratio", "goal", "room of a user", "of which are texts", "goal")
	measureUsers(t, out, "SQLite", func() string { return filepath.Join(t.TempDir(), "bench.db") })
	if os.Getenv(testkit.PostgresVariable) != "" {
		measureUsers(t, out, "PostgreSQL", func() string { return testkit.Postgres(t) })
	}
}

func measureUsers(t *testing.T, out *report, kind string, database func() string) {
	const many, few = 1_000_000, 1_000
	at := database()
	crowd, handful := newPeople(t, at, clients), newPeople(t, database(), clients)
	before := crowd.size(t, at)
	text := crowd.multiply(t, many)
	room := (crowd.size(t, at) - before) / many
	handful.multiply(t, few)
	for _, way := range []struct {
		name string
		find func(s *user.Service, project, login string) error
	}{
		{"find", func(s *user.Service, project, login string) error {
			_, err := s.Find(t.Context(), project, "", login)
			return err
		}},
		{"search", func(s *user.Service, project, login string) error {
			_, total, err := s.Search(t.Context(), project, user.Search{LoginIDs: []string{login}})
			if err == nil && total != 1 {
				err = fmt.Errorf("%d users have the login id %s", total, login)
			}
			return err
		}},
	} {
		each := func(p *people, n int) time.Duration {
			return clock(func() {
				for i := range 2000 {
					if err := way.find(&user.Service{DB: p.server.Sessions.DB}, p.project, fmt.Sprintf("person-number-%d@example.com", 1_000_000+i*7919%n)); err != nil {
						t.Fatal(err)
					}
				}
			}) / 2000
		}
		var large, small []time.Duration
		for range *rounds {
			large, small = append(large, each(crowd, many)), append(small, each(handful, few))
		}
		out.row(kind, way.name, median(large).Round(time.Microsecond).String(), median(small).Round(time.Microsecond).String(), ratio(median(large), median(small)), "1",
			fmt.Sprint(room, " bytes"), fmt.Sprint(text, " bytes"), "1 kB more")
	}
}

// multiply makes n users as the product makes one, by SQL: a million commits would
// take long. It returns how many bytes of text each has in all its rows.
func (p *people) multiply(t *testing.T, n int) int {
	t.Helper()
	const numbers = `WITH RECURSIVE numbers (i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < 1000000 + CAST($2 AS BIGINT)) `
	statements := []string{
		`INSERT INTO users (project, id, status, name, email, email_verified, created_at, modified_at) ` + numbers +
			`SELECT CAST($1 AS TEXT), 'U2abcdefghijklmnopqrs' || i, 'enabled', 'A Person With A Name', 'person-number-' || i || '@example.com', 1, 1800000000 + i, 1800000000 FROM numbers`,
		`INSERT INTO login_ids (project, login_id, user_id, position) ` + numbers +
			`SELECT CAST($1 AS TEXT), 'person-number-' || i || '@example.com', 'U2abcdefghijklmnopqrs' || i, 0 FROM numbers`,
	}
	for _, statement := range statements {
		err := p.server.Sessions.DB.WriteLarge(t.Context(), func(_ context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(statement, p.project, n); err != nil || p.server.Sessions.DB.Kind() != store.Postgres {
				return err
			}
			// It also lets PostgreSQL look for the user of each login id by the index:
			// what it thought of when there were few users reads all of them, each time.
			_, err := tx.Exec(`ANALYZE`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return 2*(28+28+33) + len("enabled") + len("A Person With A Name") // ids of project and user and the email, in each of two rows
}

// size returns the bytes that a database has on the disk.
func (p *people) size(t *testing.T, database string) int64 {
	t.Helper()
	query := `SELECT pg_database_size(current_database())`
	if p.server.Sessions.DB.Kind() == store.SQLite {
		query = `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`
	}
	var n int64
	if err := p.server.Sessions.DB.One(t.Context(), func(row store.Scanner) error { return row.Scan(&n) }, query); err != nil {
		t.Fatal(database, err)
	}
	return n
}

// TestIdleProjects prints what a project costs that was used once, on a node with
// ten thousand of them, and how long its first request takes.
func TestIdleProjects(t *testing.T) {
	out := newReport(t, "10,000 projects on one node, SQLite", "what", "median", "of a hundred the slowest", "goal")
	const projects = 10_000
	database := filepath.Join(t.TempDir(), "bench.db")
	p := newPeople(t, database, clients)
	s := testkit.Shop(t)
	if _, err := p.server.Projects.Import(t.Context(), audit.Origin{Actor: "bench"}, pkgproject.Import{Project: p.project, Upload: s.Upload()}); err != nil {
		t.Fatal(err)
	}
	ids := []string{p.project}
	for len(ids) < projects {
		c, err := p.server.Projects.Clone(t.Context(), audit.Origin{Actor: "bench"}, p.project, pkgproject.New{Name: fmt.Sprint("Clone ", len(ids))})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	_, url := newServerOf(t, database, p.key) // which knows no project yet
	before := heap()
	w := dial(t, url)
	var took []time.Duration
	for _, id := range ids {
		began := time.Now()
		if _, err := w.call("GET", "/v2/keys/"+id, id, ""); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	each := (heap() - before) / projects
	slices.Sort(took)
	out.row("first request, which makes the signing key", took[len(took)/2], took[len(took)*99/100], "20ms")
	out.row("memory of an idle project", fmt.Sprintf("%.0f kB", float64(each)/1e3), "", "100 kB")
}

// heap returns the bytes that are held.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
