package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/audit"
	"postern/internal/mgmtkey"
	"postern/internal/store"
	"postern/internal/testkit"
	"postern/internal/user"
)

// A proof is a code or a link that somebody has.
type proof struct {
	name, generate, has, verify, body string
	from                              func(string) string // what it is in the answer
}

func proofs() []proof {
	return []proof{
		{"code", "otp", "code", "otp/verify/email", `{"loginId":%q,"code":%q}`, func(code string) string { return code }},
		{"link", "magiclink", "link", "magiclink/verify", `{"loginId":%q,"token":%q}`, func(link string) string { _, token, _ := strings.Cut(link, "?t="); return token }},
	}
}

// TestCodes prints how many people a second sign in with a code or a link that they
// have, beside bare servers that read one row, make one durable change or two, and sign
// two tokens; beside ours on PostgreSQL also one that does so there. A wrong code is a
// change of its own, a right one is not.
func TestCodes(t *testing.T) {
	out := newReport(t, "Sign-in with a code or a link, 16 at once", "database", "proof", "rate", "floor", "ratio", "processor", "floor", "ratio", "goal", "floor of two changes", "ratio", "processor", "ratio", "floor there", "ratio")
	measureCodes(t, out, "SQLite", filepath.Join(t.TempDir(), "bench.db"))
	if os.Getenv(testkit.PostgresVariable) != "" {
		measureCodes(t, out, "PostgreSQL", testkit.Postgres(t))
	}
}

func measureCodes(t *testing.T, out *report, kind, database string) {
	p, b, there := newPeople(t, database, 2000), newBare(t), newBareBeside(t, kind)
	p.configure(t, `{"rotateJwt":true,"trustedDomains":"app.example.com"}`)
	_, key, err := p.server.Keys.Create(t.Context(), audit.Origin{Actor: "bench"}, mgmtkey.Create{Name: "bench", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}})
	if err != nil {
		t.Fatal(err)
	}
	const each = 100 // proofs of each client and round
	bare := func(b *bare, path string) rate {
		return some(t, b.url, each, func(c, _ int, w *wire) error {
			_, err := w.call("POST", path, "P:"+strconv.Itoa(c), "{}")
			return err
		})
	}
	for _, way := range proofs() {
		var ours, once, twice, beside []rate
		for round := range *rounds {
			bodies := p.prove(t, key.Reveal(), way, round, each)
			ours = append(ours, some(t, p.url, each, func(c, n int, w *wire) error {
				_, err := w.call("POST", "/v1/auth/"+way.verify, p.project, bodies[c][n])
				return err
			}))
			once, twice = append(once, bare(b, "/link")), append(twice, bare(b, "/code"))
			if there != nil {
				beside = append(beside, bare(there, "/link"))
			}
		}
		x, y, z := middle(ours), middle(once), middle(twice)
		cells := []any{
			kind, way.name, x.perSecond(), y.perSecond(), ratio(y.each, x.each),
			x.processor.Round(time.Microsecond).String(), y.processor.Round(time.Microsecond).String(), ratio(y.processor, x.processor), "0.5",
			z.perSecond(), ratio(z.each, x.each), z.processor.Round(time.Microsecond).String(), ratio(z.processor, x.processor),
		}
		out.row(append(cells, onTheSame(x, beside)...)...)
	}
}

// prove makes users of whom each has a proof, and returns the bodies that show them.
func (p *people) prove(t *testing.T, key string, way proof, round, each int) [][]string {
	t.Helper()
	bodies := make([][]string, clients)
	for c := range clients {
		err := p.server.Sessions.DB.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			bodies[c] = nil
			for n := range each {
				login := fmt.Sprintf("robot-%s-%d-%d-%d@example.com", way.name, round, c, n)
				u := &user.User{Project: p.project, LoginIDs: []string{login}, Email: login, VerifiedEmail: true, Test: true}
				if err := user.Create(tx, u); err != nil {
					return err
				}
				bodies[c] = append(bodies[c], login)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	some(t, p.url, each, func(c, n int, w *wire) error {
		answer, err := w.call("POST", "/v1/mgmt/tests/generate/"+way.generate, p.project+":"+key,
			fmt.Sprintf(`{"loginId":%q,"deliveryMethod":"email","redirectUrl":"https://app.example.com/in"}`, bodies[c][n]))
		if err != nil {
			return err
		}
		shown, err := member(answer, way.has)
		bodies[c][n] = fmt.Sprintf(way.body, bodies[c][n], way.from(shown))
		return err
	})
	return bodies
}

// onTheSame returns the cells of a floor on the same database; none without one.
func onTheSame(ours rate, floor []rate) []any {
	if len(floor) == 0 {
		return nil
	}
	f := middle(floor)
	return []any{f.perSecond(), ratio(f.each, ours.each)}
}
