package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

// Several factors are several proofs; the same proof on two ways is one.
func TestFactors(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		for name, c := range map[string]struct {
			methods []string // the first begins the session; a blank one is a backend's word
			enrols  bool
			want    []string
		}{
			"an address, and a code to a telephone":       {[]string{AMREmail, AMRSMS}, false, []string{AMREmail, AMRSMS, AMRMFA}},
			"an address, and a password":                  {[]string{AMREmail, AMRPassword}, false, []string{AMREmail, AMRPassword, AMRMFA}},
			"a password, and an app":                      {[]string{AMRPassword, AMRTOTP}, false, []string{AMRPassword, AMRTOTP, AMRMFA}},
			"a third one":                                 {[]string{AMRPassword, AMRTOTP, AMRPasskey}, false, []string{AMRPassword, AMRTOTP, AMRMFA, AMRPasskey}},
			"one twice":                                   {[]string{AMREmail, AMREmail}, false, []string{AMREmail}},
			"a telephone on three ways":                   {[]string{AMRSMS, AMRVoice, AMRWhatsApp}, false, []string{AMRSMS}},
			"two things that are known":                   {[]string{AMRPassword, AMRQuestions}, false, []string{AMRPassword}},
			"a credential that the session makes":         {[]string{AMREmail, AMRPasskey}, true, []string{AMREmail}},
			"a backend that has seen a factor":            {[]string{AMREmail, ""}, false, []string{AMREmail, AMRMFA}},
			"a session of a backend, and the first proof": {[]string{"", AMREmail}, false, []string{AMREmail}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, db)
				var got *Tokens
				for i, method := range c.methods {
					in := b.proof(t)
					in.Method = method
					if i > 0 {
						in.Options.MFA, in.Current, in.Enrols = true, got.Refresh, c.enrols
					}
					tokens := b.signInAs(t, in)
					if got == nil || !tokens.Refresh.IsZero() {
						got = tokens
					}
					got.Claims = tokens.Claims
				}
				if diff := cmp.Diff(c.want, got.Claims["amr"]); diff != "" {
					t.Errorf("amr (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// Whoever holds a session can make a credential in it, so that making one steps nothing up.
func TestMakingACredentialIsNoStepUp(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		for enrols, want := range map[bool]any{false: true, true: nil} {
			b := setup(t, db)
			first := b.signInAs(t, b.proof(t))
			in := b.proof(t)
			in.Method, in.Options.StepUp, in.Current, in.Enrols = AMRPasskey, true, first.Refresh, enrols
			if got := b.signInAs(t, in).Claims["su"]; got != want {
				t.Errorf("a credential that the session makes, %v: su is %v, want %v", enrols, got, want)
			}
		}
	})
}
