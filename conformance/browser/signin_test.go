package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const sdkFile = "../node/node_modules/@descope/web-js-sdk/dist/index.umd.js"

// page is a small page of an application that signs people in with the official SDK for browsers. Each button does one
// thing and writes what came of it.
const page = `<!doctype html><html lang="en"><title>The shop</title><main><h1>The shop</h1>
<label>Login id <input id="id"></label> <label>Password <input id="password"></label>
<button id="up">Sign up</button> <button id="in">Sign in</button> <button id="me">Me</button> <button id="refresh">Refresh</button>
<button id="key-up">Sign up by passkey</button> <button id="key-in">Sign in by passkey</button> <button id="out">Sign out</button>
<pre id="said"></pre></main><script src="/sdk.js"></script><script>
const sdk = Descope({ projectId: %q, baseUrl: %q, autoRefresh: false, persistTokens: true });
const value = (id) => document.getElementById(id).value;
let n = 0;
const on = (id, act) => document.getElementById(id).onclick = async () => {
  let said;
  try { const r = await act(); said = r.ok ? "ok " + JSON.stringify(r.data) : "refused " + JSON.stringify(r.error); } catch (e) { said = "failed " + e; }
  document.getElementById("said").textContent = ++n + " " + id + " " + said;
};
on("up", () => sdk.password.signUp(value("id"), value("password"), { name: "Ann" }));
on("in", () => sdk.password.signIn(value("id"), value("password")));
on("me", () => sdk.me());
on("refresh", () => sdk.refresh());
on("key-up", () => sdk.webauthn.signUp(value("id"), "Ann"));
on("key-in", () => sdk.webauthn.signIn(value("id")));
on("out", () => sdk.logout());
</script></html>`

// call makes a call of the management API and returns the answer.
func call(t *testing.T, project, path string, in any) map[string]any {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, os.Getenv("POSTERN_URL")+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+project+":"+os.Getenv("POSTERN_MANAGEMENT_KEY"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v %v", path, res.StatusCode, out, err)
	}
	return out
}

// visit opens the page for a project whose settings say more.
func (b *tab) visit(settings map[string]any) {
	b.t.Helper()
	project, _ := call(b.t, b.project, "/v1/mgmt/project/clone", map[string]any{"name": "browser sign-in"})["projectId"].(string)
	settings["trustedDomains"], settings["domain"], settings["sessionTokenCookieDomain"] = "shop.example", "", ""
	settings["customDomain"], settings["appUrl"] = "", "" // localhost is trusted outside of production
	call(b.t, project, "/v1/mgmt/project/import", map[string]any{"files": map[string]any{
		"project.json":       settings,
		"auth/password.json": map[string]any{"enablePasswordStrength": false, "minLength": 8},
		"auth/webauthn.json": map[string]any{"enabled": true, "relyingPartyId": ""},
	}})
	server := strings.Replace(os.Getenv("POSTERN_URL"), "127.0.0.1", "localhost", 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sdk.js" {
			w.Header().Set("Content-Type", "text/javascript")
			http.ServeFile(w, r, sdkFile)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, page, project, server)
	}))
	b.t.Cleanup(app.Close)
	b.run(chromedp.Navigate(strings.Replace(app.URL, "127.0.0.1", "localhost", 1)))
}

// press presses a button and waits for what comes of it.
func (b *tab) press(id string) string {
	b.t.Helper()
	before, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.getElementById("said").textContent`))
	if err != nil {
		b.t.Fatal(err)
	}
	b.run(chromedp.Click("#"+id), chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.getElementById("said").textContent !== %q`, before)))
	said, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.getElementById("said").textContent`))
	if err != nil {
		b.t.Fatal(err)
	}
	return said
}

func (b *tab) mustSay(id, want string) {
	b.t.Helper()
	if said := b.press(id); !strings.Contains(said, want) {
		b.t.Errorf("%s says %q, without %q", id, said, want)
	}
}

func (b *tab) cookies() map[string]*network.Cookie {
	b.t.Helper()
	res, err := chromedp.Call(b.ctx, storage.GetCookies, storage.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]*network.Cookie{}
	for _, c := range res.Cookies {
		out[c.Name] = c
	}
	return out
}

func sdkIsThere(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(sdkFile); err != nil {
		t.Skip("the SDK for browsers is not installed")
	}
}

// A page signs somebody up and in with a password; the tokens are in cookies as the project says.
func TestSignInByCookies(t *testing.T) {
	sdkIsThere(t)
	b := open(t)
	b.visit(map[string]any{"tokenResponseMethod": "cookie", "cookiePolicy": "lax", "sessionTokenResponseMethod": "cookie", "sessionTokenCookiePolicy": "strict", "rotateJwt": true})
	b.run(chromedp.SendKeys("#id", "ann@shop.example"), chromedp.SendKeys("#password", "short"))
	b.mustSay("up", "refused")
	b.run(chromedp.SetValue("#password", "Lantern&Quill-1"))
	b.mustSay("up", `"name":"Ann"`)
	was := b.cookies()
	for name, policy := range map[string]network.CookieSameSite{"DSR": network.CookieSameSiteLax, "DS": network.CookieSameSiteStrict} {
		c := was[name]
		if c == nil {
			t.Fatalf("no cookie %s in %v", name, was)
		}
		if !c.HTTPOnly && name == "DSR" || c.SameSite != policy || c.Domain != "localhost" || c.Path != "/" || c.Session {
			t.Errorf("cookie %s: %+v", name, *c)
		}
	}
	b.mustSay("me", `"email":"ann@shop.example"`)
	b.mustSay("refresh", "ok")
	if now := b.cookies()["DSR"]; now == nil || now.Value == was["DSR"].Value {
		t.Error("the refresh token was not rotated")
	}
	b.run(chromedp.Reload())
	b.mustSay("refresh", "ok")
	b.mustSay("out", "ok")
	if left := b.cookies(); left["DSR"] != nil || left["DS"] != nil {
		t.Errorf("cookies are left: %v", left)
	}
	b.mustSay("me", "refused")
	b.run(chromedp.SetValue("#id", "ann@shop.example"), chromedp.SetValue("#password", "Lantern&Quill-1"))
	b.mustSay("in", "ok")
}

// A page signs somebody up and in with a passkey of the browser.
func TestSignInByPasskey(t *testing.T) {
	sdkIsThere(t)
	b := open(t)
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.visit(map[string]any{"tokenResponseMethod": "onBody", "sessionTokenResponseMethod": "onBody"})
	b.run(chromedp.SendKeys("#id", "ann@shop.example"))
	b.mustSay("key-up", `"webauthn":true`)
	if len(b.cookies()) != 0 {
		t.Errorf("cookies where the tokens go in the body: %v", b.cookies())
	}
	b.mustSay("me", `"email":"ann@shop.example"`)
	b.mustSay("out", "ok")
	b.mustSay("key-in", `"sessionJwt"`)
}
