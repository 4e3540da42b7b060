package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"testing"

	"postern/internal/snapshot"
	"postern/internal/testkit"
)

func TestFactorsAreManaged(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/webauthn.json": []byte(`{"enabled":true}`)})
		key, in := b.appUser(t, "ann")
		var nothing empty
		var made recoveryAnswer
		b.answer(t, &made, "POST", "/v1/auth/recovery-codes", `{"loginId":"ann"}`, b.as(in.Refresh)...)
		for _, path := range []string{"totp/delete", "recovery-codes/delete", "passkeys/list", "passkeys/delete", "passkey/delete", "passkeys/import"} {
			wantFault(t, b.send(t, "POST", "/v1/mgmt/user/"+path, `{"loginId":"nobody"}`), 404, "E112102")
		}
		b.answer(t, &nothing, "POST", "/v1/mgmt/user/recovery-codes/delete", `{"loginId":"ann"}`)
		wantFault(t, b.send(t, "POST", "/v1/auth/recovery-codes/signin", `{"loginId":"ann","code":"`+made.Codes[0].Code+`"}`, b.as("")...), 401, "E061102")
		b.answer(t, &nothing, "POST", "/v1/mgmt/user/totp/delete", `{"loginId":"`+in.User.ID+`"}`)
		wantFault(t, b.send(t, "POST", "/v1/auth/totp/verify", `{"loginId":"ann","code":"`+appCode(t, key, 1)+`"}`, b.as("")...), 401, "E061102")

		// Passkeys that were made elsewhere, in both forms, sign in.
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d := &testkit.Authenticator{Origin: "https://shop.example", Flags: 0x08}
		d.Held = []*testkit.Held{
			{ID: []byte("made at the first place"), Handle: []byte("ann there"), RPID: "shop.example", Key: private},
			{ID: []byte("made at the other place"), Handle: []byte("auth0|ann"), RPID: "shop.example", Key: private},
		}
		cose, text := testkit.COSE(t, private), base64.RawURLEncoding.EncodeToString
		b.answer(t, &nothing, "POST", "/v1/mgmt/user/passkeys/import", `{"loginId":"ann","devices":[
			{"descope":{"credentialId":"`+text(d.Held[0].ID)+`","rpId":"shop.example","publicKey":"`+base64.StdEncoding.EncodeToString(cose)+`","backupEligible":true}},
			{"auth0":{"keyId":"`+text(d.Held[1].ID)+`","rpId":"shop.example","publicKey":"`+text(cose)+`","credentialDeviceType":"multi_device","userHandle":"`+text(d.Held[1].Handle)+`"}}]}`)
		wantFault(t, b.send(t, "POST", "/v1/mgmt/user/passkeys/import", `{"loginId":"ann","devices":[{}]}`), 400, "E011003")
		var s passkeyStarted
		for _, h := range d.Held {
			b.answer(t, &s, "POST", "/v1/auth/webauthn/signin/start", `{"origin":"https://shop.example"}`, b.as("")...)
			o := testkit.ReadPasskeyOptions(t, s.Options).PublicKey
			b.answer(t, &in, "POST", "/v1/auth/webauthn/signin/finish", ended(t, s.TransactionID, d.Sign(t, h, o.RPID, o.Challenge)), b.as("")...)
			if in.User.LoginIDs[0] != "ann" {
				t.Errorf("signed in is %+v", in.User)
			}
		}
		var list passkeysAnswer
		b.answer(t, &list, "POST", "/v1/mgmt/user/passkeys/list", `{"loginId":"ann"}`)
		if len(list.Passkeys) != 2 || list.Passkeys[0].RPID != "shop.example" || list.Passkeys[0].Kind != "multiDevice" || list.Passkeys[0].Created == 0 {
			t.Fatalf("the passkeys are %+v", list)
		}
		b.answer(t, &nothing, "POST", "/v1/mgmt/user/passkey/delete", `{"loginId":"ann","credentialId":"`+list.Passkeys[0].ID+`"}`)
		wantFault(t, b.send(t, "POST", "/v1/mgmt/user/passkey/delete", `{"loginId":"ann","credentialId":"`+list.Passkeys[0].ID+`"}`), 404, "P40471")
		wantFault(t, b.send(t, "POST", "/v1/mgmt/user/passkey/delete", `{"loginId":"ann"}`), 404, "P40471")
		b.answer(t, &nothing, "POST", "/v1/mgmt/user/passkeys/delete", `{"loginId":"ann"}`)
		b.answer(t, &list, "POST", "/v1/mgmt/user/passkeys/list", `{"loginId":"ann"}`)
		if len(list.Passkeys) != 0 {
			t.Errorf("the passkeys are %+v", list)
		}
	})
}
