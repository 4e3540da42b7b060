package obeyed

import (
	"testing"

	"postern/internal/testkit"
)

// stolen is the password that the list of the gateway has.
const stolen = "Lantern-oil-stolen-9"

// A password that was stolen somewhere is refused once the project has a connector to
// the list of such passwords, and taken again once it has none.
func TestStolenPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		p := open(t, url).newPlace(t)
		none := files{"snapshot.json": object{"version": 5}, "connectors/connectors.json": object{"connectors": []string{}}}
		list := files{
			"snapshot.json": object{"version": 5}, "connectors/connectors.json": object{"connectors": []string{"stolen"}},
			"connectors/stolen.json": object{"id": "CIstolen", "name": "stolen", "type": "hibp", "configuration": object{}},
		}
		for _, step := range []struct {
			says     string
			in       files
			excludes []string
			want     string
		}{
			{"without a connector", none, nil, "taken, taken"},
			{"an import that leaves connectors out", list, []string{"connectors"}, "taken, taken"},
			{"with a connector", list, nil, "400 E011003, taken"},
			{"without it again", none, nil, "taken, taken"},
		} {
			p.imports(step.in, step.excludes...).ok(t)
			if got := chooses(stolen, right)(p); got != step.want {
				t.Errorf("%s: %q, want %q", step.says, got, step.want)
			}
		}
	})
}
