package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/internal/api"
	"postern/internal/audit"
	"postern/internal/challenge"
	"postern/internal/edge"
	"postern/internal/limit"
	"postern/internal/mgmtkey"
	"postern/internal/passkey"
	"postern/internal/session"
	"postern/internal/store"
)

// Abuse says how often strangers may try something, and who they are. An address is
// that of the client; of IPv6 it is the network of 64 bits.
type Abuse struct {
	TrustedProxies  []string `help:"Proxies whose X-Forwarded-For says who the client is: addresses and ranges such as 10.1.0.0/16, separated by commas. Without them the client is whoever connects." env:"POSTERN_TRUSTED_PROXIES" placeholder:"ADDRESS"`
	AddressFailures int      `help:"Failing sign-ins of one address in a project within ten minutes; 0 is no limit. Backends that call with their key and this machine are not limited by address." default:"500" env:"POSTERN_ADDRESS_FAILURES" placeholder:"N"`
	AddressAsks     int      `help:"Codes, links, seeds and passkey ceremonies that one address may ask for in a project within ten minutes; 0 is no limit." default:"3000" env:"POSTERN_ADDRESS_ASKS" placeholder:"N"`
	AddressSignUps  int      `name:"address-signups" help:"Strangers from one address who become users of a project within an hour; 0 is no limit." default:"1000" env:"POSTERN_ADDRESS_SIGNUPS" placeholder:"N"`
	ProjectSignUps  int      `name:"project-signups" help:"Strangers who become users of a project within an hour; 0 is no limit." default:"20000" env:"POSTERN_PROJECT_SIGNUPS" placeholder:"N"`
	PendingRows     int      `help:"Codes and links that are not answered, ceremonies and sign-ups that are under way, of one project, each; the oldest give way. Ten times as many attempts are remembered, and as many failed sign-ins in the audit. 0 is no bound." default:"100000" env:"POSTERN_PENDING_ROWS" placeholder:"N"`
}

var errAbuse = errors.New("--address-failures, --address-asks, --address-signups, --project-signups and --pending-rows must not be negative; 0 is no limit")

func (a *Abuse) check() error {
	if min(a.AddressFailures, a.AddressAsks, a.AddressSignUps, a.ProjectSignUps, a.PendingRows) < 0 {
		return errAbuse
	}
	_, err := a.proxies()
	return err
}

func (a *Abuse) proxies() ([]netip.Prefix, error) {
	list, err := mgmtkey.ParseAddresses(a.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("--trusted-proxies: %q has something that is neither an address nor a range such as 10.1.0.0/16", strings.Join(a.TrustedProxies, ","))
	}
	return list, nil
}

// The times that the settings are for.
const (
	tryWithin  = 10 * time.Minute
	joinWithin = time.Hour
)

func (a *Abuse) guard(attempts *limit.Service, acts *store.Cap) api.Guard {
	return api.Guard{
		Attempts: attempts,
		Failures: limit.Rule{Scope: "address.failures", Max: a.AddressFailures, Within: tryWithin},
		Asks:     limit.Rule{Scope: "address.asks", Max: a.AddressAsks, Within: tryWithin},
		Acts:     acts,
	}
}

func (a *Abuse) signUps() session.SignUps {
	return session.SignUps{
		Project: limit.Rule{Scope: "project.signups", Max: a.ProjectSignUps, Within: joinWithin},
		Address: limit.Rule{Scope: "address.signups", Max: a.AddressSignUps, Within: joinWithin},
	}
}

// bound bounds the rows that strangers can make in a project.
func (s *Server) bound(most int) {
	s.totp.Rows = s.totp.Bounded(most)
	s.passkeys.Rows = passkey.Bounded(s.db, most)
	s.challenges.Rows = challenge.Bounded(s.db, most)
	s.Attempts.Rows = limit.Bounded(s.db, 10*most)
	s.acts = audit.Bounded(s.db, 10*most, func(n int) { s.Messages.Streamed.Forgotten.Add(uint64(n)) }) //nolint:gosec // rows
}

// forwarded makes the client that a trusted proxy names the one that a request comes
// from, for all that follows.
func (s *Server) forwarded(next http.Handler) http.Handler {
	proxies, _ := s.config.proxies() // New has looked at them
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := clientBehind(proxies, edge.Remote(r), r.Header.Values(edge.ForwardedFor)); ok {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			r.Header.Del(edge.ForwardedFor)
		} else if edge.BehindProxy(r) && s.warned.CompareAndSwap(false, true) {
			s.log.WarnContext(r.Context(), "requests come through a proxy that --trusted-proxies does not name: limits by address do not count them", "proxy", edge.Remote(r))
		}
		next.ServeHTTP(w, r)
	})
}

// clientBehind returns who is behind trusted proxies. Each writes at the end of the
// header who called it, so the first from there that is no proxy is the client: what
// stands before it may be made up. It is not ok where the peer is no such proxy.
func clientBehind(proxies []netip.Prefix, peer netip.Addr, headers []string) (client netip.Addr, ok bool) {
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	if !trusted(peer) {
		return peer, false
	}
	chain := strings.Split(strings.Join(headers, ","), ",")
	for _, text := range slices.Backward(chain) {
		next, err := addressOf(strings.TrimSpace(text))
		if err != nil {
			break
		}
		if peer = next; !trusted(next) {
			break
		}
	}
	return peer, true
}

// addressOf reads an address that may have a port, as some proxies write it.
func addressOf(text string) (netip.Addr, error) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err
}
