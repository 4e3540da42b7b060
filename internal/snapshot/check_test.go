package snapshot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Small files that refer to each other.
const (
	twoRoles  = `{"roles":[{"id":"R1","name":"Reader","permissions":["read"]},{"id":"R2","name":"Writer","permissions":["read","write"]}]}`
	twoPerms  = `{"permissions":[{"id":"P1","name":"read"},{"id":"P2","name":"write"}]}`
	hook      = `{"id":"CI1","name":"Hook","type":"hibp","configuration":null}`
	mailer    = `{"id":"CI2","name":"Mailer","type":"smtp","configuration":{"fromEmail":"a@b.example","host":"smtp.b.example","username":"u","password":"PLACEHOLDER_VALUE"}}`
	flowMeta  = `{"name":"In","screens":["one"],"references":{"connectors":{"Hook":"CI1"}}}`
	flowTasks = `{"startTask":"0","tasks":{"0":{"id":"0","type":"screen","screenId":"SC1"},"1":{"id":"1","type":"automated","action":"x","arguments":{"connectorId":{"type":"inline","value":"CI1"}}}}}`
	screen    = `{"screenId":"SC1","contents":{}}`
)

// small is a project with a flow that uses a connector.
var small = docs{
	"connectors/connectors.json": `{"connectors":["hook"]}`,
	"connectors/hook.json":       hook,
	"flows/flows.json":           `{"flows":["in"]}`,
	"flows/in/metadata.json":     flowMeta,
	"flows/in/contents.json":     flowTasks,
	"flows/in/screen-one.json":   screen,
}

func TestProblems(t *testing.T) {
	t.Parallel()
	roles := docs{"roles.json": twoRoles, "permissions.json": twoPerms}
	for name, tt := range map[string]struct {
		given, upload docs
		strict        bool
		want          []string
	}{
		"a permission that a role which stays needs may not be removed": {
			roles,
			docs{"permissions.json": `{"permissions":[{"id":"P1","name":"read"}]}`},
			false,
			[]string{`error still_referenced roles.json#/roles/1/permissions/1: the import removes the permission "write", to which this still refers (change what refers to it too, or keep what it refers to)`},
		},
		"a connector that a flow which stays needs may not be removed": {
			small,
			docs{"connectors/connectors.json": `{"connectors":[]}`},
			false,
			[]string{
				`error still_referenced flows/in/contents.json#/tasks/1/arguments/connectorId/value: the import removes the connector "CI1", to which this still refers (change what refers to it too, or keep what it refers to)`,
				`error still_referenced flows/in/metadata.json#/references/connectors/Hook: the import removes the connector "Hook", to which this still refers (change what refers to it too, or keep what it refers to)`,
			},
		},
		"a setting that stays keeps what it refers to": {
			docs{"project.json": `{"userTemplateId":"J1"}`, "jwttemplates.json": `{"templates":[{"id":"J1","name":"T","type":"user"}]}`},
			docs{"project.json": `{"domain":"a.example"}`, "jwttemplates.json": `{"templates":[]}`},
			false,
			[]string{`error still_referenced project.json#/userTemplateId: the import removes the jwt template "J1", to which this still refers (change what refers to it too, or keep what it refers to)`},
		},
		"an unknown key is a warning with the nearest name": {
			nil,
			docs{"project.json": `{"domian":"a.example"}`},
			false,
			[]string{`warning unknown_key project.json#/domian: the key "domian" is not known; it is kept and exported again (did you mean "domain"?)`},
		},
		"an unknown key is an error where the import is strict": {
			nil,
			docs{"project.json": `{"zzz":1}`},
			true,
			[]string{`error unknown_key project.json#/zzz: the key "zzz" is not known; it is kept and exported again`},
		},
		"an unknown file is a warning with the nearest name": {
			nil,
			docs{"rolls.json": `{}`},
			false,
			[]string{`warning unknown_file rolls.json: no section has such a file; it is kept and exported again (did you mean "roles.json"?)`},
		},
		"an unknown file is an error where the import is strict": {
			nil,
			docs{"deep/x.json": `{}`},
			true,
			[]string{`error unknown_file deep/x.json: no section has such a file; it is kept and exported again`},
		},
		"an unknown connector type is a warning": {
			nil,
			docs{"connectors/connectors.json": `{"connectors":["x"]}`, "connectors/x.json": `{"id":"CI1","name":"X","type":"smttp","configuration":{"anything":1}}`},
			false,
			[]string{`warning unknown_type connectors/x.json#/type: the type is not known; its configuration is kept but not checked (did you mean "smtp"?)`},
		},
		"an unknown connector type is an error where the import is strict": {
			nil,
			docs{"connectors/connectors.json": `{"connectors":["x"]}`, "connectors/x.json": `{"id":"CI1","name":"X","type":"neverheardof"}`},
			true,
			[]string{`error unknown_type connectors/x.json#/type: the type is not known; its configuration is kept but not checked`},
		},
		"a folder that no index lists is not imported": {
			nil, small.with("flows/flows.json", `{"flows":[]}`), false,
			[]string{
				`warning unlisted flows/in/contents.json: no index lists the file; it is not imported (add in to flows/flows.json)`,
				`warning unlisted flows/in/metadata.json: no index lists the file; it is not imported (add in to flows/flows.json)`,
				`warning unlisted flows/in/screen-one.json: no index lists the file; it is not imported (add in to flows/flows.json)`,
			},
		},
		"a screen that its flow does not list is an error where the import is strict": {
			nil, small.with("flows/in/screen-two.json", `{"screenId":"SC2","contents":{}}`), true,
			[]string{`error unlisted flows/in/screen-two.json: no index lists the file; it is not imported (add two to flows/in/metadata.json)`},
		},
		"a file without its index is not imported": {
			nil,
			docs{"connectors/hook.json": hook},
			false,
			[]string{`warning unlisted connectors/hook.json: no index lists the file; it is not imported (add hook to connectors/connectors.json)`},
		},
		"what an index lists must be there": {
			nil, small.with("connectors/hook.json", "", "flows/in/contents.json", "", "flows/in/metadata.json", `{"name":"In","screens":["one","tow"]}`), false,
			[]string{
				`error listed_but_absent connectors/connectors.json#/connectors/0: lists "hook", but connectors/hook.json is not in the snapshot`,
				`error listed_but_absent flows/flows.json#/flows/0: lists "in", but flows/in/contents.json is not in the snapshot`,
				`error listed_but_absent flows/in/metadata.json#/screens/1: lists "tow", but flows/in/screen-tow.json is not in the snapshot (did you mean "flows/in/screen-one.json"?)`,
			},
		},
		"what an index lists must be in the upload though the target has it": {
			small,
			docs{"flows/flows.json": `{"flows":["in"]}`},
			false,
			[]string{
				`error listed_but_absent flows/flows.json#/flows/0: lists "in", but flows/in/contents.json is not in the snapshot`,
				`error listed_but_absent flows/flows.json#/flows/0: lists "in", but flows/in/metadata.json is not in the snapshot`,
			},
		},
		"an index cannot list a path": {
			nil,
			docs{"connectors/connectors.json": `{"connectors":["a/b"]}`, "connectors/a/b.json": hook},
			false,
			[]string{
				`error listed_but_absent connectors/connectors.json#/connectors/0: lists "a/b", but connectors/a/b.json is not in the snapshot`,
				`warning unknown_file connectors/a/b.json: no section has such a file; it is kept and exported again`,
			},
		},
		"an index that is no list removes nothing in silence": {
			docs{"styles/styles.json": `{"styles":["dark"]}`, "styles/dark.json": `{}`},
			docs{"styles/styles.json": `{"styles":7}`},
			false,
			[]string{`error type styles/styles.json#/styles: must be of type array, this is number`},
		},
		"a version before the first is refused": {
			nil,
			docs{"snapshot.json": `{"version":0}`},
			false,
			[]string{
				`error range snapshot.json#/version: is too small (at least 1)`,
				`error version snapshot.json#/version: the format version must be a whole number from 1 on (this server writes version 5)`,
			},
		},
		"a newer version is refused with both versions named": {
			nil,
			docs{"snapshot.json": `{"version":6}`},
			false,
			[]string{`error version snapshot.json#/version: the snapshot is of format version 6, this server reads up to version 5 (upgrade this server, or export with an older one)`},
		},
		"two entities of one name are refused": {
			nil,
			docs{"permissions.json": `{"permissions":[{"id":"P1","name":"read"},{"id":"P2","name":"read"}]}`},
			false,
			[]string{`error entity_twice permissions.json#/permissions/1: the name of permission "read" is there twice (the other one is in permissions.json)`},
		},
		"two entities of one id are refused": {
			nil,
			docs{"permissions.json": `{"permissions":[{"id":"P1","name":"read"},{"id":"P1","name":"write"}]}`},
			false,
			[]string{`error entity_twice permissions.json#/permissions/1: the id of permission "write" is there twice (the other one is in permissions.json)`},
		},
		"a role of the project and one of an application may share a name": {
			nil, docs{
				"roles.json":        `{"roles":[{"id":"R1","name":"Editor"},{"id":"R2","name":"Editor","appId":"SA1"}]}`,
				"applications.json": `{"applications":[{"id":"SA1","name":"App","oidc":{}}]}`,
			}, false, nil,
		},
		"two flows may have screens of one id": {
			nil, small.with("flows/flows.json", `{"flows":["in","out"]}`, "flows/out/metadata.json", flowMeta, "flows/out/contents.json", flowTasks, "flows/out/screen-one.json", screen),
			false, nil,
		},
		"a session must not live longer than its refresh token": {
			nil,
			docs{"project.json": `{"sessionTokenExpiration":2,"sessionTokenExpirationUnit":"days","refreshTokenExpiration":1,"refreshTokenExpirationUnit":"days"}`},
			false,
			[]string{`error rule project.json#/sessionTokenExpiration: a session token must not live longer than the refresh token (make it at most as long as refreshTokenExpiration)`},
		},
		"a rule sees the settings that stay": {
			docs{"project.json": `{"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"days"}`},
			docs{"project.json": `{"sessionTokenExpiration":2,"sessionTokenExpirationUnit":"days"}`},
			false,
			[]string{`error rule project.json#/sessionTokenExpiration: a session token must not live longer than the refresh token (make it at most as long as refreshTokenExpiration)`},
		},
		"a time has a unit and bounds": {
			nil,
			docs{"project.json": `{"inactivityTime":5,"inactivityTimeUnit":"minutes"}`, "auth/otp.json": `{"expirationTime":1,"expirationTimeUnit":"seconds"}`},
			false,
			[]string{
				`error duration auth/otp.json#/expirationTime: the time is too short (at least 1 minute)`,
				`error duration project.json#/inactivityTime: the time is too short (at least 10 minutes)`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newTarget()
			if tt.given != nil {
				g = tt.given.given(t)
			}
			up := tt.upload.upload(t)
			up.Strict = tt.strict
			wantProblems(t, g.check(t, up), tt.want...)
		})
	}
}

func TestWhatBecomesOfATarget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given, upload docs
		want          map[string]string // files after it; "" is none
	}{
		"an omitted section stays": {
			small.with("project.json", `{"domain":"a.example"}`),
			docs{"lists.json": `{"lists":[]}`},
			map[string]string{"project.json": `{"domain":"a.example"}`, "connectors/hook.json": canonicalOf(hook), "flows/in/contents.json": canonicalOf(flowTasks), "lists.json": `{"lists":[]}`},
		},
		"a flow that its index no longer names is removed with all its files": {
			small,
			docs{"flows/flows.json": `{"flows":[]}`},
			map[string]string{"flows/in/contents.json": "", "flows/in/metadata.json": "", "flows/in/screen-one.json": "", "connectors/hook.json": canonicalOf(hook)},
		},
		"a screen that its flow no longer names is removed": {
			small, small.with("flows/in/metadata.json", `{"name":"In","screens":[]}`, "flows/in/contents.json", `{"startTask":"0","tasks":{}}`, "flows/in/screen-one.json", ""),
			map[string]string{"flows/in/screen-one.json": "", "flows/in/contents.json": `{"startTask":"0","tasks":{}}`},
		},
		"an entity that its list no longer names is removed": {
			docs{"permissions.json": twoPerms},
			docs{"permissions.json": `{"permissions":[{"id":"P2","name":"write"}]}`},
			map[string]string{"permissions.json": `{"permissions":[{"id":"P2","name":"write"}]}`},
		},
		"a built-in style is never removed": {
			docs{"styles/styles.json": `{"styles":["dark","light","x-dark"]}`, "styles/dark.json": `{"globals":{}}`, "styles/light.json": `{}`, "styles/x-dark.json": `{}`},
			docs{"styles/styles.json": `{"styles":["light"]}`, "styles/light.json": `{"name":"L"}`},
			map[string]string{"styles/styles.json": `{"styles":["light","dark"]}`, "styles/dark.json": `{"globals":{}}`, "styles/light.json": `{"name":"L"}`, "styles/x-dark.json": ""},
		},
		"a built-in widget is never removed": {
			docs{"widgets/widgets.json": `{"widgets":["user-profile"]}`, "widgets/user-profile/metadata.json": `{"name":"U","screens":["root"]}`, "widgets/user-profile/screen-root.json": `{"screenId":"root","contents":{}}`},
			docs{"widgets/widgets.json": `{"widgets":[]}`},
			map[string]string{"widgets/widgets.json": `{"widgets":["user-profile"]}`, "widgets/user-profile/screen-root.json": `{"contents":{},"screenId":"root"}`},
		},
		"a built-in item of a list is never removed": {
			docs{"applications.json": `{"applications":[{"id":"SA1","name":"A"},{"id":"descope-default-oidc","name":"D"}]}`},
			docs{"applications.json": `{"applications":[]}`},
			map[string]string{"applications.json": `{"applications":[{"id":"descope-default-oidc","name":"D"}]}`},
		},
		"a built-in provider is never removed, not even by null": {
			docs{"auth/oauth.json": `{"providerSettings":{"google":{"enabled":false},"own":{"name":"own"}}}`},
			docs{"auth/oauth.json": `{"providerSettings":null}`},
			map[string]string{"auth/oauth.json": `{"providerSettings":{"google":{"enabled":false}}}`},
		},
		"a missing settings key keeps its value": {
			docs{"project.json": `{"domain":"a.example","rotateJwt":true}`},
			docs{"project.json": `{"rotateJwt":false}`},
			map[string]string{"project.json": `{"domain":"a.example","rotateJwt":false}`},
		},
		"a missing key of a provider keeps its value": {
			docs{"auth/oauth.json": `{"providerSettings":{"google":{"clientId":"c","enabled":true}}}`},
			docs{"auth/oauth.json": `{"providerSettings":{"google":{"enabled":false}}}`},
			map[string]string{"auth/oauth.json": `{"providerSettings":{"google":{"clientId":"c","enabled":false}}}`},
		},
		"a settings key set to null gets its default": {
			docs{"project.json": `{"cookiePolicy":3,"rotateJwt":true}`},
			docs{"project.json": `{"cookiePolicy":null}`},
			map[string]string{"project.json": `{"cookiePolicy":"none","rotateJwt":true}`},
		},
		"an unknown key and an unknown file are kept byte for byte": {
			nil,
			docs{"project.json": `{"later":{"b":[1.50,null,"x"],"a":null}}`, "later/thing.json": `{"z":null}`, "later/read.txt": "a\r\n"},
			map[string]string{"project.json": `{"later":{"a":null,"b":[1.5,null,"x"]}}`, "later/thing.json": `{"z":null}`, "later/read.txt": "a\r\n"},
		},
		"an unknown key stays when an upload does not have it": {
			docs{"project.json": `{"later":1}`},
			docs{"project.json": `{"domain":"a.example"}`},
			map[string]string{"project.json": `{"domain":"a.example","later":1}`},
		},
		"an import without a version file gets the current version": {
			nil, docs{"project.json": `{}`}, map[string]string{"snapshot.json": `{"version":5}`},
		},
		"a folder that no index lists is not imported": {
			nil, small.with("flows/flows.json", `{"flows":[]}`), map[string]string{"flows/in/contents.json": "", "flows/flows.json": `{"flows":[]}`},
		},
		"a snapshot of the first version is read under its later names": {
			nil,
			docs{"environment.json": `{"version":1}`, "ssoapps.json": `{"ssoApps":[{"id":"SA1","name":"A"}]}`},
			map[string]string{"environment.json": "", "ssoapps.json": "", "snapshot.json": `{"version":5}`, "applications.json": `{"applications":[{"id":"SA1","name":"A"}]}`},
		},
		"a snapshot of an older version becomes one of the current": {
			docs{"snapshot.json": `{"version":5}`}, docs{"snapshot.json": `{"version":3}`}, map[string]string{"snapshot.json": `{"version":5}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newTarget()
			if tt.given != nil {
				g = tt.given.given(t)
			}
			g.apply(t, tt.upload.upload(t))
			got := map[string]string{}
			for path := range tt.want {
				got[path] = g.text(path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func canonicalOf(doc string) string {
	content, found := FileFromBytes("x.json", []byte(doc))
	if len(found) > 0 {
		panic(strings.Join(lines(found), "\n"))
	}
	return string(content)
}

func TestARemovalIsAChange(t *testing.T) {
	t.Parallel()
	out := small.given(t).apply(t, docs{"flows/flows.json": `{"flows":[]}`, "lists.json": `{"lists":[]}`}.upload(t))
	want := []Change{
		{"flows", "flows/flows.json", Changed},
		{"flows", "flows/in/contents.json", Removed},
		{"flows", "flows/in/metadata.json", Removed},
		{"flows", "flows/in/screen-one.json", Removed},
		{"lists", "lists.json", Created},
	}
	if diff := cmp.Diff(want, out.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
