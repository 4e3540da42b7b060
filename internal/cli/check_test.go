package cli

import (
	"strings"
	"testing"
)

// A credential in a folder is about to be committed.
func TestCheckFindsSecretsInFiles(t *testing.T) {
	t.Parallel()
	mail := func(password string) string {
		return lay(t, map[string]string{
			"connectors/connectors.json": `{"connectors": ["mail"]}`,
			"connectors/mail.json":       `{"id":"CI1","name":"Mail","type":"smtp","configuration":{"host":"mail.example.com","port":25,"authMethod":"login","username":"u","fromEmail":"a@example.com","password":"` + password + `"}}`,
			"connectors/unlisted.json":   `{"id":"CI2","name":"Old","type":"smtp","configuration":{"host":"mail.example.com","port":25,"authMethod":"login","username":"u","fromEmail":"a@example.com","password":"` + password + `"}}`,
		})
	}
	const given = "stands in the file"
	for _, format := range []string{"text", "json", "sarif"} {
		for _, strict := range []bool{false, true} {
			args, want := []string{"check", mail("hunter2"), "--format", format}, 0
			if strict {
				args, want = append(args, "--strict"), exitInvalid
			}
			code, stdout, stderr := run(t, args...)
			if code != want {
				t.Errorf("%v exits with %d", args, code)
			}
			says(t, stdout+stderr, []string{given, "mail.json", "unlisted.json", "secret_in_file"}, []string{"hunter2"})
		}
	}
	_, _, stderr := run(t, "check", mail("hunter2"), "--strict")
	says(t, stderr, []string{"error: the password of connector \"Mail\" " + given}, nil)
	_, _, stderr = run(t, "check", mail("hunter2"))
	says(t, stderr, []string{"mail.json:1:", `warning: the password of connector "Mail" ` + given, "give it in --secrets", `"password":"…"`}, nil)
	for _, none := range []string{"", "PLACEHOLDER_VALUE", "${environment.password}"} {
		if _, _, stderr := run(t, "check", mail(none)); strings.Contains(stderr, given) {
			t.Errorf("with %q: %s", none, stderr)
		}
	}
}
