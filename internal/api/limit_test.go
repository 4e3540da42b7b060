package api

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/internal/mgmtkey"
	"postern/internal/testkit"
)

// A key with limits makes no key that outlasts or outreaches it, and loosens
// none, itself included.
func TestLimitedKeyKeepsItsLimits(t *testing.T) {
	t.Parallel()
	const call = "/v1/mgmt/managementkey"
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		end := time.Now().Add(time.Hour).Truncate(time.Second)
		addresses := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
		issue := func(expires time.Time, addresses []netip.Prefix) (id, auth string) {
			k, token, err := b.Keys.Create(t.Context(), tester, mgmtkey.Create{
				Name: "k", Grants: []mgmtkey.Grant{{Role: mgmtkey.Admin}}, ExpiresAt: expires, PermittedIPs: addresses,
			})
			if err != nil {
				t.Fatal(err)
			}
			return k.ID, "Bearer " + token.Reveal()
		}
		self, limited := issue(end, addresses)
		_, timed := issue(end, nil)
		_, placed := issue(time.Time{}, addresses)
		free, _ := issue(time.Time{}, nil)
		elsewhere, _ := issue(end, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")})
		asleep, _ := issue(time.Time{}, nil)
		inside, _ := issue(end, addresses[:1])
		inactive := mgmtkey.Inactive
		for _, id := range []string{asleep, inside} {
			if _, err := b.Keys.Update(t.Context(), tester, id, mgmtkey.Update{Status: &inactive}); err != nil {
				t.Fatal(err)
			}
		}
		until := func(at time.Time) string { return fmt.Sprintf(`,"expireTime":%d`, at.Unix()) }
		const from = `,"permittedIps":`
		for _, tt := range []struct {
			name, auth, method, more string // of a new key, or id and change
			status                   int
		}{
			{"a key without limits", limited, "PUT", ``, 403},
			{"a key that never expires", limited, "PUT", from + `["192.0.2.1"]`, 403},
			{"a key that expires a second later", limited, "PUT", until(end.Add(time.Second)) + from + `["192.0.2.1"]`, 403},
			{"a key that expires in more seconds", limited, "PUT", `,"expiresIn":7200` + from + `["192.0.2.1"]`, 403},
			{"a key for all addresses", limited, "PUT", until(end), 403},
			{"a key for a wider range", limited, "PUT", until(end) + from + `["192.0.0.0/16"]`, 403},
			{"a key for one more address", limited, "PUT", until(end) + from + `["192.0.2.1","198.51.100.1"]`, 403},
			{"a key for all of the other family", limited, "PUT", until(end) + from + `["::/0"]`, 403},
			{"the same limits", limited, "PUT", until(end) + from + `["192.0.2.0/24","2001:db8::/32"]`, 200},
			{"narrower limits", limited, "PUT", until(end.Add(-time.Minute)) + from + `["192.0.2.128/25","2001:db8::1","::ffff:192.0.2.1"]`, 200},
			{"a key that expires makes one for all addresses", timed, "PUT", until(end), 200},
			{"a key that expires makes one that does not", timed, "PUT", from + `["192.0.2.1"]`, 403},
			{"a key of some addresses makes one that never expires", placed, "PUT", from + `["192.0.2.1"]`, 200},
			{"a key of some addresses makes one for all", placed, "PUT", until(end), 403},

			{"its own addresses taken away", limited, "PATCH", self + `","permittedIps":[]`, 403},
			{"its own addresses widened", limited, "PATCH", self + `","permittedIps":["0.0.0.0/0"]`, 403},
			{"its own addresses and a name", limited, "PATCH", self + `","name":"x","permittedIps":["192.0.2.0/23"]`, 403},
			{"its own addresses written again", limited, "PATCH", self + `","permittedIps":["2001:db8::/32","192.0.2.0/24"]`, 200},
			{"its own name", limited, "PATCH", self + `","name":"x","status":"active"`, 200},
			{"its own expiry is passed over", limited, "PATCH", self + `","expireTime":0,"name":"y"`, 200},
			{"the addresses of a key of another place widened", limited, "PATCH", elsewhere + `","permittedIps":["198.51.100.0/23"]`, 403},
			{"the addresses of a key of another place made its own", limited, "PATCH", elsewhere + `","permittedIps":["192.0.2.0/24"]`, 200},
			{"a key that reaches further narrowed", limited, "PATCH", free + `","permittedIps":["203.0.113.0/24"]`, 200},
			{"a key that never expires loosened", limited, "PATCH", free + `","permittedIps":["192.0.2.0/24"]`, 403},
			{"a key that reaches further made active", limited, "PATCH", asleep + `","status":"active"`, 403},
			{"a key within the limits made active", limited, "PATCH", inside + `","status":"active"`, 200},
			{"a key that reaches further made inactive", limited, "PATCH", free + `","status":"inactive"`, 200},
		} {
			body := `{"name":"made","reBac":{"companyRoles":["admin"]}` + tt.more + `}`
			if tt.method == "PATCH" {
				body = `{"id":"` + tt.more + `}`
			}
			w := b.send(t, tt.method, call, body, "Authorization", tt.auth)
			if tt.status == 403 {
				wantFault(t, w, 403, "P40301")
			}
			if w.Code != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, w.Code, w.Body, tt.status)
			}
			if tt.status == 403 && !strings.Contains(w.Body.String(), "makes or loosens") {
				t.Errorf("%s: the answer does not say why: %s", tt.name, w.Body)
			}
		}
		wantFault(t, b.send(t, "POST", "/v1/mgmt/infra", `{"entity":"management_key","data":{"name":"k","reBac":{"companyRoles":["admin"]}}}`, "Authorization", limited), 403, "P40301")
		wantFault(t, b.send(t, "PUT", "/v1/mgmt/infra", `{"entity":"management_key","id":"`+self+`","data":{"permittedIps":[]}}`, "Authorization", limited), 403, "P40301")
	})
}
