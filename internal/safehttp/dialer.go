// Package safehttp calls out, to addresses that somebody else has named: those of
// a project's connectors, of its identity providers, of its webhooks. It reaches
// the open internet, and of everything else only what the operator allows, so that
// nobody makes the server ask its own neighbours.
//
// An address is judged when the connection is made, after its name was resolved:
// a name that resolves to another address the second time does not pass. There is
// no proxy, since one would resolve the name again.
//
// What is asked, and what an answer means, is left to the callers.
package safehttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrRefused is the reason why a connection was not made. The error around it
// says to which address, and is for the log: what a name resolves to inside is
// nothing for a caller.
var ErrRefused = errors.New("the address is not public, and the server does not allow it")

const dialTimeout = 10 * time.Second

// A Dialer makes connections to public addresses, and to those that are allowed.
type Dialer struct {
	Allow Allow
}

// DialContext connects to host:port on the network "tcp", "tcp4" or "tcp6".
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.dial(ctx, network, address, d.permit)
}

// Clear reports whether what goes over a connection that DialContext made to a
// host may go without encryption: only to what is allowed.
func (d Dialer) Clear(host string, conn net.Conn) bool {
	to, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	return d.Allow.host(host) || err == nil && d.Allow.addr(to.Addr().Unmap())
}

func (d Dialer) dial(ctx context.Context, network, address string, permit func(netip.Addr) error) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	if !d.Allow.host(host) {
		dialer.ControlContext = func(_ context.Context, network, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved)
			if err != nil || network != "tcp4" && network != "tcp6" {
				return fmt.Errorf("%s %s: %w", network, resolved, ErrRefused)
			}
			return permit(to.Addr())
		}
	}
	return dialer.DialContext(ctx, network, address)
}

// permit decides about an address that is about to be connected to.
func (d Dialer) permit(ip netip.Addr) error {
	if Public(ip) || d.Allow.addr(ip.Unmap()) {
		return nil
	}
	return fmt.Errorf("%s: %w", ip, ErrRefused)
}

// permitClear is permit for what goes without encryption, which only an address
// that is allowed gets.
func (d Dialer) permitClear(ip netip.Addr) error {
	if d.Allow.addr(ip.Unmap()) {
		return nil
	}
	return fmt.Errorf("%s: %w", ip, ErrClear)
}
