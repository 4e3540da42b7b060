package passkey

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"postern/internal/project"
)

// A party is the relying party of a ceremony: to what a passkey is bound.
type party struct {
	ID      string   // a domain
	Origins []string // where the ceremony may be held: that it began at, and the Android apps of the project
}

// androidOrigin is how apps of Android say who they are (Credential Manager).
const androidOrigin = "android:apk-key-hash:"

// partyOf returns the relying party of a ceremony that begins at an origin.
func partyOf(cfg *project.Config, origin string) (party, error) {
	apps := apps(cfg.Methods.Passkey.AndroidFingerprints)
	id := strings.ToLower(cfg.Methods.Passkey.RelyingPartyID)
	origin = strings.TrimSuffix(origin, "/")
	if strings.HasPrefix(origin, androidOrigin) {
		if id == "" || !slices.Contains(apps, origin) {
			return party{}, ErrOrigin
		}
		return party{ID: id, Origins: apps}, nil
	}
	u, err := url.Parse(origin)
	if err != nil || !cfg.TrustsOrigin(origin) {
		return party{}, ErrOrigin
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return party{}, ErrOrigin // an address is no domain that passkeys can be bound to
	}
	if id == "" {
		id = host
	}
	if host != id && !strings.HasSuffix(host, "."+id) {
		return party{}, ErrOrigin
	}
	return party{ID: id, Origins: append([]string{origin}, apps...)}, nil
}

// apps returns the origins of Android apps by the fingerprints of their certificates,
// SHA-256 as "AB:CD:…".
func apps(fingerprints []string) []string {
	var out []string
	for _, f := range fingerprints {
		if sum, err := hex.DecodeString(strings.ReplaceAll(f, ":", "")); err == nil && len(sum) == 32 {
			out = append(out, androidOrigin+base64.RawURLEncoding.EncodeToString(sum))
		}
	}
	return out
}
