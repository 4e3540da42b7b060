package torture

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"

	"postern/internal/testkit"
)

// An old is a database as the first version of the schema had it, with the files
// that belong to it. It was made by a server of that time.
type old struct {
	Tables    map[string][]map[string]cell `json:"tables"`
	MasterKey string                       `json:"masterKey"`
	Env       string                       `json:"env"`
}

// A cell is a number, a text or, as an object, bytes.
type cell struct{ value any }

func (c *cell) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '{':
		var bytes struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(b, &bytes)
		c.value = bytes.Base64
		return err
	case '"':
		var text string
		err := json.Unmarshal(b, &text)
		c.value = text
		return err
	default:
		var n int64
		err := json.Unmarshal(b, &n)
		c.value = n
		return err
	}
}

func readOld(t *testing.T) *old {
	t.Helper()
	b, err := os.ReadFile("testdata/schema1.json")
	if err != nil {
		t.Fatal(err)
	}
	o := &old{}
	if err := json.Unmarshal(b, o); err != nil {
		t.Fatal(err)
	}
	return o
}

func connect(t *testing.T, url string) (*sql.DB, goose.Dialect) {
	t.Helper()
	driver, dialect := "sqlite", goose.DialectSQLite3
	if strings.HasPrefix(url, "postgres") {
		driver, dialect = "pgx", goose.DialectPostgres
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	return db, dialect
}

// version returns the version of the schema of the database at url.
func version(t *testing.T, url string) (n int64) {
	t.Helper()
	db, _ := connect(t, url)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SELECT MAX(version_id) FROM goose_db_version`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// victim makes the old database at url, and a victim of it.
func (o *old) victim(t *testing.T, binary, url string) *victim {
	t.Helper()
	db, dialect := connect(t, url)
	defer db.Close()
	steps, err := goose.NewProvider(dialect, db, os.DirFS(filepath.Join("..", "store", "migrations")), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = steps.UpTo(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for table, rows := range o.Tables {
		for _, row := range rows {
			var marks []string
			var args []any
			columns := slices.Sorted(maps.Keys(row))
			for i, c := range columns {
				marks, args = append(marks, fmt.Sprint("$", i+1)), append(args, row[c].value)
			}
			statement := `INSERT INTO ` + table + ` (` + strings.Join(columns, ",") + `) VALUES (` + strings.Join(marks, ",") + `)`
			if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	v := &victim{binary: binary, dir: t.TempDir(), database: url, lengths: map[string]time.Duration{}}
	if err := os.Mkdir(filepath.Join(v.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{v.masterKey(): o.MasterKey, filepath.Join(v.dir, "data", "dev.env"): o.Env} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v.current = v.next(0)
	v.current.files["project.json"] = []byte(`{"trustedDomains":"n1.example"}`)
	return v
}

// A server that is killed while it brings an older database up to date does so
// when it is started again, and everything is there that was there.
func TestKilledWhileItMigrates(t *testing.T) {
	t.Parallel()
	luck, rounds, binary := prepare(t)
	o := readOld(t)
	for kind, make := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "postern.db") },
		"postgres": func(t *testing.T) string { return testkit.Postgres(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			luck := luck
			var most time.Duration
			stopped := map[int64]int{}
			for n := range max(rounds/10, 3) {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					v := o.victim(t, binary, make(t))
					if n > 0 { // the first says how long it takes
						v.command(t, time.Duration(1+luck.below(int64(most))), v.serve()...)
						stopped[version(t, v.database)]++
					}
					v.start(t)
					most = max(most, v.startTook)
					if head := v.head(t); head != v.current.digest(t) {
						t.Fatalf("the head is %s", head)
					}
					v.check(t)
					v.acknowledged = []string{v.current.digest(t)}
					v.checkInside(t)
					v.change(t)
					v.kill(t)
				})
			}
			t.Logf("killed at versions of the schema: %v", stopped)
		})
	}
}
