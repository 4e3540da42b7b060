package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// What callers are told.
var (
	ErrInvalid          = fault.New(fault.Invalid, "E011003", "Request is invalid: the role or the permission is not valid")
	ErrRoleExists       = fault.New(fault.Conflict, "P40964", "there is a role with this name")
	ErrPermissionExists = fault.New(fault.Conflict, "P40965", "there is a permission with this name")
	ErrRoleNotFound     = fault.New(fault.NotFound, "P40461", "there is no role with this name or id")
	ErrNoPermission     = fault.New(fault.NotFound, "P40462", "there is no permission with this name or id")
)

// Service changes roles and permissions.
type Service struct {
	DB       *store.DB
	Projects *project.Service
	// Drop are what the packages of those who have roles do when some are deleted, in
	// the same transaction. They are set before the service is used, and so is
	// HasTenant, which refuses what is no tenant.
	Drop      []func(tx *store.Tx, project string, roles []string) error
	HasTenant func(tx *store.Tx, project, tenant string) error
}

// All returns the roles of a project and of its tenants.
func (s *Service) All(ctx context.Context, c *project.Config) (roles *Roles, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		roles, err = LoadAll(tx, c)
		return err
	})
	return roles, err
}

// named returns the roles of a project, and of those of its tenants the ones with some ids
// and all of some tenants.
func (s *Service) named(ctx context.Context, c *project.Config, ids, tenants []string) (roles *Roles, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		roles, err = loadNamed(tx, c, ids, tenants)
		return err
	})
	return roles, err
}

// A draft is what an edit changes.
type draft struct {
	files       snapshot.Files
	roles       *project.Items
	permissions *project.Items
	changed     snapshot.Files
}

// change edits the configuration and, in the same transaction, rows. An edit that
// changes no file leaves the configuration alone.
func (s *Service) change(ctx context.Context, by audit.Origin, id, message string, edit func(*draft) error, rows func(*store.Tx) error) error {
	changed, err := s.Projects.EditWith(ctx, by, id, clip(message), func(files snapshot.Files) (snapshot.Files, error) {
		d := &draft{files: files, changed: snapshot.Files{}}
		var err error
		if d.roles, err = project.ItemsOf(files, project.RolesFile, "roles"); err != nil {
			return nil, err
		}
		if d.permissions, err = project.ItemsOf(files, project.PermissionsFile, "permissions"); err != nil {
			return nil, err
		}
		if err := edit(d); err != nil {
			return nil, err
		}
		return d.changed, nil
	}, rows)
	if err != nil || changed {
		return err
	}
	return s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error { return rows(tx) })
}

// clip bounds the message of a revision.
func clip(s string) string {
	const most = 200
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most]) + "…"
	}
	return s
}

// of returns the place of the project's own item that has an id, or else a name, or
// -1. What belongs to an application is not the project's own.
func of(list []project.Item, id, name string) int {
	return slices.IndexFunc(list, func(i project.Item) bool {
		if i.Text("appId") != "" {
			return false
		}
		if id != "" {
			return i.Text("id") == id
		}
		return name != "" && i.Text("name") == name
	})
}

// The limits of a name and a description, in characters: those of the configuration.
const (
	maxName        = 100
	maxDescription = 1024
)

func checkWords(what, name, description string) error {
	wrong := func(text string) error { return ErrInvalid.WithMessage("Request is invalid: " + text) }
	switch {
	case strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > maxName || !store.Plain(name, 4*maxName, ""):
		return wrong(fmt.Sprintf("the name of a %s has 1 to 100 characters on one line", what))
	case utf8.RuneCountInString(description) > maxDescription || !store.Plain(description, 4*maxDescription, "\n\r\t"):
		return wrong(fmt.Sprintf("the description of a %s has at most 1024 characters", what))
	}
	return nil
}
