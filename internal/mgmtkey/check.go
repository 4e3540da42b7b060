package mgmtkey

import (
	"net/netip"
	"slices"

	"postern/internal/ident"
	"postern/internal/store"
)

// The limits of a key's parts; they only keep nonsense out.
const (
	maxName        = 256
	maxDescription = 4096
	maxList        = 256
)

// check says what is wrong with a key that is to be stored.
func (k *Key) check() error {
	wrong := func(message string) error { return ErrInvalid.WithMessage(message) }
	switch {
	case k.Name == "":
		return wrong("a management key needs a name")
	case !store.Plain(k.Name, maxName, ""):
		return wrong("the name of a management key is 256 bytes of text at most, without control characters")
	case !store.Plain(k.Description, maxDescription, "\n\t"):
		return wrong("the description of a management key is 4096 bytes of text at most, without control characters but new lines and tabs")
	case k.Status != Active && k.Status != Inactive:
		return wrong("the status of a management key is active or inactive")
	case len(k.Grants) > maxList || len(k.PermittedIPs) > maxList:
		return wrong("a management key has 256 grants and 256 addresses at most")
	}
	for _, g := range k.Grants {
		if g.Role <= None || g.Role > Admin {
			return wrong("a role is one of read, plan, import, admin")
		}
		if slices.ContainsFunc(g.Projects, func(p string) bool { return !ident.Valid("P", p) }) {
			return wrong("a grant names a project that cannot exist")
		}
	}
	if slices.ContainsFunc(k.PermittedIPs, func(p netip.Prefix) bool { return !p.IsValid() }) {
		return wrong("a permitted address is not valid")
	}
	return nil
}

// ParseAddresses reads permitted addresses: "192.0.2.7", "192.0.2.0/24".
func ParseAddresses(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil || a.Zone() != "" {
				return nil, ErrInvalid.WithMessage("a permitted address is an IP address or a range such as 192.0.2.0/24")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() { // ::ffff:192.0.2.0/120 is 192.0.2.0/24
			if p.Bits() < 96 {
				return nil, ErrInvalid.WithMessage("a permitted range mixes IPv4 and IPv6")
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

// permits reports whether k may be used from remote.
func (k *Key) permits(remote netip.Addr) bool {
	if len(k.PermittedIPs) == 0 {
		return true
	}
	remote = remote.Unmap().WithZone("")
	return slices.ContainsFunc(k.PermittedIPs, func(p netip.Prefix) bool { return p.Contains(remote) })
}
