package snapshot

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mail is a project with one connector that has a secret.
func mail(configuration string) docs {
	return docs{
		"connectors/connectors.json": `{"connectors":["mail"]}`,
		"connectors/mail.json":       `{"id":"CI2","name":"Mail","type":"smtp","configuration":{"fromEmail":"a@b.example","host":"smtp.b.example","username":"u"` + configuration + `}}`,
	}
}

// stored is a target whose connector has a stored password.
func stored(t *testing.T) *target {
	t.Helper()
	return mail(`,"password":"x-first"`).given(t)
}

const (
	movedHost = `,"host":"evil.example"`
	moved     = `error secret_moved connectors/mail.json#/configuration/password: the stored password of connector "Mail" is not carried over, because where it would be sent has changed (give it again, or let an admin key import with allowMovedSecrets)`
	missing   = `error secret_missing connectors/mail.json#/configuration/password: the password of connector "Mail" is missing (give it in inputSecrets or in the file)`
)

// to is a connector like that of mail, with some members changed.
func to(pairs ...string) docs {
	d := mail(`,"password":"PLACEHOLDER_VALUE"`)
	d["connectors/mail.json"] = strings.NewReplacer(pairs...).Replace(d["connectors/mail.json"])
	return d
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	none := func(*testing.T) *target { return newTarget() }
	for name, tt := range map[string]struct {
		given      func(*testing.T) *target
		upload     docs
		inputs     []string
		allowMoved bool
		want       []string // problems
		missing    []MissingSecret
		set        []string // "field=value"
		keep       []string
		carried    []string
	}{
		"the placeholder keeps the stored secret": {
			given: stored, upload: to(), keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"a blank secret keeps the stored one": {
			given: stored, upload: mail(`,"password":""`), keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"a secret that is null keeps the stored one": {
			given: stored, upload: mail(``), keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"the secrets of a section that the upload does not have stay": {
			given: stored, upload: docs{"lists.json": `{"lists":[]}`}, keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"the secrets of what is removed are dropped": {
			given: stored, upload: docs{"connectors/connectors.json": `{"connectors":[]}`},
		},
		"the placeholder with nothing stored is missing": {
			given: none, upload: to(), want: []string{missing},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a blank secret with nothing stored is missing": {
			given: none, upload: mail(`,"password":""`), want: []string{missing},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a secret in the file is taken": {
			given: stored, upload: mail(`,"password":"x-second"`), set: []string{"configuration/password=x-second"},
		},
		"an input secret wins over the file": {
			given: stored, upload: mail(`,"password":"x-second"`), inputs: []string{"connectors/CI2//password=x-third"},
			set: []string{"configuration/password=x-third"},
		},
		"an input secret may name its entity instead of the id": {
			given: none, upload: to(), inputs: []string{"connectors//Mail/password=x-third"},
			set: []string{"configuration/password=x-third"},
		},
		"an input secret may give the type in other letters or as a path": {
			given: none, upload: to(), inputs: []string{"connectors/CI2//configuration.Password=x-third"},
			set: []string{"configuration/password=x-third"},
		},
		"a blank input secret is none": {
			given: stored, upload: to(), inputs: []string{"connectors/CI2//password="}, keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"an input secret that matches no entity is an error": {
			given: stored, upload: to(), inputs: []string{"connectors/CI3//password=x-third"},
			want: []string{`error secret_unknown #/inputSecrets/connectors: the input secret for "CI3" matches nothing in the snapshot (did you mean "CI2"?)`},
		},
		"an input secret of an unknown group is an error": {
			given: stored, upload: to(), inputs: []string{"conectors/CI2//password=x-third", "/CI2//password=x-third"},
			want: []string{
				`error secret_unknown #/inputSecrets/: the input secret for "CI2" matches nothing in the snapshot`,
				`error secret_unknown #/inputSecrets/conectors: the input secret for "CI2" matches nothing in the snapshot`,
			},
		},
		"an input secret of the wrong type is an error that lists the types": {
			given: stored, upload: to(), inputs: []string{"connectors/CI2//token=x-third"},
			want: []string{`error secret_type #/inputSecrets/connectors: "CI2" has no secret of type "token" (types: "password")`},
		},
		"an input secret for something without secrets is an error": {
			given: none, upload: docs{"connectors/connectors.json": `{"connectors":["hook"]}`, "connectors/hook.json": hook}, inputs: []string{"connectors/CI1//token=x"},
			want: []string{`error secret_type #/inputSecrets/connectors: "CI1" has no secrets`},
		},
		"a stored secret does not follow its entity to another host": {
			given: stored, upload: to(`"host":"smtp.b.example"`, `"host":"evil.example"`), want: []string{moved},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a stored secret does not follow its entity to another port": {
			given: stored, upload: to(`"username"`, `"port":2525,"username"`), want: []string{moved},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a destination that is written out with its default is the same": {
			given: stored, upload: to(`"username"`, `"port":25,"username"`), keep: []string{"connector/CI2/configuration/password SV1"},
		},
		"a stored secret does not follow its entity to another kind of service": {
			given: stored, upload: to(`"type":"smtp"`, `"type":"sendgrid"`, `"password"`, `"apiKey"`),
			want: []string{
				`error secret_missing connectors/mail.json#/configuration/apiKey: the apiKey of connector "Mail" is missing (give it in inputSecrets or in the file)`,
				`warning secret_moved connectors/mail.json: the stored secret configuration/password of connector "Mail" is dropped, because there is no place for it any more (give it again if it is still wanted)`,
				`warning unknown_key connectors/mail.json#/configuration/host: the key "host" is not known; it is kept and exported again`,
				`warning unknown_key connectors/mail.json#/configuration/username: the key "username" is not known; it is kept and exported again`,
			},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "apiKey"}},
		},
		"a stored secret does not follow its entity to another engine": {
			given: stored, upload: to(`"type":"smtp"`, `"type":"smtp","executorType":"engine","executorId":"E1"`), want: []string{moved},
			missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a stored secret follows its entity to another host by leave": {
			given: stored, upload: to(`"host":"smtp.b.example"`, `"host":"new.example"`), allowMoved: true,
			keep: []string{"connector/CI2/configuration/password SV1"}, carried: []string{"connector/CI2/configuration/password SV1"},
		},
		"a secret that is given again may go to another host": {
			given: stored, upload: to(`"host":"smtp.b.example"`, `"host":"new.example"`), inputs: []string{"connectors/CI2//password=x-third"},
			set: []string{"configuration/password=x-third"},
		},
		"a stored secret does not go to another entity of the same name but with another host": {
			given: stored, upload: to(`"id":"CI2"`, `"id":"CI9"`, `"host":"smtp.b.example"`, `"host":"evil.example"`), want: []string{moved},
			missing: []MissingSecret{{"connectors", "CI9", "Mail", "password"}},
		},
		"a stored secret of which nobody knows where it went goes nowhere": {
			given: func(t *testing.T) *target {
				g := docs{"connectors/connectors.json": `{"connectors":[]}`}.given(t)
				g.base.Secrets = []StoredSecret{{Kind: "connector", Entity: "CI2", Field: "configuration/password", ID: "SV1"}}
				return g
			},
			upload: to(), want: []string{moved}, missing: []MissingSecret{{"connectors", "CI2", "Mail", "password"}},
		},
		"a stored secret stays with its entity under a new name": {
			given: stored, upload: to(`"name":"Mail"`, `"name":"Post"`), keep: []string{"connector/CI2/configuration/password SV1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := tt.given(t)
			up := tt.upload.upload(t)
			up.Secrets, up.AllowMoved = inputs(tt.inputs...), tt.allowMoved
			out := g.check(t, up)
			wantProblems(t, out, tt.want...)
			var set []string
			for _, v := range out.Set {
				set = append(set, v.Field+"="+v.Value.Reveal())
			}
			for what, pair := range map[string][2]any{
				"missing": {tt.missing, out.Missing}, "set": {tt.set, set},
				"keep": {tt.keep, secretNames(out.Keep)}, "carried": {tt.carried, secretNames(out.Carried)},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			if out.Failed() {
				return
			}
			g.commit(out)
			if text := g.text("connectors/mail.json"); strings.Contains(text, "x-") || len(g.base.Secrets) > 0 && !strings.Contains(text, Placeholder) {
				t.Errorf("the stored file does not have the placeholder: %s", text)
			}
		})
	}
}

func TestAnInputSecretGoesToOneEntityOnly(t *testing.T) {
	t.Parallel()
	g := to().given2(t, "connectors/CI2//password=x-first")
	// In the upload's environment CI2 is another connector, and Mail is CI7.
	up := docs{
		"connectors/connectors.json": `{"connectors":["mail","other"]}`,
		"connectors/mail.json":       to(`"CI2"`, `"CI7"`)["connectors/mail.json"],
		"connectors/other.json":      to(`"Mail"`, `"Other"`, "smtp.b.example", "other.example")["connectors/mail.json"],
	}.upload(t)
	up.Secrets = inputs("connectors/CI2//password=x-other")
	out := g.apply(t, up)
	if len(out.Set) != 1 || out.Set[0].Entity == "CI2" {
		t.Errorf("the secret of one connector was given to another: %+v", out.Set)
	}
	if diff := cmp.Diff([]string{"connector/CI2/configuration/password SV1"}, secretNames(out.Keep)); diff != "" {
		t.Errorf("keep (-want +got):\n%s", diff)
	}
}

// given2 is given with input secrets.
func (d docs) given2(t *testing.T, secrets ...string) *target {
	t.Helper()
	g := newTarget()
	up := d.upload(t)
	up.Secrets = inputs(secrets...)
	g.apply(t, up)
	return g
}

func hookWith(headers string) docs {
	return docs{
		"connectors/connectors.json": `{"connectors":["api"]}`,
		"connectors/api.json":        `{"id":"CI5","name":"Api","type":"http","configuration":{"baseUrl":"https://a.example","headers":[` + headers + `]}}`,
	}
}

func TestSecretHeaders(t *testing.T) {
	t.Parallel()
	g := hookWith(`{"key":"A","value":"x-a","secret":true},{"key":"B","value":"plain"},{"key":"A","value":"x-b","secret":true}`).given(t)
	if text := g.text("connectors/api.json"); strings.Contains(text, "x-") || !strings.Contains(text, "plain") {
		t.Errorf("secret headers are stored in clear: %s", text)
	}
	want := []string{"connector/CI5/configuration/headers/[A]/value SV1", "connector/CI5/configuration/headers/[A]2/value SV2"}
	if diff := cmp.Diff(want, g.secrets()); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	g.apply(t, hookWith(`{"key":"B","value":"plain"},{"key":"A","value":"","secret":true}`).upload(t))
	if diff := cmp.Diff(want[:1], g.secrets()); diff != "" {
		t.Errorf("a secret header that moves in its list (-want +got):\n%s", diff)
	}

	up := hookWith(`{"key":"C","value":"","secret":true},{"key":"D","value":"","secret":true}`).upload(t)
	out := newTarget().check(t, up)
	var types []string
	for _, m := range out.Missing {
		types = append(types, m.Type)
	}
	if diff := cmp.Diff([]string{"headers.[C].value", "headers.[D].value"}, types); diff != "" {
		t.Fatalf("missing types (-want +got):\n%s", diff)
	}
	up = hookWith(`{"key":"C","value":"","secret":true},{"key":"D","value":"","secret":true}`).upload(t)
	up.Secrets = inputs("connectors/CI5//headers.[C].value=x-c", "connectors/CI5//headers.[D].value=x-d")
	var set []string
	for _, v := range newTarget().apply(t, up).Set {
		set = append(set, v.Field+"="+v.Value.Reveal())
	}
	slices.Sort(set)
	if diff := cmp.Diff([]string{"configuration/headers/[C]/value=x-c", "configuration/headers/[D]/value=x-d"}, set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func TestConnectorsWithoutIdsKeepTheirSecretsApart(t *testing.T) {
	t.Parallel()
	d := docs{
		"connectors/connectors.json": `{"connectors":["a","b"]}`,
		"connectors/a.json":          to(`"id":"CI2",`, ``, `"Mail"`, `"A"`)["connectors/mail.json"],
		"connectors/b.json":          to(`"id":"CI2",`, ``, `"Mail"`, `"B"`)["connectors/mail.json"],
	}
	g := d.given2(t, "connectors//A/password=x-a", "connectors//B/password=x-b")
	if len(g.base.Secrets) != 2 || g.base.Secrets[0].Entity == g.base.Secrets[1].Entity || g.base.Secrets[0].Entity == "" {
		t.Errorf("secrets are bound to %v", g.secrets())
	}
}

// Leave to carry secrets over is for those that have a place: the others do not come
// along, so that the same import again has nothing left to do.
func TestNoSecretIsCarriedToWhereNoneIsUsed(t *testing.T) {
	t.Parallel()
	of := func(configuration string) docs {
		return docs{
			"connectors/connectors.json": `{"connectors":["ses"]}`,
			"connectors/ses.json":        `{"id":"CI2","name":"Check","type":"aws-ses-email-validation","configuration":{"region":"eu-west-1",` + configuration + `}}`,
		}
	}
	g := of(`"authType":"credentials","accessKeyId":"A1","secretAccessKey":"x-first"`).given(t)
	for _, round := range []string{"first", "again"} {
		up := of(`"authType":"assumeRole","roleArn":"arn:aws:iam::1:role/r","externalId":"e"`).upload(t)
		up.AllowMoved = true
		out := g.apply(t, up)
		if len(out.Carried) > 0 || len(out.Keep) > 0 || strings.Contains(g.text("connectors/ses.json"), Placeholder) {
			t.Errorf("%s: carried %v, kept %v, %s", round, out.Carried, out.Keep, g.text("connectors/ses.json"))
		}
		if round == "again" && len(out.Changes) > 0 {
			t.Errorf("the same again changes %v", out.Changes)
		}
	}
}
