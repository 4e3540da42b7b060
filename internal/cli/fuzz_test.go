package cli

import (
	"bytes"
	"strings"
	"testing"

	"postern/internal/audit"
)

// FuzzSecretsFile reads the file of secrets. What is wrong with it is said
// without quoting a value.
func FuzzSecretsFile(f *testing.F) {
	f.Add([]byte(`{"connector-CI1":{"name":"Mail","secrets":{"password":"planted-value"}}}`))
	f.Add([]byte(`{"oauthprovider-":{"secrets":{"x":"planted-value"}}}`))
	f.Add([]byte(`{"connector-CI1":{"secrets":{"password":7,"a":"planted-value"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseSecrets(b)
		if err != nil {
			if len(list) > 0 {
				t.Error("a file that is refused has secrets")
			}
			if bytes.Contains(b, []byte(`"planted-value"`)) && !bytes.Contains(b, []byte(`"planted-value":`)) && strings.Contains(err.Error(), "planted-value") {
				t.Errorf("the error quotes a value: %v", err)
			}
			return
		}
		for _, s := range list {
			if s.Group == "" || s.ID == "" || s.Value.IsZero() {
				t.Errorf("a secret of nothing: %+v", s)
			}
		}
	})
}

// FuzzSettings reads a file of settings.
func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"listen":"127.0.0.1:1","keep":7,"dev":true}`))
	f.Add([]byte(`{"listen":["x"]}`))
	f.Add([]byte(`{"a":1e400}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := loadSettings(bytes.NewReader(b))
		if (r == nil) == (err == nil) {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// FuzzAuditLines follows lines of an export of the audit that somebody made up.
func FuzzAuditLines(f *testing.F) {
	f.Add([]byte(`{"project":"P1","number":1,"id":"A1","actor":"K1","action":"a","outcome":"done","occurredAt":1,"remote":"","request":"","details":{},"hash":"00"}`))
	f.Add([]byte(`{"id":"A1","action":"a","number":-1,"details":[1,{"a":1}]}{"id":"A2","action":"b","number":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v := &audit.Verifier{}
		if err := eachLink(bytes.NewReader(b), v.Next); err != nil {
			return
		}
		v.End(nil)
		if v.Records > 0 && len(v.Breaks) == 0 && v.Older < v.Records {
			t.Errorf("lines that nobody hashed are whole: %s", b)
		}
	})
}
