package password_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"postern/internal/password"
	"postern/internal/safehttp"
	"postern/internal/testkit"
	"postern/internal/user"
)

// A new password is looked up in the list of stolen ones where the project has a
// connector for it; nothing but five digits leaves.
func TestBreachedPasswords(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	status := http.StatusOK
	list := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		w.WriteHeader(status)
		// of "password", and of "padding1" as often as never
		_, _ = w.Write([]byte("0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:9659365\r\n" +
			"1E22F2FC2D1B9E7A9D1BD3A4FB4D4DFAC4A:0\r\n"))
	}))
	t.Cleanup(list.Close)
	roots := x509.NewCertPool()
	roots.AddCert(list.Certificate())
	allow, err := safehttp.ParseAllow([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	f := setup(t, testkit.Store(t))
	f.HTTP, f.BreachList = safehttp.New(safehttp.Options{Allow: allow, Roots: roots}), list.URL+"/range/"
	u, err := user.Prepare(f.shop.Config(t), "", "ann", user.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	f.store(t, u, password.Prepared{})

	if err := f.set(t, u, "password"); err != nil || len(asked) != 0 {
		t.Errorf("without a connector: %v, asked %q", err, asked)
	}
	up := files("")
	up["connectors/connectors.json"] = `{"connectors":["pwned"]}`
	up["connectors/pwned.json"] = `{"configuration":{},"id":"CI1","name":"Pwned","type":"hibp"}`
	f.shop.Import(t, up)
	if err := f.set(t, u, "password"); rules(err) != "breached" {
		t.Errorf("a stolen one: %v", err)
	}
	if err := f.set(t, u, "no stolen one"); err != nil {
		t.Errorf("another one: %v", err)
	}
	if got := strings.Join(asked, " "); !strings.HasPrefix(got, "/range/5BAA6 ") || len(asked) != 2 || len(asked[1]) != len("/range/12345") {
		t.Errorf("asked for %q", asked)
	}

	mu.Lock()
	status = http.StatusInternalServerError
	mu.Unlock()
	if err := f.set(t, u, "password"); err != nil {
		t.Errorf("where the list does not answer: %v", err)
	}
	if log := f.shop.Logs.String(); !strings.Contains(log, "does not answer") || strings.Contains(log, "5BAA") || strings.Contains(log, "=password") {
		t.Errorf("log:\n%s", log)
	}
	list.Close()
	if err := f.set(t, u, "password"); err != nil {
		t.Errorf("where there is no list: %v", err)
	}
}
