package api

// infraProvider is a provider of one's own but for its secret.
const infraProvider = `{"name":"mine","enabled":true,"custom":true,"useSelfAccount":true,"clientId":"c","allowedGrantTypes":["authorization_code"],
	"authUrl":"https://id.example.com/a","tokenUrl":"https://id.example.com/t","userDataUrl":"https://id.example.com/u"`

const infraPrint = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

func infraInactive(name string) string {
	return `{"name":"` + name + `","active":false,"subject":"S","body":"B"}`
}

type infraStep struct {
	data string
	want map[string]string
}

var infraAccepted = []struct {
	name  string
	steps []infraStep
}{
	{"everything", []infraStep{{infraBase, map[string]string{
		"connectors.smtp.0.id.^": "CI", "jwtTemplates.userTemplates.0.id.^": "JT", "applications.oidc.0.id.^": "SA", "widgets.#": "1",
		"settings.inviteEmailTemplates.0.active": "true", "settings.cookiePolicy": "strict", "flows.in.screens.#": "2",
	}}, {`"lists":[]`, map[string]string{"lists.#": "0", "connectors.smtp.#": "1", "flows.#": "1", "environment": "production", "tags.#": "2"}}}},
	{"project", []infraStep{
		{`"environment":"production"`, map[string]string{"tags.#": "0", "environment": "production"}},
		{`{"version":1,"name":"Renamed","environment":"production","tags":null}`, map[string]string{"name": "Renamed", "environment": "production"}},
		{`"environment":"","tags":["bar","foo"]`, map[string]string{"environment": "", "tags.1": "foo"}},
	}},
	{"a name alone, as a client sends it", []infraStep{{
		`"settings":{"projectSelfProvisioning":true,"inviteUrl":"","inviteMagicLink":false,"inviteExpireUser":false,"inviteExpirationTime":1,"inviteExpirationTimeUnit":"weeks","inviteSendEmail":true,"inviteSendSms":false},
		"authentication":null,"connectors":null,"applications":null,"authorization":null,"attributes":null,"styles":null,"flows":null,"adminportal":null,"lists":[]`,
		map[string]string{"settings.refreshTokenExpiration": "4", "settings.refreshTokenExpirationUnit": "weeks"},
	}}},
	{"settings", []infraStep{
		{settings(`"refreshTokenExpiration":3,"refreshTokenExpirationUnit":"weeks","sessionTokenExpiration":1,"sessionTokenExpirationUnit":"hours","trustedDomains":"a.com,b.com","rotateJwt":true`), nil},
		{settings(`"refreshTokenExpiration":4,"refreshTokenExpirationUnit":"weeks"`), map[string]string{"settings.sessionTokenExpiration": "1", "settings.sessionTokenExpirationUnit": "hours", "settings.rotateJwt": "true"}},
		{settings(`"sessionTokenExpiration":10,"sessionTokenExpirationUnit":"minutes","trustedDomains":"","stepupTokenExpiration":12,"stepupTokenExpirationUnit":"minutes","trustedDeviceTokenExpiration":52,"trustedDeviceTokenExpirationUnit":"weeks"`), map[string]string{"settings.trustedDomains": ""}},
		{settings(`"testUserRegex":"^t","testUserFixedAuthVerifierRegex":"^t","testUserFixedAuthToken":"123456","testUserAllowFixedAuth":true,"tokenResponseMethod":"cookie","sessionTokenResponseMethod":"cookie","cookiePolicy":"lax","sessionTokenCookiePolicy":"strict","enableInactivity":true,"inactivityTime":1,"inactivityTimeUnit":"hours"`), nil},
		{settings(`"externalAuthConfig":{"auth0":{"clientId":"c","domain":"d","audience":""},"loginIdExternalUserSources":["email"],"userSyncType":"matchOnly","userMapping":[{"externalKey":"a","descopeKey":"b"},{"externalKey":"c","descopeKey":"d"}]}`), nil},
		{settings(`"externalAuthConfig":null`), map[string]string{"settings.externalAuthConfig": "<nil>"}},
	}},
	{"invitation", []infraStep{{
		settings(`"projectSelfProvisioning":true,"inviteUrl":"https://example.com","inviteMagicLink":true,"inviteExpireUser":true,"inviteExpirationTime":2,"inviteExpirationTimeUnit":"weeks","inviteSendEmail":true,"inviteSendSms":false,"inviteEmailProviderId":"ref:connector:1","inviteEmailTemplates":[`+infraTemplate+`]`) + `,"connectors":{"smtp":[` + infraSMTP + `]}`,
		map[string]string{"settings.inviteEmailTemplates.0.bodyPlainText": "B", "settings.inviteEmailTemplates.#": "1"},
	}}},
	{"authentication", []infraStep{
		{`"authentication":{"otp":null,"magiclink":null}`, nil},
		{only("magiclink", `"enabled":false,"redirectUrl":"https://example.com"`), map[string]string{"authentication.magiclink.expirationTime": "3", "authentication.magiclink.expirationTimeUnit": "minutes"}},
		{only("magiclink", `"enabled":true,"expirationTime":5,"expirationTimeUnit":"minutes"`), map[string]string{"authentication.magiclink.redirectUrl": "https://example.com"}},
		{only("oauth", `"enabled":true,"providerSettings":{"mine":{"name":"mine","custom":true,"useSelfAccount":true,"clientId":"c","useClientAssertion":true,"allowedGrantTypes":["implicit"],"authUrl":"https://a.example.com","tokenUrl":"https://t.example.com","userDataUrl":"https://u.example.com","prompts":["login"]}}`), nil},
		{only("oauth", `"enabled":true,"providerSettings":{}`), map[string]string{"authentication.oauth.providerSettings.#": "0"}},
		{only("sso", `"ssoSuiteStyleId":"koko","hideSsoSuiteSaml":true,"hideSsoSuiteJitGuide":true,"hideSsoSuiteRoleMapping":true,"hideSsoSuiteFgaMapping":true,"hideSsoSuiteGroupsMapping":false,"ssoSuiteShowHelpContact":true,"ssoSuiteSupportEmail":"a@example.com","emailServiceProvider":"Descope","emailTemplates":[{"name":"I","active":false,"subject":"s","body":"b"}]`), map[string]string{"authentication.sso.emailTemplates.0.id.^": "MT"}},
		{only("password", `"enabled":false,"tempLock":true,"tempLockAttempts":7,"tempLockDuration":60,"enablePasswordStrength":true,"passwordStrengthScore":3,"anyLetter":true,"disallowedCharacters":"'\"","disallowEmailMatch":true`), map[string]string{"authentication.password.minLength": "8"}},
		{only("webauthn", `"name":"N","androidFingerprints":["00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"]`), nil},
	}},
	{"connectors", []infraStep{
		{`"connectors":{"scim":[{"id":"ref:connector:1","name":"S","description":"","type":"scim","configuration":{"federatedAppId":"none","baseUrl":"https://example.com","authentication":{"method":"bearerToken","bearerToken":"s3cret"},"headers":[{"key":"a","value":"b"}],"hmacSecret":"s3cret","insecure":true}}]}`, nil},
		{`"connectors":{"scim":[{"id":"ref:connector:1","name":"S","description":"","type":"scim","configuration":{"federatedAppId":"none","baseUrl":"https://example.com","authentication":{"method":"none"},"headers":[],"insecure":false}}]}`, map[string]string{"connectors.scim.0.configuration.headers.#": "0"}},
		{`"connectors":{"smtp":[` + infraSMTP + `],"scim":[]}`, map[string]string{"connectors.smtp.0.id.^": "CI", "connectors.scim.#": "0"}},
	}},
	{"flows", []infraStep{
		{`"connectors":{"http":[` + infraHTTP + `]},"flows":{"in":` + infraFlow + `}`, nil},
		{`"connectors":null,"flows":{}`, map[string]string{"flows.#": "0", "connectors.http.#": "1"}},
	}},
	{"templates between methods", []infraStep{{
		`"connectors":{"smtp":[` + infraSMTP + `],"hibp":[]},"authentication":{"magiclink":{"emailServiceProvider":"ref:connector:1","emailTemplates":[]},"otp":{"emailServiceProvider":"ref:connector:1","emailTemplates":[` + infraTemplate + `]}}`,
		map[string]string{"authentication.magiclink.emailTemplates.#": "0", "authentication.otp.emailTemplates.#": "1"},
	}}},
	{"JWT templates", []infraStep{
		{`"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1","name":"foo","template":{}}],"keyTemplates":[]},` + settings(`"userTemplateId":"ref:jwttemplate:1"`), map[string]string{"settings.userTemplateId.^": "JT"}},
		{settings(`"rotateJwt":true`), map[string]string{"settings.userTemplateId.^": "JT", "jwtTemplates.userTemplates.#": "1"}},
		{`"jwtTemplates":{"userTemplates":[],"keyTemplates":[]},` + settings(`"userTemplateId":""`), map[string]string{"settings.userTemplateId": "", "jwtTemplates.userTemplates.#": "0"}},
	}},
	{"lists, widgets, portal, attributes", []infraStep{
		{infraBase, nil},
		{`"lists":[{"name":"T","type":"texts","data":["a"]}],"widgets":null,"adminportal":null,"attributes":{"user":[]}`, map[string]string{"lists.#": "1", "lists.0.name": "T", "widgets.#": "1", "adminportal.config.enabled": "true", "attributes.user.#": "0", "attributes.tenant.#": "1"}},
		{`"lists":[],"widgets":{},"authorization":{"roles":[],"permissions":[]},"applications":{"oidc":[],"saml":[],"wsfed":[]},"attributes":{"user":[],"tenant":[],"accessKey":[]}`, map[string]string{"widgets.#": "0", "authorization.roles.#": "0", "applications.oidc.#": "0"}},
	}},
	{"settings on and off", []infraStep{
		{settings(`"rotateJwt":true,"defaultNoSSOApps":true,"tenantUserIsolation":true,"allowAuthHostingIframeEmbedding":true,"refreshTokenExpiration":1,"refreshTokenExpirationUnit":"days"`), nil},
		{settings(`"rotateJwt":false,"defaultNoSSOApps":false,"tenantUserIsolation":false,"allowAuthHostingIframeEmbedding":false,"tokenResponseMethod":"onBody","sessionTokenResponseMethod":"onBody"`), map[string]string{"settings.tenantUserIsolation": "false"}},
	}},
	{"single sign-on", []infraStep{
		{only("sso", `"ssoSuiteForceDomainVerification":true,"hideSsoSuiteGroupsMapping":true`), map[string]string{"authentication.sso.ssoSuiteForceDomainVerification": "true"}},
		{only("sso", `"ssoSuiteForceDomainVerification":false,"hideSsoSuiteGroupsMapping":false,"groupPriorityEnabled":true,"allowOverrideRoles":true`), nil},
		{only("sso", `"allowOverrideRoles":false,"mandatoryUserAttributes":["email","customAttributes.department","ssoDomains","group"],"limitMappingToMandatoryAttributes":true,"blockIfEmailDomainMismatch":true,"markEmailAsUnverified":true`), map[string]string{"authentication.sso.mandatoryUserAttributes.#": "4"}},
		{only("sso", `"emailServiceProvider":"Descope","emailTemplates":[]`), nil},
	}},
	{"an account of one's own at Apple", []infraStep{{
		only("oauth", `"enabled":true,"providerSettings":{"apple":{"enabled":true,"custom":false,"useSelfAccount":true,"clientId":"c","nativeClientId":"n","allowedGrantTypes":["authorization_code","implicit"],"appleKeyGenerator":{"keyId":"k","teamId":"t","privateKey":"s3cret"},"nativeAppleKeyGenerator":{"keyId":"k","teamId":"t","privateKey":"s3cret"},"trustProvidedEmails":true}}`), nil,
	}}},
	{"a provider that gives up its secret", []infraStep{
		{only("oauth", `"enabled":true,"providerSettings":{"mine":`+infraProvider+`,"clientSecret":"s3cret"}}`), nil},
		{only("oauth", `"enabled":true,"providerSettings":{"mine":`+infraProvider+`,"useClientAssertion":true}}`), nil},
	}},
	{"passkeys and passwords", []infraStep{
		{only("webauthn", `"name":"N","androidFingerprints":["`+infraPrint+`","`+infraPrint[3:]+`:00"]`), map[string]string{"authentication.webauthn.androidFingerprints.#": "2"}},
		{only("password", `"enabled":false,"tempLock":true,"tempLockAttempts":7,"tempLockDuration":60,"enablePasswordStrength":true,"passwordStrengthScore":3`), nil},
		{only("password", `"disallowedCharacters":"'\"","disallowEmailMatch":true,"enablePasswordStrength":false`), nil},
	}},
	{"applications", []infraStep{
		{`"applications":{"oidc":[{"name":"A","description":"one","enabled":true,"oidc":{"loginPageUrl":"https://example.com/login","claims":["a"],"forceAuthentication":true,"clientId":"own","clientSecret":"s3cret","clientType":"confidential","approvedRedirectUrls":["https://a.example.com","https://b.example.com"],"authorizationCodeDisabled":true,"clientCredentialsDisabled":true,"refreshTokenDisabled":true,"jwtBearerDisabled":true,"deviceCodeDisabled":true,"forcePkce":true,"defaultAudience":"clientId"}}]}`, map[string]string{"applications.oidc.0.id.^": "SA"}},
		{`"applications":{"oidc":[{"name":"A","description":"two","enabled":true,"oidc":{"clientId":"own","clientType":"confidential"}}]}`, map[string]string{"applications.oidc.0.description": "two", "applications.oidc.0.oidc.clientId": "own"}},
		{`"applications":{"oidc":[],"saml":[{"name":"S","enabled":true,"saml":{"useMetadataInfo":true,"metadataUrl":"https://example.com/m","acsAllowedCallbacks":["https://a.example.com","https://b.example.com"],"attributeMapping":[{"name":"a","value":"1"}]}}]}`, map[string]string{"applications.oidc.#": "0"}},
		{`"applications":{"saml":[{"name":"T","enabled":true,"saml":{"useMetadataInfo":false,"acsUrl":"https://example.com/acs","entityId":"e","certificate":"cert","defaultSignatureAlgorithm":"sha256","attributeMapping":[{"name":"a","value":"1"},{"name":"c","value":"2"},{"name":"b","value":"3"}]}}]}`, map[string]string{"applications.saml.0.saml.attributeMapping.1.name": "c"}},
		{`"applications":{"saml":[{"name":"T","enabled":true,"saml":{"useMetadataInfo":false,"acsUrl":"https://example.com/acs","entityId":"e","certificate":"cert","defaultSignatureAlgorithm":""}}]}`, nil},
		{`"applications":{"wsfed":[{"name":"F","enabled":true,"wsfed":{"realm":"r","replyUrl":"https://example.com/r","replyAllowedCallbacks":["https://example.com/*"],"attributeMapping":[{"name":"a","value":"1"}],"groupsMapping":[{"name":"g","type":"basic","filterType":"roles","value":"v","roles":[{"id":"r1","name":"x"}]}]}}]}`, nil},
		{`"applications":{"wsfed":[{"name":"F","enabled":true,"wsfed":{"realm":"r","replyUrl":"https://example.com/r","attributeMapping":[],"groupsMapping":[]}}]}`, map[string]string{"applications.wsfed.0.wsfed.groupsMapping.#": "0"}},
		{`"applications":{"oidc":[],"saml":[],"wsfed":[]}`, map[string]string{"applications.saml.#": "0", "applications.wsfed.#": "0"}},
	}},
	{"authorization", []infraStep{
		{`"authorization":{"roles":[{"id":"ref:role:1","name":"R","permissions":["User Admin"]}],"permissions":[]}`, nil},
		{`"authorization":{"roles":[{"id":"ref:role:1","name":"A","permissions":["p","q"]},{"id":"ref:role:2","name":"B","permissions":["r","q"]}],"permissions":[{"name":"p"},{"name":"q"},{"name":"r"}],"fga":"model AuthZ 1.0\n\ntype user\n\n\n"}`, map[string]string{"authorization.permissions.#": "3"}},
		{`"authorization":{"roles":[],"permissions":[],"fga":""}`, map[string]string{"authorization.roles.#": "0", "authorization.fga": "<nil>"}},
	}},
	{"attributes", []infraStep{
		{`"attributes":{"user":[{"name":"foo","displayName":"foo","type":"string","options":[]},{"name":"bar","displayName":"bar","type":"number","options":[]}],"tenant":[{"name":"n","displayName":"n","type":"number","options":[{"label":"1","value":"1"}],"viewPermissions":["User Admin"]}],"accessKey":[{"name":"k","displayName":"k","type":"number","options":[{"label":"1","value":"1"}],"viewPermissions":["User Admin"]}]}`, nil},
		{`"attributes":{"user":[{"name":"bar","displayName":"bar","type":"number","options":[]}],"tenant":[],"accessKey":[]}`, map[string]string{"attributes.user.#": "1", "attributes.accessKey.#": "0"}},
	}},
	{"claims of tokens", []infraStep{
		{`"jwtTemplates":{"userTemplates":[],"keyTemplates":[]}`, nil},
		{`"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1","name":"U","authSchema":"tenantOnly","emptyClaimPolicy":"delete","template":{}}],"keyTemplates":[]}`, nil},
		{`"jwtTemplates":{"userTemplates":[{"id":"ref:jwttemplate:1","name":"U","autoDCT":true,"conformanceIssuer":true,"enforceIssuer":true,"excludePermissions":true,"overrideSubject":true,"addJti":true,"template":{"a":1}}],"keyTemplates":[{"id":"ref:jwttemplate:2","name":"K","template":{}}]}`, map[string]string{"jwtTemplates.userTemplates.0.addJti": "true", "jwtTemplates.keyTemplates.#": "1"}},
	}},
	{"styles and flows", []infraStep{
		{`"styles":{"data":{"styles":{"dark":{},"light":{}}}}`, nil},
		{`"styles":{"data":{"componentsVersion":"2.0.291","references":{},"styles":{"dark":{"globals":{"b":2}},"light":{"globals":{"a":1}}}}}`, nil},
		{`"flows":{"in":` + infraFlow + `,"other":{"metadata":{"name":"Other"},"contents":{"startTask":"0","tasks":{}},"screens":[],"references":{}}}`, map[string]string{"flows.#": "2"}},
		{`"flows":{"other":{"metadata":{"name":"Other"},"contents":{"startTask":"0","tasks":{}},"screens":[],"references":{}}}`, map[string]string{"flows.#": "1"}},
		{`"flows":{}`, map[string]string{"flows.#": "0"}},
	}},
	{"lists one after the other", []infraStep{
		{`"lists":[{"name":"J","type":"json","data":{"a":1}}]`, nil},
		{`"lists":[{"name":"T","type":"texts","data":["a","b"]}]`, map[string]string{"lists.#": "1"}},
		{`"lists":[{"name":"I","type":"ips","data":["10.0.0.1","10.0.0.0/8"]}]`, map[string]string{"lists.#": "1"}},
		{`"lists":[{"name":"J","type":"json","data":{"a":1}},{"name":"T","type":"texts","data":["a"]},{"name":"I","type":"ips","data":["10.0.0.1"]}]`, map[string]string{"lists.#": "3"}},
		{`"lists":[]`, map[string]string{"lists.#": "0"}},
	}},
	{"admin portal", []infraStep{
		{`"adminportal":{"config":{"enabled":true,"styleId":"","widgets":[{"id":"w","type":"users"}]}}`, nil},
		{`"adminportal":{"config":{"enabled":true,"styleId":"style-1","widgets":[{"id":"w","type":"users"},{"id":"v","type":"roles"}]}}`, map[string]string{"adminportal.config.widgets.#": "2"}},
		{`"adminportal":{"config":{"enabled":false,"styleId":"","widgets":[]}}`, map[string]string{"adminportal.config.widgets.#": "0"}},
	}},
	{"templates of the built-in service", []infraStep{
		{only("otp", `"emailServiceProvider":"Descope","emailTemplates":[],"textServiceProvider":"Descope","textTemplates":[]`), nil},
		{only("otp", `"emailServiceProvider":"Descope","emailTemplates":[`+infraInactive("A")+`,`+infraInactive("B")+`],"textServiceProvider":"Descope","textTemplates":[{"name":"A","active":false,"body":"a"},{"name":"B","active":false,"body":"b"}]`), map[string]string{"authentication.otp.emailTemplates.#": "2", "authentication.otp.textTemplates.#": "2"}},
	}},
	{"two services for texts", []infraStep{{
		`"connectors":{"generic-sms-gateway":[{"id":"ref:connector:1","name":"Gate","type":"generic-sms-gateway","configuration":{"postUrl":"https://example.com/send","authentication":{"method":"none"},"headers":[]}}],
			"twilio-core":[{"id":"ref:connector:2","name":"Twilio","type":"twilio-core","configuration":{"accountSid":"a","selectedProp":"fromPhone","fromPhone":"+15550100","selectedAuthProp":"methodAuthToken","authToken":"s3cret"}}]},
		"authentication":{"magiclink":{"textServiceProvider":"ref:connector:1","textTemplates":[]},"otp":{"textServiceProvider":"ref:connector:2","textTemplates":[{"name":"T","active":true,"body":"B"}]}}`,
		map[string]string{"authentication.otp.textTemplates.0.active": "true"},
	}}},
	{"connectors of two types", []infraStep{
		{`"connectors":{"smtp":[` + infraSMTP + `],"sns":[{"id":"ref:connector:2","name":"SNS","type":"sns","configuration":{"accessKeyId":"a","secretAccessKey":"s3cret","awsSNSRegion":"us-east-1"}}]}`, map[string]string{"connectors.smtp.#": "1", "connectors.sns.0.id.^": "CI"}},
		{`"connectors":{"http":[{"id":"ref:connector:1","name":"H","type":"http","configuration":{"baseUrl":"https://example.com","headers":[{"key":"X-Token","value":"s3cret","secret":true}],"authentication":{"method":"oauth2ClientCredentials","oauth2ClientCredentials":{"authUrl":"https://example.com/t","clientId":"c","clientSecret":"s3cret"}}}}]}`, nil},
	}},
}
