package cli

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/client"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/secret"
	"postern/internal/store"
)

// databaseKeys are the keys in a database, without a server between.
type databaseKeys struct {
	db       *store.DB
	keys     *mgmtkey.Service
	projects *project.Service
}

// openKeyring opens the database at url. It makes a new SQLite file only where
// it may: to list the keys of a file that is not there is a slip.
func openKeyring(ctx context.Context, url string, mayMake bool) (*databaseKeys, error) {
	if !mayMake && !strings.Contains(url, "://") {
		if _, err := os.Stat(url); err != nil {
			return nil, usage("name it with --database, or a server with --url", "there is no database %s", url)
		}
	}
	db, err := store.Open(ctx, url, store.Options{MaxConns: 2})
	if err != nil {
		return nil, err
	}
	return &databaseKeys{db: db, keys: &mgmtkey.Service{DB: db}, projects: &project.Service{DB: db}}, nil
}

// Close closes the database.
func (d *databaseKeys) Close() { _ = d.db.Close() } // everything is committed

// origin is who acts, for the audit: whoever may open the database.
func (d *databaseKeys) origin() audit.Origin { return audit.Origin{Actor: "cli"} }

// CreateKey implements keyring.
func (d *databaseKeys) CreateKey(ctx context.Context, in client.NewKey) (client.Key, secret.Text, error) {
	create := mgmtkey.Create{Name: in.Name, Description: in.Description}
	addresses, err := mgmtkey.ParseAddresses(in.PermittedIPs)
	if err != nil {
		return client.Key{}, secret.Text{}, err
	}
	create.PermittedIPs = addresses
	if in.ExpireTime != 0 {
		create.ExpiresAt = time.Unix(in.ExpireTime, 0)
	}
	grants := in.Access.Projects
	if len(in.Access.Company) > 0 {
		grants = append(grants, client.ProjectRole{Roles: in.Access.Company})
	}
	for _, g := range grants {
		for _, name := range g.Roles {
			role, err := mgmtkey.ParseRole(name)
			if err != nil {
				return client.Key{}, secret.Text{}, err
			}
			create.Grants = append(create.Grants, mgmtkey.Grant{Projects: g.Projects, Role: role})
		}
	}
	for _, g := range create.Grants {
		for _, id := range g.Projects {
			if _, err := d.projects.Get(ctx, id); errors.Is(err, project.ErrNotFound) {
				return client.Key{}, secret.Text{}, usage("postern project list shows the ids", "there is no project %q in this database", id)
			} else if err != nil {
				return client.Key{}, secret.Text{}, err
			}
		}
	}
	k, cleartext, err := d.keys.Create(ctx, d.origin(), create)
	return shown(k), cleartext, err
}

// Keys implements keyring.
func (d *databaseKeys) Keys(ctx context.Context) ([]client.Key, error) {
	keys, err := d.keys.List(ctx)
	out := make([]client.Key, 0, len(keys))
	for _, k := range keys {
		out = append(out, shown(k))
	}
	return out, err
}

// DeleteKeys implements keyring.
func (d *databaseKeys) DeleteKeys(ctx context.Context, ids ...string) (int, error) {
	return d.keys.Delete(ctx, d.origin(), ids...)
}

// shown is a key as the API shows it.
func shown(k mgmtkey.Key) client.Key {
	out := client.Key{ID: k.ID, Name: k.Name, Description: k.Description, Status: k.Status, CreatedTime: k.CreatedAt.Unix(), PermittedIPs: texts(k.PermittedIPs)}
	if !k.ExpiresAt.IsZero() {
		out.ExpireTime = k.ExpiresAt.Unix()
	}
	for _, g := range k.Grants {
		if len(g.Projects) == 0 {
			out.Access.Company = append(out.Access.Company, g.Role.String())
			continue
		}
		out.Access.Projects = append(out.Access.Projects, client.ProjectRole{Projects: g.Projects, Roles: []string{g.Role.String()}})
	}
	return out
}

func texts(prefixes []netip.Prefix) []string {
	out := []string{}
	for _, p := range prefixes {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	return out
}
