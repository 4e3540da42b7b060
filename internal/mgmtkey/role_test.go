package mgmtkey_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mgmtkey"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	var nobody *mgmtkey.Key
	tests := []struct {
		name     string
		key      *mgmtkey.Key
		company  mgmtkey.Role
		p1, p2   mgmtkey.Role
		projects []string
		all      bool
	}{
		{"no key", nobody, mgmtkey.None, mgmtkey.None, mgmtkey.None, nil, false},
		{"no grants", &mgmtkey.Key{}, mgmtkey.None, mgmtkey.None, mgmtkey.None, nil, false},
		{"a grant of nothing", grants(mgmtkey.Grant{}), mgmtkey.None, mgmtkey.None, mgmtkey.None, nil, false},
		{"a grant of nothing in a project", grants(mgmtkey.Grant{Projects: []string{"P1"}}), mgmtkey.None, mgmtkey.None, mgmtkey.None, nil, false},
		{"the company", grants(mgmtkey.Grant{Role: mgmtkey.Plan}), mgmtkey.Plan, mgmtkey.Plan, mgmtkey.Plan, nil, true},
		{
			"one project", grants(mgmtkey.Grant{Projects: []string{"P1"}, Role: mgmtkey.Admin}),
			mgmtkey.None, mgmtkey.Admin, mgmtkey.None,
			[]string{"P1"},
			false,
		},
		{
			"the empty project is no company", grants(mgmtkey.Grant{Projects: []string{""}, Role: mgmtkey.Admin}),
			mgmtkey.None, mgmtkey.None, mgmtkey.None,
			[]string{""},
			false,
		},
		{
			"the strongest grant counts",
			grants(
				mgmtkey.Grant{Projects: []string{"P2", "P1"}, Role: mgmtkey.Import},
				mgmtkey.Grant{Projects: []string{"P1"}, Role: mgmtkey.Read},
			),
			mgmtkey.None, mgmtkey.Import, mgmtkey.Import,
			[]string{"P1", "P2"},
			false,
		},
		{
			"the company and more in a project",
			grants(mgmtkey.Grant{Projects: []string{"P2"}, Role: mgmtkey.Import}, mgmtkey.Grant{Role: mgmtkey.Read}),
			mgmtkey.Read, mgmtkey.Read, mgmtkey.Import, nil, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := []mgmtkey.Role{tt.key.CompanyRole(), tt.key.RoleIn("P1"), tt.key.RoleIn("P2")}
			if diff := cmp.Diff([]mgmtkey.Role{tt.company, tt.p1, tt.p2}, got); diff != "" {
				t.Errorf("roles in the company, P1, P2 (-want +got):\n%s", diff)
			}
			ids, all := tt.key.Projects()
			if diff := cmp.Diff(tt.projects, ids); diff != "" || all != tt.all {
				t.Errorf("Projects = %q, %v, want %q, %v", ids, all, tt.projects, tt.all)
			}
			for project, role := range map[string]mgmtkey.Role{"": tt.company, "P1": tt.p1, "P2": tt.p2} {
				for ask := mgmtkey.None; ask <= mgmtkey.Admin+1; ask++ {
					allowed := ask > mgmtkey.None && ask <= role
					if err := tt.key.Require(project, ask); errors.Is(err, mgmtkey.ErrTooWeak) == allowed {
						t.Errorf("Require(%q, %v) = %v with %v", project, ask, err, role)
					}
				}
			}
		})
	}
}

func grants(g ...mgmtkey.Grant) *mgmtkey.Key { return &mgmtkey.Key{Grants: g} }

func TestRoleNames(t *testing.T) {
	t.Parallel()
	for name, role := range map[string]mgmtkey.Role{
		"read": mgmtkey.Read, "plan": mgmtkey.Plan, "import": mgmtkey.Import, "admin": mgmtkey.Admin,
	} {
		if got, err := mgmtkey.ParseRole(name); got != role || err != nil || role.String() != name {
			t.Errorf("ParseRole(%q) = %v, %v; %d is called %q", name, got, err, role, role)
		}
	}
	for _, name := range []string{"", "none", "Admin", "owner"} {
		if got, err := mgmtkey.ParseRole(name); got != mgmtkey.None || !errors.Is(err, mgmtkey.ErrInvalid) {
			t.Errorf("ParseRole(%q) = %v, %v", name, got, err)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7/32",
		"192.0.2.7/24":         "192.0.2.0/24",
		"2001:db8::7":          "2001:db8::7/128",
		"2001:db8::7/32":       "2001:db8::/32",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"::ffff:192.0.2.7/120": "192.0.2.0/24",
		"::ffff:0:0/90":        "",
		"fe80::1%eth0":         "",
		"192.0.2":              "",
		"192.0.2.0/33":         "",
		"":                     "",
		"example.com":          "",
	} {
		got, err := mgmtkey.ParseAddresses([]string{in})
		if want == "" {
			if !errors.Is(err, mgmtkey.ErrInvalid) {
				t.Errorf("ParseAddresses(%q) = %v, %v", in, got, err)
			}
			continue
		}
		if diff := cmp.Diff([]netip.Prefix{netip.MustParsePrefix(want)}, got, netipValues); diff != "" || err != nil {
			t.Errorf("ParseAddresses(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}
