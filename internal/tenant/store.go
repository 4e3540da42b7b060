package tenant

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/store"
)

// The kinds of domains, as the table has them.
const (
	kindSSO    = "sso"
	kindSignUp = "signup"
)

const columns = `project, id, name, parent, disabled, custom, settings, created_at, modified_at`

func scan(row store.Scanner) (*Tenant, error) {
	t := &Tenant{}
	var custom, settings string
	var disabled, created, modified int64
	err := row.Scan(&t.Project, &t.ID, &t.Name, &t.Parent, &disabled, &custom, &settings, &created, &modified)
	if err != nil {
		return nil, err
	}
	t.Disabled, t.CreatedAt, t.ModifiedAt = disabled != 0, time.Unix(created, 0).UTC(), time.Unix(modified, 0).UTC()
	if err := errors.Join(json.Unmarshal([]byte(custom), &t.Custom), json.Unmarshal([]byte(settings), &t.Settings)); err != nil {
		return nil, fmt.Errorf("read tenant %s: %w", t.ID, err)
	}
	t.Settings.Disabled = t.Disabled
	return t, nil
}

// Load returns a tenant by id, as part of tx.
func Load(tx *store.Tx, project, id string) (*Tenant, error) {
	t, err := row(tx, project, id)
	if err != nil {
		return nil, err
	}
	return t, fill(tx, []*Tenant{t}, ` AND tenant = $2`, ` AND parent = $2`, id)
}

// row reads what a tenant has in its own table.
func row(tx *store.Tx, project, id string) (*Tenant, error) {
	if !ValidID(id) {
		return nil, ErrNotFound // PostgreSQL refuses to look for what is no text
	}
	t, err := scan(tx.QueryRow(`SELECT `+columns+` FROM tenants WHERE project = $1 AND id = $2`, project, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return t, err
}

// SettingsOf returns what a tenant has otherwise than its project, as part of tx.
func SettingsOf(tx *store.Tx, project, id string) (Settings, error) {
	t, err := row(tx, project, id)
	if err != nil {
		return Settings{}, err
	}
	return t.Settings, nil
}

// all returns the tenants of a project, by name.
func all(tx *store.Tx, project string) ([]*Tenant, error) {
	list, err := store.Collect(tx, scan, `SELECT `+columns+` FROM tenants WHERE project = $1`, project)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b *Tenant) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return list, fill(tx, list, ``, ` AND parent <> ''`)
}

// fill reads what tenants of one project have in other rows; the conditions say of
// which.
func fill(tx *store.Tx, list []*Tenant, ofDomains, ofSuccessors string, args ...any) error {
	if len(list) == 0 {
		return nil
	}
	byID := map[string]*Tenant{}
	for _, t := range list {
		byID[t.ID] = t
	}
	args = append([]any{list[0].Project}, args...)
	three := func(row store.Scanner) (r [3]string, err error) { return r, row.Scan(&r[0], &r[1], &r[2]) }
	err := store.Each(tx, three, func(r [3]string) error {
		switch t := byID[r[0]]; {
		case t == nil:
		case r[1] == kindSSO:
			t.SSODomains = append(t.SSODomains, r[2])
		default:
			t.SignUpDomains = append(t.SignUpDomains, r[2])
		}
		return nil
	}, `SELECT tenant, kind, domain FROM tenant_domains WHERE project = $1`+ofDomains+` ORDER BY position`, args...)
	if err != nil {
		return err
	}
	two := func(row store.Scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) }
	err = store.Each(tx, two, func(r [2]string) error {
		if t := byID[r[0]]; t != nil {
			t.Successors = append(t.Successors, r[1])
		}
		return nil
	}, `SELECT parent, id FROM tenants WHERE project = $1`+ofSuccessors, args...)
	for _, t := range list {
		slices.Sort(t.Successors)
	}
	return err
}

// Names returns the names of tenants by their ids, as part of tx. What is no tenant
// has none.
func Names(tx *store.Tx, project string, ids []string) (map[string]string, error) {
	out := map[string]string{}
	list, args := listed(project, ids)
	if list == "" {
		return out, nil
	}
	err := store.Each(tx, func(row store.Scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) },
		func(r [2]string) error { out[r[0]] = r[1]; return nil },
		`SELECT id, name FROM tenants WHERE project = $1 AND id IN (`+list+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("read names of tenants: %w", err)
	}
	return out, nil
}

// listed writes ids as a list of a statement whose first argument is the project, each
// once, with all arguments. What is no id is left out.
func listed(project string, ids []string) (list string, args []any) {
	args = []any{project}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) || !ValidID(id) {
			continue
		}
		args = append(args, id)
		list += fmt.Sprintf(", $%d", len(args))
	}
	return strings.TrimPrefix(list, ", "), args
}

// Below returns the ids of tenants and of all that are under them, sorted, as part
// of tx. What is no tenant is left out.
func Below(tx *store.Tx, project string, ids []string) ([]string, error) {
	var out []string
	for _, id := range ids {
		if !ValidID(id) {
			continue
		}
		found, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
			`WITH RECURSIVE below (id) AS (
				SELECT id FROM tenants WHERE project = $1 AND id = $2
				UNION SELECT t.id FROM tenants t JOIN below b ON t.parent = b.id WHERE t.project = $1
			) SELECT id FROM below`, project, id)
		if err != nil {
			return nil, fmt.Errorf("read tenants under a tenant: %w", err)
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Line returns the ids of a tenant, of all that it is under and of all that are under
// it, as part of tx: roles in one of them may be had in another.
func Line(tx *store.Tx, project, id string) ([]string, error) {
	out, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		`WITH RECURSIVE below (id) AS (
			SELECT id FROM tenants WHERE project = $1 AND id = $2
			UNION SELECT t.id FROM tenants t JOIN below b ON t.parent = b.id WHERE t.project = $1
		), above (id, parent) AS (
			SELECT id, parent FROM tenants WHERE project = $1 AND id = $2
			UNION SELECT t.id, t.parent FROM tenants t JOIN above a ON t.id = a.parent WHERE t.project = $1
		) SELECT id FROM below UNION SELECT id FROM above`, project, id)
	if err != nil {
		return nil, fmt.Errorf("read tenants over and under a tenant: %w", err)
	}
	return out, nil
}

// insert stores a new tenant.
func (t *Tenant) insert(tx *store.Tx) error {
	v, err := t.values()
	if err != nil {
		return err
	}
	res, err := tx.Exec(`INSERT INTO tenants (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`, v...)
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrExists, err)
	}
	return t.writeDomains(tx)
}

// save stores what a tenant is now.
func (t *Tenant) save(tx *store.Tx) error {
	v, err := t.values()
	if err != nil {
		return err
	}
	var other string
	err = tx.QueryRow(`SELECT id FROM tenants WHERE project = $1 AND name = $2 AND id <> $3`, t.Project, t.Name, t.ID).Scan(&other)
	if err == nil {
		return ErrExists
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, err := tx.Exec(`UPDATE tenants SET name = $3, parent = $4, disabled = $5, custom = $6, settings = $7, created_at = $8, modified_at = $9
		WHERE project = $1 AND id = $2`, v...); err != nil {
		return fmt.Errorf("save tenant: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM tenant_domains WHERE project = $1 AND tenant = $2`, t.Project, t.ID); err != nil {
		return err
	}
	return t.writeDomains(tx)
}

func (t *Tenant) values() ([]any, error) {
	if t.Custom == nil {
		t.Custom = map[string]any{}
	}
	custom, err1 := json.Marshal(t.Custom, json.Deterministic(true))
	settings, err2 := json.Marshal(t.Settings, json.Deterministic(true))
	disabled := int64(0)
	if t.Disabled {
		disabled = 1
	}
	return []any{
		t.Project, t.ID, t.Name, t.Parent, disabled, string(custom), string(settings), t.CreatedAt.Unix(), t.ModifiedAt.Unix(),
	}, errors.Join(err1, err2)
}

// writeDomains stores the domains. A domain of SSO belongs to one tenant.
func (t *Tenant) writeDomains(tx *store.Tx) error {
	for _, d := range t.SSODomains {
		var other string
		err := tx.QueryRow(`SELECT tenant FROM tenant_domains WHERE project = $1 AND kind = $2 AND domain = $3`, t.Project, kindSSO, d).Scan(&other)
		if err == nil {
			return ErrDomain
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if err := t.writeKind(tx, kindSSO, t.SSODomains); err != nil {
		return err
	}
	return t.writeKind(tx, kindSignUp, t.SignUpDomains)
}

func (t *Tenant) writeKind(tx *store.Tx, kind string, list []string) error {
	for i, d := range list {
		if _, err := tx.Exec(`INSERT INTO tenant_domains (project, kind, domain, tenant, position) VALUES ($1, $2, $3, $4, $5)`,
			t.Project, kind, d, t.ID, i); err != nil {
			return err
		}
	}
	return nil
}

// OfSignUps returns the ids of the tenants that people with an address of a domain
// join by themselves, sorted, as part of tx. A tenant that is disabled takes in nobody.
func OfSignUps(tx *store.Tx, project, domain string) ([]string, error) {
	if !validDomain.MatchString(domain) {
		return nil, nil // PostgreSQL refuses to look for what is no text
	}
	ids, err := store.Collect(tx, func(row store.Scanner) (id string, err error) { return id, row.Scan(&id) },
		`SELECT d.tenant FROM tenant_domains d JOIN tenants t ON t.project = d.project AND t.id = d.tenant
		WHERE d.project = $1 AND d.kind = $2 AND d.domain = $3 AND t.disabled = 0`, project, kindSignUp, domain)
	if err != nil {
		return nil, fmt.Errorf("find tenants by a domain: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// Exists refuses with ErrNotFound what is no tenant, as part of tx.
func Exists(tx *store.Tx, project, id string) error {
	_, err := row(tx, project, id)
	return err
}
