package project

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// to is small with its mail server at another host. A blank value brings no secret.
func to(host, value string) *snapshot.Upload {
	up := small("a", value)
	up.Files["connectors/mail.json"] = []byte(strings.ReplaceAll(string(up.Files["connectors/mail.json"]), "smtp.example.test", host))
	return up
}

// without is small with no connector at all.
func without() *snapshot.Upload {
	up := small("a", "")
	delete(up.Files, "connectors/mail.json")
	up.Files["connectors/connectors.json"] = []byte(`{"connectors":[]}`)
	up.Secrets = nil
	return up
}

const own = "configuration/password"

// A credential goes with its entity: whoever takes the entity away and brings it
// again, with another destination, in two imports, gets nothing that was stored.
func TestRemovedEntityTakesItsSecretsAlong(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		first := f.load(t, small("a", "s"))
		f.load(t, without())
		for _, allow := range []bool{false, true} { // and no leave of an admin finds it either
			for _, host := range []string{"smtp.attacker.test", "smtp.example.test"} {
				up := to(host, "")
				up.AllowMoved = allow
				_, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: up})
				if !errors.Is(err, snapshot.ErrInvalid) || !strings.Contains(explain(err).Error(), "is missing") {
					t.Errorf("to %s with leave %v: %v, want a secret that is missing", host, allow, explain(err))
				}
			}
		}
		f.load(t, to("smtp.attacker.test", "mine"))
		if diff := cmp.Diff([]string{"mine"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
		// Going back brings the value with the destination that it was for.
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: first.Revision}); err != nil {
			t.Fatal(explain(err))
		}
		if diff := cmp.Diff([]string{"s"}, f.secrets(t, f.id)); diff != "" {
			t.Errorf("secrets after going back (-want +got):\n%s", diff)
		}
		if files, _ := f.export(t, f.id, snapshot.FormatSplit); !strings.Contains(string(files["connectors/mail.json"]), "smtp.example.test") {
			t.Errorf("going back left the destination: %s", files["connectors/mail.json"])
		}
		// From there the value does not follow to the other host.
		if _, err := f.Import(t.Context(), tester, Import{Project: f.id, Upload: to("smtp.attacker.test", "")}); !errors.Is(err, snapshot.ErrInvalid) {
			t.Errorf("the secret followed its connector to another host: %v", err)
		}
	})
}

// Requests go on with a configuration for a moment after another one has replaced
// it. They get the credentials of theirs: the newer one may be for elsewhere.
func TestSecretOfAConfigurationIsThatOfItsRevision(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		f := setup(t, url)
		first := f.load(t, small("a", "s"))
		f.load(t, to("smtp.attacker.test", "mine"))
		late, err := f.Config(t.Context(), f.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Rollback(t.Context(), tester, Rollback{Project: f.id, Revision: first.Revision}); err != nil {
			t.Fatal(explain(err))
		}
		now, err := f.Config(t.Context(), f.id)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			config *Config
			want   string
		}{{late, "mine"}, {now, "s"}} {
			got, err := f.SecretOf(t.Context(), tt.config, "connector", "CI1", own)
			if err != nil || got.Reveal() != tt.want {
				t.Errorf("revision %d is given another secret than its own: %v", tt.config.Revision, err)
			}
		}
		if _, err := f.SecretOf(t.Context(), &Config{Project: f.id}, "connector", "CI1", own); !errors.Is(err, errNoSecret) {
			t.Errorf("a configuration of no revision is given a secret: %v", err)
		}
	})
}
