package conformance

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/go-sdk/descope"
	"github.com/descope/go-sdk/descope/client"
)

// threeNodes starts three processes on one database, and a server before them that sends each request to the next one. The
// first server of the answer is the one before them.
func threeNodes(t *testing.T) (all *server, nodes []*server) {
	t.Helper()
	admin := os.Getenv("POSTERN_TEST_POSTGRES")
	if admin == "" {
		leaveOut(t, "POSTERN_TEST_POSTGRES names no server")
	}
	db, err := createDatabase(admin)
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := servers[0].cmd.Path, t.TempDir()
	for _, name := range []string{"one", "two", "three"} {
		home := filepath.Join(dir, name)
		if len(nodes) > 0 { // the same keys
			if out, err := exec.Command("cp", "-r", filepath.Join(dir, "one"), home).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			_ = os.Remove(filepath.Join(home, "postern.env"))
		}
		s, err := start(name, bin, home, "--database", db.url)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, s)
	}
	t.Cleanup(func() {
		for _, s := range nodes {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
		if err := db.drop(); err != nil {
			t.Error(err)
		}
	})
	var n atomic.Int64
	before := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		to, _ := url.Parse(nodes[n.Add(1)%int64(len(nodes))].url)
		p.SetURL(to)
		p.Out.Host = p.In.Host
	}})
	t.Cleanup(before.Close)
	return &server{name: "three nodes", url: before.URL, project: nodes[0].project, key: nodes[0].key}, nodes
}

// No request needs the node of the one before it, and what is imported at one node is obeyed by all.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	all, nodes := threeNodes(t)
	p := all.newPlace(t)
	const ann = "ann@shop.example"
	info := p.otpUser(t, ann)
	refresh := info.RefreshToken.JWT
	for range 30 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: descope.RefreshCookieName, Value: refresh})
		ok, tok, err := p.Auth.RefreshSessionWithRequest(r, w)
		if err != nil || !ok || tok.ID != info.User.UserID {
			t.Fatalf("refresh: %v, %v", tok, err)
		}
		refresh = cookieNamed(w.Result().Cookies(), descope.RefreshCookieName)
	}
	for range 6 {
		again, err := p.Auth.OTP().VerifyCode(t.Context(), descope.MethodEmail, ann, signInCode(t, p, ann), nil)
		p.wantSession(t, again, err, ann, "email")
	}
	mustImport(t, nodes[0].admin(t, p.id), &descope.ImportSnapshotRequest{Files: map[string]any{"auth/otp.json": map[string]any{"enabled": false}}})
	imported := time.Now()
	for _, node := range nodes {
		at := dial(t, &client.Config{ProjectID: p.id, DescopeBaseURL: node.url})
		for {
			if _, err := at.Auth.OTP().SignIn(t.Context(), descope.MethodEmail, ann, nil, nil); err != nil {
				break
			}
			_ = p.code(t, ann)
			if time.Since(imported) > startWithin {
				t.Fatalf("node %s does not obey", node.name)
			}
		}
		t.Logf("node %s obeys after %s", node.name, time.Since(imported).Round(time.Millisecond))
	}
}
