package snapshot

import (
	"fmt"
	"slices"
)

// A RiskCode names a kind of weakening, for programs: it is what a caller
// allows. Codes are stable.
type RiskCode string

// The codes that no schema names, as they are derived.
const (
	riskMoved   RiskCode = "destination_moved"
	riskAdded   RiskCode = "destination_added"
	riskSealed  RiskCode = "credential_changed"
	riskUnknown RiskCode = "unknown_changed"
	riskReview  RiskCode = "needs_review"
)

// RiskCodes says what each code means, in the order of the reference: a
// sentence without its capital and its dot.
var RiskCodes = []struct {
	Code RiskCode
	Says string
}{
	{"token_lifetime_longer", "a token is good for longer"},
	{"inactivity_weaker", "an inactive session lasts longer"},
	{"rotation_off", "refresh tokens are no longer rotated"},
	{"token_exposed", "a token reaches the scripts of a page, which a cookie would keep from them"},
	{"cookie_weaker", "a cookie with a token is protected less"},
	{"step_up_longer", "a step-up counts for longer"},
	{"trusted_device_longer", "a device is trusted for longer"},
	{"trusted_domain_added", "users may be sent to another domain"},
	{"redirect_added", "users and their tokens may be sent to another address"},
	{"redirect_wildcard", "users and their tokens may be sent to any address that fits a wildcard"},
	{"domain_changed", "the domain that the project is served from changes"},
	{"embedding_on", "the sign-in page may be shown inside of another site"},
	{"self_provisioning_on", "people may sign up without an invitation"},
	{"isolation_off", "tenants no longer have users of their own"},
	{"tenants_open", "people may sign up in a tenant that they name"},
	{"app_access_wider", "new users have access to every application"},
	{"invitation_weaker", "an invitation is good for longer, or opens more"},
	{"test_user_wider", "more users count as test users, or one of them may use a fixed code"},
	{"migration_wider", "more users of another service are taken over"},
	{"message_changed", "the text of a message changes, which may hold a code or a link"},
	{"message_route_changed", "messages with codes and links go through another service"},
	{"method_enabled", "there is another way to sign in"},
	{"mfa_off", "a strong proof of identity is no longer offered"},
	{"code_lifetime_longer", "a code or a link is good for longer"},
	{"rate_limit_weaker", "a user may try more often"},
	{"password_policy_weaker", "a password may be weaker"},
	{"lockout_weaker", "more wrong tries are possible"},
	{"error_detail_on", "a failed sign-in tells whether the user exists"},
	{"security_questions_weaker", "fewer questions prove who a user is"},
	{"passkey_origin_changed", "passkeys are bound to another site or app"},
	{"provider_enabled", "users may sign in through another provider"},
	{"provider_trust_wider", "more of what an identity provider says is believed"},
	{"provider_tokens_kept", "the tokens of a provider are kept"},
	{"provider_weaker", "a sign-in through a provider is protected less"},
	{"issuer_changed", "tokens of another issuer are accepted, or ours name another one"},
	{"signing_changed", "signatures are checked by another key or made in another way"},
	{"verification_off", "something is no longer verified"},
	{"sso_trust_wider", "the identity provider of a tenant may decide more"},
	{"sso_setup_wider", "administrators of a tenant may set up more"},
	{"mapping_changed", "what comes from outside fills other fields, or goes out in them"},
	{"application_added", "there is another application to sign in to"},
	{"application_enabled", "users may sign in to another application"},
	{"pkce_off", "a sign-in no longer needs a code challenge"},
	{"grant_enabled", "tokens are given out in a further way"},
	{"force_auth_off", "a running session is enough to enter an application"},
	{"claims_added", "an application is told more about users"},
	{"audience_wider", "tokens are accepted by more parties"},
	{"client_weaker", "a client proves less about itself"},
	{"scope_added", "more is asked of an outside service on behalf of users"},
	{"permission_added", "a role gives a further permission"},
	{"admin_permission_added", "a role may administer the project"},
	{"role_default_on", "every new user gets a role"},
	{"role_visible", "tenants see a role and may give it"},
	{"role_mapping_added", "a role is also given to others"},
	{"attribute_access_wider", "more people may see or change an attribute"},
	{"claims_changed", "the claims of tokens change"},
	{"issuer_check_off", "tokens of another issuer are no longer refused"},
	{"relations_changed", "the rules of who may do what change"},
	{"list_changed", "a list that flows decide by changes"},
	{"resource_changed", "tokens are issued for another party"},
	{"flow_changed", "what a flow does changes"},
	{"flow_step_removed", "a step that proves who a user is, or checks a risk, is gone or replaced"},
	{"flow_switched", "a flow is switched on or off"},
	{"flow_added", "there is another flow, which anybody may start"},
	{"script_changed", "a script changes"},
	{"risk_check_off", "risks are checked less"},
	{"bot_check_weaker", "fewer visitors count as bots"},
	{"widget_changed", "what people may manage by a widget changes"},
	{"admin_portal_on", "the admin portal is served"},
	{"admin_portal_wider", "the admin portal shows another widget"},
	{"connector_added", "there is another outside service"},
	{"connector_removed", "an outside service is gone, and with it what it checked or recorded"},
	{"connector_switched", "a connector is switched on or off"},
	{"tls_check_off", "the certificate of a server is no longer checked"},
	{"secret_in_clear", "a value is no longer kept as a secret"},
	{"client_auth_changed", "calls to an outside service prove themselves in another way"},
	{"request_signing_off", "requests are no longer signed"},
	{"audit_reduced", "fewer audit records are sent"},
	{"log_export_on", "more records leave the project"},
	{"unmasked_personal_data", "personal data leaves the project unmasked"},
	{riskMoved, "credentials are sent to another place, or on behalf of another account"},
	{riskAdded, "data is sent to a new place"},
	{riskSealed, "a credential is set, replaced or dropped"},
	{riskUnknown, "something that no schema describes changes"},
	{riskReview, "this should be looked at"},
}

// Check refuses a code that is none, and names the nearest that is one.
func (c RiskCode) Check() error {
	var all []string
	for _, known := range RiskCodes {
		if known.Code == c {
			return nil
		}
		all = append(all, string(known.Code))
	}
	return fmt.Errorf("%q is no code of a risk%s", printablePath(string(c)), hintAfter(nearest(string(c), all)))
}

// says is the sentence of a code.
func (c RiskCode) says() string {
	for _, known := range RiskCodes {
		if known.Code == c {
			return known.Says
		}
	}
	return string(c)
}

// sortRisks puts weakenings first, each code once.
func sortRisks(list []Risk) []Risk {
	slices.SortStableFunc(list, func(a, b Risk) int {
		if a.Level == b.Level {
			return 0
		}
		if a.Level == Weakens {
			return -1
		}
		return 1
	})
	return list
}
