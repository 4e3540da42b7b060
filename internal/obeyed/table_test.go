package obeyed

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"postern/internal/testkit"
)

// files are documents of a snapshot by their paths.
type files map[string]any

// object is a JSON object.
type object = map[string]any

// A row says what one key does: what a caller sees under the settings before, and
// what under those after.
type row struct {
	says string // a sentence
	// given are documents of both sides, as JSON; before and after are what differs. A
	// member of theirs goes over the one of given; where that is a list it is the whole
	// of it.
	given, before, after docs
	prepare              func(*place)        // done once, under the settings before
	look                 func(*place) string // what is seen; it must not change what it looks at
	want                 [2]string           // before and after
}

// docs are documents as JSON by their paths.
type docs map[string]string

// files returns the documents of each side.
func (r row) files(t *testing.T) (before, after files) {
	t.Helper()
	read := func(d docs) files {
		out := files{}
		for path, text := range d {
			var doc object
			if err := json.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatalf("%s: %s: %v", r.says, path, err)
			}
			out[path] = doc
		}
		return out
	}
	over := func(d docs) files {
		out := read(r.given)
		for path, doc := range read(d) {
			base, _ := out[path].(object)
			out[path] = merged(base, doc.(object))
		}
		return out
	}
	return over(r.before), over(r.after)
}

// rows are the whole table.
func rows() []row {
	return slices.Concat(trustRows(), tenantRows(), migrationRows(), cookieRows(), lifetimeRows(), peopleRows(), inviteRows(), templateRows(), roleRows(), attributeRows(),
		methodRows(), messageRows(), linkRows(), notpRows(), totpRows(), passkeyRows(), policyRows(), lockRows(), questionRows())
}

// What each setting does: seen before an import and after it, and as before after an
// import that leaves the setting out by each of its exclude keys.
func TestSettingsAreObeyed(t *testing.T) {
	t.Parallel()
	all := facts(t)
	testkit.Databases(t, func(t *testing.T, url string) {
		h := open(t, url)
		for _, r := range rows() {
			t.Run(r.says, func(t *testing.T) {
				t.Parallel()
				r.run(t, h, all)
			})
		}
	})
}

func (r row) run(t *testing.T, h *house, all map[string]fact) {
	t.Helper()
	p := h.newPlace(t)
	before, after := r.files(t)
	brought := func(in files) files {
		out := p.outside(t, in)
		out["snapshot.json"] = object{"version": 5}
		return out
	}
	p.imports(brought(before)).ok(t)
	if r.prepare != nil {
		r.prepare(p)
	}
	if got := r.look(p); got != r.want[0] {
		t.Fatalf("before: %q, want %q", got, r.want[0])
	}
	excludes := map[string]bool{}
	for _, key := range differing(t, before, after) {
		for _, ex := range all[key].excludes {
			excludes[ex] = true
		}
	}
	for _, ex := range slices.Sorted(maps.Keys(excludes)) {
		p.imports(brought(after), ex).ok(t)
		if got := r.look(p); got != r.want[0] {
			t.Errorf("after an import without %s: %q, want %q", ex, got, r.want[0])
		}
	}
	p.imports(brought(after)).ok(t)
	if got := r.look(p); got != r.want[1] {
		t.Errorf("after: %q, want %q", got, r.want[1])
	}
}

// outside returns documents with the connectors that they name, each of which posts
// to a path of the gateway that is its id.
func (p *place) outside(t *testing.T, in files) files {
	t.Helper()
	out := maps.Clone(in)
	if text, err := json.Marshal(in[settings]); err == nil && in[settings] != nil { // where the former service is
		var doc object
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "FORMER", p.former.url)), &doc); err != nil {
			t.Fatal(err)
		}
		out[settings] = doc
	}
	if _, ok := in["connectors/connectors.json"]; !ok {
		return out
	}
	for _, c := range []struct{ slug, typ, sender string }{{"post", "generic-email-gateway", "lantern"}, {"phone", "generic-sms-gateway", "+12025550199"}} {
		out["connectors/"+c.slug+".json"] = object{"id": "CI" + c.slug, "name": c.slug, "type": c.typ, "configuration": object{
			"postUrl": p.gateway.url + "/" + c.slug, "sender": c.sender, "authentication": object{"method": "none"}, "hmacSecret": "to-sign-with", "insecure": true,
		}}
	}
	return out
}

// withGateways is an index of the connectors of outside.
const withGateways = `{"connectors":["post","phone"]}`

// status is what is seen of a call where it matters only whether it is refused.
func status(a answer) string {
	if a.status == http.StatusOK {
		return "taken"
	}
	return a.String()
}
