package testkit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// An Authenticator is one for passkeys, in software, with the browser before it: keys on
// P-256, attestation "none". What it says wrong on purpose is in its fields.
type Authenticator struct {
	Origin  string // of the page
	Counter uint32 // of the next signature; 0 says that there is none
	Flags   byte   // beside that somebody is present; 0x04 verified, 0x08 may be synced, 0x10 is synced
	Held    []*Held

	// What differs from the truth: nothing where they are empty.
	RPID, Challenge, Kind string
	Absent                bool // whether nobody is present
	CrossOrigin           bool
	Handle                []byte
}

// Held is one passkey of an authenticator.
type Held struct {
	ID, Handle []byte
	RPID       string
	Key        *ecdsa.PrivateKey
}

// PasskeyOptions are those that the server sends, as a browser reads them.
type PasskeyOptions struct {
	PublicKey struct {
		RP struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"rp"`
		User struct {
			ID, Name, DisplayName string
		} `json:"user"`
		RPID      string `json:"rpId"`
		Challenge string `json:"challenge"`
		Timeout   int    `json:"timeout"`
		Allow     []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"allowCredentials"`
		Exclude []struct {
			ID string `json:"id"`
		} `json:"excludeCredentials"`
		Selection    map[string]any `json:"authenticatorSelection"`
		Attestation  string         `json:"attestation"`
		Verification string         `json:"userVerification"`
		Extensions   map[string]any `json:"extensions"`
	} `json:"publicKey"`
}

// ReadPasskeyOptions reads the options that a start answers.
func ReadPasskeyOptions(t testing.TB, text string) PasskeyOptions {
	t.Helper()
	var o PasskeyOptions
	if err := json.Unmarshal([]byte(text), &o, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return o
}

// Unbase64 reads base64url.
func Unbase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (d *Authenticator) clientData(kind, challenge string) []byte {
	data := map[string]any{"type": or(d.Kind, kind), "challenge": or(d.Challenge, challenge), "origin": d.Origin, "crossOrigin": d.CrossOrigin}
	out, _ := json.Marshal(data, json.Deterministic(true))
	return out
}

func (d *Authenticator) authData(rpID string, attested []byte) []byte {
	sum := sha256.Sum256([]byte(or(d.RPID, rpID)))
	flags := d.Flags
	if !d.Absent {
		flags |= 1
	}
	if attested != nil {
		flags |= 0x40
	}
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, d.Counter)
	if d.Counter > 0 {
		d.Counter++
	}
	return append(out, attested...)
}

// Create makes a passkey, as navigator.credentials.create does.
func (d *Authenticator) Create(t testing.TB, text string) string {
	t.Helper()
	o := ReadPasskeyOptions(t, text).PublicKey
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &Held{ID: make([]byte, 20), Handle: Unbase64(t, o.User.ID), RPID: o.RP.ID, Key: key}
	_, _ = rand.Read(h.ID)
	d.Held = append(d.Held, h)
	return d.attest(t, h, o.RP.ID, o.Challenge)
}

// Again makes a passkey with the id and the key of the one before.
func (d *Authenticator) Again(t testing.TB, text string) string {
	t.Helper()
	o := ReadPasskeyOptions(t, text).PublicKey
	return d.attest(t, d.Held[len(d.Held)-1], o.RP.ID, o.Challenge)
}

// attest says of a passkey that it is new.
func (d *Authenticator) attest(t testing.TB, h *Held, rpID, challenge string) string {
	t.Helper()
	attested := make([]byte, 16)
	attested = binary.BigEndian.AppendUint16(attested, uint16(len(h.ID))) //nolint:gosec // twenty
	attested = append(append(attested, h.ID...), COSE(t, h.Key)...)
	auth := d.authData(rpID, attested)
	object := []byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59")
	object = binary.BigEndian.AppendUint16(object, uint16(len(auth))) //nolint:gosec // two hundred
	return response(t, h.ID, map[string]any{
		"attestationObject": base64url(append(object, auth...)), "clientDataJSON": base64url(d.clientData("webauthn.create", challenge)),
	})
}

// COSE writes a public key (RFC 9053 §7.1).
func COSE(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	out := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	out = append(out, point[1:33]...)
	return append(append(out, 0x22, 0x58, 0x20), point[33:]...)
}

// Get shows a passkey, as navigator.credentials.get does: one that is asked for, or
// the newest for the relying party.
func (d *Authenticator) Get(t testing.TB, text string) string {
	t.Helper()
	o := ReadPasskeyOptions(t, text).PublicKey
	var h *Held
	for _, have := range d.Held {
		if have.RPID != o.RPID {
			continue
		}
		for _, a := range o.Allow {
			if a.ID == base64url(have.ID) {
				h = have
			}
		}
		if len(o.Allow) == 0 {
			h = have
		}
	}
	if h == nil {
		t.Fatalf("the device has no passkey for %s", text)
	}
	return d.Sign(t, h, o.RPID, o.Challenge)
}

// Sign shows a passkey of a relying party, whatever the options are.
func (d *Authenticator) Sign(t testing.TB, h *Held, rpID, challenge string) string {
	t.Helper()
	auth, client := d.authData(rpID, nil), d.clientData("webauthn.get", challenge)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(bytes.Clone(auth), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, h.Key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	handle := h.Handle
	if d.Handle != nil {
		handle = d.Handle
	}
	return response(t, h.ID, map[string]any{
		"authenticatorData": base64url(auth), "clientDataJSON": base64url(client), "signature": base64url(signature), "userHandle": base64url(handle),
	})
}

// response is what the SDK for browsers sends: no extensions, no transports.
func response(t testing.TB, id []byte, inner map[string]any) string {
	t.Helper()
	if inner["userHandle"] == "" {
		delete(inner, "userHandle")
	}
	out, err := json.Marshal(map[string]any{"id": base64url(id), "rawId": base64url(id), "type": "public-key", "response": inner}, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Spoil changes one letter in the middle of the value of a member.
func Spoil(t testing.TB, text, member string) string {
	t.Helper()
	at := strings.Index(text, `"`+member+`":"`)
	if at < 0 {
		t.Fatalf("no %s in %s", member, text)
	}
	at += len(member) + 4 + 24
	letter := byte('A')
	if text[at] == 'A' {
		letter = 'B'
	}
	return text[:at] + string(letter) + text[at+1:]
}
