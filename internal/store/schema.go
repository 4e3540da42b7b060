package store

import (
	"fmt"
	"slices"
)

// A Table is one table of the schema.
type Table struct {
	Name    string
	Columns []string
}

// Tables returns every table that holds data, by name.
func (t *Tx) Tables() ([]Table, error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if t.kind == Postgres {
		query = `SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	}
	names, err := Collect(t, func(row Scanner) (name string, err error) { return name, row.Scan(&name) }, query)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	slices.Sort(names)
	var all []Table
	for _, name := range names {
		if name == "goose_db_version" {
			continue
		}
		columns, err := t.columns(name)
		if err != nil {
			return nil, fmt.Errorf("list columns: %w", err)
		}
		all = append(all, Table{Name: name, Columns: columns})
	}
	return all, nil
}

func (t *Tx) columns(table string) ([]string, error) {
	rows, err := t.Query(`SELECT * FROM ` + table + ` WHERE false`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	return names, rows.Err()
}

// SchemaVersion returns the number of the last migration.
func (t *Tx) SchemaVersion() (int64, error) {
	var n int64
	err := t.QueryRow(`SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&n)
	return n, err
}

// Alone keeps every other transaction from writing into a table until this one
// ends; reading goes on. On PostgreSQL it must come before all else in the
// transaction: then what the transaction sees is what was there when the others
// had ended, and not when it began to wait for them. On SQLite there is one
// writer anyway.
func (t *Tx) Alone(table string) error {
	if t.kind != Postgres {
		return nil
	}
	_, err := t.Exec(`LOCK TABLE ` + table + ` IN SHARE ROW EXCLUSIVE MODE`)
	return err
}
