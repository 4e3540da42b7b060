package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image/png"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// open lets strangers sign up in the project, with what files say more.
func (b *bundle) open(t *testing.T, files snapshot.Files) {
	t.Helper()
	all := snapshot.Files{"snapshot.json": []byte(`{"version":5}`), "project.json": []byte(`{"projectSelfProvisioning":true,"trustedDomains":"shop.example"}`)}
	maps.Copy(all, files)
	if w := b.send(t, "POST", importPath, importBody(t, all, "")); w.Code != 200 {
		t.Fatalf("import: %d %s", w.Code, w.Body)
	}
}

// as is the header of a person: the project, and a token where there is one.
func (b *bundle) as(token string) []string {
	header := "Bearer " + b.project
	if token != "" {
		header += ":" + token
	}
	return []string{"Authorization", header}
}

// appCode is the code that an authenticator app shows, some steps from now.
func appCode(t *testing.T, key string, later int64) string {
	t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, raw)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+later)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff)%1_000_000)
}

func TestTOTPOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/totp.json": []byte(`{"enabled":true,"issuerLabelTemplate":"Shop"}`)})
		var seed, next seedAnswer
		b.answer(t, &seed, "POST", "/v1/auth/totp/signup", `{"loginId":"ann@shop.example","user":{"name":"Ann"}}`, b.as("")...)
		if !strings.HasPrefix(seed.URL, "otpauth://totp/Shop:ann@shop.example?") || !strings.Contains(seed.URL, "secret="+seed.Key) {
			t.Errorf("the URL is %s", seed.URL)
		}
		image, err := base64.StdEncoding.DecodeString(seed.Image)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(image)); err != nil {
			t.Errorf("the image: %v", err)
		}
		verify := func(code, more string) string {
			return `{"loginId":"ann@shop.example","code":"` + code + `"` + more + `}`
		}
		var in wireTokens
		b.answer(t, &in, "POST", "/v1/auth/totp/verify", verify(appCode(t, seed.Key, -1), ""), b.as("")...)
		if in.Session == "" || in.Refresh == "" || !in.FirstSeen || in.User == nil || !in.User.TOTP || in.User.Name != "Ann" {
			t.Fatalf("the sign-in answers %+v", in)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/verify", verify(appCode(t, seed.Key, -1), ""), b.as("")...), 401, "E061102")
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/signup", `{"loginId":"ann@shop.example"}`, b.as("")...), 409, "E062107")
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/update", `{"loginId":"bob"}`, b.as(in.Refresh)...), 403, "P40310")
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/update", `{"loginId":"ann@shop.example"}`, b.as("")...), 401, "P40104")
		b.answer(t, &next, "POST", "/v1/auth/totp/update", `{"loginId":"ann@shop.example"}`, b.as(in.Refresh)...)

		var more wireTokens
		b.answer(t, &more, "POST", "/v1/auth/totp/verify", verify(appCode(t, seed.Key, 0), `,"loginOptions":{"mfa":true}`), b.as(in.Refresh)...)
		if diff := cmp.Diff([]any{"totp"}, more.Claims["amr"]); diff != "" {
			t.Errorf("amr (-want +got):\n%s", diff)
		}
		b.answer(t, &more, "POST", "/v1/auth/totp/verify", verify(appCode(t, next.Key, 0), ""), b.as("")...)
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/verify", verify(appCode(t, seed.Key, 1), ""), b.as("")...), 401, "E061102")

		b.open(t, snapshot.Files{"auth/totp.json": []byte(`{"enabled":false}`)})
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/verify", verify(appCode(t, next.Key, 1), ""), b.as("")...), 403, "P40309")
		if strings.Contains(b.logs.String(), seed.Key) {
			t.Error("the log has a seed")
		}
	})
}
