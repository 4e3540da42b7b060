package project

// The files that the server acts on beyond keeping them, as they are called in a
// snapshot. What else they hold is for package snapshot.
const (
	SettingsFile      = "project.json"
	MagicLinkFile     = "auth/magiclink.json"
	EnchantedLinkFile = "auth/enchantedlink.json"
	EmbeddedLinkFile  = "auth/embeddedlink.json"
	OTPFile           = "auth/otp.json"
	NOTPFile          = "auth/notp.json"
	TOTPFile          = "auth/totp.json"
	PasskeyFile       = "auth/webauthn.json" //nolint:gosec // a path, not what it is called after
	PasswordFile      = "auth/password.json"
	QuestionsFile     = "auth/securityquestions.json"
	RolesFile         = "roles.json"
	PermissionsFile   = "permissions.json"
	AttributesFile    = "attributes.json"
	ApplicationsFile  = "applications.json"
	JWTTemplatesFile  = "jwttemplates.json"

	ConnectorFolder = "connectors/" // of a file for each connector
	ConnectorIndex  = ConnectorFolder + "connectors.json"
)
