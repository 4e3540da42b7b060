package infra

// An area is one part of the data and the files that it stands for.
type area struct {
	at    string // its path in the data
	shape shape
}

// A shape says how an area is written in files. To settle is to give each
// entity the id that it has or will have, before anything refers to it.
type shape interface {
	settle(w *writer, pointer string, v any)
	write(w *writer, pointer string, v any)
	read(r *reader) any // nil where there is nothing to say
}

// aboutKeys are the members of the data that belong to the project itself.
var aboutKeys = []string{"/version", "/name", "/environment", "/tags"}

// cookieWords are the numbers that a snapshot has for the policies of cookies.
var cookieWords = words{"lax": 2.0, "strict": 3.0, "none": 4.0}

// areas is the whole mapping. To add a part, add a row.
var areas = []area{
	{"/settings", document{
		file:  "project.json",
		words: map[string]words{"cookiePolicy": cookieWords, "sessionTokenCookiePolicy": cookieWords},
		services: []service{{
			provider: "inviteEmailProviderId", templates: "inviteEmailTemplates", active: "inviteEmailTemplateId",
			rename: map[string]string{
				"subject": "emailSubject", "body": "emailBody", "bodyPlainText": "emailBodyPlainText", "useBodyPlainText": "useEmailBodyPlainText",
			},
		}},
		// The data has no text messages for invitations.
		hide:   []string{"inviteEmailTemplateId", "inviteSmsTemplates", "inviteSmsTemplateId", "inviteSmsProviderId"},
		always: true,
	}},
	{"/authentication", container{}},
	{"/authentication/otp", document{file: "auth/otp.json", services: []service{mail, sms, voice}}},
	{"/authentication/magiclink", document{file: "auth/magiclink.json", services: []service{mail, sms}}},
	{"/authentication/enchantedlink", document{file: "auth/enchantedlink.json", services: []service{mail, sms}}},
	{"/authentication/embeddedlink", document{file: "auth/embeddedlink.json"}},
	{"/authentication/password", document{file: "auth/password.json", services: []service{mail}}},
	{"/authentication/oauth", document{file: "auth/oauth.json"}},
	{"/authentication/sso", document{file: "auth/sso.json", services: []service{mail}}},
	{"/authentication/totp", document{file: "auth/totp.json"}},
	{"/authentication/webauthn", document{file: "auth/webauthn.json"}},
	{"/connectors", folder{
		kind: "connector", prefix: "CI", placeholder: "connector", group: "type",
		index: "connectors/connectors.json", member: "connectors", file: "connectors/%s.json",
		keys: []string{"id", "name", "description", "type", "configuration", "disabled", "executorType", "executorId"},
		fill: map[string]any{"configuration": map[string]any{}},
	}},
	{"/applications/oidc", applications("oidc")},
	{"/applications/saml", applications("saml")},
	{"/applications/wsfed", applications("wsfed")},
	{"/authorization/roles", list{
		file: "roles.json", member: "roles", kind: "role", prefix: "ROL", placeholder: "role", without: "appId",
		keys: []string{"id", "name", "description", "permissions", "default", "private"},
	}},
	{"/authorization/permissions", list{
		file: "permissions.json", member: "permissions", kind: "permission", prefix: "PER", without: "appId",
		keys: []string{"id", "name", "description"},
	}},
	{"/authorization/fga", value{file: "fga.json", member: "schema"}},
	{"/attributes/user", attributes("user", "userAttribute")},
	{"/attributes/tenant", attributes("tenant", "tenantAttribute")},
	{"/attributes/accessKey", attributes("accessKey", "accessKeyAttribute")},
	{"/jwtTemplates/userTemplates", jwtTemplates("user")},
	{"/jwtTemplates/keyTemplates", jwtTemplates("key")},
	{"/styles/data", themes{index: "styles/styles.json", member: "styles", file: "styles/%s.json"}},
	{"/flows", bundles{kind: "flow", id: "flowId", folder: "flows", member: "flows", contents: true}},
	{"/widgets", bundles{
		kind: "widget", id: "widgetId", folder: "widgets", member: "widgets",
		inner: &bundles{kind: "widgetFlow", id: "flowId", folder: "widgets/flows", member: "flows", contents: true}, innerIDs: "flowsIds",
	}},
	{"/lists", list{
		file: "lists.json", member: "lists", kind: "list", placeholder: "list",
		keys: []string{"id", "name", "description", "type", "data"},
	}},
	{"/adminportal/config", document{file: "adminportal.json"}},
}

var (
	mail  = service{provider: "emailServiceProvider", templates: "emailTemplates"}
	sms   = service{provider: "textServiceProvider", templates: "textTemplates"}
	voice = service{provider: "voiceServiceProvider", templates: "voiceTemplates"}
)

func applications(protocol string) list {
	return list{
		file: "applications.json", member: "applications", kind: "application", prefix: "SA", with: protocol,
		keys: []string{
			"id", "name", "description", "logo", "enabled", "permissions", "roles",
			"oidc/loginPageUrl", "oidc/claims", "oidc/forceAuthentication", "oidc/clientType", "oidc/approvedRedirectUrls",
			"oidc/authorizationCodeDisabled", "oidc/clientCredentialsDisabled", "oidc/refreshTokenDisabled", "oidc/jwtBearerDisabled",
			"oidc/deviceCodeDisabled", "oidc/forcePkce", "oidc/defaultAudience",
			"saml/loginPageUrl", "saml/useMetadataInfo", "saml/metadataUrl", "saml/acsUrl", "saml/entityId", "saml/certificate",
			"saml/acsAllowedCallbacks", "saml/subjectNameIdType", "saml/subjectNameIdFormat", "saml/defaultRelayState",
			"saml/defaultSignatureAlgorithm", "saml/attributeMapping", "saml/forceAuthentication",
			"wsfed/realm", "wsfed/replyUrl", "wsfed/replyAllowedCallbacks", "wsfed/loginPageUrl", "wsfed/attributeMapping",
			"wsfed/groupsMapping", "wsfed/forceAuthentication", "wsfed/logoutRedirectUrl", "wsfed/errorRedirectUrl",
		},
		parts:  map[string]string{"permissions": "PER", "roles": "ROL"},
		client: protocol == "oidc",
	}
}

func attributes(member, kind string) list {
	return list{
		file: "attributes.json", member: member, kind: kind, named: true,
		keys: []string{"name", "displayName", "type", "options", "viewPermissions", "editPermissions"},
	}
}

func jwtTemplates(kind string) list {
	return list{
		file: "jwttemplates.json", member: "templates", kind: "jwtTemplate", prefix: "JT", placeholder: "jwttemplate",
		tag: "type", tagged: kind,
		keys: []string{
			"id", "name", "description", "type", "authSchema", "emptyClaimPolicy", "autoDCT", "conformanceIssuer", "enforceIssuer",
			"excludePermissions", "overrideSubject", "addJti", "template",
		},
	}
}
