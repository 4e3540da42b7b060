package signature

import (
	"bytes"
	"testing"

	"postern/internal/snapshot"
)

// FuzzSignature reads what others wrote: a public key, a signer, and the file of a
// signature beside files. What is read is written as it was, and where somebody signed
// by a key that is trusted, the files are those that were signed.
func FuzzSignature(f *testing.F) {
	key, public := newKey(f)
	good := signed(f, key, Scope{Projects: []string{"P1"}, Environments: []string{"staging"}}).Files[snapshot.SignatureFile]
	anywhere := signed(f, key, Scope{}).Files[snapshot.SignatureFile]
	for _, file := range [][]byte{good, anywhere, []byte(`{"version":2}`), []byte(`{"version":1,"key":"ed25519:","files":{"a\nb":"x"},"signature":"!"}`), []byte(`[]`), nil} {
		f.Add("release="+string(public), file, []byte(`{"roles":[]}`))
	}
	f.Add("=ed25519:", good, []byte(`{}`))
	f.Fuzz(func(t *testing.T, text string, file, roles []byte) {
		if k, err := ParsePublicKey(text); err == nil && string(k) != text {
			t.Errorf("%q is read as %q", text, k)
		}
		if s, err := ParseSigner(text); err == nil && s.String() != text {
			t.Errorf("%q is read as %q", text, s)
		}
		up := &snapshot.Upload{Environment: "staging", Files: files()}
		up.Files["roles.json"] = roles
		if file != nil {
			up.Files[snapshot.SignatureFile] = file
		}
		signer, problems := Demand{Required: true, Signers: []Signer{{Name: "release", Key: public}}, Project: "P1"}.Verify(up)
		if signer == nil && len(problems) == 0 {
			t.Error("nobody signed, and nothing is wrong")
		}
		if signer != nil && (len(problems) > 0 || signer.Key != public || !bytes.Equal(roles, files()["roles.json"])) {
			t.Errorf("signed by %v: %v\n%s", signer, problems, roles)
		}
	})
}
