package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// riskLines are the codes of all risks of differences, those for a person with
// a question mark, each once.
func riskLines(list []Difference) []string {
	var out []string
	for _, d := range list {
		for _, r := range d.Risks {
			code := string(r.Code)
			if r.Level == Ask {
				code += "?"
			}
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func compareFile(path, from, to string) []Difference {
	was, now := Files{}, Files{}
	if from != "" {
		was[path] = []byte(from)
	}
	if to != "" {
		now[path] = []byte(to)
	}
	return Compare(was, now)
}

// A weighing is a change and what it means, and what the way back means.
type weighing struct {
	path, from, to string
	want, back     string // codes, separated by spaces; "?" is for a person
}

const (
	ofProject   = "project.json"
	ofPassword  = "auth/password.json"
	ofOauth     = "auth/oauth.json"
	ofApps      = "applications.json"
	ofRoles     = "roles.json"
	ofConnector = "connectors/x.json"
	ofFlow      = "flows/f/contents.json"
)

func testWeighings(t *testing.T, rows map[string]weighing) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(strings.Fields(row.want), riskLines(compareFile(row.path, row.from, row.to)), emptyIsNil); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(strings.Fields(row.back), riskLines(compareFile(row.path, row.to, row.from)), emptyIsNil); diff != "" {
				t.Errorf("the way back: -want +got\n%s", diff)
			}
		})
	}
}

var emptyIsNil = cmp.Transformer("empty", func(list []string) string { return fmt.Sprint(list) })

func TestSettingsThatWeaken(t *testing.T) {
	t.Parallel()
	testWeighings(t, map[string]weighing{
		"refresh tokens live longer":                 {ofProject, `{"refreshTokenExpiration":4}`, `{"refreshTokenExpiration":8}`, "token_lifetime_longer", ""},
		"a token lives longer by its unit alone":     {ofProject, `{"sessionTokenExpiration":10,"sessionTokenExpirationUnit":"minutes"}`, `{"sessionTokenExpiration":10,"sessionTokenExpirationUnit":"hours"}`, "token_lifetime_longer", ""},
		"a larger number of a smaller unit":          {ofProject, `{"sessionTokenExpiration":1,"sessionTokenExpirationUnit":"hours"}`, `{"sessionTokenExpiration":30,"sessionTokenExpirationUnit":"minutes"}`, "", "token_lifetime_longer"},
		"the same time in another unit":              {ofProject, `{"sessionTokenExpiration":1,"sessionTokenExpirationUnit":"hours"}`, `{"sessionTokenExpiration":60,"sessionTokenExpirationUnit":"minutes"}`, "", ""},
		"a lifetime above the default appears":       {ofProject, `{}`, `{"sessionTokenExpiration":600}`, "token_lifetime_longer", ""},
		"the default written out":                    {ofProject, `{}`, `{"sessionTokenExpiration":10}`, "", ""},
		"sessions of access keys live longer":        {ofProject, `{"keySessionTokenExpiration":10}`, `{"keySessionTokenExpiration":20}`, "token_lifetime_longer", ""},
		"a step-up counts for longer":                {ofProject, `{}`, `{"stepupTokenExpiration":60}`, "step_up_longer", ""},
		"devices are trusted for longer":             {ofProject, `{}`, `{"trustedDeviceTokenExpiration":366}`, "trusted_device_longer", ""},
		"inactive sessions no longer end":            {ofProject, `{"enableInactivity":true}`, `{"enableInactivity":false}`, "inactivity_weaker", ""},
		"inactive sessions end later":                {ofProject, `{"enableInactivity":true,"inactivityTime":12}`, `{"enableInactivity":true,"inactivityTime":50}`, "inactivity_weaker", ""},
		"an inactivity time that is not in force":    {ofProject, `{"inactivityTime":12}`, `{"inactivityTime":50}`, "", ""},
		"rotation is switched off":                   {ofProject, `{"rotateJwt":true}`, `{}`, "rotation_off", ""},
		"a refresh token moves from cookie to body":  {ofProject, `{"tokenResponseMethod":"cookie"}`, `{"tokenResponseMethod":"onBody"}`, "token_exposed", ""},
		"blank and body are the same":                {ofProject, `{"tokenResponseMethod":""}`, `{"tokenResponseMethod":"onBody"}`, "", ""},
		"a cookie goes from strict to lax":           {ofProject, `{"cookiePolicy":"strict"}`, `{"cookiePolicy":"lax"}`, "cookie_weaker", ""},
		"a cookie policy as a number":                {ofProject, `{"cookiePolicy":3}`, `{"cookiePolicy":4}`, "cookie_weaker", ""},
		"a cookie policy as a number and as a word":  {ofProject, `{"sessionTokenCookiePolicy":3}`, `{"sessionTokenCookiePolicy":"strict"}`, "", ""},
		"a cookie for a whole domain":                {ofProject, `{}`, `{"domain":"example.com"}`, "cookie_weaker", ""},
		"a trusted domain is added":                  {ofProject, `{"trustedDomains":"a.example"}`, `{"trustedDomains":"a.example, b.example"}`, "trusted_domain_added", ""},
		"trusted domains in another order":           {ofProject, `{"trustedDomains":"a.example,b.example"}`, `{"trustedDomains":"b.example,a.example"}`, "", ""},
		"a wildcard among trusted domains":           {ofProject, `{"trustedDomains":"a.example"}`, `{"trustedDomains":"a.example,*.example"}`, "redirect_wildcard trusted_domain_added", ""},
		"anybody may sign up":                        {ofProject, `{"projectSelfProvisioning":false}`, `{}`, "self_provisioning_on", ""},
		"tenants share their users":                  {ofProject, `{"tenantUserIsolation":true}`, `{"tenantUserIsolation":false}`, "isolation_off", "tenants_open?"},
		"tenants have users of their own":            {ofProject, `{"tenantUserIsolation":false}`, `{"tenantUserIsolation":true}`, "tenants_open?", "isolation_off"},
		"the sign-in page may be embedded":           {ofProject, `{}`, `{"allowAuthHostingIframeEmbedding":true}`, "embedding_on", ""},
		"an invitation signs in":                     {ofProject, `{}`, `{"inviteMagicLink":true}`, "invitation_weaker", ""},
		"invitations lead elsewhere":                 {ofProject, `{}`, `{"inviteUrl":"https://x.example"}`, "redirect_added", ""},
		"test users appear":                          {ofProject, `{}`, `{"testUserRegex":".*"}`, "test_user_wider", ""},
		"test users may use a fixed code":            {ofProject, `{}`, `{"testUserAllowFixedAuth":true,"testUserFixedAuthToken":"123456"}`, "test_user_wider", ""},
		"users of another service are made at sight": {ofProject, `{"externalAuthConfig":{"userSyncType":"matchOnly"}}`, `{"externalAuthConfig":{"userSyncType":"jit"}}`, "migration_wider", ""},
		"another JWT template":                       {ofProject, `{"userTemplateId":"T1"}`, `{"userTemplateId":"T2"}`, "claims_changed?", "claims_changed?"},
		"a key that is not known":                    {ofProject, `{}`, `{"zzLater":1}`, "unknown_changed?", "unknown_changed?"},
		"the project file is gone":                   {ofProject, `{"rotateJwt":true,"projectSelfProvisioning":false}`, "", "rotation_off self_provisioning_on", ""},
		"whether invitations are texted":             {ofProject, `{"inviteSendSms":true}`, `{"inviteSendSms":false}`, "", ""},
		"a shorter password":                         {ofPassword, `{"minLength":12}`, `{"minLength":8}`, "password_policy_weaker", ""},
		"the password file is gone":                  {ofPassword, `{"minLength":12,"lock":true}`, "", "lockout_weaker password_policy_weaker", ""},
		"the password file is gone and was laxer":    {ofPassword, `{"minLength":6}`, "", "", "password_policy_weaker"},
		"a password needs no symbol":                 {ofPassword, `{}`, `{"nonAlphanumeric":false}`, "password_policy_weaker", ""},
		"passwords no longer expire":                 {ofPassword, `{"expiration":true}`, `{"expiration":false}`, "password_policy_weaker", ""},
		"passwords expire later":                     {ofPassword, `{"expiration":true,"expirationWeeks":4}`, `{"expiration":true,"expirationWeeks":40}`, "password_policy_weaker", ""},
		"former passwords are taken again":           {ofPassword, `{"reuse":true}`, `{}`, "password_policy_weaker", ""},
		"no character is forbidden any more":         {ofPassword, `{"disallowedCharacters":" "}`, `{"disallowedCharacters":""}`, "password_policy_weaker", ""},
		"no lock after wrong tries":                  {ofPassword, `{"lock":true}`, `{"lock":false}`, "lockout_weaker", ""},
		"more tries before a lock":                   {ofPassword, `{"lock":true,"lockAttempts":5}`, `{"lock":true,"lockAttempts":50}`, "lockout_weaker", ""},
		"a lock that is switched on with more tries": {ofPassword, `{"lockAttempts":5}`, `{"lock":true,"lockAttempts":50}`, "", "lockout_weaker"},
		"a shorter wait":                             {ofPassword, `{"tempLock":true,"tempLockDuration":5}`, `{"tempLock":true,"tempLockDuration":1}`, "lockout_weaker", ""},
		"errors tell who exists":                     {ofPassword, `{"maskError":true}`, `{"maskError":false}`, "error_detail_on", ""},
		"codes go through another service":           {ofPassword, `{"emailServiceProvider":"Descope"}`, `{"emailServiceProvider":"smtp:CI1"}`, "message_route_changed", "message_route_changed"},
		"the text of a message":                      {ofPassword, `{"emailTemplates":[{"id":"1","name":"a","body":"x"}]}`, `{"emailTemplates":[{"id":"1","name":"a","body":"y"}]}`, "message_changed?", "message_changed?"},
		"codes live longer":                          {"auth/otp.json", `{"expirationTime":3}`, `{"expirationTime":30}`, "code_lifetime_longer", ""},
		"more messages for one user":                 {"auth/otp.json", `{"rateLimitRetries":3}`, `{"rateLimitRetries":30}`, "rate_limit_weaker", ""},
		"a shorter frame for attempts":               {"auth/magiclink.json", `{"rateLimitTimeframe":60}`, `{"rateLimitTimeframe":6}`, "rate_limit_weaker", ""},
		"links lead elsewhere":                       {"auth/magiclink.json", `{}`, `{"redirectUrl":"https://*.example"}`, "redirect_added redirect_wildcard", ""},
		"embedded links are served":                  {"auth/embeddedlink.json", `{"enabled":false}`, `{"enabled":true}`, "method_enabled", ""},
		"a strong method is switched off":            {"auth/totp.json", `{}`, `{"enabled":false}`, "mfa_off", ""},
		"passkeys of another site":                   {"auth/webauthn.json", `{"relyingPartyId":"a.example"}`, `{"relyingPartyId":"b.example"}`, "passkey_origin_changed", "passkey_origin_changed"},
		"fewer questions are asked":                  {"auth/securityquestions.json", `{"verifyQuestionsCount":3}`, `{"verifyQuestionsCount":1}`, "security_questions_weaker", ""},
		"users of an identity provider are merged":   {"auth/sso.json", `{}`, `{"mergeUsers":true}`, "sso_trust_wider", ""},
		"roles of an identity provider replace ours": {"auth/sso.json", `{}`, `{"allowOverrideRoles":true}`, "sso_trust_wider", ""},
		"domains of tenants are not verified":        {"auth/sso.json", `{"ssoSuiteForceDomainVerification":true}`, `{}`, "verification_off", ""},
		"e-mail domains are not checked":             {"auth/sso.json", `{"blockIfEmailDomainMismatch":true}`, `{}`, "verification_off", ""},
		"the admin portal is served":                 {"adminportal.json", `{}`, `{"enabled":true}`, "admin_portal_on", ""},
		"relations":                                  {"fga.json", `{"schema":"a"}`, `{"schema":"b"}`, "relations_changed?", "relations_changed?"},
		"the colours of a style":                     {"styles/s.json", `{"globals":{"a":1}}`, `{"globals":{"a":2}}`, "", ""},
		"a file that no section has":                 {"more/x.json", `{"a":1}`, `{"a":2}`, "unknown_changed?", "unknown_changed?"},
	})
}
