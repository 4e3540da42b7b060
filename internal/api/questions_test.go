package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/project"
	"postern/internal/snapshot"
	"postern/internal/testkit"
)

// appUser signs somebody up with an authenticator app.
func (b *bundle) appUser(t *testing.T, loginID string) (key string, in wireTokens) {
	t.Helper()
	var seed seedAnswer
	b.answer(t, &seed, "POST", "/v1/auth/totp/signup", `{"loginId":"`+loginID+`"}`, b.as("")...)
	b.answer(t, &in, "POST", "/v1/auth/totp/verify", `{"loginId":"`+loginID+`","code":"`+appCode(t, seed.Key, 0)+`"}`, b.as("")...)
	return seed.Key, in
}

func TestQuestionsAndRecoveryCodesOnTheWire(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		b.open(t, snapshot.Files{"auth/securityquestions.json": []byte(`{"enabled":true,"setupQuestionsCount":1,"verifyQuestionsCount":1,"securityQuestions":[{"id":"q1","text":"Which ink?"}]}`)})
		_, in := b.appUser(t, "ann")
		var nothing empty
		var asked questionsAnswer
		var more wireTokens
		wantFault(t, b.send(t, "GET", "/v1/auth/security-questions/verify", "", b.as(in.Refresh)...), 409, "P40972")
		b.answer(t, &nothing, "POST", "/v1/auth/security-questions/setup", `{"loginId":"ann","answers":[{"id":"q1","answer":"Green"}]}`, b.as(in.Refresh)...)
		wantFault(t, b.send(t, "POST", "/v1/auth/security-questions/setup", `{"loginId":"bob","answers":[{"id":"q1","answer":"Green"}]}`, b.as(in.Refresh)...), 403, "P40310")
		b.answer(t, &asked, "GET", "/v1/auth/security-questions/verify", "", b.as(in.Refresh)...)
		if diff := cmp.Diff([]project.Question{{ID: "q1", Text: "Which ink?"}}, asked.Questions); diff != "" {
			t.Errorf("asked are (-want +got):\n%s", diff)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/security-questions/verify", `{"loginId":"ann","answers":[{"id":"q1","answer":"red"}]}`, b.as(in.Refresh)...), 401, "P40174")
		b.answer(t, &more, "POST", "/v1/auth/security-questions/verify", `{"loginId":"ann","answers":[{"id":"q1","answer":"green"}]}`, b.as(in.Refresh)...)
		if diff := cmp.Diff([]any{"totp", "kba", "mfa"}, more.Claims["amr"]); diff != "" {
			t.Errorf("amr (-want +got):\n%s", diff)
		}
		if more.Refresh != "" {
			in = more
		}
		var made recoveryAnswer
		b.answer(t, &made, "POST", "/v1/auth/recovery-codes", `{"loginId":"ann"}`, b.as(in.Refresh)...)
		if len(made.Codes) != 10 {
			t.Fatalf("the codes are %+v", made)
		}
		body := `{"loginId":"ann","code":"` + made.Codes[3].Code + `"}`
		b.answer(t, &more, "POST", "/v1/auth/recovery-codes/signin", body, b.as("")...)
		if more.User == nil || more.User.LoginIDs[0] != "ann" || more.Session == "" {
			t.Errorf("the sign-in answers %+v", more)
		}
		wantFault(t, b.send(t, "POST", "/v1/auth/recovery-codes/signin", body, b.as("")...), 401, "E061102")
	})
}
