package snapshot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/ident"
)

// elsewhere is small as another environment has it: with another connector id.
var elsewhere = small.with(
	"connectors/hook.json", `{"id":"CI77","name":"Hook","type":"hibp","configuration":null,"description":"new"}`,
	"flows/in/metadata.json", `{"name":"In","screens":["one"],"references":{"connectors":{"Hook":"CI77"}}}`,
	"flows/in/contents.json", `{"startTask":"0","tasks":{"1":{"id":"1","type":"automated","action":"x","arguments":{"connectorId":{"type":"inline","value":"CI77"},"providerId":{"type":"inline","value":"hibp:CI77"}}}}}`,
	"auth/otp.json", `{"emailServiceProvider":"hibp:CI77","textServiceProvider":"Descope"}`,
	"project.json", `{"inviteEmailProviderId":"CI77","userTemplateId":"J9"}`,
	"jwttemplates.json", `{"templates":[{"id":"J9","name":"Claims","type":"user"}]}`,
)

func TestMatchingBetweenEnvironments(t *testing.T) {
	t.Parallel()
	two := func(a, b string) docs { // permissions by "id name"
		return docs{"permissions.json": `{"permissions":[` + a + `,` + b + `]}`}
	}
	perm := func(id, name string) string { return `{"id":"` + id + `","name":"` + name + `"}` }
	role := ident.Derive("ROL", "role", "roles.json#roles", "Clerk", "", "0")
	derived := ident.Derive("P", "permission", "permissions.json#permissions", "new", "P1", "0")
	for name, tt := range map[string]struct {
		given, upload docs
		excludes      []string
		want          map[string]string
	}{
		"what has the same name keeps the target's id, and references follow": {
			given:  small.with("jwttemplates.json", `{"templates":[{"id":"J1","name":"Claims","type":"user"}]}`),
			upload: elsewhere,
			want: map[string]string{
				"connectors/hook.json":   `{"configuration":null,"description":"new","id":"CI1","name":"Hook","type":"hibp"}`,
				"flows/in/metadata.json": `{"name":"In","references":{"connectors":{"Hook":"CI1"}},"screens":["one"]}`,
				"flows/in/contents.json": `{"startTask":"0","tasks":{"1":{"action":"x","arguments":{"connectorId":{"type":"inline","value":"CI1"},"providerId":{"type":"inline","value":"hibp:CI1"}},"id":"1","type":"automated"}}}`,
				"auth/otp.json":          `{"emailServiceProvider":"hibp:CI1","textServiceProvider":"Descope"}`,
				"project.json":           `{"inviteEmailProviderId":"CI1","userTemplateId":"J1"}`,
				"jwttemplates.json":      `{"templates":[{"id":"J1","name":"Claims","type":"user"}]}`,
			},
		},
		"references follow by name to a section that is excluded": {
			given: small, upload: elsewhere.with("jwttemplates.json", "", "project.json", ""), excludes: []string{"connectors"},
			want: map[string]string{
				"connectors/hook.json":   canonicalOf(hook),
				"flows/in/metadata.json": `{"name":"In","references":{"connectors":{"Hook":"CI1"}},"screens":["one"]}`,
				"flows/in/contents.json": `{"startTask":"0","tasks":{"1":{"action":"x","arguments":{"connectorId":{"type":"inline","value":"CI1"},"providerId":{"type":"inline","value":"hibp:CI1"}},"id":"1","type":"automated"}}}`,
			},
		},
		"references follow by the names beside them where the section is not in the upload": {
			given: small, upload: elsewhere.with("jwttemplates.json", "", "project.json", "", "auth/otp.json", "", "connectors/connectors.json", "", "connectors/hook.json", ""),
			want: map[string]string{
				"flows/in/metadata.json": `{"name":"In","references":{"connectors":{"Hook":"CI1"}},"screens":["one"]}`,
				"flows/in/contents.json": `{"startTask":"0","tasks":{"1":{"action":"x","arguments":{"connectorId":{"type":"inline","value":"CI1"},"providerId":{"type":"inline","value":"hibp:CI1"}},"id":"1","type":"automated"}}}`,
			},
		},
		"what is new keeps the upload's id": {
			given: docs{"lists.json": `{"lists":[]}`}, upload: elsewhere,
			want: map[string]string{"connectors/hook.json": `{"configuration":null,"description":"new","id":"CI77","name":"Hook","type":"hibp"}`},
		},
		"a role without an id gets one that always is the same, and keeps it": {
			given: docs{"roles.json": `{"roles":[{"id":"R1","name":"Chief"}]}`}, upload: docs{"roles.json": `{"roles":[{"name":"Clerk"},{"name":"Chief"}]}`},
			want: map[string]string{"roles.json": `{"roles":[{"id":"` + role + `","name":"Clerk"},{"id":"R1","name":"Chief"}]}`},
		},
		"a new name keeps the id": {
			given: two(perm("P1", "read"), perm("P2", "write")), upload: two(perm("P1", "look"), perm("P2", "write")),
			want: map[string]string{"permissions.json": `{"permissions":[{"id":"P1","name":"look"},{"id":"P2","name":"write"}]}`},
		},
		"ids that are exchanged follow the names": {
			given: two(perm("P1", "read"), perm("P2", "write")), upload: two(perm("P2", "read"), perm("P1", "write")),
			want: map[string]string{"permissions.json": `{"permissions":[{"id":"P1","name":"read"},{"id":"P2","name":"write"}]}`},
		},
		"an id that another one has in the target is replaced by one that always is the same": {
			given: docs{"permissions.json": `{"permissions":[` + perm("P1", "read") + `]}`}, upload: two(perm("P5", "read"), perm("P1", "new")),
			want: map[string]string{"permissions.json": `{"permissions":[{"id":"P1","name":"read"},{"id":"` + derived + `","name":"new"}]}`},
		},
		"an id that a file which stays has is replaced too": {
			given:  docs{"auth/magiclink.json": `{"emailTemplates":[{"id":"TM1","name":"One","subject":"s"}]}`},
			upload: docs{"auth/otp.json": `{"emailTemplates":[{"id":"TM1","name":"Two","subject":"s"}]}`},
			want: map[string]string{
				"auth/magiclink.json": `{"emailTemplates":[{"id":"TM1","name":"One","subject":"s"}]}`,
				"auth/otp.json":       `{"emailTemplates":[{"id":"` + ident.Derive("TM", "messageTemplate", "auth/otp.json#emailTemplates", "Two", "TM1", "0") + `","name":"Two","subject":"s"}]}`,
			},
		},
		"templates of one name in two lists are two": {
			given: docs{
				"auth/otp.json": `{"emailTemplates":[{"id":"TM1","name":"Own","subject":"s"}],"textTemplates":[{"id":"TM2","name":"Own","body":"b"}]}`,
			},
			upload: docs{
				"auth/otp.json":          `{"emailTemplates":[{"id":"TM8","name":"Own","subject":"s"}],"textTemplates":[{"id":"TM9","name":"Own","body":"b"}]}`,
				"flows/flows.json":       `{"flows":["in"]}`,
				"flows/in/metadata.json": `{"name":"In","screens":[]}`,
				"flows/in/contents.json": `{"startTask":"0","tasks":{"0":{"action":"sign-in-otp-email","arguments":{"templateId":{"type":"inline","value":"TM8"}}}}}`,
			},
			excludes: []string{"otp"},
			want: map[string]string{
				"flows/in/contents.json": `{"startTask":"0","tasks":{"0":{"action":"sign-in-otp-email","arguments":{"templateId":{"type":"inline","value":"TM1"}}}}}`,
			},
		},
		"roles of one name in the project and in an application are two": {
			given:  docs{"roles.json": `{"roles":[{"id":"R1","name":"Editor"},{"id":"R2","name":"Editor","appId":"SA1"}]}`, "applications.json": `{"applications":[{"id":"SA1","name":"A"}]}`},
			upload: docs{"roles.json": `{"roles":[{"id":"R8","name":"Editor","appId":"SA1"},{"id":"R9","name":"Editor"}]}`},
			want:   map[string]string{"roles.json": `{"roles":[{"appId":"SA1","id":"R2","name":"Editor"},{"id":"R1","name":"Editor"}]}`},
		},
		"a name alone means the role of the project": {
			given: docs{"roles.json": `{"roles":[{"id":"R1","name":"Editor"},{"id":"R2","name":"Editor","appId":"SA1"}]}`, "applications.json": `{"applications":[{"id":"SA1","name":"A"}]}`},
			upload: docs{
				"flows/flows.json":       `{"flows":["in"]}`,
				"flows/in/metadata.json": `{"name":"In","screens":[],"references":{"roles":{"Editor":"R9"}}}`,
				"flows/in/contents.json": `{"startTask":"0","tasks":{}}`,
			},
			want: map[string]string{"flows/in/metadata.json": `{"name":"In","references":{"roles":{"Editor":"R1"}},"screens":[]}`},
		},
		"what is matched by id is not taken for another of its name": {
			given: docs{"flows/flows.json": `{"flows":["entry"]}`, "flows/entry/metadata.json": `{"name":"In","screens":[]}`, "flows/entry/contents.json": `{"startTask":"0","tasks":{}}`},
			upload: docs{
				"flows/flows.json": `{"flows":["in"]}`, "flows/in/metadata.json": `{"name":"In","screens":[]}`, "flows/in/contents.json": `{"startTask":"0","tasks":{}}`,
				"applications.json": `{"applications":[{"id":"SA1","name":"A","oidc":{"loginPageUrl":"https://a.example/?flow=in"}}]}`,
			},
			excludes: []string{"flows"},
			want:     map[string]string{"applications.json": `{"applications":[{"id":"SA1","name":"A","oidc":{"loginPageUrl":"https://a.example/?flow=in"}}]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := tt.given.given(t)
			up := tt.upload.upload(t)
			up.Excludes = tt.excludes
			g.apply(t, up)
			got := map[string]string{}
			for path := range tt.want {
				got[path] = g.text(path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			up = tt.upload.upload(t)
			up.Excludes = tt.excludes
			if out := g.check(t, up); len(out.Changes) > 0 {
				t.Errorf("the same import for the second time changes %v", out.Changes)
			}
		})
	}
}

// A reference means the entity that the upload has, and not one of the target that
// stays and happens to have the same id. So the same import again changes nothing.
func TestAReferenceMeansWhatTheUploadHas(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]Files{
		"in another file": {
			"auth/magiclink.json": []byte(`{"emailTemplates":[{"id":"ME2","name":"Hello"}]}`),
			"auth/notp.json":      []byte(`{"whatsappSuccessTemplateId":"ME2"}`),
			"project.json":        []byte(`{}`),
		},
		"in another list of the file": {
			"auth/notp.json": []byte(`{"whatsappSuccessTemplateId":"ME2"}`),
			"project.json":   []byte(`{"inviteEmailTemplates":[{"id":"ME2","name":"Hello"}]}`),
		},
	} {
		g := newTarget()
		g.apply(t, &Upload{Files: Files{"project.json": []byte(`{"inviteSmsTemplates":[{"id":"ME2","name":"Hello"}]}`)}})
		g.apply(t, (&Upload{Files: files}).Clone())
		first := g.text("auth/notp.json")
		if out := g.check(t, (&Upload{Files: files}).Clone()); len(out.Changes) > 0 || strings.Contains(first, `"ME2"`) {
			t.Errorf("%s: the reference was %s, and then %v changes", name, first, out.Changes)
		}
	}
}
