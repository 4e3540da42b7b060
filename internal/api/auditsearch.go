package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/user"
)

var errField = fault.New(fault.Invalid, "E011003", "Request is invalid: searchFields knows no such field")

// auditField wants records whose member has one of some values, or with Negative none.
type auditField struct {
	Field    string   `json:"field"`
	Values   []string `json:"valArr"`
	Value    string   `json:"valStr"`
	Negative bool     `json:"negative"`
}

// search returns what is searched for, and whether any record can be that.
func (in *auditRequest) search(project string) (out audit.Search, some bool, err error) {
	want, not := *in, auditRequest{}
	positive, negative := want.lists(), not.lists()
	for _, f := range in.Fields {
		wanted, unwanted := positive[f.Field], negative[f.Field]
		if wanted == nil {
			return out, false, errField.WithMessage(fmt.Sprintf("Request is invalid: searchFields knows no field %.60q; it knows %s", f.Field, strings.Join(slices.Sorted(maps.Keys(positive)), ", ")))
		}
		values := slices.Clone(f.Values)
		if f.Value != "" {
			values = append(values, f.Value)
		}
		if f.Negative {
			*unwanted = append(*unwanted, values...)
			continue
		}
		if before := *wanted; len(before) > 0 { // of two lists about one member both count
			values = slices.DeleteFunc(values, func(v string) bool { return !slices.Contains(before, v) })
		}
		if *wanted = values; len(values) == 0 {
			return out, false, nil
		}
	}
	size := int(min(max(in.Size, 0), audit.MostFound))
	if size == 0 {
		size = audit.MostFound // the Node SDK has no word for a size, nor for a second page
	}
	if out, some = want.plain(); !some || len(want.Geos) > 0 {
		return out, false, nil
	}
	out.Project, out.Text, out.OldestFirst, out.From, out.To = project, in.Text, in.OldestFirst, milliseconds(in.From), milliseconds(in.To)
	out.ExcludedActions, out.OrNoTenant = recorded(in.ExcludedActions), in.NoTenants
	out.Limit, out.Offset = size, int(min(max(in.Page, 0), mostPages))*size
	but, _ := not.plain()
	out.Not = &but
	out.More = func(userColumn, agent string, arg func(any) string) []string {
		return slices.Concat(
			user.Known(userColumn, arg, want.ExternalIDs, want.LoginIDs, false),
			user.Known(userColumn, arg, slices.Concat(in.NotExternalIDs, not.ExternalIDs), in.NotLoginIDs, true),
			audit.DevicesIn(agent, arg, want.Devices, false), audit.DevicesIn(agent, arg, not.Devices, true),
		)
	}
	return out, true, nil
}

// plain is what lists of members say, as far as it is a column; and whether any record
// can be that.
func (in *auditRequest) plain() (audit.Search, bool) {
	out := audit.Search{
		Actions: recorded(in.Actions), Actors: in.ActorIDs, Remotes: in.RemoteAddresses, Users: in.UserIDs, Tenants: in.Tenants,
	}
	for _, m := range in.Methods {
		out.Methods = append(out.Methods, m)
		if m == audit.MethodOnWire(session.AMRPassword) {
			out.Methods = append(out.Methods, session.AMRPassword)
		}
	}
	wanted := slices.Concat(in.AuditTypes, in.Levels)
	for _, outcome := range []string{audit.Done, audit.Refused, audit.Failed} {
		if slices.Contains(wanted, audit.Level(outcome)) {
			out.Outcomes = append(out.Outcomes, outcome)
		}
	}
	return out, len(wanted) == 0 || len(out.Outcomes) > 0
}

// lists are those of a request that fields of searchFields mean, by their names.
func (in *auditRequest) lists() map[string]*[]string {
	return map[string]*[]string{
		"action": &in.Actions, "actorId": &in.ActorIDs, "userId": &in.UserIDs, "tenants": &in.Tenants, "tenant": &in.Tenants, "remoteAddress": &in.RemoteAddresses,
		"device": &in.Devices, "method": &in.Methods, "geo": &in.Geos, "externalIds": &in.ExternalIDs, "externalId": &in.ExternalIDs, "type": &in.AuditTypes,
	}
}
