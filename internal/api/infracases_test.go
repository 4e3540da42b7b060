package api

// Configurations of infrastructure as code, as clients send them. Where one is
// not an object it is the members beside the name.

// infraSMTP is a connector that most of them can use.
const infraSMTP = `{"id":"ref:connector:1","name":"My SMTP","description":"","type":"smtp","configuration":{
	"fromEmail":"a@example.com","fromName":"A","host":"mail.example.com","port":25,"username":"u","password":"s3cret","authMethod":"plain"}}`

const infraTemplate = `{"name":"T","active":true,"subject":"S","body":"","bodyPlainText":"B","useBodyPlainText":true}`

// infraBase has something of everything.
const infraBase = `"environment":"production","tags":["bar","foo"],
"settings":{"refreshTokenExpiration":3,"refreshTokenExpirationUnit":"weeks","cookiePolicy":"strict","sessionTokenCookiePolicy":"lax",
	"trustedDomains":"example.com,*.example.org","userTemplateId":"ref:jwttemplate:1","inviteEmailProviderId":"ref:connector:1","inviteEmailTemplates":[` + infraTemplate + `],
	"inviteExpirationTime":2,"inviteExpirationTimeUnit":"weeks",
	"externalAuthConfig":{"okta":{"clientId":"c","issuer":"https://okta.example.com","apiToken":"s3cret"},"loginIdExternalUserSources":["email"],"userSyncType":"jit","userMapping":[]}},
"authentication":{"otp":{"enabled":true,"emailServiceProvider":"ref:connector:1","emailTemplates":[` + infraTemplate + `],"textServiceProvider":"Descope","textTemplates":[{"name":"X","active":false,"body":"Y"}]},
	"magiclink":{"enabled":false,"redirectUrl":"https://example.com/in"},"enchantedlink":null,
	"oauth":{"enabled":true,"providerSettings":{"apple":{"enabled":true,"custom":false,"useSelfAccount":true,"clientId":"c","appleKeyGenerator":{"keyId":"k","teamId":"t","privateKey":"s3cret"},"trustProvidedEmails":true,"userDataClaimsMapping":{"customAttributes":{}}},
		"mine":{"name":"mine","enabled":true,"custom":true,"useSelfAccount":true,"useNonce":true,"clientId":"c","clientSecret":"s3cret","allowedGrantTypes":["authorization_code"],
			"authUrl":"https://id.example.com/a","tokenUrl":"https://id.example.com/t","userDataUrl":"https://id.example.com/u","userDataClaimsMapping":{"loginId":"sub","customAttributes":{}}}}},
	"sso":{"enabled":true,"ssoSuiteStyleId":"koko","hideSsoSuiteSaml":true,"mandatoryUserAttributes":["email","customAttributes.department","ssoDomains","group"]}},
"connectors":{"smtp":[` + infraSMTP + `],"http":[{"id":"ref:connector:2","name":"My HTTP Connector","description":"d","type":"http","configuration":{
	"baseUrl":"https://example.com","authentication":{"method":"bearerToken","bearerToken":"s3cret"},"headers":[{"key":"A","value":"B"}],"insecure":false}}],"hibp":[{"id":"ref:connector:3","name":"Pwned","type":"hibp","configuration":{}}],"slack":[]},
"applications":{"oidc":[{"name":"App","description":"","logo":"","enabled":true,"oidc":{"claims":["a"],"clientId":"client-1","clientSecret":"s3cret","clientType":"confidential","approvedRedirectUrls":["https://example.com/cb"]},
		"permissions":[{"name":"p1","description":""}],"roles":[{"name":"r1","description":"","permissions":[{"name":"p1"}],"roleMappings":["App Role"]}]}],
	"saml":[{"name":"Saml","enabled":true,"saml":{"useMetadataInfo":true,"metadataUrl":"https://example.com/m","attributeMapping":[{"name":"c","value":"1"},{"name":"a","value":"2"}]}}],
	"wsfed":[{"name":"Fed","enabled":true,"wsfed":{"realm":"r","replyUrl":"https://example.com/r","replyAllowedCallbacks":["https://example.com/*"],"groupsMapping":[{"name":"g","type":"basic","filterType":"roles","value":"v","roles":[{"id":"r1","name":"x"}]}]}}]},
"authorization":{"roles":[{"id":"ref:role:1","name":"App Role","description":"","permissions":["Do","User Admin"],"default":true,"private":false}],"permissions":[{"name":"Do","description":"d"}],"fga":"model AuthZ 1.0\n\ntype user\n"},
"attributes":{"user":[{"name":"foo","displayName":"foo","type":"string","options":[],"viewPermissions":["User Admin"],"editPermissions":[]}],
	"tenant":[{"name":"num","displayName":"Num","type":"number","options":[{"label":"a","value":"a"}],"viewPermissions":[]}],"accessKey":[]},
"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1","name":"User","description":"","authSchema":"tenantOnly","emptyClaimPolicy":"delete","autoDCT":true,"template":{"a":null,"b":[1]}}],"keyTemplates":[{"id":"ref:jwttemplate:2","name":"Key","template":{}}]},
"styles":{"data":{"componentsVersion":"2.0.291","references":{},"styles":{"dark":{},"light":{"globals":{"a":1}}}}},
"flows":{"in":` + infraFlow + `},
"widgets":{"mine":{"widgetId":"mine","metadata":{"name":"Mine","flowsIds":["inner"]},"screens":[{"screenId":"root","contents":{"ROOT":{}}}],
	"flows":[{"flowId":"inner","metadata":{"name":"Inner","widget":true},"contents":{"startTask":"0","tasks":{}},"screens":[],"references":{}}]}},
"lists":[{"name":"L","description":"","type":"ips","data":["10.0.0.0/8"]},{"name":"J","description":"","type":"json","data":{"a":{"b":[1,2]}}}],
"adminportal":{"config":{"enabled":true,"styleId":"style-1","widgets":[{"id":"w","type":"users"}]}}`

// infraFlow has ids of where it was drawn: the names beside them decide.
const infraFlow = `{"flowId":"in","metadata":{"name":"In","description":"","componentsVersion":"2.0.295"},
	"contents":{"startTask":"1","tasks":{"1":{"id":"1","name":"First Screen","type":"screen","screenId":"SC1"},"2":{"id":"2","name":"First Screen","type":"screen","screenId":"SC2wxyz"}}},
	"screens":[{"screenId":"SC1","contents":{"ROOT":{}},"interactions":[]},{"screenId":"SC2wxyz","contents":{"ROOT":{}}}],
	"references":{}}`

const infraRefFlow = `{"flowId":"ref","metadata":{"name":"Ref"},"contents":{"startTask":"1","tasks":{"1":{"id":"1","name":"Call","type":"automated","action":"http","arguments":{"connectorId":{"type":"inline","value":"CI2kytoq1RRvE147xvkGxu6xXEJxY"}}}}},
	"screens":[],"references":{"connectors":{"My HTTP":"CI2kytoq1RRvE147xvkGxu6xXEJxY"}}}`

const infraHTTP = `{"id":"ref:connector:9","name":"My HTTP","description":"","type":"http","configuration":{"baseUrl":"https://example.com","authentication":{"method":"none"},"headers":[]}}`

func only(method, members string) string {
	return `"authentication":{"` + method + `":{` + members + `}}`
}

func settings(members string) string { return `"settings":{` + members + `}` }

func infraConnector(kind, configuration string) string {
	return `"connectors":{"` + kind + `":[{"id":"ref:connector:7","name":"N","description":"d","type":"` + kind + `","configuration":` + configuration + `}]}`
}

type infraRefusal struct {
	name, data, want string
	update           bool // refused only where it changes something
}

var infraRefusals = []infraRefusal{
	// §12.1
	{name: "link that is no URL", data: only("magiclink", `"redirectUrl":"1"`), want: "The redirectUrl field must be a valid URL (data.authentication.magiclink.redirectUrl"},
	// §12.2
	{name: "environment", data: `{"version":1,"name":"x","environment":"foo"}`, want: "(data.environment)"},
	{name: "refresh token", data: settings(`"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"minutes"`), want: "(data.settings.refreshTokenExpiration; at least 3 minutes)"},
	{name: "key session token", data: settings(`"keySessionTokenExpiration":2,"keySessionTokenExpirationUnit":"minutes"`), want: "(data.settings.keySessionTokenExpiration"},
	{name: "session longer than refresh", data: settings(`"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"hours","sessionTokenExpiration":2,"sessionTokenExpirationUnit":"hours"`), want: "data.settings.sessionTokenExpiration"},
	{name: "approved domain", data: settings(`"trustedDomains":","`), want: "The trustedDomains field must not have a blank domain"},
	{name: "cookie policy", data: settings(`"cookiePolicy":"foo"`), want: "The cookiePolicy field is not one of the allowed values"},
	{name: "user template that is not defined", data: settings(`"userTemplateId":"ref:jwttemplate:5"`), want: "which nothing in the request defines"},
	{name: "user template that does not exist", data: settings(`"userTemplateId":"JTnone"`), want: `there is no jwt template "JTnone" (data.settings.userTemplateId`},
	{name: "migration vendor", data: settings(`"externalAuthConfig":{"foo":{},"loginIdExternalUserSources":["a"]}`), want: "must have exactly one of auth0 and okta"},
	{name: "okta with domain", data: settings(`"externalAuthConfig":{"okta":{"clientId":"c","issuer":"i","apiToken":"t","domain":"d"},"loginIdExternalUserSources":["a"]}`), want: "data.settings.externalAuthConfig.okta.domain"},
	{name: "okta without token", data: settings(`"externalAuthConfig":{"okta":{"clientId":"c","issuer":"https://other.example.com"},"loginIdExternalUserSources":["a"]}`), want: "data.settings.externalAuthConfig.okta.apiToken"},
	{name: "auth0 with token", data: settings(`"externalAuthConfig":{"auth0":{"clientId":"c","domain":"d","apiToken":"t"},"loginIdExternalUserSources":["a"]}`), want: "data.settings.externalAuthConfig.auth0.apiToken"},
	{name: "template name in both lists", data: `"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1","name":"N","template":{}}],"keyTemplates":[{"id":"ref:jwttemplate:2","name":"N","template":{}}]}`, want: `is there twice (data.jwtTemplates.keyTemplates.0`},
	{name: "key template for users", data: settings(`"userTemplateId":"ref:jwttemplate:2"`) + `,"jwtTemplates":{"keyTemplates":[{"id":"ref:jwttemplate:2","name":"N","template":{}}]}`, want: "The userTemplateId field must be a template for the tokens of a user"},
	{name: "no connector", data: only("otp", `"emailTemplates":[`+infraTemplate+`]`), want: "The emailServiceProvider field must name a connector"},
	{name: "empty connector", data: only("otp", `"textServiceProvider":"","textTemplates":[]`), want: "The textServiceProvider field must name a connector"},
	{name: "unknown connector", data: only("otp", `"voiceServiceProvider":"twilio-core:CInone","voiceTemplates":[]`), want: `there is no connector "CInone" (data.authentication.otp.voiceServiceProvider`},
	{name: "active template with Descope", data: only("password", `"emailServiceProvider":"Descope","emailTemplates":[`+infraTemplate+`]`), want: "data.authentication.password.emailTemplates.0.active"},
	{name: "mails of one name", data: `"connectors":{"smtp":[` + infraSMTP + `]},` + only("otp", `"emailServiceProvider":"ref:connector:1","emailTemplates":[`+infraTemplate+`,`+infraTemplate+`]`), want: "is there twice (data.authentication.otp.emailTemplates.1"},
	{name: "texts of one name", data: only("otp", `"textServiceProvider":"Descope","textTemplates":[{"name":"T","body":"a"},{"name":"T","body":"b"}]`), want: "is there twice (data.authentication.otp.textTemplates.1"},
	{name: "template named System", data: only("otp", `"textServiceProvider":"Descope","textTemplates":[{"name":"System","body":"a"}]`), want: `"System" is built in`},
	{name: "link that lives too long", data: only("magiclink", `"expirationTime":2000,"expirationTimeUnit":"seconds"`), want: "The expirationTime field is too large"},
	{name: "link that lives too short", data: only("enchantedlink", `"expirationTime":1,"expirationTimeUnit":"seconds"`), want: "data.authentication.enchantedlink.expirationTime; at least 1 minute"},
	{name: "custom provider named apple", data: only("oauth", `"providerSettings":{"apple":{"custom":true}}`), want: "is the name of a system provider"},
	{name: "apple with a client id alone", data: only("oauth", `"providerSettings":{"apple":{"custom":false,"useSelfAccount":true,"clientId":"c","appleKeyGenerator":null}}`), want: "the clientSecret of oauth provider"},
	{name: "reserved member of a system provider", data: only("oauth", `"providerSettings":{"google":{"custom":false,"authUrl":"https://example.com"}}`), want: "data.authentication.oauth.providerSettings.google.authUrl"},
	{name: "scopes without account", data: only("oauth", `"providerSettings":{"google":{"custom":false,"scopes":["a"]}}`), want: "must not be set without clientId"},
	{name: "SAML and OIDC hidden", data: only("sso", `"hideSsoSuiteSaml":true,"hideSsoSuiteOidc":true`), want: "data.authentication.sso.hideSsoSuiteOidc"},
	{name: "support address", data: only("sso", `"ssoSuiteSupportEmail":"not-an-email"`), want: "data.authentication.sso.ssoSuiteSupportEmail"},
	{name: "hidden domains, forced verification", data: only("sso", `"hideSsoSuiteDomains":true,"ssoSuiteForceDomainVerification":true`), want: "hidden domains cannot be verified"},
	{name: "groups and roles hidden", data: only("sso", `"hideSsoSuiteGroupsMapping":true,"hideSsoSuiteRoleMapping":true`), want: "data.authentication.sso.hideSsoSuiteRoleMapping"},
	{name: "client id that changes", update: true, data: `"applications":{"oidc":[{"name":"App","oidc":{"clientId":"client-2"}}]}`, want: "The clientId field must not change"},
	{name: "SAML without configuration", data: `"applications":{"saml":[{"name":"S","saml":{"useMetadataInfo":false}}]}`, want: "The acsUrl field must be there"},
	{name: "permission User Admin", data: `"authorization":{"permissions":[{"name":"User Admin"}]}`, want: `"User Admin" is built in and is not listed here (data.authorization.permissions.0)`},
	{name: "role with unknown permission", data: `"authorization":{"roles":[{"id":"ref:role:1","name":"R","permissions":["nope"]}],"permissions":[]}`, want: `there is no permission "nope" (data.authorization.roles.0.permissions.0`},
	{name: "attribute without type", data: `"attributes":{"user":[{"options":[]}]}`, want: "The type field must be there (data.attributes.user.0.type"},
	{name: "flow id", data: `"flows":{"invalidid!@#$":{"metadata":{"name":"x"},"contents":{"startTask":"0","tasks":{}}}}`, want: "must have an id of letters"},
	{name: "flow with unknown connector", data: `"flows":{"ref":` + infraRefFlow + `}`, want: `there is no connector "My HTTP" (data.flows.ref.references.connectors.My HTTP`},
	{name: "flow with unknown role", data: `"flows":{"ref":{"metadata":{"name":"x"},"contents":{"startTask":"0","tasks":{}},"references":{"roles":{"Nobody":"ROL1"}}}}`, want: `there is no role "Nobody"`},
	{name: "widget id", data: `"widgets":{"invalidid!@#$":{"metadata":{"name":"x"},"screens":[]}}`, want: "must have an id of letters"},
	{name: "built-in widget", data: `"widgets":{"user-management":{"metadata":{"name":"x"},"screens":[]}}`, want: "built-in widget"},
	{name: "list type", data: `"lists":[{"name":"L","type":"invalid","data":[]}]`, want: "The type field is not one of the allowed values (data.lists.0.type"},
	{name: "list name", data: `"lists":[{"name":"` + hundredAndOne + `","type":"texts","data":[]}]`, want: "The name field is too long"},
	{name: "portal without widgets", data: `"adminportal":{"config":{"enabled":true,"styleId":"","widgets":[]}}`, want: "data.adminportal.config.widgets"},
	{name: "bare scim", data: infraConnector("scim", `{}`), want: "data.connectors.scim.0.configuration.baseUrl"},
	{name: "bare sendgrid", data: infraConnector("sendgrid", `{}`), want: "data.connectors.sendgrid.0.configuration.fromEmail"},
	{name: "bare ses", data: infraConnector("ses", `null`), want: "data.connectors.ses.0.configuration.region"},
	{name: "bare smtp", data: `"connectors":{"smtp":[{"id":"ref:connector:7","name":"N","description":"d","type":"smtp"}]}`, want: "data.connectors.smtp.0.configuration.host"},
	{name: "bare sns", data: infraConnector("sns", `{}`), want: "data.connectors.sns.0.configuration.awsSNSRegion"},
	{name: "bare twilio-core", data: infraConnector("twilio-core", `{}`), want: "data.connectors.twilio-core.0.configuration.accountSid"},
	{name: "bare twilio-verify", data: infraConnector("twilio-verify", `{}`), want: "data.connectors.twilio-verify.0.configuration.accountSid"},
	// What a client would lose silently, and what is no data.
	{name: "unknown area", data: `"customLocales":[{}]`, want: "The customLocales field is not known here"},
	{name: "unknown method", data: `"authentication":{"telepathy":{"enabled":true}}`, want: "data.authentication.telepathy"},
	{name: "connectors of one name", data: `"connectors":{"smtp":[` + infraSMTP + `],"hibp":[{"id":"ref:connector:2","name":"My SMTP","type":"hibp"}]}`, want: "must not be the name of another connector"},
	{name: "placeholder of another kind", data: `"authorization":{"roles":[{"id":"ref:connector:1","name":"R"}]}`, want: "must be an id or a placeholder of its kind"},
	{name: "member twice", data: `{"name":"x","lists":[],"lists":[]}`, want: "twice"},
	{name: "no object", data: `{"name":"x","settings":[]}`, want: "data.settings"},
	{name: "no name", data: `{"version":1,"name":""}`, want: "data.name"},
	{name: "two problems", data: `{"name":"x","foo":1,"lists":[{"name":"L","type":"invalid","data":[]}]}`, want: "data.foo)\nThe type field"},
}

const hundredAndOne = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjjk"
