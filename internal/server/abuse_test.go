package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postern/internal/audit"
	"postern/internal/project"
	"postern/internal/store"
)

// Who stands before a proxy that nobody knows may have made up the rest.
func TestTheClientBehindProxies(t *testing.T) {
	t.Parallel()
	config := Config{Tuning: Tuning{Abuse: Abuse{TrustedProxies: []string{"10.0.0.0/8", "2001:db8::1"}}}}
	proxies, err := config.proxies()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, peer string
		headers    []string
		want       string // empty: the peer is no proxy of ours
	}{
		{"no proxy", "203.0.113.1", []string{"198.51.100.1"}, ""},
		{"one proxy", "10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 10.2.3.4"}, "198.51.100.1"},
		{"two proxies that write a line each", "10.0.0.1", []string{"198.51.100.1", "10.2.3.4"}, "198.51.100.1"},
		{"a client that makes up a part", "10.0.0.1", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1"},
		{"a client that says to be behind a proxy of ours", "10.0.0.1", []string{"192.0.2.66, 10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"a client that writes nonsense", "10.0.0.1", []string{"x, 198.51.100.1"}, "198.51.100.1"},
		{"nonsense alone", "10.0.0.1", []string{"unknown"}, "10.0.0.1"},
		{"nothing", "10.0.0.1", nil, "10.0.0.1"},
		{"with ports", "10.0.0.1", []string{"198.51.100.1:443, 10.1.1.1:80"}, "198.51.100.1"},
		{"IPv6", "2001:db8::1", []string{"[2001:db8:5::1]:443"}, "2001:db8:5::1"},
		{"IPv4 in IPv6", "10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
	} {
		got, ok := clientBehind(proxies, netip.MustParseAddr(tt.peer), tt.headers)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s: %s, %t, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestWhatIsToldOfAClient(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.TrustedProxies = []string{"10.0.0.1"}
	s, log := start(t, c)
	var seen *http.Request
	s.api = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })
	for _, tt := range []struct{ name, peer, header, remote, left string }{
		{"behind a proxy of ours", "10.0.0.1:99", "198.51.100.1", "198.51.100.1:0", ""},
		{"behind one that is not", "10.0.0.2:99", "198.51.100.1", "10.0.0.2:99", "198.51.100.1"},
		{"behind none", "198.51.100.2:99", "", "198.51.100.2:99", ""},
	} {
		r := httptest.NewRequest("POST", "/v1/any", nil)
		r.RemoteAddr = tt.peer
		if tt.header != "" {
			r.Header.Set("X-Forwarded-For", tt.header)
		}
		for range 2 {
			s.Handler().ServeHTTP(httptest.NewRecorder(), r.Clone(t.Context()))
		}
		if seen.RemoteAddr != tt.remote || seen.Header.Get("X-Forwarded-For") != tt.left {
			t.Errorf("%s: %s, %q", tt.name, seen.RemoteAddr, seen.Header.Get("X-Forwarded-For"))
		}
	}
	if n := strings.Count(log.String(), "--trusted-proxies does not name"); n != 1 {
		t.Errorf("the log speaks of the proxy %d times:\n%s", n, log)
	}
}

func TestSettingsAgainstAbuseThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Config){
		func(c *Config) { c.TrustedProxies = []string{"proxy.internal"} },
		func(c *Config) { c.AddressFailures = -1 },
		func(c *Config) { c.AddressAsks = -1 },
		func(c *Config) { c.AddressSignUps = -1 },
		func(c *Config) { c.ProjectSignUps = -1 },
		func(c *Config) { c.PendingRows = -1 },
	} {
		c := settings(t)
		change(&c)
		if c.check() == nil {
			t.Errorf("taken: %+v", c.Abuse)
		}
	}
}

// What the settings say is what the services obey.
func TestTheSettingsAreObeyed(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.AddressFailures, c.AddressAsks, c.AddressSignUps, c.ProjectSignUps = 1, 2, 3, 4
	s, _ := start(t, c)
	g := s.config.guard(s.Attempts, s.acts)
	if g.Attempts == nil || g.Acts == nil || g.Failures.Max != 1 || g.Asks.Max != 2 || s.Sessions.SignUps.Address.Max != 3 || s.Sessions.SignUps.Project.Max != 4 || s.Sessions.Limits == nil {
		t.Errorf("%+v, %+v", g, s.Sessions.SignUps)
	}
	p, err := s.Projects.Create(t.Context(), audit.Origin{Actor: "test"}, project.New{Name: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	var codes []int
	for range 2 {
		codes = append(codes, ask(s, "POST", "/v1/auth/accesskey/exchange", http.Header{"Authorization": {"Bearer " + p.ID + ":Kwrongwrongwrongwrongwrong"}}).Code)
	}
	if !slices.Equal(codes, []int{401, 429}) {
		t.Errorf("answered %v", codes)
	}
}

func TestWhatStrangersBeginIsBounded(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.PendingRows = 5
	s, _ := start(t, c)
	for name, rows := range map[string]*store.Cap{"challenges": s.challenges.Rows, "ceremonies": s.passkeys.Rows, "sign-ups": s.totp.Rows} {
		if rows == nil || rows.Most != 5 {
			t.Errorf("%s: %+v", name, rows)
		}
	}
	if rows := s.Attempts.Rows; rows == nil || rows.Most != 50 {
		t.Errorf("attempts: %+v", rows)
	}
}
