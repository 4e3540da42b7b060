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

// What makes a file no JSON is said where people often make it, at its place, and
// without anything of the file.
func TestCheckSaysWhatBreaksJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ doc, place, want, hint string }{
		"a comma is missing":           {"{\n  \"version\": 5\n  \"hunter2\": 1\n}", ":3:3:", "a comma or a closing bracket is missing", "put it before"},
		"a comma is missing in a list": {`{"roles": [{} {"name": "hunter2"}]}`, ":1:15:", "a comma or a closing bracket is missing", "put it before"},
		"a comma too many":             {"{\n  \"version\": 5,\n}", ":2:15:", "a comma before the closing bracket", "remove the comma"},
		"a comma too many in a list":   {`{"roles": ["hunter2" , ]}`, ":1:22:", "a comma before the closing bracket", "remove the comma"},
		"a second document":            {`{"version": 5} {"hunter2": 1}`, ":1:16:", "something follows the end of the document", "keep one document in the file"},
		"a bracket too many":           {"{\"version\": 5}\n}", ":2:1:", "something follows the end of the document", "keep one document in the file"},
		"a comment":                    {"{\n  // hunter2\n  \"version\": 5}", ":2:3:", "JSON has no comments", "remove the comment"},
		"a comment behind a comma":     {`{"version": 5, /* hunter2 */ "x": 1}`, ":1:16:", "JSON has no comments", "remove the comment"},
		"a comment at the beginning":   {"# hunter2\n{}", ":1:1:", "JSON has no comments", "remove the comment"},
		"a merge conflict":             {"{\n  \"version\": 5,\n<<<<<<< hunter2\n  \"x\": 1\n=======\n>>>>>>> b\n}", ":3:1:", "a merge conflict is not resolved", "both sides"},
		"the end of a merge conflict":  {"{\n  \"version\": 5\n>>>>>>> hunter2\n}", ":3:1:", "a merge conflict is not resolved", "both sides"},
		"a merge conflict of it all":   {"<<<<<<< hunter2\n{}\n", ":1:1:", "a merge conflict is not resolved", "both sides"},
		"a byte order mark":            {"\xEF\xBB\xBF{\"version\": \"hunter2\"}", ":1:1:", "begins with a byte order mark", "without one"},
		"nothing":                      {"", ":", "the file is empty", "write {}"},
		"blanks only":                  {" \n", ":", "the file is empty", "write {}"},
		"something else":               {`{"version": hunter2}`, ":1:13:", "the document is not JSON", ""},
		"a name without a colon":       {`{"version" 5}`, ":1:12:", "the document is not JSON", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := run(t, "check", lay(t, map[string]string{"roles.json": test.doc}))
			if code != exitInvalid {
				t.Errorf("exits with %d", code)
			}
			says(t, stderr, []string{"roles.json" + test.place, test.want + " [json]", test.hint}, []string{"hunter2"})
		})
	}
}

// A hint names what looks like what is written, and nothing else.
func TestCheckHints(t *testing.T) {
	t.Parallel()
	connector := `{"id":"CI1","name":"Mail","type":"smpt","configuration":{}}`
	_, _, stderr := run(t, "check", lay(t, map[string]string{"connectors/connectors.json": `{"connectors": ["mail", "texts"]}`, "connectors/texts.json": connector}))
	says(t, stderr, []string{`did you mean "smtp"?`, "connectors/mail.json is not in the snapshot"}, []string{"did you mean \"connectors/texts.json"})
}

// Each environment is checked, and what is wrong in one of them says in which, once.
func TestCheckNamesTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := lay(t, map[string]string{
		"project.json":            `{"domain": "${environment.domain}", "appUrl": "${environment.url}"}`,
		"environments/near.json":  `{"domain": "a.example", "url": "https://a.example"}`,
		"environments/there.json": `{"domain": 7}`,
	})
	code, _, stderr := run(t, "check", dir)
	if code != exitInvalid {
		t.Errorf("exits with %d", code)
	}
	says(t, stderr, []string{
		"must be of type string, this is number [type]", "it is the value domain in environments/there.json",
		"the placeholder url has no value in environments/there.json [placeholder]", "2 errors",
	}, []string{"(in the environment", "near.json"})
}
