package key

import (
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/store"
	"postern/internal/testkit"
)

// What the key of the project signed for another purpose is no token: its header says
// what it is.
func TestWhatIsOfAnotherType(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		nodes, id := cluster(t, db, 1)
		s := nodes[0]
		ring, err := s.Ring(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		public, err := ring.Signing()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := s.Projects.Kept(t.Context(), place(id, public.KeyID))
		if err != nil {
			t.Fatal(err)
		}
		var whole jose.JSONWebKey
		if err := whole.UnmarshalJSON([]byte(sealed.Reveal())); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			options *jose.SignerOptions
			want    error
		}{
			"a token":               {(&jose.SignerOptions{}).WithType("JWT"), nil},
			"a proof of possession": {(&jose.SignerOptions{}).WithType("dpop+jwt"), ErrToken},
			"an assertion":          {(&jose.SignerOptions{}).WithType("client-authentication+jwt"), ErrToken},
			"what does not say":     {&jose.SignerOptions{}, ErrToken},
		} {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: Algorithm, Key: whole}, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := signer.Sign([]byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			text, err := signed.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Verify(t.Context(), id, text); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
	})
}
