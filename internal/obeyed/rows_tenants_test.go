package obeyed

import (
	"fmt"
	"strings"
)

// twoTenants makes two tenants of the place, whose ids it keeps.
func twoTenants(p *place) {
	for _, name := range []string{"north", "south"} {
		id := fmt.Sprintf("%s%d", name, p.people.Add(1))
		p.manage("POST", "/v1/mgmt/tenant/create", object{"id": id, "name": id}).ok(p.t)
		p.kept[name] = id
	}
}

// at are the options of a sign-in that names a tenant of the place.
func (p *place) at(tenant string) object {
	return object{"loginOptions": object{"tenantId": p.kept[tenant]}}
}

// joinsAt signs somebody up in a tenant, with a password.
func joinsAt(p *place, tenant, who, text string) answer {
	return p.as("", "/v1/auth/password/signup", merged(object{"loginId": who, "password": text}, p.at(tenant)))
}

// comesTo is what somebody is told who shows a password in a tenant.
func comesTo(p *place, tenant, who, text string) string {
	return status(p.as("", "/v1/auth/password/signin", merged(object{"loginId": who, "password": text}, p.at(tenant))))
}

func tenantRows() []row {
	apart, together := ofProject(`"tenantUserIsolation":true`), ofProject(`"tenantUserIsolation":false`)
	const wrong, noMember = "401 P40131", "403 P40311"
	local := func(p *place) { // somebody of the north alone
		twoTenants(p)
		p.kept["who"] = p.someone()
		joinsAt(p, "north", p.kept["who"], right).ok(p.t)
	}
	return []row{
		{
			says: "one login id in two tenants is two users", before: together, after: apart, prepare: twoTenants,
			look: func(p *place) string {
				who := p.someone()
				seen := []string{status(joinsAt(p, "north", who, right)), status(joinsAt(p, "south", who, "Other-oil-8"))}
				for _, try := range [][2]string{{"north", right}, {"south", "Other-oil-8"}, {"north", "Other-oil-8"}, {"south", right}} {
					seen = append(seen, comesTo(p, try[0], who, try[1]))
				}
				return strings.Join(append(seen, signsIn(p, who, right)), ", ")
			},
			want: [2]string{
				strings.Join([]string{noMember, noMember, wrong, wrong, wrong, wrong, wrong}, ", "),
				strings.Join([]string{"taken", "taken", "taken", "taken", wrong, wrong, wrong}, ", "),
			},
		},
		{
			says: "a code signs up in the tenant that it was asked for", before: together, after: apart, prepare: twoTenants,
			look: func(p *place) string {
				who := p.someone()
				p.as("", "/v1/auth/otp/signup/email", merged(object{"loginId": who}, p.at("south"))).ok(p.t)
				in := p.as("", "/v1/auth/otp/verify/email", object{"loginId": who, "code": p.code(who)})
				claims := claimsOf(in.word("sessionJwt"))
				return strings.ReplaceAll(fmt.Sprint(status(in), " ", compact(claims["dct"]), " ", compact(claims["tenants"])), p.kept["south"], "SOUTH")
			},
			want: [2]string{noMember + " absent absent", `taken "SOUTH" {"SOUTH":{}}`},
		},
		{
			says: "who is of one tenant alone is found no more where there are none such", before: apart, after: together, prepare: local,
			look: func(p *place) string { return comesTo(p, "north", p.kept["who"], right) }, want: [2]string{"taken", wrong},
		},
		{
			says: "users that are made for one tenant each", before: together, after: apart, prepare: twoTenants,
			look: func(p *place) string {
				who := p.someone()
				var seen []string
				for _, tenant := range []string{"north", "south", "north"} {
					seen = append(seen, status(p.manage("POST", "/v1/mgmt/user/create", object{"loginId": who, "userTenants": []any{object{"tenantId": p.kept[tenant]}}})))
				}
				return strings.Join(append(seen, status(p.manage("GET", "/v1/mgmt/user?loginId="+who, nil))), ", ")
			},
			want: [2]string{"taken, 409 E062107, 409 E062107, taken", "taken, taken, 409 E062107, 409 P40967"},
		},
	}
}
