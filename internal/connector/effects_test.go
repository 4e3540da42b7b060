package connector

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// A plan says which messages could not be sent any more, at the value that is the
// reason.
func TestPlansSayWhatIsNotSent(t *testing.T) {
	t.Parallel()
	gates := []conn{{"generic-email-gateway", `{"postUrl":"https://mail.example"}`}, {"generic-sms-gateway", `{"postUrl":"https://sms.example"}`}, {"sns", `{"awsSNSRegion":"us-east-1","accessKeyId":"A","secretAccessKey":"s"}`}}
	const off = `{"enabled":false}`
	quiet := snapshot.Files{
		"project.json": []byte(`{"inviteSendEmail":false}`), "auth/magiclink.json": []byte(off), "auth/enchantedlink.json": []byte(off), "auth/password.json": []byte(off),
		"auth/otp.json": []byte(`{"enabled":true,"emailServiceProvider":"CI1","textServiceProvider":"CI2","voiceServiceProvider":"CI2"}`),
	}
	for name, c := range map[string]struct {
		environment, otp string
		want             []string
	}{
		"nothing changes in how they leave":    {"production", `{"expirationTime":9,"expirationTimeUnit":"minutes"}`, nil},
		"the built-in provider in development": {"", `{"emailServiceProvider":"Descope"}`, nil},
		"the built-in provider in production": {"production", `{"emailServiceProvider":"Descope"}`, []string{
			"emailServiceProvider: One-time codes by mail could not be sent: the built-in provider sends nothing, and production has no outbox.",
		}},
		"a connector for something else": {"", `{"textServiceProvider":"CI1"}`, []string{
			`textServiceProvider: One-time codes by text message could not be sent: the connector "Gate 1" cannot send messages of the kind sms.`,
		}},
		"a connector for text messages alone": {"", `{"textServiceProvider":"CI3"}`, []string{
			`textServiceProvider: One-time codes over WhatsApp could not be sent: the connector "Gate 3" cannot send messages of the kind whatsapp.`,
		}},
		"a method that is turned off": {"production", `{"enabled":false,"emailServiceProvider":"Descope"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, testkit.Store(t), c.environment, gates...)
			f.Projects.Effects = append(f.Projects.Effects, f.Effects())
			load := func(files snapshot.Files) project.Import {
				return project.Import{Project: f.cfg.Project, Upload: &snapshot.Upload{Files: maps.Clone(files), SameIDs: true}} // an import takes them over
			}
			if _, err := f.Projects.Import(t.Context(), tester, load(quiet)); err != nil {
				t.Fatal(err)
			}
			plan, err := f.Projects.Plan(t.Context(), load(snapshot.Files{"auth/otp.json": []byte(c.otp)}))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range plan.Differences {
				for _, e := range d.Effects {
					if e.Code == "messages_not_sent" {
						got = append(got, fmt.Sprintf("%s: %s", strings.TrimPrefix(d.Field, "/"), e.Message))
					}
				}
			}
			for _, e := range plan.Effects {
				got = append(got, e.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

// Every method that sends messages in the configuration has its channel.
func TestChannelsAreInPlace(t *testing.T) {
	t.Parallel()
	f := one(t, conn{"generic-email-gateway", `{"postUrl":"https://mail.example"}`})
	for _, ch := range channels(f.cfg) {
		files := snapshot.Files{ch.file: fmt.Appendf(nil, `{%q:"CI1"}`, ch.field)}
		_, err := f.Projects.Import(t.Context(), tester, project.Import{Project: f.cfg.Project, Upload: &snapshot.Upload{Files: files, SameIDs: true}})
		if err != nil {
			t.Fatalf("%s: %v", ch.what, err)
		}
	}
	cfg, err := f.Projects.Config(t.Context(), f.cfg.Project)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range channels(cfg) {
		if ch.via.Connector != "CI1" {
			t.Errorf("%s: %s of %s is not where their connector is named", ch.what, ch.field, ch.file)
		}
	}
}

// A plan says which connectors are to take the audit and get nothing.
func TestPlansSayWhoGetsNoAudit(t *testing.T) {
	t.Parallel()
	f := one(t, conn{"splunk", `{"hecUrl":"https://splunk.example","hecToken":"t"}`})
	f.Projects.Effects = append(f.Projects.Effects, f.Effects())
	plan, err := f.Projects.Plan(t.Context(), project.Import{Project: f.cfg.Project, Upload: &snapshot.Upload{SameIDs: true, Files: snapshot.Files{
		"connectors/connectors.json": []byte(`{"connectors":["c1","c2","c3"]}`),
		"connectors/c1.json":         []byte(`{"id":"CI1","name":"Gate 1","type":"splunk","configuration":{"hecUrl":"https://splunk.example","hecToken":"","auditEnabled":true}}`),
		"connectors/c2.json":         []byte(`{"id":"CI2","name":"Lake","type":"snowflake","configuration":{"site":"s","apiKey":"k","auditEnabled":true}}`),
		"connectors/c3.json":         []byte(`{"id":"CI3","name":"Pond","type":"snowflake","configuration":{"site":"s","apiKey":"k","auditEnabled":false}}`),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range plan.Differences {
		for _, e := range d.Effects {
			if e.Code == "audit_not_sent" {
				got = append(got, d.ID+": "+e.Message)
			}
		}
	}
	want := []string{`CI2: The connector "Lake" gets no records of the audit: this server cannot send them to one of the type snowflake.`}
	if diff := cmp.Diff(want, got); diff != "" || len(plan.Effects) > 0 {
		t.Errorf("effects (-want +got):\n%s%v", diff, plan.Effects)
	}
}
