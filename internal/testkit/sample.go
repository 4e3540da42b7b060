package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/secret"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Sample is a snapshot to test with, and the secrets that it needs.
type Sample struct {
	Name    string
	Files   snapshot.Files
	Secrets []snapshot.InputSecret
}

// Upload returns the sample as an import takes it. An import takes the files of
// its upload over, so each call makes another one.
func (s Sample) Upload() *snapshot.Upload {
	return &snapshot.Upload{Files: maps.Clone(s.Files), Secrets: slices.Clone(s.Secrets)}
}

// Shop returns the example project.
func Shop(t testing.TB) Sample { return sample(t, filepath.Join("..", "..", "examples", "shop")) }

// Samples returns every snapshot that the repository has, and the real export
// where it lies beside the checkout.
func Samples(t testing.TB) []Sample {
	t.Helper()
	dirs := []string{filepath.Join("..", "..", "examples", "shop")}
	made, err := filepath.Glob(filepath.Join("..", "..", "testdata", "projects", "*", "snapshot.json"))
	if err != nil || len(made) == 0 {
		t.Fatalf("no projects in testdata: %v", err)
	}
	for _, file := range made {
		dirs = append(dirs, filepath.Dir(file))
	}
	if real := filepath.Join("..", "..", "..", "shared", "snapshots", "full"); exists(real) {
		dirs = append(dirs, real)
	}
	var out []Sample
	for _, dir := range dirs {
		out = append(out, sample(t, dir))
	}
	return out
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// sample reads a folder and, beside it, its secrets as the official CLI writes
// them. What is missing then gets a value that nobody would guess.
func sample(t testing.TB, dir string) Sample {
	t.Helper()
	files, problems, err := snapshot.ReadFolder(dir)
	if err != nil || snapshot.Failed(problems) {
		t.Fatalf("read %s: %v %v", dir, err, problems)
	}
	s := Sample{Name: filepath.Base(dir), Files: files, Secrets: secretsFile(t, dir+".secrets.json")}
	out, err := snapshot.Check(s.Upload(), snapshot.Base{}, &snapshot.Cache{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Missing {
		s.Secrets = append(s.Secrets, snapshot.InputSecret{
			Group: m.Group, ID: m.ID, Name: m.Name, Type: m.Type, Value: secret.New("planted-" + m.ID + "-" + m.Type),
		})
	}
	return s
}

func secretsFile(t testing.TB, path string) []snapshot.InputSecret {
	t.Helper()
	b, err := os.ReadFile(path) //nolint:gosec // the samples of the repository, in tests
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var entries map[string]struct {
		Name    string            `json:"name"`
		Secrets map[string]string `json:"secrets"`
	}
	if err := errors.Join(err, json.Unmarshal(b, &entries)); err != nil {
		t.Fatal(err)
	}
	var out []snapshot.InputSecret
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		word, id, _ := strings.Cut(name, "-")
		group := snapshot.SecretGroupOf(word)
		for _, field := range slices.Sorted(maps.Keys(entries[name].Secrets)) {
			out = append(out, snapshot.InputSecret{
				Group: group, ID: id, Name: entries[name].Name, Type: field, Value: secret.New(entries[name].Secrets[field]),
			})
		}
	}
	return out
}

// Rows returns every row of every table, sorted, to see that nothing was
// written. Long values are shown by their digest.
func Rows(t testing.TB, db *store.DB) map[string][]string {
	t.Helper()
	tables := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if db.Kind() == store.Postgres {
		tables = `SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
	}
	out := map[string][]string{}
	err := db.Read(t.Context(), func(_ context.Context, tx *store.Tx) error {
		names, err := store.Collect(tx, func(row store.Scanner) (name string, err error) { return name, row.Scan(&name) }, tables)
		if err != nil {
			return err
		}
		for _, name := range names {
			if out[name], err = rows(tx, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out["projects"]) == 0 {
		t.Fatal("the tables are not found: there is no project")
	}
	return out
}

func rows(tx *store.Tx, table string) ([]string, error) {
	r, err := tx.Query(`SELECT * FROM ` + table)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	for r.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := r.Scan(into...); err != nil {
			return nil, err
		}
		var line strings.Builder
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = hex.EncodeToString(b)
			}
			text := fmt.Sprint(v)
			if len(text) > 200 {
				text = fmt.Sprintf("sha256 %x of %d", sha256.Sum256([]byte(text)), len(text))
			}
			fmt.Fprintf(&line, "%s=%s ", columns[i], text)
		}
		out = append(out, line.String())
	}
	slices.Sort(out)
	return out, r.Err()
}
