package authz

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

const columns = `id, tenant, name, description, permissions, is_default, private, created_at`

// Load returns the roles of a configuration and those that some tenants have of
// their own, as part of tx.
func Load(tx *store.Tx, c *project.Config, tenants ...string) (*Roles, error) {
	r, names := Of(c), permissionNames(c)
	for i, tenant := range tenants {
		if slices.Contains(tenants[:i], tenant) {
			continue
		}
		if err := r.load(tx, names, ` AND tenant = $2`, c.Project, tenant); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// LoadAll returns the roles of a configuration and those of all tenants, as part of
// tx. It reads all of them: Load is for a request about one user.
func LoadAll(tx *store.Tx, c *project.Config) (*Roles, error) {
	r := Of(c)
	return r, r.load(tx, permissionNames(c), ``, c.Project)
}

// mostAtOnce bounds the ids that one statement looks for.
const mostAtOnce = 500

func loadNamed(tx *store.Tx, c *project.Config, ids, tenants []string) (*Roles, error) {
	r, names := Of(c), permissionNames(c)
	for column, values := range map[string][]string{"id": ids, "tenant": tenants} {
		for some := range slices.Chunk(values, mostAtOnce) {
			args := []any{c.Project}
			if err := r.load(tx, names, ` AND `+column+` IN `+store.Among(&args, some), args...); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *Roles) load(tx *store.Tx, names map[string]string, of string, args ...any) error {
	err := store.Each(tx, func(row store.Scanner) (Role, error) { return scan(row, names) },
		func(role Role) error { r.add(role); return nil },
		`SELECT `+columns+` FROM tenant_roles WHERE project = $1`+of, args...)
	if err != nil {
		return fmt.Errorf("read roles of tenants: %w", err)
	}
	return nil
}

func scan(row store.Scanner, names map[string]string) (Role, error) {
	var r Role
	var permissions string
	var byDefault, private, created int64
	if err := row.Scan(&r.ID, &r.Tenant, &r.Name, &r.Description, &permissions, &byDefault, &private, &created); err != nil {
		return Role{}, err
	}
	var ids []string
	if err := json.Unmarshal([]byte(permissions), &ids); err != nil {
		return Role{}, fmt.Errorf("read role %s: %w", r.ID, err)
	}
	r.Default, r.Private, r.CreatedAt = byDefault != 0, private != 0, time.Unix(created, 0).UTC()
	r.Permissions = []string{}
	for _, id := range ids {
		if name, ok := names[id]; ok { // a permission that is gone gives nothing
			r.Permissions = append(r.Permissions, name)
		}
	}
	slices.Sort(r.Permissions)
	return r, nil
}

// permissionNames returns the names of the permissions of a project by what rows
// hold of them.
func permissionNames(c *project.Config) map[string]string {
	out := map[string]string{}
	for _, p := range permissions(c) {
		out[p.heldAs()] = p.Name
	}
	return out
}

// BuiltIn returns the names of the permissions that every project has.
func BuiltIn() []string { return snapshot.BuiltIn("permission") }

// insert stores a new role of a tenant; hold are what it holds of its permissions.
func (r *Role) insert(tx *store.Tx, project string, hold []string) error {
	permissions, err := json.Marshal(hold)
	if err != nil {
		return err
	}
	res, err := tx.Exec(`INSERT INTO tenant_roles (project, `+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		project, r.ID, r.Tenant, r.Name, r.Description, string(permissions), flag(r.Default), flag(r.Private), r.CreatedAt.Unix())
	if err != nil {
		return fmt.Errorf("create role: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrRoleExists, err)
	}
	return nil
}

// save stores what a role of a tenant is now.
func (r *Role) save(tx *store.Tx, project string, hold []string) error {
	permissions, err := json.Marshal(hold)
	if err != nil {
		return err
	}
	var other string
	err = tx.QueryRow(`SELECT id FROM tenant_roles WHERE project = $1 AND tenant = $2 AND name = $3 AND id <> $4`, project, r.Tenant, r.Name, r.ID).Scan(&other)
	if err == nil {
		return ErrRoleExists
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	res, err := tx.Exec(`UPDATE tenant_roles SET name = $3, description = $4, permissions = $5, is_default = $6, private = $7 WHERE project = $1 AND id = $2`,
		project, r.ID, r.Name, r.Description, string(permissions), flag(r.Default), flag(r.Private))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrRoleNotFound, err)
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
