package passkey

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"postern/internal/testkit"
	"postern/internal/user"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	f := setup(t, testkit.Store(t))
	for name, tt := range map[string]struct {
		in    Options
		want  map[string]any // of the selection; nil where it is refused
		more  string         // attestation
		given string         // extensions
	}{
		"none": {Options{}, map[string]any{"residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred"}, "none", ""},
		"all": {
			Options{Attachment: "crossplatform", ResidentKey: "required", Verification: "required", Attestation: "direct", Extensions: jsontext.Value(`{"credProps":true}`)},
			map[string]any{"authenticatorAttachment": "cross-platform", "residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
			"direct", "credProps",
		},
		"any attachment":        {Options{Attachment: "any"}, map[string]any{"residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred"}, "none", ""},
		"a word that is none":   {Options{Verification: "sometimes"}, nil, "", ""},
		"extensions, no object": {Options{Extensions: jsontext.Value(`[]`)}, nil, "", ""},
		"extensions, no JSON":   {Options{Extensions: jsontext.Value(`{`)}, nil, "", ""},
	} {
		in := f.start(t, "ann")
		in.Passkey = tt.in
		s, err := f.StartSignUp(t.Context(), in, user.Profile{})
		if tt.want == nil {
			if !errors.Is(err, ErrOptions) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
		if diff := cmp.Diff(tt.want, o.Selection); diff != "" || o.Attestation != tt.more || (tt.given != "") != (len(o.Extensions) > 0) {
			t.Errorf("%s: %s (-want +got):\n%s", name, s.Options, diff)
		}
	}
}
