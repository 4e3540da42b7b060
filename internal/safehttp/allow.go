package safehttp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Allow is what may be reached although it is not public. Its zero value allows
// nothing.
type Allow struct {
	prefixes []netip.Prefix
	hosts    []string // in lower case
}

// ParseAllow reads a list of addresses ("127.0.0.1"), ranges of them
// ("10.1.0.0/16") and host names ("mail.internal"). A name is allowed whatever it
// resolves to; that is how a container is named whose address changes.
func ParseAllow(list []string) (Allow, error) {
	var a Allow
	for _, s := range list {
		s = strings.TrimSpace(s)
		if p, err := netip.ParsePrefix(s); err == nil {
			a.prefixes = append(a.prefixes, netip.PrefixFrom(p.Addr().Unmap(), unmappedBits(p)).Masked())
			continue
		}
		if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
			ip = ip.Unmap()
			a.prefixes = append(a.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		if !isHostName(s) {
			return Allow{}, fmt.Errorf("%q is not an address, a range such as 10.1.0.0/16, or the name of a host", s)
		}
		a.hosts = append(a.hosts, strings.ToLower(s))
	}
	return a, nil
}

// unmappedBits is the length of a range of IPv4 that may be written as IPv6.
func unmappedBits(p netip.Prefix) int {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return p.Bits() - 96
	}
	return p.Bits()
}

func isHostName(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "-.") == s && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

func (a Allow) host(name string) bool { return slices.Contains(a.hosts, strings.ToLower(name)) }

func (a Allow) addr(ip netip.Addr) bool {
	return slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Public reports whether an address is one of the open internet: given out to
// somebody to be reached by everybody, in the registries of IANA for special
// addresses (RFC 6890). An IPv4 address inside an IPv6 one counts as that address.
func Public(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if ip.Is4() {
		return !inside(special4(), ip)
	}
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) {
		b := ip.As16()
		return Public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return netip.MustParsePrefix("2000::/3").Contains(ip) && !inside(special6(), ip)
}

func inside(list []string, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(s string) bool { return netip.MustParsePrefix(s).Contains(ip) })
}

// special4 are the IPv4 addresses that are not public.
func special4() []string {
	return []string{
		"0.0.0.0/8",        // this host: systems connect to themselves for it
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // shared by the customers of a provider; metadata of some clouds
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // metadata of a cloud, on an address that looks public
		"169.254.0.0/16",   // link-local; metadata of most clouds
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocols; metadata of a cloud
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // relays of 6to4
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // measurements
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, and broadcast
	}
}

// special6 are those of 2000::/3, the only IPv6 addresses that are given out, that
// are not public.
func special6() []string {
	return []string{
		"2001::/23",     // protocols, Teredo among them, which hides an IPv4 address
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, which hides an IPv4 address
		"3fff::/20",     // documentation
	}
}
