package browser

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const sdkFile = "../node/node_modules/@descope/web-js-sdk/dist/index.umd.js"

// page is a small page of an application that signs people in with the official SDK for browsers. Each button does one
// thing and writes what came of it; where a link of a mail leads here, the page does what the link is for.
const page = `<!doctype html><html lang="en"><title>The shop</title><main><h1>The shop</h1>
<p><label>Login id <input id="id"></label> <label>Password or code <input id="secret"></label></p>
<p id="buttons"></p><pre id="said" style="white-space: pre-wrap; overflow-wrap: anywhere"></pre></main>
<script src="/sdk.js"></script><script>
const sdk = Descope({ projectId: %q, baseUrl: %q, autoRefresh: false, persistTokens: true });
const value = (name) => document.getElementById(name).value;
const ann = () => ({ name: "Ann", email: value("id") });
const fill = (id, secret) => { document.getElementById("id").value = id; document.getElementById("secret").value = secret; };
const say = (text) => { document.getElementById("said").textContent = text; };
const link = (what) => location.origin + "/" + what;
const acts = {
  "password-up": () => sdk.password.signUp(value("id"), value("secret"), { name: "Ann" }),
  "password-in": () => sdk.password.signIn(value("id"), value("secret")),
  "code-up": () => sdk.otp.signUp.email(value("id"), ann()),
  "code-in": () => sdk.otp.signIn.email(value("id")),
  "code-up-or-in": () => sdk.otp.signUpOrIn.email(value("id")),
  "code": () => sdk.otp.verify.email(value("id"), value("secret")),
  "link-up": () => sdk.magicLink.signUp.email(value("id"), link("magic"), ann()),
  "link-in": () => sdk.magicLink.signIn.email(value("id"), link("magic")),
  "wait-up": () => wait(sdk.enchantedLink.signUp(value("id"), link("enchanted"), ann())),
  "wait-in": () => wait(sdk.enchantedLink.signIn(value("id"), link("enchanted"))),
  "key-up": () => sdk.webauthn.signUp(value("id"), "Ann"),
  "key-in": () => sdk.webauthn.signIn(value("id")),
  "me": () => sdk.me(), "history": () => sdk.history(), "refresh": () => sdk.refresh(), "out": () => sdk.logout(), "all-out": () => sdk.logoutAll(),
};
async function wait(started) {
  const r = await started;
  if (!r.ok) return r;
  say("number " + r.data.linkId);
  return sdk.enchantedLink.waitForSession(r.data.pendingRef, { pollingIntervalMs: 100 });
}
let n = 0;
async function act(name, done) {
  let said;
  try { const r = await done(); said = r.ok ? "ok " + JSON.stringify(r.data) : "refused " + JSON.stringify(r.error); } catch (e) { said = "failed " + e; }
  say(++n + " " + name + " " + said);
}
for (const [name, done] of Object.entries(acts)) {
  const button = document.createElement("button");
  Object.assign(button, { id: name, textContent: name, onclick: () => act(name, done) });
  document.getElementById("buttons").append(button, " ");
}
const come = { "/magic": sdk.magicLink, "/enchanted": sdk.enchantedLink }[location.pathname];
if (come) act("come-in", () => come.verify(new URLSearchParams(location.search).get("t")));
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

// visit opens the page for a new project, a place whose settings say more. Its messages are of the sender that it returns.
func (b *tab) visit(settings map[string]any) (sender string) {
	b.t.Helper()
	sender = "door" + strings.ToLower(rand.Text())
	text, err := os.ReadFile("../place.json")
	if err != nil {
		b.t.Fatal(err)
	}
	var place struct {
		Files  map[string]map[string]any `json:"files"`
		Inputs map[string]any            `json:"inputSecrets"`
	}
	filled := strings.NewReplacer("SENDER", sender, `"MAIL_PORT"`, os.Getenv("POSTERN_MAIL_PORT"), "POST_URL", os.Getenv("POSTERN_POST_URL")).Replace(string(text))
	if err := json.Unmarshal([]byte(filled), &place); err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(place.Files["project.json"], settings) // localhost is trusted outside of production
	project, _ := call(b.t, os.Getenv("POSTERN_EMPTY_PROJECT_ID"), "/v1/mgmt/project/clone", map[string]any{"name": "browser sign-in"})["projectId"].(string)
	call(b.t, project, "/v1/mgmt/project/import", place)
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
	return sender
}

// message returns the first part of the next mail to somebody that looks like something.
func message(t *testing.T, sender, to, pattern string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, os.Getenv("POSTERN_POST_URL")+"/messages/"+sender+"/email/"+to, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	found := regexp.MustCompile(pattern).FindStringSubmatch(strings.ReplaceAll(string(text), "&amp;", "&"))
	if err != nil || found == nil {
		t.Fatalf("no %s in %q, %v", pattern, text, err)
	}
	return found[len(found)-1]
}

// fill writes into the fields of the page.
func (b *tab) fill(id, secret string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`fill(%q, %q)`, id, secret)))
}

// awaitSaid waits until the page says something with a text in it.
func (b *tab) awaitSaid(text string) string {
	b.t.Helper()
	b.run(chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.getElementById("said")?.textContent.includes(%q)`, text)))
	said, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.getElementById("said").textContent`))
	if err != nil {
		b.t.Fatal(err)
	}
	return said
}

// press presses a button and waits for what comes of it.
func (b *tab) press(id string) string {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](`say("")`), chromedp.Click("#"+id))
	return b.awaitSaid(" " + id + " ")
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

var inCookies = map[string]any{
	"tokenResponseMethod": "cookie", "cookiePolicy": "lax", "sessionTokenResponseMethod": "cookie", "sessionTokenCookiePolicy": "strict", "rotateJwt": true,
}

const ann = "ann@shop.example"

// A page signs somebody up and in with a password; the tokens are in cookies as the project says.
func TestSignInByCookies(t *testing.T) {
	sdkIsThere(t)
	b := open(t)
	b.visit(inCookies)
	b.fill(ann, "short")
	b.mustSay("password-up", "refused")
	b.fill(ann, "Lantern&Quill-1")
	b.mustSay("password-up", `"name":"Ann"`)
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
	b.shot("web-js-password")
	b.signOut("out")
	b.fill(ann, "Lantern&Quill-1")
	b.mustSay("password-in", "ok")
	b.signOut("all-out")
}

// signOut presses a button, after which nobody is signed in.
func (b *tab) signOut(button string) {
	b.t.Helper()
	b.mustSay(button, "ok")
	if left := b.cookies(); left["DSR"] != nil || left["DS"] != nil {
		b.t.Errorf("cookies are left: %v", left)
	}
	b.mustSay("me", "refused")
}

// A page signs somebody up and in with codes and links that come by mail.
func TestSignInByMessages(t *testing.T) {
	sdkIsThere(t)
	b := open(t)
	sender := b.visit(inCookies)
	signedIn := func(how string) {
		t.Helper()
		b.mustSay("me", `"email":"ann@shop.example"`)
		b.mustSay("history", "ok")
		b.mustSay("refresh", "ok")
		b.shot("web-js-" + how)
		b.signOut("out")
	}
	const code, link = `\b\d{6}\b`, `http://localhost:[^\s"'<>()]*[?&]t=[\w.~%-]+`
	for _, button := range []string{"code-up", "code-in", "code-up-or-in"} {
		b.fill(ann, "")
		b.mustSay(button, "ok")
		b.fill(ann, message(t, sender, ann, code))
		b.mustSay("code", `"email":"ann@shop.example"`)
		b.mustSay("code", "refused") // it works once
		signedIn(button)
	}

	const bob = "bob@shop.example"
	for _, button := range []string{"link-up", "link-in"} {
		b.fill(bob, "")
		b.mustSay(button, "ok")
		b.run(chromedp.Navigate(message(t, sender, bob, link)))
		if said := b.awaitSaid(" come-in "); !strings.Contains(said, `"email":"bob@shop.example"`) {
			t.Fatalf("%s: the link says %s", button, said)
		}
		b.mustSay("refresh", "ok")
		b.shot("web-js-" + button)
		b.signOut("out")
	}

	phone := open(t) // another device, on which the mail is read
	const eve = "eve@shop.example"
	for _, button := range []string{"wait-up", "wait-in"} {
		b.fill(eve, "")
		b.run(chromedp.Click("#" + button))
		number := strings.TrimPrefix(b.awaitSaid("number "), "number ")
		phone.run(chromedp.Navigate(message(t, sender, eve, `href="([^"]*)"[^>]*>\s*(?:<[^>]*>\s*)*`+number+`\s*<`)))
		if said := phone.awaitSaid(" come-in "); !strings.Contains(said, "ok") || strings.Contains(said, "Jwt") {
			t.Fatalf("%s: the link says %s", button, said)
		}
		if said := b.awaitSaid(" " + button + " "); !strings.Contains(said, `"email":"eve@shop.example"`) {
			t.Fatalf("%s says %s", button, said)
		}
		b.mustSay("refresh", "ok")
		b.shot("web-js-" + button)
		b.signOut("out")
	}
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
	b.fill(ann, "")
	b.mustSay("key-up", `"webauthn":true`)
	if len(b.cookies()) != 0 {
		t.Errorf("cookies where the tokens go in the body: %v", b.cookies())
	}
	b.mustSay("me", `"email":"ann@shop.example"`)
	b.mustSay("out", "ok")
	b.mustSay("key-in", `"sessionJwt"`)
	b.mustSay("out", "ok")
	b.fill("", "") // the browser offers what it has
	b.mustSay("key-in", `"email":"ann@shop.example"`)
	b.shot("web-js-passkey")
}
