package snapshot

// Sections is every part of a project snapshot, in the order shown to people.
// Its names are the exclude keys of the wire, and for the sections that have
// none there, names in the same style. To add a part, add a row and its schema.
var Sections = []Section{
	{
		Name: "format", Title: "Format version",
		Doc:   "The version of the snapshot format.",
		Files: []File{{Pattern: "snapshot.json", Schema: "snapshot"}},
	},
	{
		Name: "project", Title: "Project settings",
		Doc:   "Token lifetimes, cookies, trusted domains, invitations, test users and session migration.",
		Files: []File{{Pattern: "project.json", Schema: "project"}},
	},
	{
		Name: "magicLink", Title: "Magic link",
		Doc:   "Sign-in by a link in a message.",
		Files: []File{{Pattern: "auth/magiclink.json", Schema: "auth-magiclink"}},
	},
	{
		Name: "enchantedLink", Title: "Enchanted link",
		Doc:   "Sign-in by choosing one of several links in a message, on any device.",
		Files: []File{{Pattern: "auth/enchantedlink.json", Schema: "auth-enchantedlink"}},
	},
	{
		Name: "embeddedLink", Title: "Embedded link",
		Doc:   "Sign-in by a token that the customer's own system delivers.",
		Files: []File{{Pattern: "auth/embeddedlink.json", Schema: "auth-embeddedlink"}},
	},
	{
		Name: "otp", Title: "One-time passwords",
		Doc:   "Sign-in by a short code in a message or a call.",
		Files: []File{{Pattern: "auth/otp.json", Schema: "auth-otp"}},
	},
	{
		Name: "notp", Title: "nOTP",
		Doc:   "Sign-in by a message that the user sends over WhatsApp.",
		Files: []File{{Pattern: "auth/notp.json", Schema: "auth-notp"}},
	},
	{
		Name: "totp", Title: "Authenticator apps",
		Doc:   "Time-based one-time passwords (RFC 6238).",
		Files: []File{{Pattern: "auth/totp.json", Schema: "auth-totp"}},
	},
	{
		Name: "oauth", Title: "Social sign-in",
		Doc:   "Sign-in by an outside OAuth or OpenID provider, built in or custom.",
		Files: []File{{Pattern: "auth/oauth.json", Schema: "auth-oauth"}},
	},
	{
		Name: "sso", Title: "Single sign-on",
		Doc:   "Sign-in by a tenant's own identity provider, and the suite in which tenants set it up.",
		Files: []File{{Pattern: "auth/sso.json", Schema: "auth-sso"}},
	},
	{
		Name: "webauthn", Title: "Passkeys",
		Doc:   "Sign-in by WebAuthn credentials.",
		Files: []File{{Pattern: "auth/webauthn.json", Schema: "auth-webauthn"}},
	},
	{
		Name: "password", Title: "Passwords",
		Doc:   "The password policy and the reset message.",
		Files: []File{{Pattern: "auth/password.json", Schema: "auth-password"}},
	},
	{
		Name: "securityQuestions", Title: "Security questions",
		Doc:   "Questions that users answer as a further proof.",
		Files: []File{{Pattern: "auth/securityquestions.json", Schema: "auth-securityquestions"}},
	},
	{
		Name: "attributes", Title: "Custom attributes",
		Doc:   "Further attributes of users, tenants and access keys.",
		Files: []File{{Pattern: "attributes.json", Schema: "attributes"}},
	},
	{
		Name: "authorization", Title: "Roles and permissions",
		Doc: "What users may do, in roles made of permissions.",
		Files: []File{
			{Pattern: "roles.json", Schema: "roles"},
			{Pattern: "permissions.json", Schema: "permissions"},
			{Pattern: "fga.json", Schema: "fga"},
		},
	},
	{
		Name: "resources", Title: "Resources",
		Doc:   "Protected APIs and servers that tokens are issued for.",
		Files: []File{{Pattern: "resources.json", Schema: "resources"}},
	},
	{
		Name: "ssoApps", Title: "SSO applications",
		Doc:   "Applications that sign users in through this project by OpenID Connect, SAML or WS-Federation.",
		Files: []File{{Pattern: "applications.json", Schema: "applications"}},
	},
	{
		Name: "outboundApps", Title: "Outbound applications",
		Doc:   "Outside services whose tokens the project holds for its users.",
		Files: []File{{Pattern: "outboundapps.json", Schema: "outboundapps"}},
	},
	{
		Name: "jwtTemplates", Title: "JWT templates",
		Doc:   "The claims of session tokens.",
		Files: []File{{Pattern: "jwttemplates.json", Schema: "jwttemplates"}},
	},
	{
		Name: "lists", Title: "Lists",
		Doc:   "Lists of texts, addresses or JSON values that flows look things up in.",
		Files: []File{{Pattern: "lists.json", Schema: "lists"}},
	},
	{
		Name: "connectors", Title: "Connectors",
		Doc: "Outside services that messages and flows call.",
		Files: []File{
			{Pattern: "connectors/connectors.json", Schema: "connectors", Lists: "connectors", Governs: "slug"},
			{Pattern: "connectors/{slug}.json", Schema: "connector", Needed: true},
		},
	},
	{
		Name: "flows", Title: "Flows",
		Doc: "The steps and screens of sign-up, sign-in and step-up.",
		Files: []File{
			{Pattern: "flows/flows.json", Schema: "flows", Lists: "flows", Governs: "id"},
			{Pattern: "flows/{id}/metadata.json", Schema: "flow-metadata", Lists: "screens", Governs: "slug", Needed: true},
			{Pattern: "flows/{id}/contents.json", Schema: "flow-contents", Needed: true},
			{Pattern: "flows/{id}/screen-{slug}.json", Schema: "flow-screen", Needed: true},
		},
	},
	{
		Name: "styles", Title: "Styles",
		Doc: "Colours, fonts and logos of the screens, each in a dark and a light variant.",
		Files: []File{
			{Pattern: "styles/styles.json", Schema: "styles", Lists: "styles", Governs: "slug"},
			{Pattern: "styles/{slug}.json", Schema: "style", Needed: true},
		},
	},
	{
		Name: "widgets", Title: "Widgets",
		Doc: "Components with which end users and tenant administrators manage things themselves.",
		Files: []File{
			{Pattern: "widgets/widgets.json", Schema: "widgets", Lists: "widgets", Governs: "id"},
			{Pattern: "widgets/{id}/metadata.json", Schema: "widget-metadata", Lists: "screens", Governs: "slug"},
			{Pattern: "widgets/{id}/screen-{slug}.json", Schema: "widget-screen", Needed: true},
			{Pattern: "widgets/flows/flows.json", Schema: "flows", Lists: "flows", Governs: "flow"},
			{Pattern: "widgets/flows/{flow}/metadata.json", Schema: "flow-metadata", Lists: "screens", Governs: "slug", Needed: true, Kind: "widgetFlow"},
			{Pattern: "widgets/flows/{flow}/contents.json", Schema: "flow-contents", Needed: true},
			{Pattern: "widgets/flows/{flow}/screen-{slug}.json", Schema: "flow-screen", Needed: true},
		},
	},
	{
		Name: "adminPortal", Title: "Admin portal",
		Doc:   "The page on which administrators of tenants find their widgets.",
		Files: []File{{Pattern: "adminportal.json", Schema: "adminportal"}},
	},
	{
		Name: "assets", Title: "Assets",
		Doc: "Long texts and images, taken out of the documents that use them.",
		Files: []File{
			{Pattern: "assets/assets.json", Schema: "assets"},
			{Pattern: "assets/{name}"},
		},
	},
}
