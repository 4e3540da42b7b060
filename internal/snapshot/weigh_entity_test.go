package snapshot

import (
	"fmt"
	"strings"
	"testing"
)

func provider(members string) string { return `{"providerSettings":{"p":{` + members + `}}}` }
func appWith(members string) string {
	return `{"applications":[{"id":"A","name":"a"` + members + `}]}`
}
func roleWith(members string) string { return `{"roles":[{"id":"R","name":"r"` + members + `}]}` }
func connectorWith(kind, configuration string) string {
	return fmt.Sprintf(`{"id":"C","name":"c","type":%q,"configuration":{%s}}`, kind, configuration)
}
func tasks(members string) string { return `{"startTask":"0","tasks":{` + members + `}}` }

func TestEntitiesThatWeaken(t *testing.T) {
	t.Parallel()
	testWeighings(t, map[string]weighing{
		"a provider is switched on":              {ofOauth, provider(`"enabled":false`), provider(`"enabled":true`), "provider_enabled", ""},
		"a provider is new":                      {ofOauth, `{"providerSettings":{}}`, provider(`"name":"P"`), "provider_enabled", ""},
		"a provider is new and off":              {ofOauth, `{"providerSettings":{}}`, provider(`"enabled":false`), "", ""},
		"e-mails of a provider are trusted":      {ofOauth, provider(`"trustProvidedEmails":false`), provider(`"trustProvidedEmails":true`), "provider_trust_wider", ""},
		"tokens of a provider are kept":          {ofOauth, provider(``), provider(`"manageProviderTokens":true`), "provider_tokens_kept", ""},
		"a further scope":                        {ofOauth, provider(`"scopes":["a"]`), provider(`"scopes":["a","b"]`), "scope_added", ""},
		"another issuer":                         {ofOauth, provider(`"issuer":"https://a.example"`), provider(`"issuer":"https://b.example"`), "issuer_changed", "issuer_changed"},
		"another token endpoint":                 {ofOauth, provider(`"tokenUrl":"https://a.example"`), provider(`"tokenUrl":"https://b.example"`), "destination_moved", "destination_moved"},
		"another set of keys":                    {ofOauth, provider(`"jwksUrl":"https://a.example"`), provider(`"jwksUrl":"https://b.example"`), "signing_changed", "signing_changed"},
		"the nonce is left out":                  {ofOauth, provider(``), provider(`"useNonce":false`), "provider_weaker", ""},
		"other claims":                           {ofOauth, provider(`"userDataClaimsMapping":{"email":"a"}`), provider(`"userDataClaimsMapping":{"email":"b"}`), "mapping_changed?", "mapping_changed?"},
		"an application":                         {ofApps, `{"applications":[]}`, appWith(``), "application_added?", ""},
		"an application with a wildcard":         {ofApps, `{"applications":[]}`, appWith(`,"oidc":{"approvedRedirectUrls":["https://*.example"]}`), "application_added? redirect_added redirect_wildcard", ""},
		"a stricter application":                 {ofApps, `{"applications":[]}`, appWith(`,"oidc":{"forcePkce":true,"forceAuthentication":true}`), "application_added?", ""},
		"a redirect URL":                         {ofApps, appWith(`,"oidc":{"approvedRedirectUrls":["https://a"]}`), appWith(`,"oidc":{"approvedRedirectUrls":["https://a","https://b"]}`), "redirect_added", ""},
		"all redirect URLs gone":                 {ofApps, appWith(`,"oidc":{"approvedRedirectUrls":["https://a"]}`), appWith(`,"oidc":{"approvedRedirectUrls":[]}`), "redirect_added", "redirect_added"},
		"PKCE is not needed":                     {ofApps, appWith(`,"oidc":{"forcePkce":true}`), appWith(`,"oidc":{}`), "pkce_off", ""},
		"a further grant":                        {ofApps, appWith(`,"oidc":{"deviceCodeDisabled":true}`), appWith(`,"oidc":{"deviceCodeDisabled":false}`), "grant_enabled", ""},
		"a public client":                        {ofApps, appWith(`,"oidc":{"clientType":"confidential"}`), appWith(`,"oidc":{"clientType":"public"}`), "client_weaker", ""},
		"another client":                         {ofApps, appWith(`,"oidc":{"clientId":"a"}`), appWith(`,"oidc":{"clientId":"b"}`), "destination_moved", "destination_moved"},
		"sign-in is not forced":                  {ofApps, appWith(`,"saml":{"forceAuthentication":true}`), appWith(`,"saml":{"forceAuthentication":false}`), "force_auth_off", ""},
		"assertions are posted elsewhere":        {ofApps, appWith(`,"saml":{"acsUrl":"https://a"}`), appWith(`,"saml":{"acsUrl":"https://b"}`), "redirect_added", "redirect_added"},
		"a certificate goes":                     {ofApps, appWith(`,"saml":{"certificate":"x"}`), appWith(`,"saml":{"certificate":""}`), "signing_changed", ""},
		"signatures by SHA-1":                    {ofApps, appWith(`,"saml":{"defaultSignatureAlgorithm":"sha256"}`), appWith(`,"saml":{}`), "signing_changed", ""},
		"a group for a further role":             {ofApps, appWith(`,"wsfed":{"groupsMapping":[{"name":"g","roles":[]}]}`), appWith(`,"wsfed":{"groupsMapping":[{"name":"g","roles":[{"id":"1","name":"x"}]}]}`), "claims_added", ""},
		"a role in an application for others":    {ofApps, appWith(`,"roles":[{"id":"1","name":"x","roleMappings":[]}]`), appWith(`,"roles":[{"id":"1","name":"x","roleMappings":["r"]}]`), "role_mapping_added", ""},
		"a description":                          {ofApps, appWith(`,"description":"a"`), appWith(`,"description":"b"`), "", ""},
		"a permission":                           {ofRoles, roleWith(`,"permissions":["p"]`), roleWith(`,"permissions":["p","q"]`), "permission_added", ""},
		"an administrator's permission":          {ofRoles, roleWith(`,"permissions":[]`), roleWith(`,"permissions":["User Admin"]`), "admin_permission_added permission_added", ""},
		"a role with one":                        {ofRoles, `{"roles":[]}`, roleWith(`,"permissions":["Impersonate"]`), "admin_permission_added permission_added", ""},
		"a role without permissions":             {ofRoles, `{"roles":[]}`, roleWith(``), "", ""},
		"a role for everybody":                   {ofRoles, roleWith(``), roleWith(`,"default":true`), "role_default_on", ""},
		"a role that tenants see":                {ofRoles, roleWith(`,"private":true`), roleWith(``), "role_visible", ""},
		"an attribute for everybody":             {"attributes.json", `{"user":[{"name":"a","editPermissions":["p"]}]}`, `{"user":[{"name":"a","editPermissions":[]}]}`, "attribute_access_wider", ""},
		"an attribute for more people":           {"attributes.json", `{"tenant":[{"name":"a","viewPermissions":["p"]}]}`, `{"tenant":[{"name":"a","viewPermissions":["p","q"]}]}`, "attribute_access_wider", ""},
		"another connector destination":          {ofConnector, connectorWith("http", `"baseUrl":"https://a"`), connectorWith("http", `"baseUrl":"https://b"`), "destination_moved", "destination_moved"},
		"certificates are not checked":           {ofConnector, connectorWith("http", `"insecure":false`), connectorWith("http", `"insecure":true`), "tls_check_off", ""},
		"certificates of LDAP":                   {ofConnector, connectorWith("ldap", ``), connectorWith("ldap", `"rejectUnauthorized":false`), "tls_check_off", ""},
		"a header that is no secret any more":    {ofConnector, connectorWith("http", `"headers":[{"key":"k","secret":true,"value":""}]`), connectorWith("http", `"headers":[{"key":"k","secret":false,"value":"v"}]`), "credential_changed? secret_in_clear", "client_auth_changed?"},
		"audit records stay":                     {ofConnector, connectorWith("datadog", ``), connectorWith("datadog", `"auditEnabled":false`), "audit_reduced", ""},
		"a filter of audit records":              {ofConnector, connectorWith("datadog", ``), connectorWith("datadog", `"auditFilters":[{"key":"actions","operator":"includes","values":["a"]}]`), "audit_reduced", "audit_reduced?"},
		"personal data is told":                  {ofConnector, connectorWith("datadog", `"maskPII":true`), connectorWith("datadog", ``), "unmasked_personal_data", ""},
		"fewer bots":                             {ofConnector, connectorWith("hcaptcha", `"botThreshold":0.3`), connectorWith("hcaptcha", `"botThreshold":0.9`), "bot_check_weaker", ""},
		"a connector":                            {ofConnector, "", connectorWith("http", `"baseUrl":"https://a"`), "connector_added? destination_added?", "connector_removed?"},
		"a connector away from the usual region": {ofConnector, "", connectorWith("intercom", `"region":"EU"`), "connector_added? destination_added?", "connector_removed?"},
		"a connector without certificates":       {ofConnector, "", connectorWith("http", `"baseUrl":"https://a","insecure":true`), "connector_added? destination_added? tls_check_off", "connector_removed?"},
		"a connector of no known type":           {ofConnector, connectorWith("unheard", `"k":1`), connectorWith("unheard", `"k":2`), "needs_review?", "needs_review?"},
		"an outbound application's scope":        {"outboundapps.json", `{"outboundApps":[{"id":"1","name":"o"}]}`, `{"outboundApps":[{"id":"1","name":"o","defaultScopes":["a"]}]}`, "scope_added", ""},
		"an outbound application without PKCE":   {"outboundapps.json", `{"outboundApps":[{"id":"1","name":"o","pkce":true}]}`, `{"outboundApps":[{"id":"1","name":"o"}]}`, "pkce_off", ""},
		"the claims of a template":               {"jwttemplates.json", `{"templates":[{"id":"1","name":"t","template":{"a":"x"}}]}`, `{"templates":[{"id":"1","name":"t","template":{"a":"y"}}]}`, "claims_changed?", "claims_changed?"},
		"issuers are not checked":                {"jwttemplates.json", `{"templates":[{"id":"1","name":"t","enforceIssuer":true}]}`, `{"templates":[{"id":"1","name":"t"}]}`, "issuer_check_off", ""},
		"an item of a list":                      {"lists.json", `{"lists":[{"id":"1","name":"l","type":"texts","data":["a"]}]}`, `{"lists":[{"id":"1","name":"l","type":"texts","data":["b"]}]}`, "list_changed?", "list_changed?"},
		"tokens for another party":               {"resources.json", `{"resources":[{"id":"1","name":"r","uri":"a"}]}`, `{"resources":[{"id":"1","name":"r","uri":"b"}]}`, "resource_changed", "resource_changed"},
		"a flow loses its second proof":          {ofFlow, tasks(`"1":{"type":"automated","action":"verify-totp-code"}`), tasks(``), "flow_changed? flow_step_removed", "flow_changed?"},
		"another proof in its place":             {ofFlow, tasks(`"1":{"action":"verify-totp-code"}`), tasks(`"1":{"action":"logged-in"}`), "flow_step_removed", "flow_changed?"},
		"another condition":                      {ofFlow, tasks(`"1":{"type":"condition","conditions":[{"interactionId":"a","logicalOr":false}]}`), tasks(`"1":{"type":"condition","conditions":[{"interactionId":"a","logicalOr":true}]}`), "flow_changed?", "flow_changed?"},
		"another script":                         {ofFlow, tasks(`"1":{"action":"scriptlet","arguments":{"s":{"type":"inline","value":"a"}}}`), tasks(`"1":{"action":"scriptlet","arguments":{"s":{"type":"inline","value":"b"}}}`), "script_changed?", "script_changed?"},
		"a task elsewhere in the editor":         {ofFlow, tasks(`"1":{"view":{"x":1}}`), tasks(`"1":{"view":{"x":2}}`), "", ""},
		"a flow is switched on":                  {"flows/f/metadata.json", `{"name":"F","disabled":true}`, `{"name":"F"}`, "flow_switched?", "flow_switched?"},
		"the fingerprint is not taken":           {"flows/f/metadata.json", `{"name":"F","fingerprint":true}`, `{"name":"F"}`, "risk_check_off", ""},
		"a flow":                                 {"flows/f/metadata.json", "", `{"name":"F","fingerprint":true}`, "flow_added?", "flow_changed?"},
		"what a widget starts":                   {"widgets/w/metadata.json", `{"name":"W","flowsIds":["a"]}`, `{"name":"W","flowsIds":["a","b"]}`, "widget_changed?", "widget_changed?"},
		"a document that is not JSON":            {ofRoles, `{"roles":[]}`, `{"roles":`, "unknown_changed?", "unknown_changed?"},
		"a question that is removed":             {"auth/securityquestions.json", `{"securityQuestions":[{"id":"1","text":"a"}]}`, `{"securityQuestions":[]}`, "needs_review?", "needs_review?"},
		"another order of a flow's comparisons":  {ofFlow, tasks(`"1":{"conditions":[{"interactionId":"a"},{"interactionId":"b"}]}`), tasks(`"1":{"conditions":[{"interactionId":"b"},{"interactionId":"a"}]}`), "flow_changed?", "flow_changed?"},
		"another order of roles":                 {ofRoles, `{"roles":[{"name":"a"},{"name":"b"}]}`, `{"roles":[{"name":"b"},{"name":"a"}]}`, "", ""},
	})
}

// A risk says what changes, and nothing that may be a credential.
func TestRiskMessages(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ path, from, to, want string }{
		"a number":                    {ofPassword, `{"minLength":12}`, `{"minLength":8}`, "a password may be weaker (Shortest: 12 → 8)"},
		"a switch":                    {ofPassword, `{"maskError":true}`, `{"maskError":false}`, "a failed sign-in tells whether the user exists (Hide the cause)"},
		"a time":                      {ofProject, `{}`, `{"sessionTokenExpiration":7,"sessionTokenExpirationUnit":"days"}`, "a token is good for longer (Session token lifetime: 10 minutes → 1 week)"},
		"a unit":                      {ofProject, `{}`, `{"sessionTokenExpirationUnit":"days"}`, "a token is good for longer (Session token lifetime: 10 minutes → 10 days)"},
		"items":                       {ofApps, appWith(`,"oidc":{"approvedRedirectUrls":["https://a"]}`), appWith(`,"oidc":{"approvedRedirectUrls":["https://b"]}`), "users and their tokens may be sent to another address (OpenID Connect › Redirect URLs: +https://b, -https://a)"},
		"several places":              {ofRoles, `{"roles":[]}`, roleWith(`,"permissions":["a","b","c","d","e"],"default":true`), "a role gives a further permission (Permissions: +a, +b, +c, +d, and 1 more)"},
		"a secret":                    {ofConnector, connectorWith("smtp", `"password":"hunter1"`), connectorWith("smtp", `"password":"hunter2"`), "a credential is set, replaced or dropped (Configuration › Password)"},
		"an unknown key":              {ofPassword, `{}`, `{"minLenght":"hunter2"}`, "something that no schema describes changes (minLenght)"},
		"a secret in a new connector": {ofConnector, "", connectorWith("smtp", `"password":"hunter2","host":"a"`), "there is another outside service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := compareFile(row.path, row.from, row.to)
			var got []string
			for _, d := range list {
				for _, r := range d.Risks {
					got = append(got, r.Message)
				}
			}
			all := strings.Join(got, "\n")
			if !strings.Contains("\n"+all+"\n", "\n"+row.want+"\n") {
				t.Errorf("want %q, got\n%s", row.want, all)
			}
			if strings.Contains(all, "hunter") {
				t.Errorf("a secret is told: %s", all)
			}
		})
	}
}
