package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/descope/go-sdk/descope"
)

// authenticator is a passkey in software (WebAuthn level 2, attestation "none", ES256).
type authenticator struct {
	origin string
	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte
	count  uint32
}

func newAuthenticator(t *testing.T, origin string) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{origin: origin, key: key, id: make([]byte, 16)}
	_, _ = rand.Read(a.id)
	return a
}

// asked is what the options of a start ask for.
type asked struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

func (a *authenticator) read(t *testing.T, options string) asked {
	t.Helper()
	var in asked
	if err := json.Unmarshal([]byte(options), &in); err != nil || in.PublicKey.Challenge == "" {
		t.Fatalf("options %s: %v", options, err)
	}
	return in
}

func (a *authenticator) client(kind, challenge string) []byte {
	out, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	return out
}

// data is the authenticator data (WebAuthn §6.1).
func (a *authenticator) data(rp string, flags byte, more ...byte) []byte {
	a.count++
	hash := sha256.Sum256([]byte(rp))
	out := append(hash[:], flags)
	return append(binary.BigEndian.AppendUint32(out, a.count), more...)
}

const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

// public is the public key in the form of COSE (RFC 9052).
func (a *authenticator) public(t *testing.T) []byte {
	t.Helper()
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, public[1:33], []byte{0x22, 0x58, 32}, public[33:])
}

// create answers a registration.
func (a *authenticator) create(t *testing.T, options string) string {
	t.Helper()
	in := a.read(t, options)
	a.handle, _ = base64.RawURLEncoding.DecodeString(in.PublicKey.User.ID)
	credential := slices.Concat(make([]byte, 16), []byte{0, byte(len(a.id))}, a.id, a.public(t))
	data := a.data(in.PublicKey.RP.ID, userPresent|userVerified|attested, credential...)
	object := slices.Concat([]byte{0xa3, 0x63}, []byte("fmt"), []byte{0x64}, []byte("none"), []byte{0x67}, []byte("attStmt"), []byte{0xa0, 0x68},
		[]byte("authData"), []byte{0x58, byte(len(data))}, data)
	return a.answer(map[string]any{
		"clientDataJSON": b64(a.client("webauthn.create", in.PublicKey.Challenge)), "attestationObject": b64(object), "transports": []string{"internal"},
	})
}

// get answers a sign-in.
func (a *authenticator) get(t *testing.T, options string) string {
	t.Helper()
	in := a.read(t, options)
	data := a.data(in.PublicKey.RPID, userPresent|userVerified)
	client := a.client("webauthn.get", in.PublicKey.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle),
	})
}

func (a *authenticator) answer(response map[string]any) string {
	out, _ := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response})
	return string(out)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func TestPasskeys(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		keys := p.Auth.WebAuthn()
		const ann, origin = "ann@shop.example", "https://shop.example"
		first := newAuthenticator(t, origin)
		start, err := keys.SignUpStart(t.Context(), ann, &descope.User{Name: "Ann"}, origin, nil)
		if err != nil || !start.Create {
			t.Fatalf("start: %+v, %v", start, err)
		}
		made := first.create(t, start.Options)
		info, err := keys.SignUpFinish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: start.TransactionID, Response: made}, nil)
		p.wantSession(t, info, err, ann, "webauthn")
		if _, err := keys.SignUpFinish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: start.TransactionID, Response: made}, nil); err == nil {
			t.Error("a transaction works twice")
		}
		signIn := func(a *authenticator, loginID string) (*descope.AuthenticationInfo, error) {
			start, err := keys.SignInStart(t.Context(), loginID, origin, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return keys.SignInFinish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: start.TransactionID, Response: a.get(t, start.Options)}, nil)
		}
		info, err = signIn(first, ann)
		p.wantSession(t, info, err, ann, "webauthn")
		stranger := *first
		stranger.origin = "https://evil.test"
		if _, err := signIn(&stranger, ann); err == nil {
			t.Error("another page's answer works")
		}
		second := newAuthenticator(t, origin)
		more, err := keys.UpdateUserDeviceStart(t.Context(), ann, origin, as(info))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.UpdateUserDeviceFinish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: more.TransactionID, Response: second.create(t, more.Options)}, nil); err != nil {
			t.Fatal(err)
		}
		info, err = signIn(second, ann)
		p.wantSession(t, info, err, ann, "webauthn")
		for who, a := range map[string]*authenticator{ann: first, "bob": newAuthenticator(t, origin)} {
			either, err := keys.SignUpOrInStart(t.Context(), who, origin, nil)
			if err != nil || either.Create != (who != ann) {
				t.Fatalf("up or in: %+v, %v", either, err)
			}
			finish, answer := keys.SignInFinish, a.get
			if either.Create {
				finish, answer = keys.SignUpFinish, a.create
			}
			info, err := finish(t.Context(), &descope.WebAuthnFinishRequest{TransactionID: either.TransactionID, Response: answer(t, either.Options)}, nil)
			p.wantSession(t, info, err, who, "webauthn")
		}
		list, err := p.Management.User().ListPasskeys(t.Context(), ann)
		if err != nil || len(list) != 2 {
			t.Fatalf("list: %+v, %v", list, err)
		}
		if err := p.Management.User().RemovePasskey(t.Context(), ann, list[0].ID); err != nil {
			t.Error(err)
		}
		if err := p.Management.User().RemoveAllPasskeys(t.Context(), ann); err != nil {
			t.Error(err)
		}
	})
}
