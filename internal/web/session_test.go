package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/mgmtkey"
	"postern/internal/store"
	"postern/internal/testkit"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		k, token := b.key(t, mgmtkey.Admin)
		in := &browser{bench: b}
		for _, path := range []string{"/console/", b.in("/policy")} {
			res, _ := in.get(t, path)
			if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/console/sign-in?next="+url.QueryEscape(path) {
				t.Errorf("%s leads to %q, %d", path, to, res.StatusCode)
			}
		}
		if res, _ := in.get(t, "/console"); res.Header.Get("Location") != "/console/" {
			t.Errorf("/console leads to %q", res.Header.Get("Location"))
		}
		last := "0"
		if strings.HasSuffix(token, last) {
			last = "1"
		}
		another := token[:len(token)-1] + last
		for name, wrong := range map[string]string{"nothing": "", "no key": "secret", "another": another, "the id alone": k.ID} {
			if res, body := in.post(t, "/console/sign-in", url.Values{"key": {wrong}}); res.StatusCode != http.StatusUnauthorized || len(res.Cookies) > 0 {
				t.Errorf("%s: %d %s", name, res.StatusCode, body)
			}
		}
		in = b.enterWith(t, token)
		if strings.Contains(in.cookie.Value, token) || strings.Contains(in.cookie.Value, k.ID) {
			t.Error("the cookie shows the key")
		}
		mustHave(t, in.page(t, "/console/"), "Shop &lt;b&gt;", "Sign out")
		res, _ := in.post(t, "/console/sign-out", nil)
		if res.StatusCode != http.StatusSeeOther || !slices.ContainsFunc(res.Cookies, func(c *http.Cookie) bool { return c.Name == in.cookie.Name && c.MaxAge < 0 }) {
			t.Errorf("signing out: %d %v", res.StatusCode, res.Cookies)
		}
		want := []string{k.ID + " console.signout done", k.ID + " console.signin done"}
		if got := b.events(t, ""); !slices.Equal(got[:2], want) {
			t.Errorf("recorded: %q, want first %q", got, want)
		}
		if strings.Contains(in.seen.String(), token) {
			t.Error("a page shows the key")
		}
	})
}

// Which cookie a browser gets depends on what it sees itself.
func TestCookies(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	_, token := b.key(t, mgmtkey.Read)
	in := &browser{bench: b}
	for _, tt := range []struct {
		name, host, origin, cookie string
		secure                     bool
	}{
		{"this machine", "localhost:1", "http://localhost:1", loopbackCookie, false},
		{"this machine, by number", "[::1]:1", "http://[::1]:1", loopbackCookie, false},
		{"behind a proxy with HTTPS", "postern.example", "https://postern.example", secureCookie, true},
		{"this machine with HTTPS", "localhost", "https://localhost", secureCookie, true},
		{"plain HTTP under a name", "postern.example", "http://postern.example", "", false},
		{"a name that begins like this machine", "localhost.evil.example", "http://localhost.evil.example", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := in.post(t, "/console/sign-in", url.Values{"key": {token}}, "Host", tt.host, "Origin", tt.origin)
			if tt.cookie == "" {
				if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "P40303") || len(res.Cookies) > 0 {
					t.Errorf("%d %v", res.StatusCode, res.Cookies)
				}
				return
			}
			if len(res.Cookies) != 1 {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			c := res.Cookies[0]
			if c.Name != tt.cookie || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge > int(sessionFor.Seconds()) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// A session is no stronger than its key is now, and nobody makes one.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, testkit.Store(t))
	k, token := b.key(t, mgmtkey.Admin)
	in := b.enterWith(t, token)
	out := func(name string, in *browser) {
		t.Helper()
		if res, body := in.get(t, "/console/"); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/console/sign-in") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if res, body := in.post(t, b.in("/policy"), url.Values{"protected": {"flows"}}); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s, a form: %d %s", name, res.StatusCode, body)
		}
	}
	sealed := func(held session, purpose string) *browser {
		content, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		ticket, err := b.Projects.Master.SealTicket(purpose, anyHolder, content)
		if err != nil {
			t.Fatal(err)
		}
		return &browser{bench: b, cookie: &http.Cookie{Name: loopbackCookie, Value: base64.RawURLEncoding.EncodeToString(ticket)}}
	}
	good := session{Key: k.ID, Until: time.Now().Add(time.Hour)}
	sealed(good, sessionPurpose).page(t, "/console/")
	out("its time is over", sealed(session{Key: k.ID, Until: time.Now().Add(-time.Second)}, sessionPurpose))
	out("of nobody", sealed(session{Until: time.Now().Add(time.Hour)}, sessionPurpose))
	out("a ticket for something else", sealed(good, draftPurpose))
	for _, value := range []string{"", "x", in.cookie.Value[:len(in.cookie.Value)-2] + "AA", token, k.ID} {
		out("cookie "+value[:min(4, len(value))], &browser{bench: b, cookie: &http.Cookie{Name: loopbackCookie, Value: value}})
	}

	// What is given out over plain HTTP counts on this machine only.
	if res, _ := in.send(t, http.MethodGet, "/console/", "", nil, "Host", "postern.example"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the cookie of a loopback address under another name: %d", res.StatusCode)
	}

	status := mgmtkey.Inactive
	if _, err := b.Keys.Update(t.Context(), operator, k.ID, mgmtkey.Update{Status: &status}); err != nil {
		t.Fatal(err)
	}
	out("a key out of use", in)
	if _, err := b.Keys.Delete(t.Context(), operator, k.ID); err != nil {
		t.Fatal(err)
	}
	out("a revoked key", in)
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/console/keys":             "/console/keys",
		"/console/projects/P1?a=b":  "/console/projects/P1?a=b",
		"":                          "/console/",
		"/consoles":                 "/console/",
		"//evil.example/console/":   "/console/",
		"https://evil.example":      "/console/",
		"/console/\\evil":           "/console/",
		"/v1/mgmt/project/export":   "/console/",
		"javascript:alert(1)":       "/console/",
		"/console/\r\nSet-Cookie: ": "/console/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
}
