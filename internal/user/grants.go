package user

import (
	"errors"
	"fmt"

	"postern/internal/store"
)

// LeaveTenant takes a tenant that is deleted from its members, with their roles in
// it, as part of tx. With cascade it deletes those who belong to no other tenant.
// ErrHosts is a tenant with users of its own: without it nobody could find them.
func LeaveTenant(tx *store.Tx, project, tenant string, cascade bool) error {
	if hosts, err := hosts(tx, project, tenant); err != nil || hosts && !cascade {
		return errors.Join(ErrHosts, err)
	}
	if cascade {
		ids, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
			`SELECT m.user_id FROM memberships m WHERE m.project = $1 AND m.tenant = $2 AND NOT EXISTS
				(SELECT 1 FROM memberships o WHERE o.project = $1 AND o.user_id = m.user_id AND o.tenant <> $2)`, project, tenant)
		if err != nil {
			return fmt.Errorf("find members: %w", err)
		}
		for _, id := range ids {
			if err := Delete(tx, project, id); err != nil {
				return err
			}
		}
	}
	for _, table := range []string{"user_roles", "memberships"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE project = $1 AND tenant = $2`, project, tenant); err != nil {
			return err
		}
	}
	return nil
}

// DropRoles takes roles that are deleted from all who have them, as part of tx.
func DropRoles(tx *store.Tx, project string, roles []string) error {
	for _, role := range roles {
		if _, err := tx.Exec(`DELETE FROM user_roles WHERE project = $1 AND role = $2`, project, role); err != nil {
			return fmt.Errorf("drop role: %w", err)
		}
	}
	return nil
}
