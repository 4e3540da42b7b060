package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/session"
)

// What of a search for counts is refused.
var (
	errStep = fault.New(fault.Invalid, "E011003", "Request is invalid: groupByCreated is h, d, w, m or q: hour, day, week, month or quarter, of UTC")
	errWide = fault.New(fault.Invalid, "P40026", "the search has more than 10000 counts; ask for a shorter time, longer steps or fewer groups")
)

// mostCounts bounds an answer.
const mostCounts = 10_000

// actionMade is a user who was made, in whatever way.
const actionMade = audit.SignedUp

// analyticsRequest asks how often something happened. Times are Unix milliseconds.
type analyticsRequest struct {
	From            number   `json:"from"`
	To              number   `json:"to"`
	Actions         []string `json:"actions"`
	ExcludedActions []string `json:"excludedActions"`
	Devices         []string `json:"devices"`
	Methods         []string `json:"methods"`
	Geos            []string `json:"geos"`
	Tenants         []string `json:"tenants"`
	ByAction        bool     `json:"groupByAction"`
	ByDevice        bool     `json:"groupByDevice"`
	ByMethod        bool     `json:"groupByMethod"`
	ByGeo           bool     `json:"groupByGeo"` // where somebody was is not looked up
	ByTenant        bool     `json:"groupByTenant"`
	ByReferrer      bool     `json:"groupByReferrer"` // nor is kept from which page they came
	ByCreated       string   `json:"groupByCreated"`  // h, d, w, m, q; empty for the whole time
}

// wireCount is one count. What was not asked to be told apart is blank; numbers are
// text, as clients read them.
type wireCount struct {
	Project  string `json:"projectId"`
	Action   string `json:"action"`
	Created  string `json:"created"` // Unix milliseconds: when the step began; 0 for the whole time
	Device   string `json:"device"`
	Method   string `json:"method"`
	Geo      string `json:"geo"`
	Tenant   string `json:"tenant"`
	Referrer string `json:"referrer"`
	N        string `json:"cnt"`
}

type analyticsAnswer struct {
	Counts []wireCount `json:"analytics"`
}

// A counted is what happened in one hour, alike, as often as n.
type counted struct {
	at                             time.Time
	action, device, method, tenant string
	n                              int
}

func (s *Server) searchAnalytics(ctx context.Context, in *analyticsRequest) (*analyticsAnswer, error) {
	step, ok := steps[in.ByCreated]
	if !ok {
		return nil, errStep
	}
	for i, m := range in.Methods { // as a search of the audit takes them
		in.Methods[i] = audit.MethodOnWire(m)
	}
	sums := map[counted]int{}
	err := s.count(ctx, in, func(c counted) {
		if !in.wants(c) {
			return
		}
		n := c.n
		c = in.group(c, step)
		if _, known := sums[c]; known || len(sums) <= mostCounts {
			sums[c] += n
		}
	})
	if err != nil {
		return nil, err
	}
	if len(sums) > mostCounts {
		return nil, errWide
	}
	out := &analyticsAnswer{Counts: []wireCount{}}
	project := callerOf(ctx).Project
	for c, n := range sums {
		out.Counts = append(out.Counts, wireCount{
			Project: project, Action: c.action, Created: strconv.FormatInt(c.at.UnixMilli(), 10), Device: c.device, Method: c.method, Tenant: c.tenant,
			N: strconv.Itoa(n),
		})
	}
	slices.SortFunc(out.Counts, func(a, b wireCount) int {
		return cmp.Or(cmp.Compare(len(a.Created), len(b.Created)), cmp.Compare(a.Created, b.Created), cmp.Compare(a.Action, b.Action),
			cmp.Compare(a.Method, b.Method), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Device, b.Device))
	})
	return out, nil
}

// count gives what happened to fn, hour by hour, without an order.
func (s *Server) count(ctx context.Context, in *analyticsRequest, fn func(counted)) error {
	project, from, to := callerOf(ctx).Project, milliseconds(in.From), milliseconds(in.To)
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if to.IsZero() {
		to = time.Now()
	}
	err := s.Sessions.Tallies(ctx, project, from, to, func(t session.Tally) {
		fn(counted{at: t.Hour, action: session.LoggedIn, device: audit.DeviceOf(t.Agent), method: audit.MethodOnWire(t.Method), tenant: t.Tenant, n: t.N})
	})
	if err != nil {
		return err
	}
	err = s.Users.Made(ctx, project, from, to, func(hour time.Time, n int) { fn(counted{at: hour, action: actionMade, n: n}) })
	if err != nil {
		return err
	}
	err = audit.Acts(ctx, s.Projects.DB, project, from, to, func(t audit.Tally) {
		if t.Action != actionMade { // which is counted above
			fn(counted{at: t.Hour, action: t.Action, device: audit.DeviceOf(t.Agent), method: audit.MethodOnWire(t.Method), tenant: t.Tenant, n: t.N})
		}
	})
	if err != nil {
		return err
	}
	return audit.Tallies(ctx, s.Projects.DB, audit.Search{Project: project, From: from, To: to}, func(t audit.Tally) {
		fn(counted{at: t.Hour, action: strings.TrimPrefix(t.Action, audit.Reported), tenant: t.Tenant, n: t.N})
	})
}

func (in *analyticsRequest) wants(c counted) bool {
	among := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return among(in.Actions, c.action) && !slices.Contains(in.ExcludedActions, c.action) && among(in.Devices, c.device) &&
		among(in.Methods, c.method) && among(in.Tenants, c.tenant) && among(in.Geos, "")
}

// group makes equal what is not to be told apart.
func (in *analyticsRequest) group(c counted, step func(time.Time) time.Time) counted {
	for _, part := range []struct {
		of *string
		on bool
	}{{&c.action, in.ByAction}, {&c.device, in.ByDevice}, {&c.method, in.ByMethod}, {&c.tenant, in.ByTenant}} {
		if !part.on {
			*part.of = ""
		}
	}
	c.at, c.n = step(c.at), 0
	return c
}

// steps are the beginnings of the steps of time in which an hour can be.
var steps = map[string]func(time.Time) time.Time{
	"":  func(time.Time) time.Time { return time.Unix(0, 0) },
	"h": func(t time.Time) time.Time { return t },
	"d": func(t time.Time) time.Time { return day(t, t.Month(), t.Day()) },
	"w": func(t time.Time) time.Time { return day(t, t.Month(), t.Day()-(int(t.Weekday())+6)%7) }, // from Monday on, as in ISO 8601
	"m": func(t time.Time) time.Time { return day(t, t.Month(), 1) },
	"q": func(t time.Time) time.Time { return day(t, t.Month()-(t.Month()-1)%3, 1) },
}

func day(t time.Time, month time.Month, d int) time.Time {
	return time.Date(t.Year(), month, d, 0, 0, 0, 0, time.UTC)
}
