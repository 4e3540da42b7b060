package snapshot

import "testing"

// What may be there and cannot work is a warning, and what works is none.
func TestDoubts(t *testing.T) {
	t.Parallel()
	const (
		script  = `: links never lead to a script or a file: where this would be used, the request is refused (give the address of a page or of an app)`
		another = `: another template before it is active, and this one is not sent (leave one of them active)`
	)
	for name, tt := range map[string]struct {
		upload docs
		want   []string
	}{
		"scripts that links would lead to": {
			docs{
				"project.json": `{"inviteUrl":"javascript:alert(1)"}`, "auth/magiclink.json": `{"redirectUrl":"JavaScript:alert(1)"}`,
				"auth/enchantedlink.json": `{"redirectUrl":"data:text/html,x"}`,
			},
			[]string{
				`warning unusable auth/enchantedlink.json#/redirectUrl` + script, `warning unusable auth/magiclink.json#/redirectUrl` + script,
				`warning unusable project.json#/inviteUrl` + script,
			},
		},
		"pages and apps that links lead to": {
			docs{"project.json": `{"inviteUrl":"https://shop.example/javascript:x"}`, "auth/magiclink.json": `{"redirectUrl":"shop://in"}`, "auth/enchantedlink.json": `{"redirectUrl":""}`}, nil,
		},
		"a template without the code": {
			docs{"auth/otp.json": `{"emailTemplates":[{"name":"a","active":true,"body":"{{code}}","bodyPlainText":"{{.coed}}","useBodyPlainText":true}]}`},
			[]string{`warning unusable auth/otp.json#/emailTemplates/0/bodyPlainText: the template is in use and does not have the code: nobody can sign in with its message (write {{.code}} into it)`},
		},
		"a template without the code that is not in use, or built in": {
			docs{"auth/otp.json": `{"textTemplates":[{"name":"a","body":"none"},{"id":"System","name":"System","active":true,"body":""},{"name":"b","active":true,"body":"{{ code }}"}]}`}, nil,
		},
		"two templates in use": {
			docs{"auth/otp.json": `{"textTemplates":[{"name":"a","active":true,"body":"{{.code}}"},{"name":"b","active":true,"body":"none"}]}`},
			[]string{`warning unusable auth/otp.json#/textTemplates/1/active` + another},
		},
		"one template in use of each kind": {
			docs{"auth/otp.json": `{"textTemplates":[{"name":"a","active":true,"body":"{{.code}}"}],"voiceTemplates":[{"name":"b","active":true,"body":"{{.boundCode}}"}]}`}, nil,
		},
		"links that are not in their templates": {
			docs{
				"auth/magiclink.json":     `{"textTemplates":[{"name":"a","active":true,"body":"{{.code}}"}]}`,
				"auth/enchantedlink.json": `{"emailTemplates":[{"name":"a","active":true,"body":"{{.redirectUrl1}} {{.redirectUrl2}}"}]}`,
			},
			[]string{
				`warning unusable auth/enchantedlink.json#/emailTemplates/0/body: the template is in use and does not have all three links: nobody can sign in with its message (write {{.redirectUrl1}}, {{.redirectUrl2}}, {{.redirectUrl3}} into it)`,
				`warning unusable auth/magiclink.json#/textTemplates/0/body: the template is in use and does not have the link: nobody can sign in with its message (write {{.redirectUrl}} into it)`,
			},
		},
		"links of their own": {docs{"auth/magiclink.json": `{"textTemplates":[{"name":"a","active":true,"body":"https://x.example?t={{token}}"}]}`}, nil},
		"a relying party that is a URL": {
			docs{"auth/webauthn.json": `{"relyingPartyId":"https://shop.example"}`},
			[]string{`warning unusable auth/webauthn.json#/relyingPartyId: the relying party is no domain, and no browser makes a passkey for it (write the domain alone, such as shop.example)`},
		},
		"ways to tasks that are not there": {
			docs{"flows/flows.json": `{"flows":["in"]}`, "flows/in/metadata.json": `{"name":"In"}`, "flows/in/contents.json": `{"startTask":"9","tasks":{"a/b":{"id":"a/b","next":{"rules":[{"taskId":"a/b"},{"taskId":"8"}]}}}}`},
			[]string{
				`warning unusable flows/in/contents.json#/startTask: the flow begins with a task that it does not have (name one of its tasks by the id, or remove what leads there)`,
				`warning unusable flows/in/contents.json#/tasks/a~1b/next/rules/1/taskId: the flow goes on with a task that it does not have (name one of its tasks by the id, or remove what leads there)`,
			},
		},
		"ways that lead somewhere, and a flow that is not made yet": {
			docs{
				"flows/flows.json": `{"flows":["in","out"]}`, "flows/in/metadata.json": `{"name":"In"}`, "flows/out/metadata.json": `{"name":"Out"}`,
				"flows/in/contents.json":  `{"startTask":"0","tasks":{"0":{"id":"0","next":{"rules":[{"taskId":"1"}]}},"1":{"id":"1","next":{"rules":[{"taskId":""}]}}}}`,
				"flows/out/contents.json": `{"startTask":"0","tasks":{}}`,
			}, nil,
		},
		"a relying party that is a domain": {docs{"auth/webauthn.json": `{"relyingPartyId":"localhost"}`}, nil},
		"a trusted domain that is blank": {
			docs{"project.json": `{"trustedDomains":"a.example,,b.example"}`},
			[]string{`warning unusable project.json#/trustedDomains: one of the trusted domains is blank (remove the comma that is too much)`},
		},
		"trusted domains, or none": {docs{"project.json": `{"trustedDomains":"a.example, b.example"}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblems(t, newTarget().check(t, tt.upload.upload(t)), tt.want...)
		})
	}
}
